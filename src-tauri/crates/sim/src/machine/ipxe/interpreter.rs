//! The interpreter as a pure machine: it runs until something takes time or leaves the machine, says what, and goes on
//! with what came of it.

use std::time::Duration;

use super::line::{self, Command, Next};
use super::settings::{Network, Settings};

/// Scripts that chain scripts; iPXE ends by an overflow of its stack somewhere beyond.
const DEEPEST: usize = 16;
/// Commands run without a pause before the machine gets air; a script may loop for ever, this process may not.
const BREATH: u32 = 256;
/// Lines of `echo` that are kept.
const SCREEN: usize = 200;

/// What the outside has to do next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Effect {
    Fetch {
        url: String,
        purpose: Purpose,
    },
    Sleep(Duration),
    Dhcp,
    Boot {
        cmdline: String,
    },
    Reboot,
    /// A person is waited for: at the shell, or at a prompt without a limit.
    Person(&'static str),
    /// Nothing; a long loop of the script lets others have the processor.
    Breath,
    Ended(Result<(), String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Chain,
    Kernel,
    Initrd,
}

/// What came of an effect.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Done,
    Failed(String),
    /// Nothing was asked: the script goes on where it took breath.
    Breathed,
    /// The size, and the content where that matters (`chain`).
    Fetched(u64, Vec<u8>),
    Configured(Box<Network>),
}

/// A command's end: nothing, or iPXE's words.
pub(super) type Verdict = Result<(), String>;

/// How a command goes on.
pub(super) enum Flow {
    Now(Verdict),
    /// The outside is asked; its outcome decides.
    Ask(Effect),
    /// `goto` leaves the rest of its line behind.
    LeaveLine,
    /// `exit`, or the end of a script: whoever chained it goes on with this.
    LeaveScript(Verdict),
}

#[derive(Debug)]
struct Script {
    url: String,
    lines: Vec<String>,
    /// The next line.
    line: usize,
    /// What is left of the line that runs.
    rest: std::vec::IntoIter<Command>,
    /// The operator before the next command.
    operator: Next,
    /// What the last command of this line came to.
    last: Verdict,
}

#[derive(Debug)]
pub(super) struct Image {
    pub(super) kernel: bool,
    /// The arguments after the address.
    pub(super) cmdline: String,
}

#[derive(Debug)]
pub(super) struct Interpreter {
    pub(super) settings: Settings,
    scripts: Vec<Script>,
    pub(super) images: Vec<Image>,
    /// What is being fetched, from where, and its arguments.
    awaited: Option<(Purpose, String, String)>,
    /// A prompt with a limit fails when its time is up: nobody sits in front of a simulated machine.
    pub(super) prompting: bool,
    spent: u32,
    /// What the machine's screen shows.
    pub(super) screen: Vec<String>,
}

impl Interpreter {
    pub(super) fn new(network: Network) -> Interpreter {
        Interpreter {
            settings: Settings::new(network),
            scripts: Vec::new(),
            images: Vec::new(),
            awaited: None,
            prompting: false,
            spent: 0,
            screen: Vec::new(),
        }
    }

    /// Asks for a file as seen from the running script; also what iPXE does first with the boot file that DHCP named.
    pub(super) fn fetch(&mut self, purpose: Purpose, reference: &str, cmdline: String) -> Effect {
        let base = self.scripts.last().map_or("", |script| script.url.as_str());
        let url = line::resolve(base, reference);
        self.awaited = Some((purpose, url.clone(), cmdline));
        Effect::Fetch { url, purpose }
    }

    /// Goes on after an effect until the next one.
    pub(super) fn go_on(&mut self, outcome: Outcome) -> Effect {
        let mut flow = self.conclude(outcome);
        loop {
            match flow.take() {
                Some(Flow::Ask(effect)) => return effect,
                Some(Flow::Now(verdict)) => match self.scripts.last_mut() {
                    Some(script) => script.last = verdict,
                    None => return Effect::Ended(verdict),
                },
                Some(Flow::LeaveLine) => {
                    if let Some(script) = self.scripts.last_mut() {
                        script.rest = Vec::new().into_iter();
                    }
                }
                Some(Flow::LeaveScript(verdict)) => {
                    self.scripts.pop();
                    flow = Some(Flow::Now(verdict));
                    continue;
                }
                None => {}
            }
            self.spent += 1;
            if self.spent > BREATH {
                self.spent = 0;
                return Effect::Breath;
            }
            flow = self.step();
        }
    }

