//! What we answer, as a pure function of the configuration, the pool, the request and the time.

use std::fmt;
use std::net::Ipv4Addr;

use super::config::DhcpConfig;
use super::leases::Leases;
use super::message::{Client, Kind, Request};
use crate::Mac;

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
        }
    }
}

/// Decides, and notes in `leases` what was given. `now_us` is a monotonic clock.
pub fn answer(config: &DhcpConfig, leases: &mut Leases, request: &Request, now_us: i64) -> Decision {
    if !request.giaddr.is_unspecified() {
        return Decision::Silent(Refusal::Relayed(request.giaddr));
    }
    let mac = request.mac;
    match request.kind {
        Kind::Discover => match address_for(config, leases, mac, request.requested, now_us) {
            Some(address) => {
                if !config.reservations.contains_key(&mac) {
                    leases.offer(address, mac, now_us);
                }
                Decision::Offer(grant(config, request, Some(address)))
            }
            None => Decision::Silent(Refusal::PoolEmpty),
        },
        Kind::Request => answer_request(config, leases, request, now_us),
        Kind::Inform if config.is_inside(request.ciaddr) => Decision::Ack(grant(config, request, None)),
        Kind::Inform => Decision::Silent(Refusal::Outside(request.ciaddr)),
        Kind::Release => {
            if leases.held_by(mac, now_us) == Some(request.ciaddr) {
                leases.release(mac);
            }
            Decision::Noted
        }
        Kind::Decline => {
            if let Some(address) = request.requested {
                leases.decline(address, mac, now_us);
            }
            Decision::Noted
        }
        // `decode` lets no server's message through; one that came all the same deserves no answer.
        Kind::Offer | Kind::Ack | Kind::Nak => Decision::Noted,
    }
}

/// RFC 2131, section 4.3.2. The four states differ in where the wanted address stands; what decides is the same: is it
/// this machine's? We are the only server this network should have, so we also speak where the RFC lets a server that
/// knows nothing of the client keep silent.
fn answer_request(config: &DhcpConfig, leases: &mut Leases, request: &Request, now_us: i64) -> Decision {
    let mac = request.mac;
    if let Some(server) = request.server_id.filter(|&server| server != config.server_id) {
        leases.release(mac);
        return Decision::Silent(Refusal::OtherServer(server));
    }
    // SELECTING and INIT-REBOOT name it in option 50; RENEWING and REBINDING use it already.
    let in_use = Some(request.ciaddr).filter(|ciaddr| !ciaddr.is_unspecified());
    let Some(asked) = request.requested.or(in_use) else {
        return Decision::Nak(Refusal::NoAddress);
    };
    if !config.is_inside(asked) {
        return Decision::Nak(Refusal::Outside(asked));
    }
    let offered = address_for(config, leases, mac, Some(asked), now_us);
    if offered != Some(asked) {
        return Decision::Nak(Refusal::NotIts { asked, offered });
    }
    if !config.reservations.contains_key(&mac) {
        let lease_us = i64::try_from(config.lease.as_micros()).unwrap_or(i64::MAX);
        leases.bind(asked, mac, lease_us, now_us);
    }
    Decision::Ack(grant(config, request, Some(asked)))
}

fn address_for(
    config: &DhcpConfig,
    leases: &Leases,
    mac: Mac,
    wish: Option<Ipv4Addr>,
    now_us: i64,
) -> Option<Ipv4Addr> {
    match config.reservations.get(&mac) {
        Some(reservation) => Some(reservation.address),
        None => leases.find(config, mac, wish, now_us),
    }
}

fn grant(config: &DhcpConfig, request: &Request, address: Option<Ipv4Addr>) -> Grant {
    let reservation = config.reservations.get(&request.mac);
    Grant {
        address,
        host_name: reservation.map(|reservation| reservation.host_name.clone()),
        known: reservation.is_some(),
        boot: boot(config, request),
    }
}

