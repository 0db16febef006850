//! Power controls of machines that hang on no relay: what is told to each, and how it is known that it obeyed.
//!
//! An answer of success proves nothing anywhere: each order is read back until the state is there or a deadline has
//! passed. Where nothing can be read, the order was taken and no more is said. Read in this order:

use std::net::Ipv4Addr;
use std::sync::Arc;

use lab::gear::{Account, PowerGear};
use lab::mac::Mac;
use lab::ports::Control;
use lab::secret::Secret;

use crate::http::{BadUrl, Client};
use crate::tls::{NoFingerprint, Pin, Trust};

/// Reading back what was ordered.
mod confirm;

/// Programs that are not ours, with a deadline, and nothing left behind.
mod child;

/// A magic packet.
mod wake;

/// Management controllers through ipmitool.
mod ipmi;

/// Management controllers by HTTP and JSON.
mod redfish;

/// One engine for everything that is switched by single requests, and what is known of some devices.
mod http;

/// The user's own program.
mod command;

/// The machine that is switched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlFor {
    pub name: String,
    pub mac: Mac,
    /// The lab network's, where a magic packet goes unless the board file says otherwise.
    pub broadcast: Ipv4Addr,
}

/// What the board file says of a control cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct BadGear {
    /// As in "the power control of node 4".
    pub what: String,
    pub why: String,
    pub remedy: String,
}

/// A driver for what the board file says. Opens nothing and calls nobody, so that a file can be checked without the
/// gear. `secrets` finds a password by its name.
pub fn build(
    gear: &PowerGear,
    machine: &ControlFor,
    secrets: &dyn Fn(&str) -> Option<Secret>,
    trust: &Arc<dyn Trust>,
) -> Result<Arc<dyn Control>, BadGear> {
    let site = Site { machine, secrets, trust };
    match gear {
        PowerGear::WakeOnLan { broadcast, port } => wake::build(&site, *broadcast, *port),
        PowerGear::Ipmi { host, port, account, cipher } => ipmi::build(&site, host, *port, account, *cipher),
        PowerGear::Redfish { url, system, account, fingerprint } => {
            redfish::build(&site, url, system.as_deref(), account, fingerprint.as_deref())
        }
        PowerGear::ShellyGen1(plug) => http::plug(&site, http::shelly_gen1, plug),
        PowerGear::ShellyGen2(plug) => http::plug(&site, http::shelly_gen2, plug),
        PowerGear::Tasmota(plug) => http::plug(&site, http::tasmota, plug),
        PowerGear::Esphome(plug) => http::plug(&site, http::esphome, plug),
        PowerGear::HomeAssistant(plug) => http::plug(&site, http::home_assistant, plug),
        PowerGear::Pikvm(plug) => http::plug(&site, http::pikvm, plug),
        PowerGear::Http(http) => http::own(&site, http),
        PowerGear::Command { on, off, read } => command::build(&site, on, off.as_deref(), read.as_deref()),
    }
}

/// What building a driver needs to know, and the words when it cannot.
struct Site<'a> {
    machine: &'a ControlFor,
    secrets: &'a dyn Fn(&str) -> Option<Secret>,
    trust: &'a Arc<dyn Trust>,
}

impl Site<'_> {
    fn bad(&self, why: impl Into<String>, remedy: impl Into<String>) -> BadGear {
        let what = format!("the power control of {}", self.machine.name);
        BadGear { what, why: why.into(), remedy: remedy.into() }
    }

    /// The password that an account names; none where it names none.
    fn secret(&self, account: &Account) -> Result<Option<Secret>, BadGear> {
        let Some(name) = &account.secret else { return Ok(None) };
        match (self.secrets)(name) {
            Some(secret) => Ok(Some(secret)),
            None => Err(self.bad(
                format!("there is no secret `{name}`"),
                format!(
                    "write `{name} = \"…\"` into the secrets file, or correct the name in the board file"
                ),
            )),
        }
    }

    fn client(&self, url: &str, fingerprint: Option<&str>) -> Result<Client, BadGear> {
        if fingerprint.is_some() && url.trim_start().to_ascii_lowercase().starts_with("http:") {
            return Err(self.bad(
                "a fingerprint is given, but the address begins with http://, where nothing proves who answers",
                "write https://, or leave the fingerprint out",
            ));
        }
        let pin = Pin::new(fingerprint, Arc::clone(self.trust)).map_err(|NoFingerprint| {
            self.bad(
                NoFingerprint.to_string(),
                "take it from `openssl s_client -connect HOST:443 </dev/null | openssl x509 -noout -fingerprint \
                 -sha256`, or leave the line out: then the first certificate seen is trusted from then on",
            )
        })?;
        Client::new(url, pin).map_err(|error: BadUrl| {
            self.bad(error.to_string(), "write the device's address as in `http://10.0.0.7`")
        })
    }
}

#[cfg(test)]
#[path = "controls_tests.rs"]
mod tests;
