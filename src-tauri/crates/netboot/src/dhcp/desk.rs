//! Where messages are answered: the state that all sockets of one server share, and the way from one datagram to what
//! is to be done about it. No I/O.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use super::answer::{self, Answer, Boot, Decision, Grant, Refusal, Write};
use super::config::{DhcpConfig, Mode, Replies};
use super::lease_store::{Lease, LeaseState};
use super::leases::Leases;
use super::message::{self, Identity, Kind, Request};
use super::proxy::{self, Door};
use super::reply;
use super::rivals::{Rivals, Stand};
use crate::clock::{self, Stamp};
use crate::seen::{SeenSink, What};
use crate::{Mac, Proto};

/// RFC 2131: clients listen here, whatever port they send from; and relays where servers do.
const CLIENT_PORT: u16 = 68;
const SERVER_PORT: u16 = 67;

/// Free addresses that are kept known to be unused: more than strangers ever come at once.
pub(super) const STOCK: usize = 64;

/// Pace of looking whether an empty pool has something to give again: leases end while nobody asks.
const POOL_LOOK: Duration = Duration::from_secs(5);

/// What all sockets of one server share.
pub(super) struct Desk {
    pub(super) sink: SeenSink,
    /// Somebody took another server's offer.
    pub(super) suspicion: Notify,
    /// The stock of addresses runs low.
    pub(super) dry: Notify,
    configs: watch::Receiver<Arc<DhcpConfig>>,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) config: Arc<DhcpConfig>,
    pub(super) leases: Leases,
    pub(super) rivals: Rivals,
    /// The store's leases are known; until then the pool gives nothing.
    pub(super) loaded: bool,
    /// The configuration last refused, so that it is refused aloud once.
    refused: Option<Arc<DhcpConfig>>,
    /// The pool was said to be empty, and has had nothing to give since.
    empty: bool,
}

/// What is to be done about a message.
#[derive(Debug)]
pub(super) enum Heard {
    Nothing,
    Say(Reply),
    /// Write this down; then, if there is one, send the reply.
    Write(Lease, Option<Reply>),
}

/// An answer, ready to go.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) bytes: Vec<u8>,
    pub(super) to: SocketAddr,
    peer: SocketAddr,
    mac: Mac,
    what: What,
}

impl Desk {
    pub(super) fn new(configs: watch::Receiver<Arc<DhcpConfig>>, rivals: Rivals, sink: SeenSink) -> Desk {
        let config = configs.borrow().clone();
        learn(&config, &sink);
        let state = State {
            leases: Leases::new(&config),
            config,
            rivals,
            loaded: false,
            refused: None,
            empty: false,
        };
        let (suspicion, dry) = (Notify::new(), Notify::new());
        Desk { sink, suspicion, dry, configs, state: Mutex::new(state) }
    }

