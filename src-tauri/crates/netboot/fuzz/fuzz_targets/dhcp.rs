#![no_main]
//! A datagram on port 67: read, decided and answered. An answer is never shorter than a BOOTP message.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use netboot::dhcp::{BootNames, DhcpConfig, Leases, Replies, answer, message, reply};

fuzz_target!(|datagram: &[u8]| {
    let Ok(request) = message::decode(datagram) else { return };
    let us = Ipv4Addr::new(192, 168, 122, 3);
    let config = DhcpConfig {
        server_id: us,
        netmask: Ipv4Addr::new(255, 255, 255, 0),
        router: None,
        dns: vec![us],
        ntp: vec![us],
        log_server: Some(us),
        domain: Some("local".into()),
        lease: Duration::from_secs(3600),
        pool: (Ipv4Addr::new(192, 168, 122, 200), Ipv4Addr::new(192, 168, 122, 203)),
        reservations: HashMap::new(),
        boot: BootNames {
            bios: "undionly.kpxe".into(),
            efi32: None,
            efi64: "ipxe.efi".into(),
            efi64_url: "http://192.168.122.3/ipxe.efi".into(),
            script_url: "http://192.168.122.3/boot.ipxe".into(),
        },
        next_server: us,
        replies: Replies::Broadcast,
    };
    let decision = answer::answer(&config, &mut Leases::default(), &request, 0);
    if let Some((_, bytes)) = reply::encode(&config, &request, &decision) {
        assert!((300..=1472).contains(&bytes.len()), "{} bytes", bytes.len());
    }
});
