//! The file format that Wireshark and tcpdump read (draft-ietf-opsawg-pcapng): a section, an interface, and a block for
//! each frame. Pure.

use super::ring::Frame;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
/// Says in which order the bytes of all numbers are.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// LINKTYPE_ETHERNET.
const ETHERNET: u16 = 1;
/// Options: a comment, the program, the interface's name, and its clock's resolution (9: nanoseconds).
const COMMENT: u16 = 1;
const PROGRAM: u16 = 4;
const NAME: u16 = 2;
const RESOLUTION: u16 = 9;
const END: u16 = 0;

/// A whole file. Numbers are in this host's byte order, which the file says.
pub fn file<'a>(interface: &str, comment: &str, frames: impl Iterator<Item = &'a Frame>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut body = Vec::new();
    body.extend(BYTE_ORDER.to_ne_bytes());
    body.extend([1_u16, 0].map(u16::to_ne_bytes).concat());
    // The section's length is not given: it ends with the file.
    body.extend((-1_i64).to_ne_bytes());
    option(&mut body, COMMENT, comment.as_bytes());
    option(&mut body, PROGRAM, b"statusinator");
    option(&mut body, END, b"");
    block(&mut out, SECTION, &body);

    body.clear();
    body.extend([ETHERNET, 0].map(u16::to_ne_bytes).concat());
    // No limit of its own for all frames alike.
    body.extend(0_u32.to_ne_bytes());
    option(&mut body, NAME, interface.as_bytes());
    option(&mut body, RESOLUTION, &[9]);
    option(&mut body, END, b"");
    block(&mut out, INTERFACE, &body);

    for frame in frames {
        body.clear();
        body.extend(0_u32.to_ne_bytes());
        body.extend(((frame.wall_ns >> 32) as u32).to_ne_bytes());
        body.extend((frame.wall_ns as u32).to_ne_bytes());
        body.extend((frame.bytes.len() as u32).to_ne_bytes());
        body.extend(frame.length.max(frame.bytes.len() as u32).to_ne_bytes());
        padded(&mut body, &frame.bytes);
        block(&mut out, ENHANCED_PACKET, &body);
    }
    out
}

/// Type, length, content, and the length again for who reads backwards.
fn block(out: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let length = (body.len() as u32 + 12).to_ne_bytes();
    out.extend(kind.to_ne_bytes());
    out.extend(length);
    out.extend(body);
    out.extend(length);
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    // A name or a sentence; a longer one would be a mistake of ours and is cut.
    let value = &value[..value.len().min(usize::from(u16::MAX))];
    out.extend(code.to_ne_bytes());
    out.extend((value.len() as u16).to_ne_bytes());
    padded(out, value);
}

/// Everything begins at a multiple of four bytes.
fn padded(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(bytes);
    out.resize(out.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::ring::tests::{ONE, TWO, frame};
    use super::super::select::tests::ipv4;
    use super::*;

    #[test]
    fn blocks_are_whole_and_their_lengths_agree() {
        let frames = [frame(ONE, TWO, vec![0; 61])];
        let file = file("lab0", "virtual board, machine one", frames.iter());
        let number = |at: usize| u32::from_ne_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        let (mut at, mut kinds) = (0, Vec::new());
        while at < file.len() {
            let length = number(at + 4);
            assert_eq!(length % 4, 0);
            assert_eq!(number(at + length - 4), length, "the length stands at both ends");
            kinds.push(number(at));
            at += length;
        }
        assert_eq!(at, file.len());
        assert_eq!(kinds, [SECTION, INTERFACE, ENHANCED_PACKET].map(|kind| kind as usize));
        assert!(file.windows(13).any(|window| window == b"virtual board"));
    }

    /// What others read is the only proof of a file format.
    #[test]
    fn tcpdump_reads_it_with_its_times_and_lengths() {
        let mut cut = frame(ONE, TWO, ipv4(17, 68, 67, 0, &[1; 300]));
        cut.length = 342;
        let whole = frame(ONE, TWO, ipv4(17, 2070, 69, 0, b"\0\x01ipxe.efi\0octet\0"));
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), file("lab0", "c", [cut, whole].iter())).unwrap();
        let output = Command::new("tcpdump").args(["-ttnr"]).arg(path.path()).output();
        let output = output.expect("tcpdump is among the packages that tests need");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(said.lines().count(), 2, "{said}");
        assert!(said.starts_with("1700000000.123456"), "{said}");
        assert!(said.contains("BOOTP/DHCP") && said.contains("RRQ \"ipxe.efi\""), "{said}");
    }
}
