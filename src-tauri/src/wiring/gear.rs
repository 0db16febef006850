//! The gear around the machines, from the board file to drivers: the same for the real board and for the simulated one,
//! whose addresses are dialled elsewhere.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, anyhow};
use devices::{
    controls::{self, ControlFor},
    outlets::Outlets,
    relay::{Relay, RelayConfig},
    router::{Exporter, ExporterConfig, Luci, LuciConfig},
    switch::{Hasivo, HasivoConfig, Snmp, SnmpConfig},
    tls::{Pin, Trust},
};
use lab::{
    Board, Secret,
    dial::Dial,
    gear::{RouterGear, SwitchGear},
    ports::{Control, Outlet, Power, Router, Switch},
};
use reqwest::Url;

/// What drivers are built from.
pub(super) struct GearSite<'a> {
    pub(super) board: &'a Board,
    pub(super) dial: &'a Dial,
    /// Where relative paths of serial devices begin.
    pub(super) folder: &'a Path,
    pub(super) secrets: &'a (dyn Fn(&str) -> Option<Secret> + Sync),
    pub(super) trust: Arc<dyn Trust>,
}

impl GearSite<'_> {
    /// A device's path as it is opened.
    pub(super) fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// Relay board and controls together.
    pub(super) fn power(&self) -> Result<Arc<dyn Power>> {
        let relay = self.board.relay.as_ref().map(|gear| {
            let config = RelayConfig { path: self.path(&gear.path), allow_8: gear.allow_8 };
            Arc::new(Relay::start(config)) as Arc<dyn Power>
        });
        let mut own: BTreeMap<Outlet, Arc<dyn Control>> = BTreeMap::new();
        for machine in &self.board.machines {
            let Some(gear) = &machine.power else { continue };
            let about =
                ControlFor { name: machine.name.clone(), mac: machine.mac, broadcast: self.broadcast() };
            let control = controls::build(gear, &about, self.secrets, &self.trust)
                .map_err(|bad| anyhow!("{bad}. What to do: {}", bad.remedy))?;
            own.insert(machine.outlet, control);
        }
        match (relay, own.is_empty()) {
            // Alone it needs nobody in front of it.
            (Some(relay), true) => Ok(relay),
            (relay, _) => Ok(Arc::new(Outlets::new(relay, own))),
        }
    }

    fn broadcast(&self) -> Ipv4Addr {
        let host = !u32::from(self.board.netmask());
        self.dial.address(Ipv4Addr::from(u32::from(self.board.network.address) | host))
    }

    pub(super) fn switch(&self) -> Result<Option<Arc<dyn Switch>>> {
        let Some(gear) = &self.board.switch else { return Ok(None) };
        let switch: Arc<dyn Switch> = match gear {
            SwitchGear::Hasivo { url, user, secret, protected } => Arc::new(
                Hasivo::new(HasivoConfig {
                    url: self.dialled(url)?,
                    user: user.clone(),
                    password: self.secret(secret)?,
                    protected: protected.clone(),
                    pin: self.pin(None)?,
                })
                .with_context(|| format!("[switch] url = {url:?}"))?,
            ),
            SwitchGear::Snmp { address, port, secret } => Arc::new(Snmp::new(SnmpConfig {
                address: *address,
                port: *port,
                community: match secret {
                    Some(name) => self.secret(name)?,
                    None => Secret::new("public"),
                },
            })),
        };
        Ok(Some(switch))
    }

    pub(super) fn router(&self) -> Result<Option<Arc<dyn Router>>> {
        let Some(gear) = &self.board.router else { return Ok(None) };
        let router: Arc<dyn Router> = match gear {
            RouterGear::Luci { url, user, secret, fingerprint, metrics, devices, radio, wifi } => Arc::new(
                Luci::new(LuciConfig {
                    url: self.dialled(url)?,
                    user: user.clone(),
                    password: self.secret(secret)?,
                    pin: self.pin(fingerprint.as_deref())?,
                    metrics: metrics.as_deref().map(|url| self.dialled(url)).transpose()?,
                    devices: devices.clone(),
                    radio: radio.clone(),
                    wifi: wifi.clone(),
                })
                .with_context(|| format!("[router] url = {url:?}"))?,
            ),
            RouterGear::Exporter { metrics, devices } => Arc::new(
                Exporter::new(ExporterConfig {
                    url: self.dialled(metrics)?,
                    pin: self.pin(None)?,
                    devices: devices.clone(),
                })
                .with_context(|| format!("[router] metrics = {metrics:?}"))?,
            ),
        };
        Ok(Some(router))
    }

    fn secret(&self, name: &str) -> Result<Secret> {
        (self.secrets)(name).ok_or_else(|| {
            anyhow!("there is no secret {name:?}. What to do: `statusinator secrets set {name}`, or correct the board file")
        })
    }

    fn pin(&self, fingerprint: Option<&str>) -> Result<Pin> {
        Pin::new(fingerprint, self.trust.clone()).context("read the fingerprint in the board file")
    }

    /// An address of the board file as it is dialled here. Names stay names: only the board's own plan is moved.
    fn dialled(&self, url: &str) -> Result<String> {
        let mut parsed = Url::parse(url).with_context(|| format!("{url:?} is no address of a page"))?;
        let address: Option<Ipv4Addr> = parsed.host_str().and_then(|host| host.parse().ok());
        if let Some(address) = address {
            let port = parsed.port_or_known_default().unwrap_or(80);
            let socket = SocketAddr::from(self.dial.socket(address, port));
            let moved =
                parsed.set_ip_host(socket.ip()).is_ok() && parsed.set_port(Some(socket.port())).is_ok();
            if !moved {
                return Err(anyhow!("{url:?} cannot be dialled"));
            }
        }
        Ok(parsed.to_string())
    }
}

#[cfg(test)]
mod tests {
    use lab::BoardKind;

    use super::*;
    use crate::{
        config::{BoardChoice, choose_board},
        wiring::trust::KnownDevices,
    };

    #[test]
    fn addresses_of_a_simulated_board_never_leave_the_loopback() {
        let board = choose_board("simulated", BoardChoice::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let secrets = |_: &str| Some(Secret::new("x"));
        let site = |dial| GearSite {
            board: &board,
            dial,
            folder: folder.path(),
            secrets: &secrets,
            trust: Arc::new(KnownDevices::open(folder.path())),
        };
        let simulated = Dial::new(BoardKind::Simulated);
        let dialled = |url| site(&simulated).dialled(url).unwrap();
        assert_eq!(dialled("http://192.168.122.2"), "http://127.122.122.2:20080/");
        assert_eq!(dialled("https://192.168.122.1/x"), "https://127.122.122.1:20443/x");
        assert_eq!(dialled("http://192.168.122.1:9100/metrics"), "http://127.122.122.1:9100/metrics");
        assert_eq!(site(&simulated).broadcast(), Ipv4Addr::new(127, 122, 122, 255));
        let real = Dial::new(BoardKind::Labinator);
        assert_eq!(site(&real).dialled("http://192.168.122.2").unwrap(), "http://192.168.122.2/");
    }
}
