//! Watch-only: beside the owner's programs, which drive the board. Reads what can be read, and opens, answers and writes
//! nothing: no serial port, no DHCP, no TFTP, no switch port.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::Result;
use async_trait::async_trait;
use devices::{http::Client, tls::Pin};
use lab::{
    Board, PowerState,
    ports::{Nature, Outlet, OutletReading, PortError, Power, PowerReading},
};

use super::{BOARD_SERVICE, SERVICES, Site, gear::GearSite};

/// For the owner's program to answer on this computer.
const LIMIT: Duration = Duration::from_secs(3);

pub(super) async fn run(site: &Site, drivers: &GearSite<'_>) -> Result<()> {
    let status = site.board.watch.as_ref().and_then(|watch| watch.status.clone());
    site.power.fill(Arc::new(TheirPower::new(&site.board, status.as_deref(), drivers)?));
    if let (Some(late), Some(switch)) = (&site.switch, drivers.switch()?) {
        late.fill(switch);
    }
    if let (Some(late), Some(router)) = (&site.router, drivers.router()?) {
        late.fill(router);
    }
    for name in SERVICES.iter().filter(|name| **name != BOARD_SERVICE) {
        site.ready(name, "left to the programs that drive this board");
    }
    site.ready(BOARD_SERVICE, format!("{} PCs, watched only", site.board.machines.len()));
    site.stop.cancelled().await;
    Ok(())
}

/// Power as the owner's program tells it: what it commanded last.
struct TheirPower {
    page: Option<Client>,
    outlets: Vec<Outlet>,
}

impl TheirPower {
    fn new(board: &Board, url: Option<&str>, drivers: &GearSite<'_>) -> Result<Self> {
        let page = url.map(|url| Client::new(url, Pin::First(drivers.trust.clone())));
        let page = page.transpose()?.map(|client| client.deadline(LIMIT));
        Ok(Self { page, outlets: board.machines.iter().map(|machine| machine.outlet).collect() })
    }
}

fn refused(what: &str) -> PortError {
    PortError {
        what: what.to_owned(),
        why: "this board is only watched: other programs drive it".to_owned(),
        remedy: "use those, or take `mode = \"watch\"` out of the board file".to_owned(),
        absent: false,
    }
}

#[async_trait]
impl Power for TheirPower {
    async fn read(&self) -> Result<PowerReading, PortError> {
        const WHAT: &str = "read the status page of the owner's program";
        let page = self.page.as_ref().ok_or_else(|| PortError {
            what: WHAT.to_owned(),
            why: "the board file names none".to_owned(),
            remedy: "write [watch] status = \"http://127.0.0.1:8080/status\"".to_owned(),
            absent: true,
        })?;
        let answer = page.get("").await.map_err(|fault| fault.port_error(WHAT))?;
        let status = answer.json().map_err(|fault| fault.port_error(WHAT))?;
        let read = |outlet: &Outlet| {
            let on = status.pointer(&format!("/power/P{outlet}")).and_then(serde_json::Value::as_bool)?;
            let commanded = if on { PowerState::On } else { PowerState::Off };
            Some((*outlet, OutletReading { commanded, observed: None }))
        };
        let outlets: BTreeMap<Outlet, OutletReading> = self.outlets.iter().filter_map(read).collect();
        Ok(PowerReading { outlets, ..PowerReading::default() })
    }

    async fn on(&self, _: Outlet) -> Result<(), PortError> {
        Err(refused("press an outlet"))
    }

    async fn off(&self, _: Outlet) -> Result<(), PortError> {
        Err(refused("press an outlet"))
    }

    fn nature(&self, _: Outlet) -> Nature {
        Nature::Button
    }
}
