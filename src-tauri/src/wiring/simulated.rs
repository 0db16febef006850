//! The simulated board behind the ports: machines on loopback, a relay board on a pty.

use std::{net::SocketAddrV4, sync::Arc};

use anyhow::{Context, Result};
use async_trait::async_trait;
use devices::relay::{Relay, RelayConfig};
use lab::ports::{Link, Wire, WireCounters};
use sim::{Links, SimBoard, SimConfig, SimMachine};

use super::{
    BOARD_SERVICE, Site,
    boot_files::BootFiles,
    boot_services,
    faults::{BoardFaults, SimFaults},
};

/// The seed of every simulated board: the same machines each time.
const SEED: u64 = 1;
/// A heartbeat each second; the simulated agents divide it like every other delay of theirs.
const HEARTBEAT_MS: u32 = 1000;

pub(super) async fn run(site: Site) -> Result<()> {
    let bound = boot_services::bind(&site.board, None).await?;
    let dial = bound.dial.clone();
    let mut services = boot_services::spawn(bound, &site, BootFiles::simulated(), HEARTBEAT_MS)?;
    let machine = |m: &lab::Machine| SimMachine {
        box_number: u8::try_from(m.box_number).unwrap_or(u8::MAX),
        name: m.name.clone(),
        mac: m.mac.0,
        source: dial.address(m.address),
        outlet: m.outlet,
        port: None,
    };
    let link = site.folder.join("relay");
    let board = SimBoard::start(SimConfig {
        seed: SEED,
        speed: f64::from(site.options.speed),
        machines: site.board.machines.iter().map(machine).collect(),
        dhcp: SocketAddrV4::new(dial.broadcast(), dial.port(67)),
        client_port: dial.port(68),
        tftp_port: dial.port(69),
        relay_link: Some(link.clone()),
        display_link: None,
        switch: None,
        router: None,
    })
    .context("start the simulated machines")?;
    let simulated = SimFaults::new(board.breaker(), &site.board);
    site.wire.fill(Arc::new(SimWire::new(board.links(), &site.board)));
    site.faults.fill(BoardFaults::new(&site, Arc::new(simulated)));
    site.power.fill(Arc::new(Relay::start(RelayConfig { path: link, allow_8: false })));
    site.ready(
        BOARD_SERVICE,
        format!("{} simulated PCs at speed {}", site.board.machines.len(), site.options.speed),
    );
    site.stop.cancelled().await;
    board.shutdown().await;
    while services.join_next().await.is_some() {}
    Ok(())
}

/// The simulated machines' ports: they have links, and nobody counts their frames.
struct SimWire {
    links: Links,
    /// Name and number.
    machines: Vec<(String, u8)>,
}

impl SimWire {
    fn new(links: Links, board: &lab::Board) -> Self {
        let number = |m: &lab::Machine| (m.name.clone(), u8::try_from(m.box_number).unwrap_or(u8::MAX));
        Self { links, machines: board.machines.iter().map(number).collect() }
    }
}

#[async_trait]
impl Wire for SimWire {
    async fn counters(&self, _: &str) -> Option<WireCounters> {
        None
    }

    async fn link(&self, machine: &str) -> Option<Link> {
        let (_, number) = self.machines.iter().find(|(name, _)| name == machine)?;
        let link = self.links.of(*number)?;
        Some(Link { up: link.up, speed: link.speed })
    }
}
