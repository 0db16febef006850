//! Which frames are kept, and how much of each. Pure.

/// Words of a request or an answer of HTTP, to the empty line; what follows is a file or a secret.
const HTTP_HEAD: usize = 512;
/// A request, an option list or an error of TFTP.
const TFTP_WORDS: usize = 600;

const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// DHCP, its boot server's port, DHCPv6, DNS.
const WHOLE: [u16; 6] = [53, 67, 68, 546, 547, 4011];
const TFTP: u16 = 69;
const HTTP: [u16; 2] = [80, 443];
/// Talos's machine API and Kubernetes: machine secrets go there, and never into a capture.
const SECRET: [u16; 2] = [50_000, 6443];

/// How many bytes of an Ethernet frame are kept; `None`: it is none of ours.
pub fn kept(frame: &[u8]) -> Option<usize> {
    match half(frame, 12)? {
        ARP => Some(frame.len()),
        IPV4 => {
            let header = usize::from(frame.get(14)? & 0x0f) * 4;
            // Only the first fragment has ports (RFC 791); TFTP of careless clients is the one that has others.
            if header < 20 || half(frame, 20)? & 0x1fff != 0 {
                return None;
            }
            let payload = 14 + header;
            match *frame.get(23)? {
                ICMP => Some(frame.len().min(payload + 64)),
                UDP => udp(frame, payload),
                TCP => tcp(frame, payload),
                _ => None,
            }
        }
        IPV6 => match *frame.get(20)? {
            ICMPV6 => Some(frame.len()),
            UDP => udp(frame, 54),
            _ => None,
        },
        _ => None,
    }
}

fn half(frame: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]))
}

fn udp(frame: &[u8], at: usize) -> Option<usize> {
    let ports = [half(frame, at)?, half(frame, at + 2)?];
    let either = |list: &[u16]| ports.iter().any(|port| list.contains(port));
    if either(&SECRET) {
        return None;
    }
    if either(&WHOLE) {
        return Some(frame.len());
    }
    let body = at + 8;
    // A transfer has ports of both sides' choice; its packets are known by their operation code, 1 to 6.
    let transfer = ports.iter().all(|port| *port >= 1024) && (1..=6).contains(&half(frame, body)?);
    if !transfer && !either(&[TFTP]) {
        return None;
    }
    let data = half(frame, body) == Some(3);
    Some(frame.len().min(body + if data { 4 } else { TFTP_WORDS }))
}

fn tcp(frame: &[u8], at: usize) -> Option<usize> {
    let ports = [half(frame, at)?, half(frame, at + 2)?];
    if !ports.iter().any(|port| HTTP.contains(port)) || ports.iter().any(|port| SECRET.contains(port)) {
        return None;
    }
    let body = at + usize::from(frame.get(at + 12)? >> 4) * 4;
    let payload = frame.get(body..)?;
    let speaks = [b"GET ", b"HEAD", b"POST", b"HTTP"].iter().any(|word| payload.starts_with(*word));
    // FIN, SYN, RST: where a connection begins and how it ends.
    let turns = frame.get(at + 13)? & 0x07 != 0;
    if speaks {
        let head =
            payload.windows(4).position(|window| window == b"\r\n\r\n").map_or(payload.len(), |end| end + 4);
        Some(body + head.min(HTTP_HEAD))
    } else {
        turns.then_some(body)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An IPv4 frame with these ports and this after the transport's header.
    pub(crate) fn ipv4(protocol: u8, source: u16, target: u16, flags: u8, payload: &[u8]) -> Vec<u8> {
        let transport = if protocol == TCP { 20 } else { 8 };
        let mut frame = vec![0; 14 + 20 + transport];
        frame[12..14].copy_from_slice(&IPV4.to_be_bytes());
        frame[14] = 0x45;
        frame[16..18].copy_from_slice(&((20 + transport + payload.len()) as u16).to_be_bytes());
        frame[22] = 64;
        frame[23] = protocol;
        frame[34..36].copy_from_slice(&source.to_be_bytes());
        frame[36..38].copy_from_slice(&target.to_be_bytes());
        if protocol == TCP {
            frame[46] = 0x50;
            frame[47] = flags;
        } else {
            frame[38..40].copy_from_slice(&((8 + payload.len()) as u16).to_be_bytes());
        }
        frame.extend_from_slice(payload);
        frame
    }

    #[test]
    fn boot_protocols_are_kept_and_bulk_only_by_its_head() {
        let data = [&[0, 3, 0, 1][..], &[7; 512]].concat();
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntop secret";
        let table: [(&str, Vec<u8>, Option<usize>); 12] = [
            ("DHCP", ipv4(UDP, 68, 67, 0, &[1; 300]), Some(342)),
            ("DNS", ipv4(UDP, 4000, 53, 0, &[1; 30]), Some(72)),
            ("a TFTP request", ipv4(UDP, 2070, 69, 0, b"\0\x01ipxe.efi\0octet\0"), Some(59)),
            ("a TFTP block", ipv4(UDP, 41_000, 2070, 0, &data), Some(46)),
            ("its acknowledgement", ipv4(UDP, 2070, 41_000, 0, &[0, 4, 0, 1]), Some(46)),
            ("something else between high ports", ipv4(UDP, 2070, 41_000, 0, &[9, 9]), None),
            ("an HTTP answer", ipv4(TCP, 80, 40_000, 0x18, answer), Some(54 + answer.len() - 10)),
            ("bulk", ipv4(TCP, 80, 40_000, 0x10, &[7; 1400]), None),
            ("a connection's begin", ipv4(TCP, 40_000, 80, 0x02, b""), Some(54)),
            ("a last segment", ipv4(TCP, 80, 40_000, 0x11, b"secret"), Some(54)),
            ("the machine API", ipv4(TCP, 40_000, 50_000, 0x02, b""), None),
            ("logs", ipv4(UDP, 40_000, 514, 0, b"<6>x"), None),
        ];
        for (words, frame, expected) in table {
            assert_eq!(kept(&frame), expected, "{words}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_looked_at_and_no_more_is_kept_than_is_there(bytes: Vec<u8>) {
            proptest::prop_assert!(kept(&bytes).is_none_or(|kept| kept <= bytes.len()));
        }
    }
}
