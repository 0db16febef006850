//! Joining a Wi-Fi network, and the way back.
//!
//! 1. look which networks are heard: their band and their kind of password
//! 2. read every setting that will be changed
//! 3. set, commit, read back
//! 4. restart the radio with its interface
//! 5. wait until it is connected to that network, newly, and has an address
//!
//! When one of these fails, what was read in 2 is put back, committed, and the radio restarted.

use std::time::Duration;

use lab::{
    ports::{PortError, Uplink},
    secret::Secret,
};
use tokio::time::{Instant, sleep};

use super::{
    rpc::{Rpc, Trouble},
    ubus::{self, Association, Heard},
    uci::{self, Setting},
};

/// The logical interface that carries the Wi-Fi uplink.
pub(super) const UPLINK: &str = "wwan";
/// A small router reads a setting in some ten milliseconds.
const COMMAND: Duration = Duration::from_secs(5);
/// A scan listens on every channel for a while.
pub(super) const SCAN: Duration = Duration::from_secs(20);
/// Taking a radio down waits for its programs.
const RESTART: Duration = Duration::from_secs(20);
/// Association takes some seconds, DHCP some more; channels with radar detection are listened to first.
const CONNECTED_WITHIN: Duration = Duration::from_secs(45);
const LOOK: Duration = Duration::from_secs(1);
/// While its network restarts, the router may not answer for a moment.
const AGAIN_WITHIN: Duration = Duration::from_secs(15);

/// One attempt.
pub(super) struct Join<'a> {
    pub rpc: &'a Rpc,
    pub radio: &'a str,
    pub wifi: &'a str,
    pub ssid: &'a str,
    pub password: Option<&'a Secret>,
    pub patience: Patience,
}

/// How long is waited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    connected: Duration,
    look: Duration,
    again: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connected: CONNECTED_WITHIN, look: LOOK, again: AGAIN_WITHIN }
    }
}

#[cfg(test)]
impl Patience {
    pub(super) const SHORT: Self = Self {
        connected: Duration::from_millis(300),
        look: Duration::from_millis(5),
        again: Duration::from_millis(500),
    };
}

const WHAT: &str = "join the Wi-Fi network";

/// A refusal before anything was changed.
fn refused(why: impl ToString, remedy: &str) -> PortError {
    PortError { what: WHAT.to_owned(), why: why.to_string(), remedy: remedy.to_owned(), absent: false }
}

