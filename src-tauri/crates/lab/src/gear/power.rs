//! How one machine is switched where no relay presses its button.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::ports::Nature;

/// A machine's own power control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum PowerGear {
    /// A magic packet wakes it; it goes off when its own system is asked to.
    WakeOnLan {
        /// Where the packet goes: the lab network's broadcast address when absent.
        broadcast: Option<Ipv4Addr>,
        #[serde(default = "discard")]
        port: u16,
    },
    /// A management controller, through ipmitool.
    Ipmi {
        host: String,
        #[serde(default = "rmcp")]
        port: u16,
        #[serde(flatten)]
        account: Account,
        /// Cipher suite: without one ipmitool tries them all, which takes ten seconds.
        #[serde(default = "sha1_suite")]
        cipher: u8,
    },
    /// A management controller with a Redfish service.
    Redfish {
        /// As in `https://10.0.0.5`.
        url: String,
        /// Its id under /redfish/v1/Systems; the only one there when absent.
        system: Option<String>,
        #[serde(flatten)]
        account: Account,
        /// SHA-256 of its certificate; see [`super::RouterGear`].
        fingerprint: Option<String>,
    },
    ShellyGen1(Plug),
    ShellyGen2(Plug),
    Tasmota(Plug),
    /// `name` is the switch as its page names it.
    Esphome(Plug),
    /// `name` is the entity, as in `switch.node4`.
    HomeAssistant(Plug),
    /// A KVM on the machine's power button and power LED.
    Pikvm(Plug),
    /// Anything else that speaks HTTP.
    Http(Box<HttpPower>),
    /// The user's own program, without a shell: argument by argument, with PATH as its only environment variable, 20 s of
    /// time, and nothing that it starts outlives it. With `read` it is taken to know the machine; without, to switch its
    /// supply.
    Command {
        on: Vec<String>,
        off: Option<Vec<String>>,
        /// Prints `on`, `off` or `unknown` in its last line.
        read: Option<Vec<String>>,
    },
}

impl PowerGear {
    /// What switching it means.
    pub fn nature(&self) -> Nature {
        match self {
            Self::WakeOnLan { .. } => Nature::Wake,
            Self::Ipmi { .. } | Self::Redfish { .. } | Self::Pikvm(_) => Nature::Managed,
            Self::ShellyGen1(_)
            | Self::ShellyGen2(_)
            | Self::Tasmota(_)
            | Self::Esphome(_)
            | Self::HomeAssistant(_) => Nature::Supply,
            Self::Http(http) if http.switches_supply => Nature::Supply,
            Self::Http(_) | Self::Command { .. } => Nature::Managed,
        }
    }
}

/// Who we are to a device, where it asks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Account {
    pub user: Option<String>,
    /// Names the password.
    pub secret: Option<String>,
}

/// A device whose requests are known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plug {
    /// As in `http://10.0.0.7`.
    pub url: String,
    /// Which of its relays, where it has several.
    #[serde(default)]
    pub relay: u8,
    /// Entity or switch, where the device has names for them.
    pub name: Option<String>,
    #[serde(flatten)]
    pub account: Account,
    /// SHA-256 of its certificate; see [`super::RouterGear`].
    pub fingerprint: Option<String>,
}

/// Requests in the user's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpPower {
    pub on: HttpCall,
    pub off: Option<HttpCall>,
    pub read: Option<HttpRead>,
    #[serde(default)]
    pub auth: HttpAuth,
    #[serde(flatten)]
    pub account: Account,
    pub fingerprint: Option<String>,
    /// It switches the supply and not the button: a machine behind it starts when power returns, if its firmware says so.
    /// Without `read` that is taken for granted.
    #[serde(default)]
    pub switches_supply: bool,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpCall {
    #[serde(default)]
    pub method: Method,
    pub url: String,
    pub body: Option<String>,
    /// Of the body; `application/json` when absent.
    pub content_type: Option<String>,
}

/// A request whose answer tells the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRead {
    #[serde(flatten)]
    pub call: HttpCall,
    /// A JSON pointer (RFC 6901) to the value; the whole answer when absent.
    pub pointer: Option<String>,
    /// Regular expressions: the value means on, or off. Anything else is unknown.
    pub on: String,
    pub off: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    #[default]
    Get,
    Post,
    Put,
    Patch,
}

/// How an HTTP device wants to know who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HttpAuth {
    #[default]
    None,
    Basic,
    Digest,
    Bearer,
}

fn discard() -> u16 {
    9
}
fn rmcp() -> u16 {
    623
}
fn sha1_suite() -> u8 {
    3
}
