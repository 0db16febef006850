#![no_main]
//! A datagram on port 67 or 4011, in every mode: read, decided and answered. An answer is never shorter than a BOOTP
//! message. The first byte chooses port, mode and plainness; the rest is the datagram.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use netboot::dhcp::proxy::{self, Door};
use netboot::dhcp::{BootNames, DhcpConfig, Leases, Mode, Replies, answer, message, reply};

fuzz_target!(|input: &[u8]| {
    let Some((&choice, datagram)) = input.split_first() else { return };
    let Ok(request) = message::decode(datagram) else { return };
    let us = Ipv4Addr::new(192, 168, 122, 3);
    let mode = [Mode::Serve, Mode::Proxy, Mode::Takeover][usize::from(choice % 3)];
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
            missing: None,
            plain: choice & 0x40 != 0,
        },
        next_server: us,
        replies: Replies::Broadcast,
        mode,
    };
    let door = if choice & 0x80 == 0 { Door::Server } else { Door::BootServer };
    let decision = match (mode, door) {
        (Mode::Proxy, _) | (_, Door::BootServer) => proxy::answer(&config, &request, door),
        _ => answer::answer(&config, &mut Leases::new(&config), &request, 0).decision,
    };
    if let Some((_, bytes)) = reply::encode(&config, &request, &decision) {
        assert!((300..=1472).contains(&bytes.len()), "{} bytes", bytes.len());
        assert!(!matches!(mode, Mode::Proxy) || bytes[16..20] == [0; 4], "a proxy gives no address");
    }
});
