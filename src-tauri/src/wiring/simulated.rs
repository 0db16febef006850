//! The simulated board behind the ports: machines on loopback, relay board and display on ptys, switch and router on HTTP.

use std::{
    net::{SocketAddr, SocketAddrV4},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, Result, anyhow};
use lab::{
    Board, Secret,
    dial::Dial,
    gear::{RouterGear, SwitchGear},
};
use reqwest::Url;
use sim::{CollectorSim, Layout, RouterSim, Security, SimBoard, SimConfig, SimMachine, SwitchSim, WifiSim};

use super::{
    BOARD_SERVICE, Site,
    boot_files::BootFiles,
    boot_services,
    faults::{BoardFaults, SimFaults},
    gear::GearSite,
    trust::KnownDevices,
};

/// The seed of every simulated board: the same machines each time.
const SEED: u64 = 1;
/// A heartbeat each second; the simulated agents divide it like every other delay of theirs.
const HEARTBEAT_MS: u32 = 1000;
/// Password of everything simulated. It guards nothing.
const PASSWORD: &str = "simulated";

pub(super) async fn run(site: Site) -> Result<()> {
    let bound = boot_services::bind(&site.board, None).await?;
    let mut dial = bound.dial.clone();
    let mut services = boot_services::spawn(bound, &site, BootFiles::simulated(), HEARTBEAT_MS)?;
    let machine = |m: &lab::Machine| SimMachine {
        box_number: u8::try_from(m.box_number).unwrap_or(u8::MAX),
        name: m.name.clone(),
        mac: m.mac.0,
        source: dial.address(m.address),
        outlet: m.outlet,
        port: m.port,
    };
    let gear = &site.board;
    let folder = site.folder.clone();
    let config = SimConfig {
        seed: SEED,
        speed: f64::from(site.options.speed),
        machines: gear.machines.iter().map(machine).collect(),
        dhcp: SocketAddrV4::new(dial.broadcast(), dial.port(67)),
        client_port: dial.port(68),
        tftp_port: dial.port(69),
        relay_link: gear.relay.as_ref().map(|relay| folder.join(&relay.path)),
        display_link: gear.display.as_ref().map(|display| folder.join(&display.path)),
        switch: switch(gear, &dial)?,
        router: router(gear, &dial)?,
        collector: collector(gear, &folder),
    };
    let board = SimBoard::start(config).context("start the simulated board")?;
    // Engines side by side: a place that was taken has moved.
    moved(&mut dial, gear, &board)?;
    let simulated = SimFaults::new(board.breaker(), gear);
    site.faults.fill(BoardFaults::new(&site, Arc::new(simulated)));
    // Each start makes a router with a certificate of its own.
    let met = tempfile::tempdir().context("make a folder for certificates of one run")?;
    let secrets = |_: &str| Some(Secret::new(PASSWORD));
    let trust = Arc::new(KnownDevices::open(met.path()));
    let drivers = GearSite { board: gear, dial: &dial, folder: &folder, secrets: &secrets, trust };
    site.fill(&drivers)?;
    site.keep_certificates(&dial);
    site.ready(
        BOARD_SERVICE,
        format!("{} simulated PCs at speed {}", gear.machines.len(), site.options.speed),
    );
    site.stop.cancelled().await;
    board.shutdown().await;
    while services.join_next().await.is_some() {}
    Ok(())
}

/// Where an address of the board file listens here; any free port when that one is taken.
fn place(dial: &Dial, url: &str) -> Result<(u16, SocketAddrV4)> {
    let parsed = Url::parse(url).with_context(|| format!("{url:?} is no address of a page"))?;
    let address = parsed.host_str().and_then(|host| host.parse().ok());
    let address = address.ok_or_else(|| anyhow!("{url:?} has no address of the board's network"))?;
    let port = parsed.port_or_known_default().unwrap_or(80);
    let at = dial.socket(address, port);
    let free = std::net::TcpListener::bind(at).is_ok();
    Ok((port, if free { at } else { SocketAddrV4::new(*at.ip(), 0) }))
}

fn switch(board: &Board, dial: &Dial) -> Result<Option<SwitchSim>> {
    let Some(SwitchGear::Hasivo { url, user, .. }) = &board.switch else { return Ok(None) };
    let (_, listen) = place(dial, url)?;
    let password = PASSWORD.to_owned();
    Ok(Some(SwitchSim { listen, user: user.clone(), password, layout: Layout::Owner }))
}

fn router(board: &Board, dial: &Dial) -> Result<Option<RouterSim>> {
    let Some(RouterGear::Luci { url, user, metrics: Some(metrics), .. }) = &board.router else {
        return Ok(None);
    };
    let ((_, listen), (_, metrics)) = (place(dial, url)?, place(dial, metrics)?);
    let network = |ssid: &str, last: u8, signal: i32, channel: u32, security: Security| WifiSim {
        ssid: ssid.to_owned(),
        hidden: ssid == "Backstage",
        bssid: format!("02:00:5e:00:00:{last:02x}"),
        signal,
        channel,
        security,
        key: PASSWORD.to_owned(),
    };
    let networks = vec![
        network("Conference", 1, -48, 36, Security::Wpa2),
        network("Conference Guests", 2, -52, 36, Security::Open),
        network("Café au lait", 3, -71, 44, Security::Wpa2),
        network("Backstage", 4, -80, 149, Security::Wpa3),
    ];
    let password = PASSWORD.to_owned();
    Ok(Some(RouterSim { listen, metrics, user: user.clone(), password, networks, joined: None }))
}

/// Bytes after which the collector's file is rotated: the real one's 10 MB would take a day here.
const ROTATE_AT: u64 = 1 << 20;

fn collector(board: &Board, folder: &Path) -> Option<CollectorSim> {
    let path = board.logs.collector.as_ref()?;
    Some(CollectorSim { path: folder.join(path), rotate_at: ROTATE_AT })
}

/// Tells the dialler where the simulated pages really are.
fn moved(dial: &mut Dial, board: &Board, sim: &SimBoard) -> Result<()> {
    let mut tell = |url: &str, actual: SocketAddr| -> Result<()> {
        let parsed = Url::parse(url)?;
        dial.move_port(parsed.port_or_known_default().unwrap_or(80), actual.port());
        Ok(())
    };
    if let (Some(SwitchGear::Hasivo { url, .. }), Some(view)) = (&board.switch, sim.switch()) {
        tell(url, view.address().into())?;
    }
    if let (Some(RouterGear::Luci { url, metrics: Some(metrics), .. }), Some(view)) =
        (&board.router, sim.router())
    {
        tell(url, view.address().into())?;
        tell(metrics, view.metrics_address().into())?;
    }
    Ok(())
}
