//! iPXE on a machine: its own DHCP exchange, then the boot script, with the interpreter's wishes fulfilled for real.

use std::time::Duration;

use super::interpreter::{self, Effect, Interpreter, Purpose};
use super::settings::Network;
use crate::config::Fault;
use crate::machine::conditions::Conditions;
use crate::machine::dhcp::{self, Identity, Lease};
use crate::machine::http::{self, Keep};
use crate::machine::{MachineState, causes};
use crate::pace::{Dice, Profile};

/// A script that loops without a pause is given the processor this often and no more.
const BREATH: Duration = Duration::from_millis(5);

/// How iPXE ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A kernel starts with this command line; `whole` unless a file was cut short without being noticed.
    Kernel {
        cmdline: String,
        whole: bool,
    },
    Reboot,
    Stuck(String),
}

pub(crate) struct Loader<'a> {
    pub(crate) conditions: &'a Conditions,
    pub(crate) profile: &'a Profile,
    pub(crate) dhcp: &'a dhcp::Client,
    pub(crate) http: http::Client,
    pub(crate) dice: &'a mut Dice,
    pub(crate) whole: bool,
}

impl Loader<'_> {
    pub(crate) async fn run(&mut self) -> Outcome {
        self.conditions.pause(self.profile.ipxe).await;
        let lease = match self.configure().await {
            Ok(lease) => lease,
            Err(why) => return Outcome::Stuck(format!("iPXE: {why}")),
        };
        let Some(url) = lease.boot_file.clone() else {
            return Outcome::Stuck("iPXE: nothing to boot: its DHCP answer names no boot file".into());
        };
        let mut script = Interpreter::new(self.network(lease));
        let mut effect = script.fetch(Purpose::Chain, &url, String::new());
        loop {
            let outcome = match effect {
                Effect::Fetch { url, purpose } => self.fetch(&url, purpose).await,
                Effect::Sleep(time) => {
                    self.conditions.pause(time.as_secs_f64()).await;
                    interpreter::Outcome::Done
                }
                Effect::Breath => {
                    tokio::time::sleep(BREATH).await;
                    interpreter::Outcome::Breathed
                }
                Effect::Dhcp => match self.configure().await {
                    Ok(lease) => interpreter::Outcome::Configured(Box::new(self.network(lease))),
                    Err(why) => interpreter::Outcome::Failed(why),
                },
                Effect::Boot { cmdline } => return Outcome::Kernel { cmdline, whole: self.whole },
                Effect::Reboot => return Outcome::Reboot,
                Effect::Person(what) => return Outcome::Stuck(format!("iPXE waits for {what}")),
                Effect::Ended(end) => {
                    tracing::debug!(screen = ?script.screen, "iPXE's script ended without booting");
                    let why = end.err().unwrap_or_else(|| "its script ended without booting anything".into());
                    return Outcome::Stuck(format!("iPXE: {why}"));
                }
            };
            effect = script.go_on(outcome);
        }
    }

    /// iPXE's `dhcp`, with its wait for a ProxyDHCP server when nobody says that there is none.
    async fn configure(&mut self) -> Result<Lease, String> {
        if !self.conditions.link() {
            return Err("no link".into());
        }
        let lease = self.dhcp.acquire(Identity::Ipxe, self.dice).await.map_err(|error| causes(&error))?;
        if !lease.no_proxy_dhcp {
            self.conditions.pause(self.profile.proxy_wait).await;
        }
        Ok(lease)
    }

    fn network(&self, lease: Lease) -> Network {
        Network {
            mac: self.dhcp.mac,
            address: Some(lease.address),
            netmask: lease.netmask,
            router: lease.router,
            dns: lease.dns,
            dhcp_server: Some(lease.server),
            next_server: Some(lease.next_server),
            boot_file: lease.boot_file,
        }
    }

    async fn fetch(&mut self, url: &str, purpose: Purpose) -> interpreter::Outcome {
        self.conditions.pause(self.profile.request).await;
        if !self.conditions.link() {
            return interpreter::Outcome::Failed(format!("{url}: no link"));
        }
        let keep = match purpose {
            Purpose::Chain => Keep::Text,
            Purpose::Initrd if self.conditions.fault() == Fault::Truncates => Keep::Half,
            Purpose::Kernel | Purpose::Initrd => Keep::Count,
        };
        if purpose == Purpose::Kernel {
            self.conditions.enter(MachineState::Kernel);
        }
        match self.http.get(url, keep).await {
            Ok(answer) => {
                self.whole &= keep != Keep::Half;
                interpreter::Outcome::Fetched(answer.bytes, answer.text)
            }
            Err(error) => interpreter::Outcome::Failed(format!("{url}: {}", causes(&error))),
        }
    }
}
