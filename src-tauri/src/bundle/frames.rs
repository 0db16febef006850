//! Frames without what machines said over TCP: files and configurations with keys in them pass there, and a boot is
//! understood without them. Pure; reads what `netboot::capture` writes.

const ENHANCED_PACKET: u32 = 6;
/// Of the block: type, length, interface, time (two), bytes kept, bytes there were.
const FIXED: usize = 28;
const ETHERNET: usize = 14;
const IPV4: [u8; 2] = [8, 0];
const IPV6: [u8; 2] = [0x86, 0xdd];
const IPV6_HEADER: usize = 40;
const TCP: u8 = 6;

/// The same file with every TCP segment cut behind its header. What is no such file is nothing.
pub(super) fn without_payloads(file: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(file.len());
    let mut rest = file;
    while let Some(length) = number(rest, 4).map(|length| length as usize) {
        if length < 12 || length > rest.len() || length % 4 != 0 {
            break;
        }
        let (block, after) = rest.split_at(length);
        match number(block, 0) {
            Some(ENHANCED_PACKET) => cut(block, &mut out),
            _ => out.extend(block),
        }
        rest = after;
    }
    out
}

fn cut(block: &[u8], out: &mut Vec<u8>) {
    let kept = number(block, 20).map_or(0, |kept| kept as usize);
    let Some(frame) = block.get(FIXED..FIXED + kept) else { return };
    let frame = &frame[..headers(frame).min(frame.len())];
    let length = ((FIXED + frame.len()).next_multiple_of(4) + 4) as u32;
    out.extend(&block[..4]);
    out.extend(length.to_ne_bytes());
    out.extend(&block[8..20]);
    out.extend((frame.len() as u32).to_ne_bytes());
    out.extend(&block[24..FIXED]);
    out.extend(frame);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend(length.to_ne_bytes());
}

/// How much of a frame is told.
fn headers(frame: &[u8]) -> usize {
    let Some(kind) = frame.get(12..ETHERNET) else { return frame.len() };
    let ip = &frame[ETHERNET..];
    let (protocol, at) = match ip.first() {
        Some(first) if kind == IPV4 => (ip.get(9), usize::from(first & 15) * 4),
        Some(_) if kind == IPV6 => (ip.get(6), IPV6_HEADER),
        _ => return frame.len(),
    };
    if protocol != Some(&TCP) {
        return frame.len();
    }
    // A header that is cut off itself leaves nothing behind it either.
    let tcp = ip.get(at + 12).map_or(0, |offset| usize::from(offset >> 4) * 4);
    ETHERNET + at + tcp
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(frame: &[u8]) -> Vec<u8> {
        let length = ((FIXED + frame.len()).next_multiple_of(4) + 4) as u32;
        let mut block = [6_u32, length, 0, 1, 2, frame.len() as u32, frame.len() as u32]
            .iter()
            .flat_map(|number| number.to_ne_bytes())
            .collect::<Vec<_>>();
        block.extend(frame);
        block.resize(length as usize - 4, 0);
        block.extend(length.to_ne_bytes());
        block
    }

    fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = [&[2; 12][..], &IPV4, &[0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol], &[0; 10]].concat();
        frame.extend(payload);
        frame
    }

    #[test]
    fn tcp_loses_its_words_and_the_rest_keeps_them() {
        let tcp = ipv4(6, &[&[0; 12][..], &[0x50], &[0; 7], b"machine: secret"].concat());
        let udp = ipv4(17, b"\0\x43\0\x44....DISCOVER");
        let section = [0x0a0d_0d0a_u32, 12, 12].iter().flat_map(|n| n.to_ne_bytes()).collect::<Vec<_>>();
        let file = [section.clone(), packet(&tcp), packet(&udp)].concat();
        let cut = without_payloads(&file);
        assert!(!cut.windows(6).any(|window| window == b"secret") && cut.starts_with(&section));
        assert!(cut.ends_with(&packet(&udp)));
        // Whole blocks still, and how long the frame was is still told.
        assert_eq!(number(&cut, 12 + 20), Some(54));
        assert_eq!(number(&cut, 12 + 24), Some(tcp.len() as u32));
        assert_eq!(without_payloads(&cut), cut);
        for end in 0..file.len() {
            without_payloads(&file[..end]);
        }
        let optioned = ipv4(6, &[&[0; 12][..], &[0x80], &[0; 19], b"secret"].concat());
        assert_eq!(headers(&optioned), 14 + 20 + 32);
        assert_eq!(headers(&ipv4(6, b"short")), 34, "no header, no words");
    }
}
