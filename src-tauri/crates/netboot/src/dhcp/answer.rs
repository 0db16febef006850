//! What we answer, as a pure function of the configuration, the pool, the request and the time.

use std::fmt;
use std::net::Ipv4Addr;

use super::config::{DhcpConfig, Mode};
use super::lease_store::LeaseState;
use super::leases::Leases;
use super::message::{Client, Kind, Request};

/// What to do about one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Answer a DISCOVER.
    Offer(Grant),
    /// Answer a REQUEST or an INFORM.
    Ack(Grant),
    /// Refuse a REQUEST, so that the client starts again with DISCOVER.
    Nak(Refusal),
    /// Say nothing, and report why.
    Silent(Refusal),
    /// Say nothing, because nothing is to be said (RELEASE, DECLINE).
    Noted,
}

/// What a client is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its address; `None` in the answer to an INFORM, which has one already.
    pub address: Option<Ipv4Addr>,
    /// Option 12, for machines with a reservation.
    pub host_name: Option<String>,
    /// Whether the machine has a reservation.
    pub known: bool,
    /// What it should boot.
    pub boot: Boot,
    /// Said beside another server, which tells it everything about the network.
    pub beside: bool,
}

/// What a client should boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Boot {
    /// It is an operating system and boots no more.
    Nothing,
    /// It asks for a loader and we have none that could run there.
    Missing(&'static str),
    /// A loader by TFTP.
    Loader(String),
    /// A loader by HTTP, for firmware that can.
    LoaderUrl(String),
    /// A script for iPXE.
    Script(String),
}

impl Boot {
    /// The file named in the answer.
    pub fn file(&self) -> Option<&str> {
        match self {
            Boot::Nothing | Boot::Missing(_) => None,
            Boot::Loader(file) | Boot::LoaderUrl(file) | Boot::Script(file) => Some(file),
        }
    }
}

/// Why a client does not get what it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It takes the offer of another server: a second DHCP server is on the network, and this is its address.
    OtherServer(Ipv4Addr),
    /// Every address of the pool is taken.
    PoolEmpty,
    /// It came through a relay, which this network does not have.
    Relayed(Ipv4Addr),
    /// It wants an address that is not of this network.
    Outside(Ipv4Addr),
    /// It wants an address that belongs to another machine, or not to the pool.
    NotIts {
        /// What it wants.
        asked: Ipv4Addr,
        /// What it could have.
        offered: Option<Ipv4Addr>,
    },
    /// It names no address in any of the places for one.
    NoAddress,
    /// It wants an address that we have never given it, and another server may have.
    Unknown(Ipv4Addr),
    /// Another server answers on this network, and we are not told to take it over.
    Rival(Ipv4Addr),
    /// We have just begun and listen for other servers first.
    Listening,
    /// Leases cannot be read or written, so no address of the pool is given.
    LeasesLost,
    /// It was told to be silent.
    Off,
    /// Beside another server we speak to booting firmware alone.
    NotBooting,
    /// There is nothing for it to boot, which is all we could have told it.
    NoFile(&'static str),
}

impl Refusal {
    /// A fixed word, for counting.
    pub fn kind(&self) -> &'static str {
        match self {
            Refusal::OtherServer(_) => "request to another server",
            Refusal::PoolEmpty => "pool empty",
            Refusal::Relayed(_) => "relayed",
            Refusal::Outside(_) => "address outside the network",
            Refusal::NotIts { .. } => "address of another machine",
            Refusal::NoAddress => "request without address",
            Refusal::Unknown(_) => "request of an unknown client",
            Refusal::Rival(_) => "silent because of another server",
            Refusal::Listening => "listening for other servers first",
            Refusal::LeasesLost => "lease store lost",
            Refusal::Off => "switched off",
            Refusal::NotBooting => "not booting firmware",
            Refusal::NoFile(_) => "nothing to boot",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::OtherServer(server) => write!(f, "it takes the offer of another DHCP server, {server}"),
            Refusal::PoolEmpty => write!(f, "every address of the pool is taken"),
            Refusal::Relayed(relay) => write!(f, "it came through a relay, {relay}"),
            Refusal::Outside(address) => write!(f, "it wants {address}, which is not of this network"),
            Refusal::NotIts { asked, offered: Some(offered) } => {
                write!(f, "it wants {asked}, but {offered} is its address")
            }
            Refusal::NotIts { asked, offered: None } => {
                write!(f, "it wants {asked}, which is not free, and neither is any other address")
            }
            Refusal::NoAddress => write!(f, "it requests no address"),
            Refusal::Unknown(asked) => write!(f, "it wants {asked}, which we never gave it"),
            Refusal::Rival(server) => {
                write!(f, "another DHCP server, {server}, answers on this network, so ours is silent")
            }
            Refusal::Listening => write!(f, "we listen for other DHCP servers before we answer"),
            Refusal::LeasesLost => write!(f, "leases cannot be stored, so the pool gives no address"),
            Refusal::Off => write!(f, "our DHCP is switched off"),
            Refusal::NotBooting => {
                write!(f, "it does not boot, and addresses are the other server's business")
            }
            Refusal::NoFile(why) => write!(f, "there is nothing for it to boot: {why}"),
        }
    }
}

