#![no_main]
//! An ICMPv6 message of type 133 or 134: the first byte is its hop limit.

use std::net::Ipv6Addr;

use libfuzzer_sys::fuzz_target;
use netboot::ra::message::{decode, decode_advertisement, encode};

fuzz_target!(|bytes: &[u8]| {
    let Some((hops, message)) = bytes.split_first() else { return };
    let from = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    if let Ok(solicitation) = decode(message, *hops, from) {
        assert!(*hops == 255 && solicitation.mac.is_none_or(|mac| mac.is_unicast()));
    }
    if let Ok(advert) = decode_advertisement(message, *hops) {
        let again = decode_advertisement(&encode(&advert), 255);
        assert_eq!(again, Ok(advert));
    }
});
