use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lab::gear::Account;
use lab::ports::{Control, Nature, PortError};
use lab::power::PowerState;
use lab::secret::Secret;
use tokio::sync::Mutex;

use super::super::child::{self, Failed};
use super::super::confirm::{CONTROLLER, confirmed};
use super::super::{BadGear, Site};
use super::output;

/// Seconds between its repetitions, and how many. Its own defaults take more than 20 s to find nobody.
const PATIENCE: [&str; 4] = ["-N", "2", "-R", "1"];
/// Several exchanges with a slow controller; above that it hangs.
const RUN_LIMIT: Duration = Duration::from_secs(15);

struct Ipmi {
    machine: String,
    host: String,
    port: u16,
    user: Option<String>,
    password: Secret,
    cipher: u8,
    /// Controllers have a handful of sessions, and forget to end them.
    turn: Mutex<()>,
}

pub(in super::super) fn build(
    site: &Site<'_>,
    host: &str,
    port: u16,
    account: &Account,
    cipher: u8,
) -> Result<Arc<dyn Control>, BadGear> {
    if host.is_empty() || host.contains(|char: char| char.is_whitespace() || "/:".contains(char)) {
        return Err(site.bad(
            format!("`{host}` is no host"),
            "write the controller's address alone, as in `host = \"10.0.0.5\"`; a port goes into `port`",
        ));
    }
    let password = site.secret(account)?.unwrap_or_else(|| Secret::new(""));
    if password.reveal().contains('\0') {
        return Err(site.bad("the password contains a zero byte", "set a password without it"));
    }
    let (machine, user) = (site.machine.name.clone(), account.user.clone());
    Ok(Arc::new(Ipmi { machine, host: host.to_owned(), port, user, password, cipher, turn: Mutex::new(()) }))
}

impl Ipmi {
    fn arguments(&self, order: &'static str) -> Vec<String> {
        let (port, cipher) = (self.port.to_string(), self.cipher.to_string());
        let mut arguments = vec!["-I", "lanplus", "-H", &self.host, "-p", &port];
        if let Some(user) = &self.user {
            arguments.extend(["-U", user]);
        }
        // The password by environment: other users of this computer can read command lines.
        arguments.extend(["-E", "-C", &cipher]);
        arguments.extend(PATIENCE);
        arguments.extend(["chassis", "power", order]);
        arguments.into_iter().map(str::to_owned).collect()
    }

    async fn ask(&self, what: &str, order: &'static str) -> Result<String, PortError> {
        let failed = |why: String, remedy: &str, absent| PortError {
            what: what.to_owned(),
            why,
            remedy: remedy.to_owned(),
            absent,
        };
        let _turn = self.turn.lock().await;
        let environment = [("IPMI_PASSWORD", self.password.reveal()), ("LC_ALL", "C")];
        match child::run("ipmitool", &self.arguments(order), &environment, RUN_LIMIT).await {
            Ok(ended) if ended.status.success() => Ok(ended.stdout),
            Ok(ended) => {
                let trouble = output::trouble(&ended.stderr, ended.took);
                Err(failed(trouble.why, trouble.remedy, trouble.absent))
            }
            Err(Failed::Missing) => Err(failed(
                "the program ipmitool is missing".to_owned(),
                "install it on this computer: apt-get install ipmitool",
                false,
            )),
            Err(Failed::NotStarted(error)) => {
                Err(failed(format!("ipmitool could not be run: {error}"), "try again", false))
            }
            Err(Failed::Late) => Err(failed(
                format!("the controller kept ipmitool waiting for {} s", RUN_LIMIT.as_secs()),
                "check the controller; taking its power away for a minute restarts it",
                true,
            )),
        }
    }

    async fn state(&self) -> Result<PowerState, PortError> {
        let what = format!("read the power of {}", self.machine);
        let said = self.ask(&what, "status").await?;
        output::state(&said).ok_or_else(|| PortError {
            what,
            why: format!("ipmitool printed {:?}", said.trim().chars().take(60).collect::<String>()),
            remedy: "look at the controller's own page".to_owned(),
            absent: false,
        })
    }

    async fn switch(&self, target: PowerState, order: &'static str) -> Result<(), PortError> {
        let what = format!("switch {} {}", target.word(), self.machine);
        let order = async { self.ask(&what, order).await.map(drop) };
        confirmed(&what, target, CONTROLLER, order, || self.state()).await
    }
}

#[async_trait]
impl Control for Ipmi {
    fn name(&self) -> String {
        format!("ipmi {}", self.host)
    }

    fn nature(&self) -> Nature {
        Nature::Managed
    }

    async fn read(&self) -> Result<Option<PowerState>, PortError> {
        self.state().await.map(Some)
    }

    async fn on(&self) -> Result<(), PortError> {
        self.switch(PowerState::On, "on").await
    }

    /// `off` and not `soft`: a controller says yes to `soft` whether or not the system obeys.
    async fn off(&self) -> Result<(), PortError> {
        self.switch(PowerState::Off, "off").await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_tells_everything_but_the_password() {
        let password = Secret::new("correct horse");
        let (machine, host, user) = ("node4".into(), "10.0.0.5".into(), Some("admin".into()));
        let turn = Mutex::new(());
        let mut ipmi = Ipmi { machine, host, port: 623, user, password, cipher: 17, turn };
        let line = ipmi.arguments("off").join(" ");
        assert_eq!(line, "-I lanplus -H 10.0.0.5 -p 623 -U admin -E -C 17 -N 2 -R 1 chassis power off");
        ipmi.user = None;
        assert!(!ipmi.arguments("status").contains(&"-U".to_owned()));
    }
}
