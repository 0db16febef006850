//! Our DHCP beside clients and servers of others, on a bridge in a network namespace of its own: busybox's `udhcpc`,
//! `dhclient`, dnsmasq, and a PXE ROM and a relay whose bytes are written here from the RFCs, not by our codec.
//!
//! This program plays several roles: the test outside, the network inside (`unshare`), and clients in namespaces beside
//! it (`nsenter`). Needs util-linux, iproute2, udhcpc, isc-dhcp-client and dnsmasq-base.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test, and its own harness")]

mod clients;
mod lan;
mod server;

use std::process::{Command, ExitCode};
use std::time::Duration;

use netboot::dhcp::{Mode, Refusal, listen_for_others};
use netboot::seen::What;

use lan::Lan;
use server::{Memory, Server};

const KNOWN: &str = "16:09:01:1a:f4:30";
const NODE1: &str = "192.168.122.11";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("inside") => inside(),
        Some("client") => clients::play(&words[1..]),
        Some("--list") => ExitCode::SUCCESS,
        _ => outside(),
    }
}

fn outside() -> ExitCode {
    let program = std::env::current_exe().unwrap();
    let unshare =
        ["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let status = Command::new("unshare").args(unshare).arg(program).arg("inside").status();
    // As cargo's own harness says it: the runner of all tests adds these lines up.
    let passed = status.is_ok_and(|status| status.success());
    let count = if passed { "ok. 1 passed; 0 failed" } else { "FAILED. 0 passed; 1 failed" };
    println!("\ntest result: {count}; 0 ignored; 0 measured; 0 filtered out");
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn inside() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let lan = Lan::make();
        addresses_of_both_kinds(&lan).await;
        a_restart_keeps_what_was_given(&lan).await;
        an_empty_pool_is_said(&lan).await;
        an_address_in_use_is_never_offered(&lan).await;
        a_relay_is_answered(&lan).await;
        another_server_is_heard_and_left_alone(&lan).await;
        println!("all clients passed");
    });
    ExitCode::SUCCESS
}

/// udhcpc and dhclient, known and unknown, each with what it is told.
async fn addresses_of_both_kinds(lan: &Lan) {
    let server = Server::up(Mode::Serve, ("192.168.122.200", "192.168.122.203"), Memory::empty()).await;
    let told = lan.udhcpc("pc1", KNOWN).expect("udhcpc gets its reservation");
    let expected = [
        ("ip", NODE1),
        ("subnet", "255.255.255.0"),
        ("router", "192.168.122.1"),
        ("dns", "192.168.122.3"),
        ("ntpsrv", "192.168.122.3"),
        ("hostname", "node1"),
        ("domain", "local"),
        ("search", "local"),
        ("serverid", "192.168.122.3"),
        ("lease", "86400"),
        ("broadcast", "192.168.122.255"),
        ("opt7", "c0a87a03"),
    ];
    for (name, value) in expected {
        assert_eq!(told.get(name).map(String::as_str), Some(value), "option {name} in {told:?}");
    }
    assert!(!told.contains_key("boot_file"), "a system is told nothing of booting: {told:?}");
    let stranger = lan.udhcpc("pc2", "52:54:00:00:00:02").expect("udhcpc gets one of the pool");
    assert!(stranger["ip"].starts_with("192.168.122.20"), "{stranger:?}");
    let other = lan.dhclient("pc3", "52:54:00:00:00:03").expect("dhclient gets one of the pool");
    assert!(other.starts_with("192.168.122.20") && other != stranger["ip"], "{other}");
    assert_eq!(server.memory.bound(), 2, "the reservation needs no lease");
    server.down().await;
}

/// dhclient asks for its old address (INIT-REBOOT) at a server that was restarted meanwhile.
async fn a_restart_keeps_what_was_given(lan: &Lan) {
    let pool = ("192.168.122.200", "192.168.122.203");
    let server = Server::up(Mode::Serve, pool, Memory::empty()).await;
    let first = lan.dhclient("pc3", "52:54:00:00:00:33").unwrap();
    let memory = server.down().await;
    let server = Server::up(Mode::Serve, pool, memory).await;
    for last in 0x40..0x43 {
        let others = lan.udhcpc("pc2", &format!("52:54:00:00:00:{last:x}")).expect("three are left");
        assert_ne!(others["ip"], first, "the lease of before is remembered");
    }
    assert_eq!(lan.dhclient("pc3", "52:54:00:00:00:33").as_deref(), Some(first.as_str()));
    server.down().await;
}

