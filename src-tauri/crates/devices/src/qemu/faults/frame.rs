//! Which protocol a frame belongs to, as far as faults tell protocols apart. Pure.

/// What is dropped, delayed and duplicated apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Traffic {
    Dhcp,
    Tftp,
    Http,
}

impl Traffic {
    pub const ALL: [Self; 3] = [Self::Dhcp, Self::Tftp, Self::Http];
}

/// BOOTP's two ports and the boot server's (PXE 2.1 section 2.2.4).
pub(super) const DHCP_PORTS: [u16; 3] = [67, 68, 4011];
/// TFTP's requests; each transfer moves to ports of both sides' choice (RFC 1350 section 4).
pub(super) const TFTP_PORT: u16 = 69;
/// Both ends of a transfer choose from here on.
pub(super) const CHOSEN_FROM: u16 = 1024;
/// High ports that belong to something else: boot server, discovery, mDNS, LLMNR, netconsole.
pub(super) const NO_TRANSFER: [u16; 6] = [1900, 4011, 5353, 5355, 6665, 6666];
pub(super) const HTTP_PORTS: [u16; 2] = [80, 443];

const ETHERTYPE_IPV4: u16 = 0x0800;
const TCP: u8 = 6;
const UDP: u8 = 17;

impl Traffic {
    /// What an Ethernet frame carries; `None` for everything that no fault is about, a later fragment among it.
    pub fn of(frame: &[u8]) -> Option<Self> {
        let half = |at: usize| Some(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]));
        if half(12)? != ETHERTYPE_IPV4 {
            return None;
        }
        let header = usize::from(frame.get(14)? & 0x0f) * 4;
        // The lower thirteen bits are the fragment's offset (RFC 791): only the first one has ports.
        if header < 20 || half(20)? & 0x1fff != 0 {
            return None;
        }
        let (source, target) = (half(14 + header)?, half(16 + header)?);
        let either = |ports: &[u16]| ports.contains(&source) || ports.contains(&target);
        match *frame.get(23)? {
            TCP => either(&HTTP_PORTS).then_some(Self::Http),
            UDP if either(&DHCP_PORTS) => Some(Self::Dhcp),
            UDP if either(&[TFTP_PORT]) => Some(Self::Tftp),
            UDP if source.min(target) >= CHOSEN_FROM && !either(&NO_TRANSFER) => Some(Self::Tftp),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(protocol: u8, source: u16, target: u16) -> Vec<u8> {
        let mut frame = vec![0; 60];
        frame[12..14].copy_from_slice(&ETHERTYPE_IPV4.to_be_bytes());
        frame[14] = 0x45;
        frame[23] = protocol;
        frame[34..36].copy_from_slice(&source.to_be_bytes());
        frame[36..38].copy_from_slice(&target.to_be_bytes());
        frame
    }

    #[test]
    fn protocols_are_told_apart_by_their_ports() {
        let table = [
            (UDP, 68, 67, Some(Traffic::Dhcp)),
            (UDP, 67, 68, Some(Traffic::Dhcp)),
            (UDP, 68, 4011, Some(Traffic::Dhcp)),
            (UDP, 2070, 69, Some(Traffic::Tftp)),
            (UDP, 41_000, 2070, Some(Traffic::Tftp)),
            (TCP, 40_000, 80, Some(Traffic::Http)),
            (TCP, 443, 40_000, Some(Traffic::Http)),
            (UDP, 40_000, 53, None),
            (UDP, 6665, 6666, None),
            (TCP, 40_000, 50_000, None),
            (1, 0, 0, None),
        ];
        for (protocol, source, target, expected) in table {
            assert_eq!(Traffic::of(&frame(protocol, source, target)), expected, "{source} → {target}");
        }
        let mut fragment = frame(UDP, 68, 67);
        fragment[21] = 1;
        assert_eq!(Traffic::of(&fragment), None, "a later fragment has no ports");
        let mut arp = frame(UDP, 68, 67);
        arp[13] = 6;
        assert_eq!(Traffic::of(&arp), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_looked_at_without_a_panic(bytes: Vec<u8>) {
            Traffic::of(&bytes);
        }
    }
}
