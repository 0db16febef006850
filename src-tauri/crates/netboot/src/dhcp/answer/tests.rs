use super::super::config::BootNames;
use super::super::config::tests::{KNOWN, STRANGER, board};
use super::super::message::decode;
use super::super::message::tests::datagram;
use super::*;
use crate::Mac;

const OURS: &[u8] = &[192, 168, 122, 3];
const NODE1: Ipv4Addr = Ipv4Addr::new(192, 168, 122, 11);

fn request(kind: u8, mac: Mac, options: &[(u8, &[u8])]) -> Request {
    decode(&datagram(kind, mac.0, options)).unwrap()
}

fn pool() -> Leases {
    Leases::new(&board())
}

fn decide(leases: &mut Leases, request: &Request) -> Decision {
    answer(&board(), leases, request, 1).decision
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
        let Decision::Offer(grant) = decide(&mut pool(), &asked) else {
            panic!("{vendor} {arch}: no offer");
        };
        assert_eq!(grant.boot, boot, "{vendor} {arch}");
        assert_eq!((grant.address, grant.known), (Some(NODE1), true));
    }
}

/// A stranger with a lease, and the lease.
fn bound() -> (Leases, Ipv4Addr) {
    let mut leases = pool();
    let offered = address_in(&decide(&mut leases, &request(1, STRANGER, &[]))).unwrap();
    let selecting = request(3, STRANGER, &[(50, &offered.octets()), (54, OURS)]);
    let answered = answer(&board(), &mut leases, &selecting, 1);
    assert!(matches!(&answered.decision, Decision::Ack(grant) if !grant.known), "{answered:?}");
    assert_eq!(address_in(&answered.decision), Some(offered));
    let until_us = 1 + 86_400_000_000;
    assert_eq!(answered.write, Some(Write { address: offered, state: LeaseState::Bound, until_us }));
    (leases, offered)
}

fn renewing(mac: Mac, address: Ipv4Addr) -> Request {
    let mut renewing = request(3, mac, &[]);
    renewing.ciaddr = address;
    renewing
}

#[test]
fn a_stranger_gets_the_address_it_was_offered() {
    let (mut leases, offered) = bound();
    assert_eq!(address_in(&decide(&mut leases, &renewing(STRANGER, offered))), Some(offered));
    let rebooting = request(3, STRANGER, &[(50, &offered.octets())]);
    assert_eq!(address_in(&decide(&mut leases, &rebooting)), Some(offered));
    // Should the record be lost, it gets it all the same: only we can have given it.
    assert_eq!(address_in(&decide(&mut pool(), &renewing(STRANGER, offered))), Some(offered));
}

#[test]
fn a_client_nobody_knows_is_left_to_whoever_may_know_it() {
    let asked = Ipv4Addr::new(192, 168, 122, 201);
    let rebooting = request(3, STRANGER, &[(50, &asked.octets())]);
    assert_eq!(decide(&mut pool(), &rebooting), Decision::Silent(Refusal::Unknown(asked)));
    let elsewhere = Ipv4Addr::new(192, 168, 122, 77);
    let moved = renewing(STRANGER, elsewhere);
    assert_eq!(decide(&mut pool(), &moved), Decision::Silent(Refusal::Unknown(elsewhere)));
    let mut alone = board();
    alone.mode = Mode::Takeover;
    for request in [rebooting, moved] {
        let decision = answer(&alone, &mut pool(), &request, 1).decision;
        assert!(matches!(decision, Decision::Nak(Refusal::NotIts { .. })), "{decision:?}");
    }
}

#[test]
fn requests_for_the_wrong_address_are_refused_aloud() {
    let in_pool = Ipv4Addr::new(192, 168, 122, 200);
    let cases = [
        (KNOWN, vec![192, 168, 122, 200], Refusal::NotIts { asked: in_pool, offered: Some(NODE1) }),
        (KNOWN, vec![10, 0, 0, 1], Refusal::Outside(Ipv4Addr::new(10, 0, 0, 1))),
    ];
    for (mac, asked, why) in cases {
        let decision = decide(&mut pool(), &request(3, mac, &[(50, &asked)]));
        assert_eq!(decision, Decision::Nak(why));
    }
    // A stranger may not have a machine's reserved address, nor another stranger's.
    let (mut leases, held) = bound();
    let other = Mac([2, 0, 0, 0, 0, 1]);
    for asked in [NODE1, held] {
        let selecting = request(3, other, &[(50, &asked.octets()), (54, OURS)]);
        for request in [selecting, renewing(other, asked)] {
            let refused = Decision::Nak(Refusal::NotIts { asked, offered: None });
            assert_eq!(decide(&mut leases, &request), refused);
        }
    }
    let own = renewing(STRANGER, NODE1);
    assert_eq!(
        decide(&mut leases, &own),
        Decision::Nak(Refusal::NotIts { asked: NODE1, offered: Some(held) })
    );
    let nothing = decide(&mut leases, &request(3, KNOWN, &[]));
    assert_eq!(nothing, Decision::Silent(Refusal::NoAddress));
}