/// A decision, and what it leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What to say.
    pub decision: Decision,
    /// What must be written down before it is said.
    pub write: Option<Write>,
    /// An address that the client found in use by somebody else.
    pub taken: Option<Ipv4Addr>,
}

/// A change of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write {
    /// Of which address.
    pub address: Ipv4Addr,
    /// What became of it.
    pub state: LeaseState,
    /// When that ends, on the monotonic clock.
    pub until_us: i64,
}

impl From<Decision> for Answer {
    fn from(decision: Decision) -> Answer {
        Answer { decision, write: None, taken: None }
    }
}

/// Decides, and notes in `leases` what was given. `now_us` is a monotonic clock.
pub fn answer(config: &DhcpConfig, leases: &mut Leases, request: &Request, now_us: i64) -> Answer {
    // A relay stands in our network or is none of ours: we have no addresses for other networks.
    if !request.giaddr.is_unspecified() && !config.is_inside(request.giaddr) {
        return Decision::Silent(Refusal::Relayed(request.giaddr)).into();
    }
    leases.expire(now_us);
    let to_another = request.server_id.filter(|&server| server != config.server_id);
    match (request.kind, to_another) {
        (Kind::Discover, _) => discover(config, leases, request, now_us),
        (Kind::Request, Some(server)) => {
            leases.withdraw(&request.identity(), now_us);
            Decision::Silent(Refusal::OtherServer(server)).into()
        }
        (Kind::Request, None) => answer_request(config, leases, request, now_us),
        (Kind::Inform, _) if config.is_inside(request.ciaddr) => {
            Decision::Ack(grant(config, request, None)).into()
        }
        (Kind::Inform, _) => Decision::Silent(Refusal::Outside(request.ciaddr)).into(),
        (Kind::Release, None) => release(leases, request, now_us),
        (Kind::Decline, None) => decline(config, leases, request, now_us),
        // `decode` lets no server's message through; one that came all the same deserves no answer.
        _ => Decision::Noted.into(),
    }
}

fn discover(config: &DhcpConfig, leases: &mut Leases, request: &Request, now_us: i64) -> Answer {
    let address = match config.reservations.get(&request.mac) {
        Some(reservation) => reservation.address,
        None => match leases.find(&request.identity(), request.mac, request.requested) {
            Some(address) => {
                leases.offer(address, (request.identity(), request.mac), now_us);
                address
            }
            None => return Decision::Silent(Refusal::PoolEmpty).into(),
        },
    };
    Decision::Offer(grant(config, request, Some(address))).into()
}

