//! What a machine asks for besides its boot files: a router, names, the time, somewhere to log, HTTPS.
//!
//! None of it is needed for a boot to succeed, so none of it keeps a lab from starting: what cannot be served says so.

pub(super) mod records;

use std::{
    io,
    net::{SocketAddrV4, TcpListener as StdListener},
    sync::Arc,
};

use engine::Observation;
use lab::{Board, BoardKind, Code, Failure, board::NameService, dial::Dial, live::ServiceState};
use netboot::{
    Proto,
    dns::{self, DnsConfig, Zone},
    gate::Lan,
    http::tls::{self, Identity},
    ntp,
    ra::{self, RouterSocket},
    seen::SeenSink,
    syslog::{self, LoopBack},
};
use tokio::{
    net::{TcpListener, UdpSocket},
    task::JoinSet,
};

use super::{Site, boot_services::ended, site::BootSite};
use crate::ports;

pub(super) const DNS: u16 = 53;
pub(super) const NTP: u16 = 123;
pub(super) const SYSLOG: u16 = 514;
const NETCONSOLE: u16 = 6666;
pub(super) const HTTPS: u16 = 443;
/// A simulated board takes any port, and DNS needs the same number twice.
const PAIRS_TRIED: usize = 8;
const ROUTER: &str = "router advertisements";

/// What could be bound. Each may be missing, with the reason.
pub(super) struct Sockets {
    /// `None` where somebody else serves the names.
    dns: Option<io::Result<(UdpSocket, TcpListener)>>,
    ntp: io::Result<UdpSocket>,
    syslog: io::Result<UdpSocket>,
    netconsole: io::Result<UdpSocket>,
    https: io::Result<TcpListener>,
}

/// What runs, for the self-check.
pub(super) struct Running {
    pub(super) log: Option<LoopBack>,
    pub(super) https: Option<Identity>,
}

/// Binds what the board file asks for, at the boss's address alone. On the simulated board a taken place moves.
pub(super) fn bind(board: &Board, dial: &mut Dial) -> Sockets {
    let may_move = board.board.kind == BoardKind::Simulated;
    let boss = board.network.boss;
    let mut udp = |port| {
        let socket = moved(dial.socket(boss, port), may_move, netboot::bind)?;
        dial.move_port(port, socket.local_addr()?.port());
        Ok(socket)
    };
    let (ntp, syslog, netconsole) = (udp(NTP), udp(SYSLOG), udp(NETCONSOLE));
    let mut both = || {
        let (socket, listener) = pair(dial.socket(boss, DNS), may_move)?;
        dial.move_port(DNS, socket.local_addr()?.port());
        Ok((socket, listener))
    };
    let dns = (board.network.names == NameService::Serve).then(&mut both);
    let mut https = || {
        let listener = moved(dial.socket(boss, HTTPS), may_move, listen)?;
        dial.move_port(HTTPS, listener.local_addr()?.port());
        Ok(listener)
    };
    Sockets { dns, ntp, syslog, netconsole, https: https() }
}