    /// The next command, or the next line.
    fn step(&mut self) -> Option<Flow> {
        let script = self.scripts.last_mut()?;
        if let Some(command) = script.rest.next() {
            let before = std::mem::replace(&mut script.operator, command.next);
            let reached = match before {
                Next::OnFailure => script.last.is_err(),
                Next::OnSuccess => script.last.is_ok(),
                Next::Always | Next::End => true,
            };
            return reached.then(|| self.obey(&command.words));
        }
        // The line is done. A script ends with its first line that failed.
        if script.last.is_err() || script.line == script.lines.len() {
            return Some(Flow::LeaveScript(script.last.clone()));
        }
        let (_, command) = line::label(&script.lines[script.line]);
        script.rest = line::commands(command).into_iter();
        script.operator = Next::End;
        script.line += 1;
        None
    }

    fn obey(&mut self, words: &[String]) -> Flow {
        let words: Vec<String> = words.iter().map(|word| self.settings.expand(word)).collect();
        match words.split_first() {
            None => Flow::Now(Ok(())),
            Some((name, arguments)) => super::commands::obey(self, name, arguments),
        }
    }

    /// Moves to the line of a label in the running script.
    pub(super) fn go_to(&mut self, wanted: &str) -> Flow {
        if let Some(script) = self.scripts.last_mut() {
            let place = script.lines.iter().position(|line| line::label(line).0 == Some(wanted));
            if let Some(place) = place {
                script.line = place;
                script.last = Ok(());
                return Flow::LeaveLine;
            }
        }
        Flow::Now(Err(format!("goto {wanted}: No such file or directory")))
    }

    pub(super) fn show(&mut self, text: String) {
        if self.screen.len() == SCREEN {
            self.screen.remove(0);
        }
        self.screen.push(text);
    }

    /// What the outcome of an effect means for the command that asked for it. `None` when no command asked.
    fn conclude(&mut self, outcome: Outcome) -> Option<Flow> {
        let awaited = self.awaited.take();
        let prompting = std::mem::take(&mut self.prompting);
        Some(match (outcome, awaited) {
            (Outcome::Breathed, _) => return None,
            (Outcome::Failed(why), _) => Flow::Now(Err(why)),
            (Outcome::Configured(network), _) => {
                self.settings.network = *network;
                Flow::Now(Ok(()))
            }
            (Outcome::Fetched(0, _), Some((_, url, _))) => {
                Flow::Now(Err(format!("{url}: Exec format error")))
            }
            (Outcome::Fetched(_, text), Some((Purpose::Chain, url, cmdline))) => {
                return self.chained(&text, url, cmdline);
            }
            (Outcome::Fetched(..), Some((purpose, _, cmdline))) => {
                self.images.push(Image { kernel: purpose == Purpose::Kernel, cmdline });
                Flow::Now(Ok(()))
            }
            (Outcome::Done, _) if prompting => Flow::Now(Err("prompt: Operation timed out".into())),
            (Outcome::Done | Outcome::Fetched(..), _) => Flow::Now(Ok(())),
        })
    }

    /// A chained file runs: a script as a script, a program as a program, and a page of text not at all.
    fn chained(&mut self, content: &[u8], url: String, cmdline: String) -> Option<Flow> {
        if let Some(lines) = line::script_lines(content) {
            if self.scripts.len() == DEEPEST {
                return Some(Flow::Now(Err(format!(
                    "{url}: scripts chain scripts more than {DEEPEST} deep"
                ))));
            }
            let rest = Vec::new().into_iter();
            self.scripts.push(Script { url, lines, line: 0, rest, operator: Next::End, last: Ok(()) });
            None
        } else if content.iter().take(512).any(|byte| *byte == 0) {
            Some(Flow::Ask(Effect::Boot { cmdline }))
        } else {
            Some(Flow::Now(Err(format!("{url}: Exec format error"))))
        }
    }
}

#[cfg(test)]
#[path = "interpreter_tests.rs"]
mod tests;
