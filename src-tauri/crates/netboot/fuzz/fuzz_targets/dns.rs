#![no_main]
//! A datagram on port 53. Whatever is asked, the answer fits the way it came, and is never an answer to an answer.

use std::net::Ipv4Addr;

use libfuzzer_sys::fuzz_target;
use netboot::dns::answer::{Answer, EDNS_UDP, Transport, answer};
use netboot::dns::{Names, Zone};

fuzz_target!(|datagram: &[u8]| {
    let at = |last| Ipv4Addr::new(192, 168, 122, last);
    let names = Names {
        domain: "local".into(),
        server: "boss".into(),
        network: (at(0), 24),
        records: vec![
            ("boss".into(), vec![at(3)]),
            ("node1".into(), vec![at(11)]),
            ("workers".into(), (31..=51).map(at).collect()),
        ],
    };
    let Ok(zone) = Zone::new(&names) else { return };
    for (transport, most) in [(Transport::Udp, usize::from(EDNS_UDP)), (Transport::Tcp, usize::from(u16::MAX))] {
        let Ok(Answer::Reply(reply, _)) = answer(&zone, datagram, transport, datagram.len(), false) else { continue };
        assert!(reply.len() <= most && reply.len() >= 12);
        assert!(answer(&zone, &reply, transport, 0, false).is_err());
    }
});