impl Join<'_> {
    pub(super) async fn run(&self) -> Result<Uplink, PortError> {
        uci::check_name(self.ssid).map_err(|unfit| refused(unfit, "choose a network from the list"))?;
        if let Some(password) = self.password {
            uci::check_password(password)
                .map_err(|unfit| refused(unfit, "type the network's password again"))?;
        }
        let (heard, advice) = self.heard().await;
        let encryption = encryption(&heard, self.password.is_some())?;
        let before =
            self.read(&self.wanted(encryption, None)).await.map_err(|trouble| trouble.error(WHAT))?;
        let band = self.other_band(&heard, &before);
        let wanted = self.wanted(encryption, band);
        match self.change(&wanted, &before, advice).await {
            Ok(uplink) => Ok(uplink),
            Err(error) => Err(self.back(&before, error).await),
        }
    }

    /// Networks of this name, and what to look at when none of them lets us in. A scan that fails is no reason not to try:
    /// a hidden network is not heard either.
    async fn heard(&self) -> (Vec<Heard>, &'static str) {
        let all = scan(self.rpc, self.radio).await.unwrap_or_default();
        let silence = all.is_empty();
        let named = |heard: &Heard| heard.network.ssid.as_deref() == Some(self.ssid);
        let heard: Vec<Heard> = all.into_iter().filter(named).collect();
        let advice = if silence {
            "the radio hears no network at all: check that the router's Wi-Fi adapter is plugged in, and `radio` in the board file"
        } else if heard.is_empty() {
            "the radio does not hear this network: check its name, and bring the router nearer; a hidden one needs its password to be right"
        } else {
            "check the password"
        };
        (heard, advice)
    }

    /// Everything that a join needs, and in this order; sections come before what stands in them.
    fn wanted(&self, encryption: &str, band: Option<&str>) -> Vec<Setting> {
        let (radio, wifi) = (self.radio, self.wifi);
        let key = self.password.map(Secret::reveal);
        let mut wanted = vec![
            Setting::new(format!("network.{UPLINK}"), Some("interface")),
            Setting::new(format!("network.{UPLINK}.proto"), Some("dhcp")),
            Setting::new(format!("network.{UPLINK}.device"), Some(wifi)),
            Setting::new(format!("wireless.{radio}.disabled"), None),
            Setting::new(format!("wireless.{wifi}"), Some("wifi-iface")),
            Setting::new(format!("wireless.{wifi}.disabled"), None),
            Setting::new(format!("wireless.{wifi}.device"), Some(radio)),
            Setting::new(format!("wireless.{wifi}.mode"), Some("sta")),
            Setting::new(format!("wireless.{wifi}.network"), Some(UPLINK)),
            Setting::new(format!("wireless.{wifi}.ifname"), Some(wifi)),
            Setting::new(format!("wireless.{wifi}.ssid"), Some(self.ssid)),
            Setting::new(format!("wireless.{wifi}.encryption"), Some(encryption)),
            Setting::new(format!("wireless.{wifi}.key"), key),
        ];
        wanted.push(Setting::new(format!("wireless.{radio}.band"), band));
        wanted
    }

    /// The band to change to, when the network is not heard in the radio's own; its present one otherwise.
    fn other_band<'b>(&self, heard: &'b [Heard], before: &'b [Setting]) -> Option<&'b str> {
        let present = before.last().and_then(|band| band.value.as_ref()).map(Secret::reveal);
        let bands: Vec<&str> = heard.iter().filter_map(|heard| heard.band).collect();
        match present {
            // Older versions have no such setting, and find the band by the channel.
            None => None,
            Some(present) if bands.contains(&present) => Some(present),
            Some(present) => Some(bands.first().copied().unwrap_or(present)),
        }
    }

    async fn read(&self, settings: &[Setting]) -> Result<Vec<Setting>, Trouble> {
        let mut read = Vec::with_capacity(settings.len());
        for setting in settings {
            let printed = self.rpc.exec(setting.get().reveal(), COMMAND).await;
            read.push(setting.got(&printed.map_err(|trouble| unsaid(trouble, setting))?));
        }
        Ok(read)
    }

    async fn change(
        &self,
        wanted: &[Setting],
        before: &[Setting],
        advice: &str,
    ) -> Result<Uplink, PortError> {
        let trouble = |trouble: Trouble| trouble.error(WHAT);
        self.write(wanted, before).await.map_err(trouble)?;
        if self.read(wanted).await.map_err(trouble)? != wanted {
            return Err(refused(
                "the router did not take the settings",
                "look at the router's own page: its memory for settings may be full, or the radio has another name",
            ));
        }
        self.restart().await.map_err(trouble)?;
        self.connected(advice).await
    }

    /// Sets what differs, and commits.
    async fn write(&self, wanted: &[Setting], present: &[Setting]) -> Result<(), Trouble> {
        for (setting, _) in wanted.iter().zip(present).filter(|(wanted, present)| wanted != present) {
            self.set(setting).await?;
        }
        self.steady("uci commit network", COMMAND).await?;
        self.steady("uci commit wireless", COMMAND).await?;
        Ok(())
    }

    async fn set(&self, setting: &Setting) -> Result<(), Trouble> {
        let set = self.steady(setting.set().reveal(), COMMAND).await;
        set.map(drop).map_err(|trouble| unsaid(trouble, setting))
    }

    /// Radio before interface: what was connected before is not, when this has ended.
    async fn restart(&self) -> Result<(), Trouble> {
        self.steady(&format!("wifi down {}", self.radio), RESTART).await?;
        self.steady("ubus call network reload", RESTART).await?;
        self.steady(&format!("wifi up {}", self.radio), RESTART).await?;
        Ok(())
    }

    /// Repeats a command that may be repeated, while the router cannot be reached.
    async fn steady(&self, command: &str, within: Duration) -> Result<String, Trouble> {
        let deadline = Instant::now() + self.patience.again;
        loop {
            match self.rpc.exec(command, within).await {
                Err(trouble) if trouble.absent() && Instant::now() < deadline => {
                    sleep(self.patience.look).await
                }
                other => return other,
            }
        }
    }

    async fn connected(&self, advice: &str) -> Result<Uplink, PortError> {
        let started = Instant::now();
        let mut seen = "the radio was not connected to it";
        loop {
            match uplink(self.rpc, self.wifi, started.elapsed()).await {
                Ok(Some(uplink)) if uplink.ssid.as_deref() == Some(self.ssid) => {
                    if uplink.up && uplink.address.is_some() {
                        return Ok(uplink);
                    }
                    seen = "it was connected to the network, but got no address there";
                }
                Ok(_) => {}
                Err(trouble) if trouble.absent() => {
                    seen = "the router could not be reached after its network's restart"
                }
                Err(trouble) => return Err(trouble.error(WHAT)),
            }
            if started.elapsed() >= self.patience.connected {
                let remedy = if seen.contains("address") {
                    "try again nearer to its access point; some networks let only known devices in"
                } else {
                    advice
                };
                let within = self.patience.connected.as_secs();
                return Err(refused(format!("within {within} s {seen}"), remedy));
            }
            sleep(self.patience.look).await;
        }
    }

    /// Puts everything back as it was, and says so.
    async fn back(&self, before: &[Setting], mut error: PortError) -> PortError {
        match self.put_back(before).await {
            Ok(true) => error.why += "; the earlier settings are back",
            Ok(false) => {
                error.why += "; and the router did not take its earlier settings back";
                error.remedy =
                    format!("set the Wi-Fi uplink on the router's own page; then {}", error.remedy);
            }
            Err(trouble) => {
                let second = trouble.error(WHAT);
                error.why += &format!("; and the earlier settings could not be put back: {}", second.why);
                error.remedy =
                    format!("{}; then set the Wi-Fi uplink on the router's own page", second.remedy);
            }
        }
        error
    }

    async fn put_back(&self, before: &[Setting]) -> Result<bool, Trouble> {
        for setting in before {
            self.set(setting).await?;
        }
        self.steady("uci commit network", COMMAND).await?;
        self.steady("uci commit wireless", COMMAND).await?;
        let is = self.read(before).await? == before;
        self.restart().await?;
        Ok(is)
    }
}

