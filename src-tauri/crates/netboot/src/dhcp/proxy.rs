//! What we say beside a DHCP server that is not ours: nothing about addresses, only what to boot.
//!
//! PXE 2.1, section 2.2: on port 67 firmware hears our OFFER, which has no address in it, next to that of the other
//! server. On port 4011 it asks again once it has its address. Everybody else is left to the other server.

use super::answer::{self, Boot, Decision, Grant, Refusal};
use super::config::DhcpConfig;
use super::message::{Client, Kind, Request};

/// Port of PXE boot servers.
pub const BOOT_SERVER_PORT: u16 = 4011;

/// Where a message came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// Port 67.
    Server,
    /// Port 4011.
    BootServer,
}

/// Decides. The boot server speaks in every mode: there is firmware that asks it whoever gave the address.
pub fn answer(config: &DhcpConfig, request: &Request, door: Door) -> Decision {
    if !request.giaddr.is_unspecified() && !config.is_inside(request.giaddr) {
        return Decision::Silent(Refusal::Relayed(request.giaddr));
    }
    if matches!(request.client(), Client::System | Client::Grub) {
        return match request.kind {
            Kind::Discover | Kind::Inform => Decision::Silent(Refusal::NotBooting),
            _ => Decision::Noted,
        };
    }
    let grant = match answer::boot(config, request) {
        Boot::Missing(why) => return Decision::Silent(Refusal::NoFile(why)),
        boot => {
            let known = config.reservations.contains_key(&request.mac);
            Grant { address: None, host_name: None, known, boot, beside: true }
        }
    };
    match (door, request.kind) {
        (Door::Server, Kind::Discover) => Decision::Offer(grant),
        (Door::Server, Kind::Inform) => Decision::Ack(grant),
        // It takes the other server's address, as it should.
        (Door::Server, _) => Decision::Noted,
        // Firmware copies option 54 from either offer into what it sends here; it came to our port and means us.
        (Door::BootServer, Kind::Request | Kind::Inform | Kind::Discover) => Decision::Ack(grant),
        (Door::BootServer, _) => Decision::Noted,
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::tests::{KNOWN, board};
    use super::super::message::decode;
    use super::super::message::tests::datagram;
    use super::*;

    const UEFI: [(u8, &[u8]); 2] = [(60, b"PXEClient:Arch:00007"), (93, &[0, 7])];

    fn decide(kind: u8, options: &[(u8, &[u8])], door: Door) -> Decision {
        answer(&board(), &decode(&datagram(kind, KNOWN.0, options)).unwrap(), door)
    }

    #[test]
    fn firmware_is_told_what_to_boot_and_never_an_address() {
        for (kind, door) in [(1, Door::Server), (3, Door::BootServer), (8, Door::BootServer)] {
            let decision = decide(kind, &UEFI, door);
            let (Decision::Offer(grant) | Decision::Ack(grant)) = decision else {
                panic!("{kind}: {decision:?}")
            };
            assert_eq!((grant.address, grant.boot), (None, Boot::Loader("ipxe.efi".into())));
        }
    }

    #[test]
    fn all_else_is_the_other_servers_business() {
        let taking = [UEFI[0], UEFI[1], (54, &[192, 168, 122, 66][..])];
        assert_eq!(decide(3, &taking, Door::Server), Decision::Noted);
        assert_eq!(decide(1, &[(60, b"udhcp")], Door::Server), Decision::Silent(Refusal::NotBooting));
        assert_eq!(decide(3, &[(60, b"udhcp")], Door::BootServer), Decision::Noted);
        let strange = [(60, &b"PXEClient"[..]), (93, &[0, 11])];
        let decision = decide(1, &strange, Door::Server);
        assert_eq!(decision, Decision::Silent(Refusal::NoFile("no loader for this architecture")));
        assert_eq!(decide(7, &UEFI, Door::BootServer), Decision::Noted);
    }
}