    /// A short look at the state, as the newest configuration has it.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.follow(&mut state);
        look(&mut state)
    }

    /// Takes over a changed configuration, if it can work.
    fn follow(&self, state: &mut State) {
        let newest = self.configs.borrow();
        let same = |one: &Arc<DhcpConfig>| Arc::ptr_eq(one, &newest);
        if same(&state.config) || state.refused.as_ref().is_some_and(same) {
            return;
        }
        if let Err(error) = newest.check() {
            tracing::error!(%error, "DHCP keeps its former configuration");
            self.sink.refused(Proto::Dhcp, "configuration refused");
            state.refused = Some(newest.clone());
            return;
        }
        let mode = state.config.mode;
        state.config = newest.clone();
        state.refused = None;
        state.leases.retarget(&newest);
        learn(&newest, &self.sink);
        if mode != newest.mode {
            self.suspicion.notify_one();
        }
    }

    /// One datagram in.
    pub(super) fn hear(&self, door: Door, peer: SocketAddr, datagram: &[u8]) -> Heard {
        let proto = match door {
            Door::Server => Proto::Dhcp,
            Door::BootServer => Proto::ProxyDhcp,
        };
        let request = match message::decode(datagram) {
            Ok(request) => request,
            Err(fault) => {
                self.sink.malformed(proto, peer, fault);
                return Heard::Nothing;
            }
        };
        self.with(|state| {
            if !is_from_here(&state.config, door, peer) {
                self.sink.refused(proto, "not from the lab network");
                return Heard::Nothing;
            }
            let now = clock::now();
            self.sink.saw_at(now, peer, Some(request.mac), seen(&request, datagram.len()));
            let answer = self.decide(state, door, &request, now.mono_us);
            self.note(state, door, peer, &request, &answer);
            let lease = answer.write.map(|write| lease(&request, write, now));
            let reply = reply(&state.config, door, peer, &request, &answer.decision);
            match (lease, reply) {
                (Some(lease), reply) => Heard::Write(lease, reply),
                (None, Some(reply)) => Heard::Say(reply),
                (None, None) => Heard::Nothing,
            }
        })
    }

    fn decide(&self, state: &mut State, door: Door, request: &Request, now_us: i64) -> Answer {
        let State { config, leases, rivals, loaded, .. } = state;
        let pooled = !config.reservations.contains_key(&request.mac);
        match (rivals.stand(config.mode), door) {
            (Stand::Silent(why), _) => Decision::Silent(why).into(),
            (Stand::Beside, _) | (Stand::Answer, Door::BootServer) => {
                proxy::answer(config, request, door).into()
            }
            (Stand::Answer, Door::Server) if pooled && !*loaded && request.kind != Kind::Inform => {
                Decision::Silent(Refusal::LeasesLost).into()
            }
            (Stand::Answer, Door::Server) => answer::answer(config, leases, request, now_us),
        }
    }

    /// What a message and the decision about it tell others.
    fn note(&self, state: &mut State, door: Door, peer: SocketAddr, request: &Request, answer: &Answer) {
        let mac = Some(request.mac);
        if let Decision::Nak(why) | Decision::Silent(why) = &answer.decision
            && matches!(request.kind, Kind::Discover | Kind::Request | Kind::Inform)
        {
            self.sink.refused(Proto::Dhcp, why.kind());
            self.sink.saw(peer, mac, What::DhcpRefused { why: *why });
        }
        let another = request.server_id.filter(|&server| server != state.config.server_id);
        if let (Kind::Request, Door::Server, Some(server)) = (request.kind, door, another) {
            // Only said, perhaps long ago or by a forger: whether that server answers is asked at once.
            self.suspicion.notify_one();
            let says = format!("{} takes its offer", request.mac);
            self.sink.saw(peer, mac, What::OtherServer { server, says });
            // Beside another server this is where we learn who will have which address.
            if state.config.mode == Mode::Proxy
                && let Some(address) = request.requested.filter(|&at| state.config.is_inside(at))
            {
                self.learn(address, request.mac);
            }
        }
        if let Some(address) = answer.taken {
            self.sink.saw(peer, mac, What::AddressTaken { address });
        }
        if request.kind == Kind::Discover {
            let empty = answer.decision == Decision::Silent(Refusal::PoolEmpty);
            if empty && !state.empty {
                self.sink.saw(peer, mac, What::PoolEmpty { pool: state.config.pool });
            }
            state.empty |= empty;
            if state.leases.in_stock() < STOCK / 2 {
                self.dry.notify_one();
            }
        }
        self.note_pool(state);
    }

    /// Says that an empty pool has an address to give again.
    fn note_pool(&self, state: &mut State) {
        if state.empty && state.leases.free() > 0 {
            state.empty = false;
            self.sink.saw(SocketAddr::from((Ipv4Addr::UNSPECIFIED, SERVER_PORT)), None, What::PoolFree);
        }
    }

    /// The same when a lease has ended, or the pool has grown, and nobody asks.
    pub(super) fn look_at_pool(&self, now_us: i64) {
        self.with(|state| {
            if state.empty {
                state.leases.expire(now_us);
                self.note_pool(state);
            }
        });
    }

    /// Looks from time to time; never ends by itself.
    pub(super) async fn watch_pool(self: Arc<Self>) {
        loop {
            sleep(POOL_LOOK).await;
            self.look_at_pool(clock::mono_us());
        }
    }

    /// An answer has left.
    pub(super) fn spoken(&self, reply: Reply) {
        if let What::DhcpAnswered { kind: Kind::Ack, address, .. } = reply.what
            && !address.is_unspecified()
        {
            self.learn(address, reply.mac);
        }
        self.sink.saw(reply.peer, Some(reply.mac), reply.what);
    }

    /// A lease could not be written down: its client gets no ACK, asks again, and may then.
    pub(super) fn unwritten(&self, lease: &Lease) {
        if lease.state == LeaseState::Bound {
            let identity = Identity::of(lease.mac, lease.client_id.as_deref());
            self.with(|state| state.leases.unbind(lease.address, &identity, clock::mono_us()));
        }
        self.sink.refused(Proto::Dhcp, "lease not stored");
    }

    fn learn(&self, address: Ipv4Addr, mac: Mac) {
        if !self.sink.neighbours().learn(IpAddr::V4(address), mac) {
            self.sink.refused(Proto::Dhcp, "address table full");
        }
    }
}