/// A router that does not like a command may quote it, and with it a password.
fn unsaid(trouble: Trouble, setting: &Setting) -> Trouble {
    match trouble {
        Trouble::Said(_) => Trouble::Said(format!("an error about {}", setting.path)),
        other => other,
    }
}

/// How UCI calls the network's kind of password.
fn encryption(heard: &[Heard], password: bool) -> Result<&'static str, PortError> {
    let strongest = heard.first().map(|heard| heard.network.secured.as_deref());
    match (strongest, password) {
        // Hidden, or not heard at this moment: what most networks have.
        (None, true) => Ok("psk2"),
        (None | Some(None), false) => Ok("none"),
        (Some(Some("owe")), false) => Ok("owe"),
        (Some(Some("psk2")), true) => Ok("psk2"),
        (Some(Some("psk")), true) => Ok("psk"),
        (Some(Some("psk-mixed")), true) => Ok("psk-mixed"),
        (Some(Some("sae")), true) => Ok("sae"),
        (Some(Some("sae-mixed")), true) => Ok("sae-mixed"),
        (Some(None | Some("owe")), true) => Err(refused(
            "this network has no password",
            "join it without a password, if it is the one you mean",
        )),
        (Some(Some("psk2" | "psk" | "psk-mixed" | "sae" | "sae-mixed")), false) => {
            Err(refused("this network wants a password", "type the network's password"))
        }
        (Some(Some(kind)), _) => Err(refused(
            format!("this network is protected in a way that one password does not open ({kind})"),
            "choose another network, or set this one up on the router's own page",
        )),
    }
}

/// Networks that the radio hears.
pub(super) async fn scan(rpc: &Rpc, radio: &str) -> Result<Vec<Heard>, Trouble> {
    let command = format!(r#"ubus call iwinfo scan {{\"device\":\"{radio}\"}}"#);
    let printed = rpc.exec(&command, SCAN).await?;
    ubus::scan(&printed).map_err(|error| Trouble::Printed { command: "ubus call iwinfo scan", error })
}

/// The way to the world as it is now.
pub(super) async fn way_out(rpc: &Rpc, wifi: &str) -> Result<Option<Uplink>, Trouble> {
    let interfaces = interfaces(rpc).await?;
    let Some(out) = ubus::way_out(&interfaces) else { return Ok(None) };
    let mut uplink = out.uplink();
    if out.up && out.device() == Some(wifi) {
        let association = association(rpc, wifi).await?;
        uplink.ssid = association.ssid().map(str::to_owned);
        uplink.signal = association.signal();
    }
    Ok(Some(uplink))
}

/// The Wi-Fi uplink, unless it is still the connection from before the restart.
async fn uplink(rpc: &Rpc, wifi: &str, since_restart: Duration) -> Result<Option<Uplink>, Trouble> {
    let association = association(rpc, wifi).await?;
    let interfaces = interfaces(rpc).await?;
    let Some(interface) = ubus::named(&interfaces, UPLINK) else { return Ok(None) };
    // The router counts whole seconds.
    if interface.uptime.is_some_and(|uptime| uptime > since_restart.as_secs() + 1) {
        return Ok(None);
    }
    let ssid = association.ssid().map(str::to_owned);
    Ok(Some(Uplink { ssid, signal: association.signal(), ..interface.uplink() }))
}

async fn interfaces(rpc: &Rpc) -> Result<Vec<ubus::Interface>, Trouble> {
    let command = "ubus call network.interface dump";
    let printed = rpc.exec(command, COMMAND).await?;
    ubus::interfaces(&printed).map_err(|error| Trouble::Printed { command, error })
}

/// An interface that is down is one that is connected to nothing.
async fn association(rpc: &Rpc, wifi: &str) -> Result<Association, Trouble> {
    let command = format!(r#"ubus call iwinfo info {{\"device\":\"{wifi}\"}}"#);
    let printed = rpc.exec(&command, COMMAND).await?;
    Ok(Association::read(&printed).unwrap_or_default())
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
