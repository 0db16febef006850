//! The known machine whose hardware address is most like an unknown one: a slip of the pen, or the same model's other port.

use super::{Board, Machine};
use crate::mac::Mac;

/// Half of the digits; beyond it, and with another vendor, likeness is chance.
const NEAR: u32 = 6;

/// How near a known machine is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near<'a> {
    pub machine: &'a Machine,
    /// Hexadecimal digits that differ, of twelve.
    pub digits: u32,
    /// The first three bytes are the same.
    pub same_vendor: bool,
}

impl Near<'_> {
    /// For people, as in `node4 16:09:01:1a:f1:d8, one digit differs`.
    pub fn says(&self) -> String {
        let differ = match self.digits {
            1 => "one digit differs".to_owned(),
            n if self.same_vendor => format!("same vendor, {n} digits differ"),
            n => format!("{n} digits differ"),
        };
        format!("{} {}, {differ}", self.machine.name, self.machine.mac)
    }
}

impl Board {
    /// The nearest known machine, if any is near enough to be meant. The same vendor counts more than fewer digits.
    pub fn nearest(&self, mac: Mac) -> Option<Near<'_>> {
        let near = |machine: &'_ Machine| {
            let digits = mac.0.iter().zip(machine.mac.0).map(|(a, b)| differing(*a ^ b)).sum();
            (digits, mac.0[..3] == machine.mac.0[..3])
        };
        self.machines
            .iter()
            .map(|machine| (near(machine), machine))
            .filter(|((digits, same_vendor), _)| *digits > 0 && (*same_vendor || *digits <= NEAR))
            .min_by_key(|((digits, same_vendor), machine)| (!same_vendor, *digits, machine.box_number))
            .map(|((digits, same_vendor), machine)| Near { machine, digits, same_vendor })
    }
}

fn differing(difference: u8) -> u32 {
    u32::from(difference >> 4 != 0) + u32::from(difference & 0xf != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> Board {
        Board::parse("simulated", include_str!("../../../../../boards/virtual.toml")).unwrap()
    }

    fn says(mac: [u8; 6]) -> Option<String> {
        board().nearest(Mac(mac)).map(|near| near.says())
    }

    #[test]
    fn a_slip_of_the_pen_finds_its_machine() {
        let one = says([0x16, 0x09, 0x01, 0x1a, 0xf1, 0xd9]);
        assert_eq!(one.as_deref(), Some("node4 16:09:01:1a:f1:d8, one digit differs"));
        let vendor = says([0x16, 0x09, 0x01, 0xff, 0xff, 0xff]).unwrap();
        assert!(vendor.contains("same vendor, "), "{vendor}");
    }

    #[test]
    fn a_stranger_is_near_to_nobody() {
        assert_eq!(says([0x52, 0x54, 0x00, 0xab, 0xcd, 0xef]), None);
    }

    proptest::proptest! {
        #[test]
        fn no_other_machine_of_the_same_vendor_is_nearer(mac: [u8; 6]) {
            let board = board();
            if let Some(near) = board.nearest(Mac(mac)) {
                for machine in &board.machines {
                    let digits: u32 = mac.iter().zip(machine.mac.0).map(|(a, b)| differing(a ^ b)).sum();
                    let same = mac[..3] == machine.mac.0[..3];
                    proptest::prop_assert!(same != near.same_vendor || digits >= near.digits || digits == 0);
                }
            }
        }
    }
}
