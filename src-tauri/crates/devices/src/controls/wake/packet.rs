use lab::mac::Mac;

/// Six times FF, sixteen times the address ("Magic Packet Technology", AMD publication 20213).
const LENGTH: usize = 6 + 16 * 6;

pub(super) fn magic(mac: Mac) -> [u8; LENGTH] {
    let mut packet = [0xFF; LENGTH];
    for address in packet[6..].chunks_exact_mut(6) {
        address.copy_from_slice(&mac.0);
    }
    packet
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_card_finds_itself_in_it_and_no_other(mac: [u8; 6], other: [u8; 6]) {
            let packet = magic(Mac(mac));
            // As a card looks: the pattern may stand anywhere.
            let finds = |mac: [u8; 6]| {
                let pattern = [&[0xFF; 6][..], &mac.repeat(16)].concat();
                packet.windows(pattern.len()).any(|window| window == pattern)
            };
            prop_assert_eq!(packet.len(), 102);
            prop_assert!(finds(mac));
            prop_assert_eq!(finds(other), mac == other);
        }
    }
}
