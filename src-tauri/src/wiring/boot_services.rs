//! DHCP, TFTP and HTTP on the lab network, bound where the board says and moved where a place is taken.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use lab::{Board, BoardKind, board::DhcpMode, dial::Dial};
use netboot::{
    Mac,
    dhcp::{self, DhcpConfig, Replies, Reservation},
    seen::SeenSink,
};
use tokio::{
    net::{TcpListener, UdpSocket},
    task::JoinSet,
};

use super::{
    Site,
    boot_files::BootFiles,
    leases, names, selfcheck,
    site::BootSite,
    translate,
    trees::{self, Trees},
    ways::BoardWays,
};

const DHCP: u16 = 67;
const TFTP: u16 = 69;
const HTTP: u16 = 80;
/// A day, as the owner's own plan has it.
const LEASE: Duration = Duration::from_secs(24 * 3600);
/// Sightings that may wait for the translator; it only renames, so this is seconds of backlog at a packet storm.
const SIGHTINGS_WAITING: usize = 4096;

/// The sockets, bound; and where they ended up.
pub(super) struct Bound {
    pub(super) dial: Dial,
    /// The lab's interface, where there is one.
    device: Option<String>,
    /// `None` where the board file says that this program answers no DHCP: another server has the ports then.
    dhcp: Option<dhcp::Nic>,
    tftp: UdpSocket,
    http: TcpListener,
    names: names::Sockets,
}

/// Binds what the board file asks for. On the simulated board a taken place moves to a free port, so that engines run side by side.
pub(super) async fn bind(board: &Board, device: Option<&str>) -> Result<Bound> {
    let mut dial = Dial::new(board.board.kind);
    let may_move = board.board.kind == BoardKind::Simulated;
    let boss = board.network.boss;
    let dhcp = bind_dhcp(board, &mut dial, device)?;

    let place = dial.socket(boss, TFTP);
    let bind_tftp = |at: SocketAddrV4| {
        let socket = std::net::UdpSocket::bind(at)?;
        socket.set_nonblocking(true)?;
        UdpSocket::from_std(socket)
    };
    let tftp = or_free(place, may_move, bind_tftp).with_context(|| held("TFTP", place))?;
    dial.move_port(TFTP, tftp.local_addr()?.port());

    let place = dial.socket(boss, HTTP);
    let bind_http = |at: SocketAddrV4| {
        let listener = std::net::TcpListener::bind(at)?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    };
    let http = or_free(place, may_move, bind_http).with_context(|| held("HTTP for boot files", place))?;
    dial.move_port(HTTP, http.local_addr()?.port());
    let names = names::bind(board, &mut dial);
    Ok(Bound { dial, names, device: device.map(str::to_owned), dhcp, tftp, http })
}

/// Both ports of DHCP, or neither.
fn bind_dhcp(board: &Board, dial: &mut Dial, device: Option<&str>) -> Result<Option<dhcp::Nic>> {
    if board.network.dhcp == DhcpMode::Off {
        return Ok(None);
    }
    let may_move = board.board.kind == BoardKind::Simulated;
    let listen = if may_move { dial.broadcast() } else { Ipv4Addr::UNSPECIFIED };
    let place = SocketAddrV4::new(listen, dial.port(DHCP));
    let server =
        or_free(place, may_move, |at| dhcp::bind(at, device)).with_context(|| held("DHCP", place))?;
    dial.move_port(DHCP, server.local_addr()?.port());
    let boot_server = boot_server(device)?;
    Ok(Some(dhcp::Nic { device: device.map(str::to_owned), server, boot_server }))
}

/// Port 4011, for firmware that asks there; on a real interface alone, since no simulated machine does.
fn boot_server(device: Option<&str>) -> Result<Option<UdpSocket>> {
    let Some(device) = device else { return Ok(None) };
    let place = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, dhcp::proxy::BOOT_SERVER_PORT);
    dhcp::bind(place, Some(device)).map(Some).with_context(|| held("PXE", place))
}

fn or_free<T>(
    place: SocketAddrV4,
    may_move: bool,
    bind: impl Fn(SocketAddrV4) -> io::Result<T>,
) -> io::Result<T> {
    match bind(place) {
        Err(error) if may_move && error.kind() == io::ErrorKind::AddrInUse => {
            bind(SocketAddrV4::new(*place.ip(), 0))
        }
        other => other,
    }
}