fn learn(config: &DhcpConfig, sink: &SeenSink) {
    for (&mac, reservation) in &config.reservations {
        sink.neighbours().learn(reservation.address.into(), mac);
    }
}

/// Port 67 hears machines that have no address yet, and is kept to its interface. Port 4011 is asked by machines that
/// have one, so that whoever has another is none of ours.
fn is_from_here(config: &DhcpConfig, door: Door, peer: SocketAddr) -> bool {
    match (config.replies, door, peer.ip()) {
        (Replies::ToSource, _, ip) => ip.is_loopback(),
        (Replies::Broadcast, Door::Server, _) => true,
        (Replies::Broadcast, Door::BootServer, IpAddr::V4(ip)) => config.is_inside(ip),
        (Replies::Broadcast, Door::BootServer, IpAddr::V6(_)) => false,
    }
}

fn seen(request: &Request, bytes: usize) -> What {
    What::Dhcp {
        kind: request.kind,
        client: request.client(),
        arch: request.arch,
        vendor_class: request.vendor_class.clone(),
        xid: request.xid,
        bytes,
        server: request.server_id,
        requested: request.requested,
    }
}

fn lease(request: &Request, write: Write, now: Stamp) -> Lease {
    Lease {
        address: write.address,
        mac: request.mac,
        client_id: request.client_id.clone(),
        until_wall_us: now.wall_us.saturating_add(write.until_us - now.mono_us),
        state: write.state,
    }
}

fn reply(
    config: &DhcpConfig,
    door: Door,
    peer: SocketAddr,
    request: &Request,
    decision: &Decision,
) -> Option<Reply> {
    let (kind, bytes) = reply::encode(config, request, decision)?;
    let grant = match decision {
        Decision::Offer(grant) | Decision::Ack(grant) => Some(grant),
        _ => None,
    };
    let what = What::DhcpAnswered {
        kind,
        address: grant.and_then(|grant| grant.address).unwrap_or(Ipv4Addr::UNSPECIFIED),
        boot_file: grant.and_then(|grant| grant.boot.file()).map(str::to_owned),
        no_boot_file: match grant {
            Some(Grant { boot: Boot::Missing(why), .. }) => Some(why),
            _ => None,
        },
        known: config.reservations.contains_key(&request.mac),
        bytes: bytes.len(),
    };
    let to = match door {
        Door::Server => destination(config, peer, request, grant),
        Door::BootServer => peer,
    };
    Some(Reply { bytes, to, peer, mac: request.mac, what })
}

/// RFC 2131, section 4.1, simplified: a client without an address cannot be reached but by broadcast, since nobody
/// can ask it by ARP. `ciaddr` is believed only where `answer` has checked it, as the address granted or (INFORM) as one
/// of our network: a forged one must not send our answers elsewhere. `giaddr` has been checked the same way.
pub(super) fn destination(
    config: &DhcpConfig,
    peer: SocketAddr,
    request: &Request,
    grant: Option<&Grant>,
) -> SocketAddr {
    let granted = |grant: &Grant| match grant.address {
        Some(address) => address == request.ciaddr,
        None => config.is_inside(request.ciaddr),
    };
    let uses_its_own = !request.ciaddr.is_unspecified() && grant.is_some_and(granted);
    match config.replies {
        Replies::ToSource => peer,
        Replies::Broadcast if uses_its_own => (request.ciaddr, CLIENT_PORT).into(),
        Replies::Broadcast if !request.giaddr.is_unspecified() => (request.giaddr, SERVER_PORT).into(),
        Replies::Broadcast => (Ipv4Addr::BROADCAST, CLIENT_PORT).into(),
    }
}