async fn an_empty_pool_is_said(lan: &Lan) {
    let mut server = Server::up(Mode::Serve, ("192.168.122.200", "192.168.122.200"), Memory::empty()).await;
    assert!(lan.udhcpc("pc2", "52:54:00:00:00:51").is_some());
    assert!(lan.udhcpc("pc2", "52:54:00:00:00:52").is_none());
    server.sees("an empty pool", |what| matches!(what, What::PoolEmpty { .. })).await;
    server.sees("its reason", |what| matches!(what, What::DhcpRefused { why: Refusal::PoolEmpty })).await;
    assert_eq!(lan.udhcpc("pc1", KNOWN).unwrap()["ip"], NODE1, "a reservation needs no pool");
    server.down().await;
}

async fn an_address_in_use_is_never_offered(lan: &Lan) {
    lan.give("pc3", "192.168.122.200/24");
    let mut server = Server::up(Mode::Serve, ("192.168.122.200", "192.168.122.201"), Memory::empty()).await;
    let taken = std::net::Ipv4Addr::new(192, 168, 122, 200);
    server.sees("the user of .200", |what| *what == What::AddressTaken { address: taken }).await;
    assert_eq!(lan.udhcpc("pc2", "52:54:00:00:00:61").unwrap()["ip"], "192.168.122.201");
    assert!(lan.udhcpc("pc2", "52:54:00:00:00:62").is_none());
    lan.take("pc3");
    server.down().await;
}

async fn a_relay_is_answered(lan: &Lan) {
    let server = Server::up(Mode::Serve, ("192.168.122.200", "192.168.122.203"), Memory::empty()).await;
    lan.give("pc3", "192.168.122.254/24");
    let said = lan.client("pc3", &["relay", KNOWN, "192.168.122.254", "192.168.122.3"]);
    assert_eq!(said, format!("offer {NODE1} notes-last"));
    lan.take("pc3");
    server.down().await;
}

/// dnsmasq on the same wire: ours is silent, says why and who it is; told to, it helps beside it or takes over.
async fn another_server_is_heard_and_left_alone(lan: &Lan) {
    let dnsmasq = lan.dnsmasq("pc3", "192.168.122.66/24");
    let heard = listen_for_others(lan::BRIDGE, Duration::from_secs(10)).await.unwrap();
    let named: Vec<String> = heard.iter().map(|rival| rival.server.to_string()).collect();
    assert_eq!(named, ["192.168.122.66"], "{heard:?}");

    let pool = ("192.168.122.200", "192.168.122.203");
    let mut server = Server::up(Mode::Serve, pool, Memory::empty()).await;
    let rival = std::net::Ipv4Addr::new(192, 168, 122, 66);
    server.sees("dnsmasq", |what| matches!(what, What::OtherServer { server, .. } if *server == rival)).await;
    assert!(lan.udhcpc("pc1", KNOWN).unwrap()["ip"].starts_with("192.168.122.7"), "dnsmasq's pool");
    server.sees("why it is silent", |what| *what == What::DhcpRefused { why: Refusal::Rival(rival) }).await;

    server.set(|config| config.mode = Mode::Proxy);
    let said = lan.client("pc1", &["pxe", KNOWN]);
    let (address, rest) = said.strip_prefix("address ").and_then(|said| said.split_once(' ')).unwrap();
    let expected = "from 192.168.122.66; file ipxe.efi from 192.168.122.3 without 43; 4011 says ipxe.efi";
    assert_eq!(rest, expected);
    assert!(
        server.knows(address.parse().unwrap(), KNOWN),
        "who has dnsmasq's address is learnt from the wire"
    );

    server.set(|config| config.mode = Mode::Takeover);
    drop(dnsmasq);
    assert_eq!(lan.udhcpc("pc1", KNOWN).unwrap()["ip"], NODE1);
    server.down().await;
}