fn held(service: &str, place: SocketAddrV4) -> String {
    format!("listen for {service} at {place}; `statusinator doctor` names who holds that port")
}

/// Serves until the site is told to stop. Each service is reported ready once it listens.
pub(super) fn spawn(bound: Bound, site: &Site, files: BootFiles, heartbeat_ms: u32) -> Result<JoinSet<()>> {
    site.ways.serve(bound.dial.clone(), files.has_images());
    let config = Arc::new(dhcp_config(&site.board, &bound.dial, &site.ways));
    config.check().context("prepare DHCP from the board file")?;
    let (says, reservations) = (config.mode.word(), config.reservations.len());
    // Ways to boot change what a machine is told while the server runs.
    let configs = site.dhcp.follow(config.clone());
    let pages = Arc::new(BootSite::new(
        site.board.clone(),
        bound.dial.clone(),
        files,
        heartbeat_ms,
        site.desk.clone(),
        site.picture.clone(),
        Trees::of(site),
    ));
    let (sink, seen) = SeenSink::new(SIGHTINGS_WAITING);
    let port = |port| bound.dial.port(port);
    let ready = [
        (
            "dhcp",
            match &bound.dhcp {
                Some(_) => format!("{says} on port {}, {reservations} reservations", port(DHCP)),
                None => format!("{says}: another server gives addresses and names boot files"),
            },
        ),
        ("tftp", format!("on port {}, loaders for UEFI and BIOS", port(TFTP))),
        ("http", format!("on port {}, {}", port(HTTP), pages.files.says)),
    ];
    let mut tasks = JoinSet::new();
    let stop = &site.stop;
    if let Some(nic) = bound.dhcp {
        let leases = site.leases.clone();
        tasks.spawn(ended("DHCP", dhcp::run(vec![nic], configs.clone(), leases, sink.clone(), stop.clone())));
    }
    tasks.spawn(ended(
        "TFTP",
        netboot::tftp::run_apart(bound.tftp, pages.clone(), sink.clone(), stop.clone()),
    ));
    tasks.spawn(ended(
        "HTTP",
        netboot::http::run_apart(bound.http, pages.clone(), sink.clone(), stop.clone()),
    ));
    trees::spawn(&mut tasks, site);
    let running = names::spawn(&mut tasks, site, bound.names, bound.device.as_deref(), &pages, &sink);
    let promises = selfcheck::promises(&site.board, &bound.dial, &config, running);
    tasks.spawn(selfcheck::run(promises, configs, site.sink.clone(), stop.clone()));
    tasks.spawn(translate::run(pages, seen, sink, site.sink.clone(), site.own.clone(), stop.clone()));
    for (name, says) in ready {
        site.ready(name, says);
    }
    Ok(tasks)
}

pub(super) async fn ended(name: &'static str, service: impl Future<Output = io::Result<()>>) {
    if let Err(error) = service.await {
        tracing::error!(service = name, %error, "a boot service ended");
    }
}

pub(super) fn dhcp_config(board: &Board, dial: &Dial, ways: &BoardWays) -> DhcpConfig {
    let network = &board.network;
    let at = |address: Ipv4Addr| dial.address(address);
    let reserve = |m: &lab::Machine| {
        let boot = Some(ways.names(dial, Some(m)));
        (Mac(m.mac.0), Reservation { address: at(m.address), host_name: m.name.clone(), boot })
    };
    DhcpConfig {
        server_id: at(network.boss),
        netmask: board.netmask(),
        router: network.gateway.map(at),
        dns: network.dns.map(at).into_iter().collect(),
        ntp: network.ntp.map(at).into_iter().collect(),
        log_server: network.syslog.map(at),
        domain: network.domain.clone(),
        lease: LEASE,
        pool: (at(network.pool.0), at(network.pool.1)),
        reservations: board.machines.iter().map(reserve).collect::<HashMap<_, _>>(),
        boot: ways.names(dial, None),
        next_server: at(network.boss),
        replies: match board.board.kind {
            BoardKind::Simulated => Replies::ToSource,
            BoardKind::Virtual | BoardKind::Labinator => Replies::Broadcast,
        },
        mode: leases::mode(network.dhcp),
    }
}
