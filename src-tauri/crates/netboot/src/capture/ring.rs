//! A bounded ring for each machine, and to whose a frame belongs. Pure.

use std::collections::VecDeque;

use crate::Mac;

/// A boot with iPXE over TFTP has some 1,500 frames of 50 to 400 bytes; this holds a handful of boots.
const MOST_FRAMES: usize = 8192;
const MOST_BYTES: usize = 2 << 20;

/// As it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When it was heard, in nanoseconds since 1970.
    pub wall_ns: u64,
    /// Its length on the wire.
    pub length: u32,
    /// What is kept of it.
    pub bytes: Box<[u8]>,
}

/// The newest frames of one machine.
#[derive(Debug, Default)]
pub struct Ring {
    frames: VecDeque<Frame>,
    bytes: usize,
    pushed_out: u64,
}

impl Ring {
    /// Oldest first.
    pub fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter()
    }

    /// How many there are no longer.
    pub fn pushed_out(&self) -> u64 {
        self.pushed_out
    }

    fn push(&mut self, frame: Frame) {
        self.bytes += frame.bytes.len();
        self.frames.push_back(frame);
        while self.frames.len() > MOST_FRAMES || self.bytes > MOST_BYTES {
            let Some(oldest) = self.frames.pop_front() else { return };
            self.bytes -= oldest.bytes.len();
            self.pushed_out += 1;
        }
    }
}

/// The rings of all machines of a board. Strangers have none: their number has no bound.
#[derive(Debug)]
pub struct Rings(Vec<(String, Mac, Ring)>);

impl Rings {
    pub(super) fn new(machines: impl IntoIterator<Item = (String, Mac)>) -> Self {
        Self(machines.into_iter().map(|(name, mac)| (name, mac, Ring::default())).collect())
    }

    pub(super) fn of(&self, machine: &str) -> Option<&Ring> {
        self.0.iter().find(|(name, ..)| name == machine).map(|(.., ring)| ring)
    }

    /// A machine has what it sends, what is sent to it, and what we send to all.
    pub(super) fn take(&mut self, frame: &Frame) {
        let bytes = &frame.bytes;
        let (Some(to), Some(from)) = (mac(bytes, 0), mac(bytes, 6)) else { return };
        let is = |wanted: Mac| move |(_, mac, _): &(String, Mac, Ring)| *mac == wanted;
        let group = to.0[0] & 1 == 1;
        let owner = match self.0.iter().position(is(from)) {
            Some(sender) => Some(sender),
            None if group => booted(bytes).and_then(|client| self.0.iter().position(is(client))),
            None => self.0.iter().position(is(to)),
        };
        match owner {
            Some(owner) => self.0[owner].2.push(frame.clone()),
            // A router's advertisement, a question for an address: every machine hears it.
            None if group && booted(bytes).is_none() => {
                self.0.iter_mut().for_each(|(.., ring)| ring.push(frame.clone()));
            }
            None => {}
        }
    }
}

fn mac(bytes: &[u8], at: usize) -> Option<Mac> {
    Some(Mac(bytes.get(at..at + 6)?.try_into().ok()?))
}

/// For whom a DHCP answer is, broadcast as it may be: `chaddr` (RFC 2131 section 2), behind headers without options.
fn booted(bytes: &[u8]) -> Option<Mac> {
    let is_answer =
        bytes.get(12..15)? == [8, 0, 0x45] && *bytes.get(23)? == 17 && bytes.get(34..36)? == [0, 67];
    if is_answer { mac(bytes, 42 + 28) } else { None }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::select::tests::ipv4;
    use super::*;

    pub(crate) const ONE: Mac = Mac([2, 0, 0, 0, 0, 1]);
    pub(crate) const TWO: Mac = Mac([2, 0, 0, 0, 0, 2]);
    const BOSS: Mac = Mac([2, 0, 0, 0, 0, 9]);
    const ALL: Mac = Mac([255; 6]);

    pub(crate) fn frame(to: Mac, from: Mac, mut bytes: Vec<u8>) -> Frame {
        bytes[..6].copy_from_slice(&to.0);
        bytes[6..12].copy_from_slice(&from.0);
        Frame { wall_ns: 1_700_000_000_123_456_789, length: bytes.len() as u32, bytes: bytes.into() }
    }

    fn rings() -> Rings {
        Rings::new([("one".to_owned(), ONE), ("two".to_owned(), TWO)])
    }

    #[test]
    fn a_frame_belongs_to_who_sends_or_gets_it() {
        let mut offer = vec![0; 300];
        offer[28..34].copy_from_slice(&TWO.0);
        let dhcp = |payload: &[u8]| ipv4(17, 67, 68, 0, payload);
        let table = [
            ("sent by it", frame(BOSS, ONE, dhcp(&[0; 40])), (1, 0)),
            ("sent to it", frame(TWO, BOSS, dhcp(&[0; 40])), (0, 1)),
            ("its question to all", frame(ALL, ONE, vec![0; 60]), (1, 0)),
            ("our question to all", frame(ALL, BOSS, vec![0; 60]), (1, 1)),
            ("an offer to all for the second", frame(ALL, BOSS, dhcp(&offer)), (0, 1)),
            ("an offer to all for a stranger", frame(ALL, BOSS, dhcp(&[7; 300])), (0, 0)),
            ("between strangers", frame(BOSS, BOSS, vec![0; 60]), (0, 0)),
        ];
        for (words, frame, expected) in table {
            let mut rings = rings();
            rings.take(&frame);
            let count = |name: &str| rings.of(name).unwrap().frames().count();
            assert_eq!((count("one"), count("two")), expected, "{words}");
        }
        assert!(rings().of("three").is_none());
    }

    #[test]
    fn the_oldest_go_when_frames_or_bytes_are_too_many() {
        let mut ring = Ring::default();
        for n in 0..MOST_FRAMES as u64 + 5 {
            ring.push(Frame { wall_ns: n, length: 60, bytes: vec![0; 60].into() });
        }
        assert_eq!((ring.frames().count(), ring.pushed_out()), (MOST_FRAMES, 5));
        assert_eq!(ring.frames().next().unwrap().wall_ns, 5);
        for n in 0..2000 {
            ring.push(Frame { wall_ns: n, length: 2000, bytes: vec![0; 2000].into() });
        }
        assert!(ring.bytes <= MOST_BYTES && ring.bytes > MOST_BYTES - 4000);
    }
}