/// RFC 2131, section 4.3.2. The states differ in where the wanted address stands, and in whether a server that knows
/// nothing of the client may speak.
fn answer_request(config: &DhcpConfig, leases: &mut Leases, request: &Request, now_us: i64) -> Answer {
    let identity = request.identity();
    let selecting = request.server_id.is_some();
    let renewing = !request.ciaddr.is_unspecified();
    // SELECTING and INIT-REBOOT name it in option 50; RENEWING and REBINDING use it already.
    let Some(asked) = request.requested.or(renewing.then_some(request.ciaddr)) else {
        return Decision::Silent(Refusal::NoAddress).into();
    };
    if !config.is_inside(asked) {
        return Decision::Nak(Refusal::Outside(asked)).into();
    }
    if let Some(reservation) = config.reservations.get(&request.mac) {
        let offered = Some(reservation.address);
        return match offered == Some(asked) {
            true => Decision::Ack(grant(config, request, Some(asked))).into(),
            false => Decision::Nak(Refusal::NotIts { asked, offered }).into(),
        };
    }
    let refused = Refusal::NotIts { asked, offered: leases.known(&identity) };
    match leases.known(&identity) {
        Some(own) if own == asked => {}
        Some(_) => return Decision::Nak(refused).into(),
        // It took our offer, or renews with us what only we could have given: the record was lost, not the right.
        None if (selecting || renewing) && leases.is_free(asked) => {}
        None if selecting => return Decision::Nak(refused).into(),
        // It uses an address that is somebody else's.
        None if renewing && (leases.is_pooled(asked) || config.is_reserved(asked)) => {
            return Decision::Nak(refused).into();
        }
        // "MUST remain silent": another server may know it. Unless there shall be no other.
        None if config.mode == Mode::Takeover => return Decision::Nak(refused).into(),
        None => return Decision::Silent(Refusal::Unknown(asked)).into(),
    }
    let lease_us = i64::try_from(config.lease.as_micros()).unwrap_or(i64::MAX);
    leases.bind(asked, (identity, request.mac), lease_us, now_us);
    let until_us = now_us.saturating_add(lease_us);
    Answer {
        decision: Decision::Ack(grant(config, request, Some(asked))),
        write: Some(Write { address: asked, state: LeaseState::Bound, until_us }),
        taken: None,
    }
}

fn release(leases: &mut Leases, request: &Request, now_us: i64) -> Answer {
    let identity = request.identity();
    let released = if leases.held_by(&identity) == Some(request.ciaddr) {
        leases.release(&identity, now_us)
    } else {
        None
    };
    let write = |address| Write { address, state: LeaseState::Released, until_us: now_us };
    Answer { decision: Decision::Noted, write: released.map(write), taken: None }
}

/// Only the holder's word is taken: otherwise anybody could declare the whole pool unusable.
fn decline(config: &DhcpConfig, leases: &mut Leases, request: &Request, now_us: i64) -> Answer {
    let mut answer = Answer::from(Decision::Noted);
    let reserved = config.reservations.get(&request.mac).map(|reservation| reservation.address);
    let Some(address) = request.requested else { return answer };
    if reserved == Some(address) {
        // It stays reserved: somebody has to find whoever uses it.
        answer.taken = Some(address);
    } else if leases.held_by(&request.identity()) == Some(address) {
        let until_us = leases.taken(address, now_us);
        answer.taken = Some(address);
        answer.write = Some(Write { address, state: LeaseState::Taken, until_us });
    }
    answer
}

fn grant(config: &DhcpConfig, request: &Request, address: Option<Ipv4Addr>) -> Grant {
    let reservation = config.reservations.get(&request.mac);
    Grant {
        address,
        host_name: reservation.map(|reservation| reservation.host_name.clone()),
        known: reservation.is_some(),
        boot: boot(config, request),
        beside: false,
    }
}

/// What this client should boot.
pub(super) fn boot(config: &DhcpConfig, request: &Request) -> Boot {
    const ONLY_64_BIT: &str = "32-bit UEFI firmware cannot run the 64-bit loader, and there is no other";
    let names = config.boot_of(request.mac);
    let client = request.client();
    match (client, request.arch) {
        // GRUB on a disk knows where its configuration is.
        (Client::System | Client::Grub, _) => Boot::Nothing,
        (_, _) if names.missing.is_some() => Boot::Missing(names.missing.unwrap_or_default()),
        (Client::Ipxe, _) => Boot::Script(names.script_url.clone()),
        // RFC 4578: 0 is a PC BIOS, and ROMs older than option 93 are nothing else.
        (Client::Firmware, None | Some(0)) => Boot::Loader(names.bios.clone()),
        (Client::Firmware, Some(6)) => match &names.efi32 {
            Some(name) => Boot::Loader(name.clone()),
            None => Boot::Missing(ONLY_64_BIT),
        },
        // 9 is "EBC" in RFC 4578, but its erratum and all firmware use 7 and 9 for x86-64.
        (Client::Firmware, Some(7 | 9)) => Boot::Loader(names.efi64.clone()),
        (Client::HttpFirmware, Some(16)) => Boot::LoaderUrl(names.efi64_url.clone()),
        (Client::HttpFirmware, Some(15)) => Boot::Missing(ONLY_64_BIT),
        (Client::Firmware | Client::HttpFirmware, _) => Boot::Missing("no loader for this architecture"),
    }
}

#[cfg(test)]
mod tests;
