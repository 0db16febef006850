//! The same boots, told by dnsmasq's and a web server's logs and by our own services, count the same.

use std::net::{Ipv4Addr, SocketAddr};

use lab::{
    counts::{Source, Sources},
    gear::Profile,
};
use logs::count::Counting;
use netboot::{Proto, dhcp::Client};
use serde_json::{Value, json};

use super::*;

/// One moment of a boot.
#[derive(Clone, Copy)]
enum Step {
    Discover,
    Offer,
    Ack,
    /// A name of the lab, or one that does not exist in it.
    Local(&'static str),
    Elsewhere(&'static str),
    /// A path of the web tree and its status.
    Get(&'static str, u16),
    /// The machine's own script.
    Script(u16),
}
use Step::{Ack, Discover, Elsewhere, Get, Local, Offer, Script};

/// Firmware and iPXE each ask for an address; a virtual machine's ROM is iPXE already.
const PHYSICAL: &[Step] = &[
    Discover,
    Offer,
    Ack,
    Discover,
    Offer,
    Ack,
    Local("boss.local"),
    Get("/chain-boot.ipxe", 200),
    Script(404),
    Script(200),
    Get("/assets/talos-vmlinuz-amd64.xz", 200),
    Get("/assets/talos-initramfs-amd64.xz", 200),
    Local("nobody.local"),
    Elsewhere("time.example.org"),
];
const VIRTUAL: &[Step] = &[
    Discover,
    Offer,
    Ack,
    Get("/chain-boot.ipxe", 200),
    Script(200),
    Get("/assets/kvm-debianlive-vmlinuz-amd64", 200),
    Get("/assets/bootimg.png", 404),
    Get("/favicon.ico", 404),
    Get("/nodes-ipxe/diskwipe/de-09-01-1a-f4-30.ipxe", 404),
    Elsewhere("time.example.org"),
];

struct Boot {
    mac: Mac,
    address: Ipv4Addr,
    steps: &'static [Step],
}

fn six_boots() -> Vec<Boot> {
    let boot = |first: u8, last: u8, steps| Boot {
        mac: Mac([first, 0x09, 0x01, 0x1a, 0xf4, last]),
        address: Ipv4Addr::new(192, 168, 122, last),
        steps,
    };
    let pcs = (11..15).map(|last| boot(0x16, last, PHYSICAL));
    pcs.chain((31..33).map(|last| boot(0xde, last, VIRTUAL))).collect()
}

fn script_path(mac: Mac) -> String {
    let hyphened: Vec<_> = mac.0.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("/nodes-ipxe/lab/{}.ipxe", hyphened.join("-"))
}

/// What dnsmasq 2.90 says with `--log-dhcp --log-queries`, without its prefix: name of the part, text.
fn dnsmasq(boot: &Boot, step: Step) -> Vec<(&'static str, String)> {
    let (mac, address) = (boot.mac, boot.address);
    let dhcp = |said: String| ("dnsmasq-dhcp", format!("305419896 {said}"));
    let dns = |said: String| ("dnsmasq", said);
    match step {
        Discover => vec![
            dhcp("available DHCP range: 192.168.122.200 -- 192.168.122.254".into()),
            dhcp("vendor class: PXEClient:Arch:00007:UNDI:003016".into()),
            dhcp(format!("DHCPDISCOVER(eth0) {mac} ")),
        ],
        Offer => vec![
            dhcp("tags: known, eth0".into()),
            dhcp(format!("DHCPOFFER(eth0) {address} {mac} ")),
            dhcp("sent size:  1 option: 53 message-type  2".into()),
        ],
        Ack => vec![
            dhcp(format!("DHCPREQUEST(eth0) {address} {mac} ")),
            dhcp(format!("DHCPACK(eth0) {address} {mac} node ")),
        ],
        Local(name) => {
            let answer = if name == "boss.local" { "192.168.122.3" } else { "NXDOMAIN" };
            vec![dns(format!("query[A] {name} from {address}")), dns(format!("config {name} is {answer}"))]
        }
        Elsewhere(name) => vec![
            dns(format!("query[A] {name} from {address}")),
            dns(format!("forwarded {name} to 9.9.9.9")),
            dns(format!("reply {name} is 192.0.2.1")),
        ],
        Get(..) | Script(_) => vec![],
    }
}

fn logged(boots: &[Boot], profile: Profile) -> Counts {
    let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let line = |service: &str, record: Value| {
        json!({ "resourceLogs": [{
            "resource": { "attributes": [text("service.name", service), text("host.name", "boss")] },
            "scopeLogs": [{ "scope": {}, "logRecords": [record] }],
        }]})
    };
    let journal = |identifier: &str, message: &str| {
        let values = [text("PRIORITY", "6"), text("SYSLOG_IDENTIFIER", identifier), text("message", message)];
        let body = json!({ "kvlistValue": { "values": values } });
        line("dnsmasq.service", json!({ "severityText": "info", "body": body }))
    };
    let mut counting = Counting::new(profile);
    let mut write = |line: Value| counting.push(format!("{line}\n").as_bytes());
    for boot in boots {
        for step in boot.steps {
            for (part, said) in dnsmasq(boot, *step) {
                write(journal("dnsmasq", &format!("{part}: {said}")));
                write(journal(part, &said));
            }
            let (uri, code) = match step {
                Get(uri, code) => ((*uri).to_owned(), code),
                Script(code) => (script_path(boot.mac), code),
                _ => continue,
            };
            let (code, remote) = (code.to_string(), boot.address.to_string());
            let body = format!(
                "boss.local:80 {remote} - - [30/Sep/2025:12:00:26 +0000] \"GET {uri} HTTP/1.1\" {code} 318 \"-\" \"iPXE\""
            );
            let attributes = [text("remote", &remote), text("uri", &uri), text("code", &code)];
            write(line("apache2", json!({ "body": { "stringValue": body }, "attributes": attributes })));
        }
    }
    counting.finish().counts
}

fn sighting(boot: &Boot, what: What) -> Seen {
    let peer = SocketAddr::from((boot.address, 1024));
    Seen { mono_us: 0, wall_us: 0, peer, mac: Some(boot.mac), what }
}

fn asked(path: &str, found: bool) -> What {
    What::FileAsked {
        proto: Proto::Http,
        method: Method::Get,
        path: path.trim_start_matches('/').into(),
        found,
        range: None,
    }
}

/// The same moments as our own servers report them.
fn whats(boot: &Boot, step: Step) -> Vec<What> {
    let dhcp = |kind| What::Dhcp {
        kind,
        client: Client::Firmware,
        arch: Some(7),
        vendor_class: None,
        xid: 1,
        bytes: 300,
        server: None,
        requested: None,
    };
    let answered = |kind| What::DhcpAnswered {
        kind,
        address: boot.address,
        boot_file: None,
        no_boot_file: None,
        known: true,
        bytes: 300,
    };
    let name =
        |name: &str, answered, by| What::NameAsked { name: name.into(), kind: "A".into(), answered, by };
    match step {
        Discover => vec![dhcp(Kind::Discover)],
        Offer => vec![answered(Kind::Offer)],
        Ack => vec![dhcp(Kind::Request), answered(Kind::Ack)],
        Local(local) => vec![name(local, local == "boss.local", Answerer::Zone)],
        Elsewhere(other) => vec![name(other, true, Answerer::Other)],
        Get(path, code) => vec![asked(path, code == 200)],
        Script(code) => vec![asked(&script_path(boot.mac), code == 200)],
    }
}

fn seen(boots: &[Boot]) -> Counts {
    let own = OwnCounts::default();
    for boot in boots {
        for what in boot.steps.iter().flat_map(|step| whats(boot, *step)) {
            own.saw(&sighting(boot, what), |address| address);
        }
    }
    let counts = own.take();
    assert!(own.take().is_empty(), "what was taken is gone");
    counts
}

#[test]
fn six_boots_count_the_same_by_logs_and_by_our_own_services() {
    let boots = six_boots();
    let told = |by| Sources { dhcp: by, dns: by, boots: by, ..Sources::default() };
    let own = told(Source::Engine).only(&seen(&boots), Source::Engine);
    for profile in [Profile::Labinator, Profile::Corrected] {
        let logged = told(Source::Log).only(&logged(&boots, profile), Source::Log);
        let (logged, own) = (logged.to_owners_json(), own.to_owners_json());
        assert_eq!(logged, own, "{}", profile.word());
        for (name, value) in [
            ("NumDHCPDiscover", json!(10)),
            ("NumDHCPLeased", json!(10)),
            ("NumDNSQueries", json!(14)),
            ("NumDNSLocal", json!(8)),
            ("NumDNSRecursions", json!(6)),
            ("NumPhysicalPXEBoots", json!(8)),
            ("NumVirtualPXEBoots", json!(2)),
        ] {
            assert_eq!(own[name], value, "{name}");
        }
        assert_eq!(own["AssetsServed"]["192.168.122.31"], json!(2));
        assert_eq!(own["ChainServed"].as_object().map(serde_json::Map::len), Some(6));
    }
}

#[test]
fn our_own_paths_count_by_the_part_they_play() {
    let boot = &six_boots()[0];
    let table = [
        (boot_files::SCRIPT, true, Some(Fetched::Script { is_virtual: false })),
        (boot_files::CHAIN_UNDIONLY, true, Some(Fetched::Chain)),
        (boot_files::KERNEL, true, Some(Fetched::Asset)),
        (boot_files::INITRD, true, Some(Fetched::Asset)),
        ("boot/uki/node1.efi", true, Some(Fetched::Asset)),
        ("images/hypervisor/squashfs", true, Some(Fetched::Asset)),
        ("boot.ipxe", true, Some(Fetched::Chain)),
        ("ipxe", true, Some(Fetched::Script { is_virtual: false })),
        // GRUB asks for a dozen names beside its configuration.
        ("grub/grub.cfg-01-16-09-01-1a-f4-30", false, None),
        ("grub/grub.cfg", true, Some(Fetched::Script { is_virtual: false })),
        (boot_files::LOADER_EFI, true, None),
        ("favicon.ico", true, None),
        ("nodes-ipxe/lab/node-c1-physical.yaml", false, None),
    ];
    for (path, is_found, expected) in table {
        assert_eq!(fetched(path, is_found, Some(boot.mac)), expected, "{path}");
    }
}

#[test]
fn a_file_counts_once_however_it_is_fetched() {
    let boot = &six_boots()[4];
    let count = |method, range| {
        let own = OwnCounts::default();
        let (proto, path) = (Proto::Http, boot_files::SCRIPT.to_owned());
        let what = What::FileAsked { proto, method, path, found: true, range };
        own.saw(&sighting(boot, what), |_| "192.168.122.77".parse().unwrap());
        own.take().to_owners_json()["IPXEServed"]["192.168.122.77"].as_u64()
    };
    assert_eq!(count(Method::Get, None), Some(1));
    assert_eq!(count(Method::Rrq, None), Some(1));
    assert_eq!(count(Method::Get, Some((0, 99))), Some(1));
    assert_eq!(count(Method::Get, Some((100, 199))), None);
    assert_eq!(count(Method::Head, None), None);
}