fn boot(config: &DhcpConfig, request: &Request) -> Boot {
    let names = &config.boot;
    match (request.client(), request.arch) {
        (Client::System, _) => Boot::Nothing,
        (Client::Ipxe, _) => Boot::Script(names.script_url.clone()),
        // RFC 4578: 0 is a PC BIOS, and ROMs older than option 93 are nothing else.
        (Client::Firmware, None | Some(0)) => Boot::Loader(names.bios.clone()),
        (Client::Firmware, Some(6)) => match &names.efi32 {
            Some(name) => Boot::Loader(name.clone()),
            None => Boot::Missing("32-bit UEFI firmware cannot run the 64-bit loader, and there is no other"),
        },
        // 9 is "EBC" in RFC 4578, but its erratum and all firmware use 7 and 9 for x86-64.
        (Client::Firmware, Some(7 | 9)) => Boot::Loader(names.efi64.clone()),
        (Client::HttpFirmware, Some(16)) => Boot::LoaderUrl(names.efi64_url.clone()),
        (Client::HttpFirmware, Some(15)) => {
            Boot::Missing("32-bit UEFI firmware cannot run the 64-bit loader, and there is no other")
        }
        (Client::Firmware | Client::HttpFirmware, _) => Boot::Missing("no loader for this architecture"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::tests::{KNOWN, STRANGER, board};
    use super::super::message::decode;
    use super::super::message::tests::datagram;
    use super::*;

    const OURS: &[u8] = &[192, 168, 122, 3];
    const NODE1: Ipv4Addr = Ipv4Addr::new(192, 168, 122, 11);

    fn request(kind: u8, mac: Mac, options: &[(u8, &[u8])]) -> Request {
        decode(&datagram(kind, mac.0, options)).unwrap()
    }

    fn decide(leases: &mut Leases, request: &Request) -> Decision {
        answer(&board(), leases, request, 1)
    }

    fn address_in(decision: &Decision) -> Option<Ipv4Addr> {
        match decision {
            Decision::Offer(grant) | Decision::Ack(grant) => grant.address,
            _ => None,
        }
    }

    #[test]
    fn every_architecture_gets_what_can_run_there() {
        let missing32 = "32-bit UEFI firmware cannot run the 64-bit loader, and there is no other";
        let loader = |name: &str| Boot::Loader(name.into());
        let cases: [(&str, &[u8], u8, Boot); 9] = [
            ("PXEClient", &[], 0, loader("undionly.kpxe")),
            ("PXEClient", &[], 7, loader("ipxe.efi")),
            ("PXEClient", &[], 9, loader("ipxe.efi")),
            ("PXEClient", &[], 6, Boot::Missing(missing32)),
            ("PXEClient", &[], 11, Boot::Missing("no loader for this architecture")),
            ("HTTPClient", &[], 16, Boot::LoaderUrl("http://192.168.122.3/ipxe.efi".into())),
            ("HTTPClient", &[], 15, Boot::Missing(missing32)),
            ("PXEClient", b"iPXE", 7, Boot::Script("http://192.168.122.3/boot.ipxe".into())),
            ("udhcp", &[], 7, Boot::Nothing),
        ];
        for (vendor, user, arch, boot) in cases {
            let asked = request(1, KNOWN, &[(60, vendor.as_bytes()), (77, user), (93, &[0, arch])]);
            let Decision::Offer(grant) = decide(&mut Leases::default(), &asked) else {
                panic!("{vendor} {arch}: no offer");
            };
            assert_eq!(grant.boot, boot, "{vendor} {arch}");
            assert_eq!((grant.address, grant.known), (Some(NODE1), true));
        }
    }

    #[test]
    fn a_stranger_gets_the_address_it_was_offered() {
        let mut leases = Leases::default();
        let offered = address_in(&decide(&mut leases, &request(1, STRANGER, &[]))).unwrap();
        let selecting = request(3, STRANGER, &[(50, &offered.octets()), (54, OURS)]);
        let decision = decide(&mut leases, &selecting);
        assert!(matches!(&decision, Decision::Ack(grant) if !grant.known), "{decision:?}");
        assert_eq!(address_in(&decision), Some(offered));
        // Renewing: no option 50, the address is in ciaddr.
        let mut renewing = request(3, STRANGER, &[]);
        renewing.ciaddr = offered;
        assert_eq!(address_in(&decide(&mut leases, &renewing)), Some(offered));
        // After our restart nobody remembers, and it gets it all the same.
        assert_eq!(address_in(&decide(&mut Leases::default(), &renewing)), Some(offered));
    }

    #[test]
    fn requests_for_the_wrong_address_are_refused_aloud() {
        let pool = Ipv4Addr::new(192, 168, 122, 200);
        let cases = [
            (KNOWN, vec![192, 168, 122, 200], Refusal::NotIts { asked: pool, offered: Some(NODE1) }),
            (KNOWN, vec![10, 0, 0, 1], Refusal::Outside(Ipv4Addr::new(10, 0, 0, 1))),
        ];
        for (mac, asked, why) in cases {
            let decision = decide(&mut Leases::default(), &request(3, mac, &[(50, &asked)]));
            assert_eq!(decision, Decision::Nak(why));
        }
        // A stranger may not have a machine's reserved address.
        let stolen = decide(&mut Leases::default(), &request(3, STRANGER, &[(50, &NODE1.octets())]));
        assert!(matches!(stolen, Decision::Nak(Refusal::NotIts { asked: NODE1, offered: Some(_) })));
        let nothing = decide(&mut Leases::default(), &request(3, KNOWN, &[]));
        assert_eq!(nothing, Decision::Nak(Refusal::NoAddress));
    }

    #[test]
    fn another_servers_client_is_named_and_left_alone() {
        let mut leases = Leases::default();
        let offered = address_in(&decide(&mut leases, &request(1, STRANGER, &[]))).unwrap();
        let rogue = Ipv4Addr::new(192, 168, 122, 66);
        let asked = request(3, STRANGER, &[(50, &[192, 168, 122, 70]), (54, &rogue.octets())]);
        assert_eq!(decide(&mut leases, &asked), Decision::Silent(Refusal::OtherServer(rogue)));
        assert!(leases.is_free(&board(), offered, 2), "the offer it did not take is free again");
    }

    #[test]
    fn a_full_pool_is_silent_and_machines_with_reservations_do_not_care() {
        let mut leases = Leases::default();
        for last in 0..4 {
            let offer = decide(&mut leases, &request(1, Mac([2, 0, 0, 0, 0, last]), &[]));
            assert!(address_in(&offer).is_some());
        }
        assert_eq!(decide(&mut leases, &request(1, STRANGER, &[])), Decision::Silent(Refusal::PoolEmpty));
        assert_eq!(address_in(&decide(&mut leases, &request(1, KNOWN, &[]))), Some(NODE1));
    }

    #[test]
    fn release_and_decline_need_no_answer() {
        let mut leases = Leases::default();
        let offered = address_in(&decide(&mut leases, &request(1, STRANGER, &[]))).unwrap();
        let mut release = request(7, STRANGER, &[]);
        release.ciaddr = offered;
        assert_eq!(decide(&mut leases, &release), Decision::Noted);
        assert!(leases.is_free(&board(), offered, 2));
        let decline = request(4, STRANGER, &[(50, &offered.octets())]);
        assert_eq!(decide(&mut leases, &decline), Decision::Noted);
        assert!(leases.is_free(&board(), offered, 2), "it no longer held it, so its word is not taken");
    }

    #[test]
    fn inform_gets_everything_but_an_address() {
        let mut inform = request(8, KNOWN, &[]);
        inform.ciaddr = NODE1;
        let decision = decide(&mut Leases::default(), &inform);
        assert!(matches!(decision, Decision::Ack(Grant { address: None, .. })), "{decision:?}");
        inform.ciaddr = Ipv4Addr::new(8, 8, 8, 8);
        let decision = decide(&mut Leases::default(), &inform);
        assert!(matches!(decision, Decision::Silent(Refusal::Outside(_))), "nobody elsewhere is answered");
    }

    #[test]
    fn relayed_requests_are_not_ours() {
        let mut asked = request(1, KNOWN, &[]);
        asked.giaddr = Ipv4Addr::new(10, 9, 8, 7);
        let decision = decide(&mut Leases::default(), &asked);
        assert_eq!(decision, Decision::Silent(Refusal::Relayed(asked.giaddr)));
    }
}
