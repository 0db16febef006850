use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lab::ports::{Control, Nature, PortError};
use lab::power::PowerState;

use super::super::child::{self, Failed};
use super::super::confirm::{CONTROLLER, confirmed};
use super::super::{BadGear, Site};
use super::words;

/// Long enough for a program that logs in somewhere and waits; a person waits behind it.
const RUN_LIMIT: Duration = Duration::from_secs(20);

#[derive(Debug)]
struct Program {
    machine: String,
    on: Vec<String>,
    off: Option<Vec<String>>,
    read: Option<Vec<String>>,
}

pub(in super::super) fn build(
    site: &Site<'_>,
    on: &[String],
    off: Option<&[String]>,
    read: Option<&[String]>,
) -> Result<Arc<dyn Control>, BadGear> {
    for (key, argv) in [("on", Some(on)), ("off", off), ("read", read)] {
        let Some(argv) = argv else { continue };
        if argv.first().is_none_or(|program| program.trim().is_empty()) {
            return Err(site.bad(
                format!("`{key}` names no program"),
                format!("write program and arguments as in `{key} = [\"/usr/local/bin/plug\", \"{key}\"]`"),
            ));
        }
        if argv[0].contains('/') && !argv[0].starts_with('/') {
            return Err(site.bad(
                format!("`{}` is no full path", argv[0]),
                "write the path from the root, as in /usr/local/bin/plug, or a name that is found in PATH",
            ));
        }
        if argv.iter().any(|part| part.contains('\0')) {
            return Err(site.bad(format!("`{key}` contains a zero byte"), "write it anew"));
        }
    }
    Ok(Arc::new(Program {
        machine: site.machine.name.clone(),
        on: on.to_vec(),
        off: off.map(<[String]>::to_vec),
        read: read.map(<[String]>::to_vec),
    }))
}

impl Program {
    /// What it printed.
    async fn run(&self, what: &str, argv: &[String]) -> Result<String, PortError> {
        let Some((program, arguments)) = argv.split_first() else { return Ok(String::new()) };
        let failed = |why: String, remedy: &str| PortError {
            what: what.to_owned(),
            why,
            remedy: remedy.to_owned(),
            absent: false,
        };
        match child::run(program, arguments, &[], RUN_LIMIT).await {
            Ok(ended) if ended.status.success() => Ok(ended.stdout),
            Ok(ended) => {
                let words = match ended.last_words() {
                    words if words.is_empty() => "and said nothing".to_owned(),
                    words => format!("and said: {words}"),
                };
                Err(failed(
                    format!("{program} ended with {} {words}", ended.status),
                    "run it by hand as the program's own user, with the same arguments",
                ))
            }
            Err(Failed::Missing) => Err(failed(
                format!("there is no program {program}"),
                "correct its path in the board file; a script's first line must name its interpreter",
            )),
            Err(Failed::NotStarted(error)) => {
                Err(failed(format!("{program} could not be run: {error}"), "check that it may be executed"))
            }
            Err(Failed::Late) => Err(failed(
                format!("{program} was still running after {} s and was killed", RUN_LIMIT.as_secs()),
                "find out by hand what it waits for",
            )),
        }
    }

    async fn state(&self, argv: &[String]) -> Result<PowerState, PortError> {
        let what = format!("read the power of {}", self.machine);
        let printed = self.run(&what, argv).await?;
        words::state(&printed).ok_or_else(|| {
            let last = printed.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            PortError {
                what,
                why: format!("{} printed {:?}", argv[0], last.chars().take(60).collect::<String>()),
                remedy: "let the last line that it prints say `on`, `off` or `unknown`".to_owned(),
                absent: false,
            }
        })
    }

    async fn switch(&self, target: PowerState, argv: &[String]) -> Result<(), PortError> {
        let what = format!("switch {} {}", target.word(), self.machine);
        let order = async { self.run(&what, argv).await.map(drop) };
        match &self.read {
            Some(read) => confirmed(&what, target, CONTROLLER, order, || self.state(read)).await,
            None => order.await,
        }
    }
}

#[async_trait]
impl Control for Program {
    fn name(&self) -> String {
        format!("command {}", self.on[0])
    }

    /// With a state to read it knows the machine. Without one it is believed as a plug is: on and off mean what they
    /// say, and whether the machine runs is for others to see.
    fn nature(&self) -> Nature {
        if self.read.is_some() { Nature::Managed } else { Nature::Supply }
    }

    async fn read(&self) -> Result<Option<PowerState>, PortError> {
        match &self.read {
            Some(argv) => self.state(argv).await.map(Some),
            None => Ok(None),
        }
    }

    async fn on(&self) -> Result<(), PortError> {
        self.switch(PowerState::On, &self.on).await
    }

    async fn off(&self) -> Result<(), PortError> {
        match &self.off {
            Some(argv) => self.switch(PowerState::Off, argv).await,
            None => Err(PortError {
                what: format!("switch off {}", self.machine),
                why: "the board file names no program for it".to_owned(),
                remedy: "give `off` beside `on` in the board file, or press the machine's button by hand"
                    .to_owned(),
                absent: false,
            }),
        }
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