#[test]
fn two_systems_on_one_card_are_two_clients() {
    let mut leases = pool();
    let one = address_in(&decide(&mut leases, &request(1, STRANGER, &[(61, b"\0one")]))).unwrap();
    let two = address_in(&decide(&mut leases, &request(1, STRANGER, &[(61, b"\0two")]))).unwrap();
    assert_ne!(one, two);
    let again = address_in(&decide(&mut leases, &request(1, STRANGER, &[(61, b"\0one")])));
    assert_eq!(again, Some(one));
}

#[test]
fn a_machine_with_its_own_names_boots_those() {
    let mut config = board();
    let own = BootNames { efi64: "shimx64.efi".into(), ..config.boot.clone() };
    let set = |config: &mut DhcpConfig, own| {
        config.reservations.entry(KNOWN).and_modify(|node1| node1.boot = Some(own));
    };
    let asked = request(1, KNOWN, &[(60, b"PXEClient"), (93, &[0, 7])]);
    set(&mut config, own);
    assert_eq!(boot(&config, &asked), Boot::Loader("shimx64.efi".into()));
    set(&mut config, BootNames::nothing("it is disabled"));
    assert_eq!(boot(&config, &asked), Boot::Missing("it is disabled"));
    assert_eq!(boot(&config, &request(1, KNOWN, &[])), Boot::Nothing, "a system boots no more");
}

#[test]
fn another_servers_client_is_named_and_left_alone() {
    let mut leases = pool();
    let offered = address_in(&decide(&mut leases, &request(1, STRANGER, &[]))).unwrap();
    let rogue = Ipv4Addr::new(192, 168, 122, 66);
    let asked = request(3, STRANGER, &[(50, &[192, 168, 122, 70]), (54, &rogue.octets())]);
    assert_eq!(decide(&mut leases, &asked), Decision::Silent(Refusal::OtherServer(rogue)));
    assert!(leases.is_free(offered), "the offer it did not take is free again");
    let (mut leases, held) = bound();
    assert_eq!(decide(&mut leases, &asked), Decision::Silent(Refusal::OtherServer(rogue)));
    assert!(!leases.is_free(held), "what was acknowledged is kept until it ends");
}

#[test]
fn a_full_pool_is_silent_and_machines_with_reservations_do_not_care() {
    let mut leases = pool();
    for last in 0..4 {
        let offer = decide(&mut leases, &request(1, Mac([2, 0, 0, 0, 0, last]), &[]));
        assert!(address_in(&offer).is_some());
    }
    assert_eq!(decide(&mut leases, &request(1, STRANGER, &[])), Decision::Silent(Refusal::PoolEmpty));
    assert_eq!(address_in(&decide(&mut leases, &request(1, KNOWN, &[]))), Some(NODE1));
}

#[test]
fn release_and_decline_need_no_answer_and_are_written_down() {
    let (mut leases, held) = bound();
    let mut release = request(7, STRANGER, &[(54, OURS)]);
    release.ciaddr = held;
    let answered = answer(&board(), &mut leases, &release, 2);
    assert_eq!(answered.decision, Decision::Noted);
    assert_eq!(answered.write.map(|write| (write.address, write.state)), Some((held, LeaseState::Released)));
    assert!(leases.is_free(held));
    let decline = request(4, STRANGER, &[(50, &held.octets())]);
    assert_eq!(answer(&board(), &mut leases, &decline, 2), Decision::Noted.into(), "it no longer held it");

    let (mut leases, held) = bound();
    let answered = answer(&board(), &mut leases, &decline, 2);
    assert_eq!(answered.taken, Some(held));
    assert_eq!(answered.write.map(|write| write.state), Some(LeaseState::Taken));
    assert!(!leases.is_free(held));
    let reserved = request(4, KNOWN, &[(50, &NODE1.octets())]);
    assert_eq!(answer(&board(), &mut leases, &reserved, 2).taken, Some(NODE1));
}

#[test]
fn inform_gets_everything_but_an_address() {
    let mut inform = request(8, KNOWN, &[]);
    inform.ciaddr = NODE1;
    let decision = decide(&mut pool(), &inform);
    assert!(matches!(decision, Decision::Ack(Grant { address: None, .. })), "{decision:?}");
    inform.ciaddr = Ipv4Addr::new(8, 8, 8, 8);
    let decision = decide(&mut pool(), &inform);
    assert!(matches!(decision, Decision::Silent(Refusal::Outside(_))), "nobody elsewhere is answered");
}

#[test]
fn a_relay_in_our_network_is_served_and_others_are_not_ours() {
    let mut asked = request(1, KNOWN, &[]);
    asked.giaddr = Ipv4Addr::new(192, 168, 122, 254);
    assert_eq!(address_in(&decide(&mut pool(), &asked)), Some(NODE1));
    asked.giaddr = Ipv4Addr::new(10, 9, 8, 7);
    assert_eq!(decide(&mut pool(), &asked), Decision::Silent(Refusal::Relayed(asked.giaddr)));
}