fn moved<T>(
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

fn pair(place: SocketAddrV4, may_move: bool) -> io::Result<(UdpSocket, TcpListener)> {
    let at = |place: SocketAddrV4| -> io::Result<_> {
        let socket = netboot::bind(place)?;
        let port = socket.local_addr()?.port();
        Ok((socket, listen(SocketAddrV4::new(*place.ip(), port))?))
    };
    let mut bound = at(place);
    for _ in 0..PAIRS_TRIED {
        match bound {
            Err(ref error) if may_move && error.kind() == io::ErrorKind::AddrInUse => {
                bound = at(SocketAddrV4::new(*place.ip(), 0));
            }
            _ => break,
        }
    }
    bound
}

fn listen(at: SocketAddrV4) -> io::Result<TcpListener> {
    let listener = StdListener::bind(at)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Starts what this board can have; each reports itself.
pub(super) fn spawn(
    tasks: &mut JoinSet<()>,
    site: &Site,
    sockets: Sockets,
    device: Option<&str>,
    pages: &Arc<BootSite>,
    sink: &SeenSink,
) -> Running {
    router(tasks, site, device, sink);
    let (dial, network) = (&pages.dial, &site.board.network);
    let lan = Lan::new(dial.address(network.address), network.prefix);
    if let Some(bound) = sockets.dns
        && let Some((udp, tcp)) = site.bound("dns", dial.port(DNS), bound)
    {
        names(tasks, site, dial, lan, (udp, tcp), sink);
    }
    if let Some(socket) = site.bound("ntp", dial.port(NTP), sockets.ntp) {
        let quality = ntp::discipline().quality();
        tasks.spawn(ended("NTP", ntp::run(socket, lan, sink.clone(), site.stop.clone())));
        site.ready("ntp", format!("on port {}, our clock at stratum {}", dial.port(NTP), quality.stratum));
    }
    let own = LoopBack::default();
    let mut log = None;
    let receivers =
        [(Proto::Syslog, SYSLOG, sockets.syslog), (Proto::Netconsole, NETCONSOLE, sockets.netconsole)];
    for (proto, port, bound) in receivers {
        if let Some(socket) = site.bound(proto.word(), dial.port(port), bound) {
            let receiver = syslog::run(socket, proto, lan, own.clone(), sink.clone(), site.stop.clone());
            tasks.spawn(ended(proto.word(), receiver));
            site.ready(proto.word(), format!("on port {}", dial.port(port)));
            log = log.or_else(|| (proto == Proto::Syslog).then(|| own.clone()));
        }
    }
    let listener = site.bound("https", dial.port(HTTPS), sockets.https);
    let https = listener.and_then(|listener| encrypted(tasks, site, listener, pages, sink));
    Running { log, https }
}

fn names(
    tasks: &mut JoinSet<()>,
    site: &Site,
    dial: &Dial,
    lan: Lan,
    (udp, tcp): (UdpSocket, TcpListener),
    sink: &SeenSink,
) {
    let network = &site.board.network;
    match Zone::new(&records::of(&site.board, dial)) {
        Ok(zone) => {
            let count = zone.names().count();
            let forward = network.dns_forward.map(|address| SocketAddrV4::new(address, DNS));
            let others =
                forward.map_or("others refused".to_owned(), |at| format!("others asked of {}", at.ip()));
            let config = Arc::new(DnsConfig { zone, lan, forward });
            tasks.spawn(ended("DNS", dns::run(udp, tcp, config, sink.clone(), site.stop.clone())));
            site.ready("dns", format!("on port {}, {count} names, {others}", dial.port(DNS)));
        }
        Err(error) => {
            let remedy = "correct the name in the board file";
            site.troubled(
                "dns",
                Failure::new(Code::BadConfig, "serve the lab's names", error.to_string(), remedy),
            );
        }
    }
}

fn encrypted(
    tasks: &mut JoinSet<()>,
    site: &Site,
    listener: TcpListener,
    pages: &Arc<BootSite>,
    sink: &SeenSink,
) -> Option<Identity> {
    let name = records::boss(&site.board);
    let address = pages.dial.address(site.board.network.boss);
    match Identity::load_or_make(&site.folder, &name, address) {
        Ok(identity) => {
            let (pages, sink, stop) = (pages.clone(), sink.clone(), site.stop.clone());
            let served = identity.clone();
            let port = pages.dial.port(HTTPS);
            tasks.spawn(ended("HTTPS", async move { tls::run(listener, &served, pages, sink, stop).await }));
            site.ready("https", format!("on port {port} for {name}, with a certificate of our own"));
            Some(identity)
        }
        Err(error) => {
            let (why, remedy) = (chain(&error), error.remedy());
            site.troubled("https", Failure::new(Code::Internal, "serve boot files by HTTPS", why, remedy));
            None
        }
    }
}

fn router(tasks: &mut JoinSet<()>, site: &Site, device: Option<&str>, sink: &SeenSink) {
    let Some(device) = device else {
        if site.board.board.kind == BoardKind::Simulated {
            site.ready(ROUTER, "not sent: simulated PCs speak no IPv6");
        }
        return;
    };
    let network = &site.board.network;
    let prefix = ra::unique_local_prefix(&format!("{} {}", site.board.board.name, network.address));
    match RouterSocket::open(device) {
        Ok(socket) => {
            tasks.spawn(ended(
                ROUTER,
                ra::run(socket, prefix, site.ways.quiet(), sink.clone(), site.stop.clone()),
            ));
            site.ready(ROUTER, format!("on {device}, prefix {prefix}/64"));
            site.sink.put(Observation::Trouble { service: ROUTER.into(), failure: None });
        }
        Err(error) => {
            let failure =
                Failure::new(Code::DeviceRefused, "advertise a router", chain(&error), error.remedy());
            site.troubled(ROUTER, failure);
        }
    }
}

impl Site {
    /// The socket, or `None` after the reason was told, with the program that holds the port where it can be seen.
    fn bound<T>(&self, service: &str, port: u16, bound: io::Result<T>) -> Option<T> {
        let error = match bound {
            Ok(socket) => {
                self.sink.put(Observation::Trouble { service: service.into(), failure: None });
                return Some(socket);
            }
            Err(error) => error,
        };
        let holder =
            ports::other_holder(port).map(|holder| format!(", held by {holder}")).unwrap_or_default();
        let remedy = match error.kind() {
            io::ErrorKind::PermissionDenied => "give the program CAP_NET_BIND_SERVICE, then start it again",
            io::ErrorKind::AddrNotAvailable => {
                "give the lab's interface the boss's address, then start it again"
            }
            _ => "end the program that holds the port, then start the engine again",
        };
        let what = format!("listen on port {port}");
        self.troubled(service, Failure::new(Code::Busy, what, format!("{error}{holder}"), remedy));
        None
    }

    fn troubled(&self, service: &str, failure: Failure) {
        tracing::warn!(service, %failure, remedy = failure.remedy, "not served");
        let says = format!("{failure}; {}", failure.remedy);
        self.sink.put(Observation::Service(ServiceState { name: service.into(), ready: false, says }));
        self.sink.put(Observation::Trouble { service: service.into(), failure: Some(failure) });
    }
}

/// An error with all its reasons.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        words = format!("{words}: {reason}");
        source = reason.source();
    }
    words
}
