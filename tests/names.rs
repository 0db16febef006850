//! Names, time, log lines, HTTPS and routers, asked by clients that others wrote: dig, chronyd, curl and the kernel
//! itself, from a host of its own on the virtual board's bridge.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::{
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use support::{Served, processes_with, text, until};

/// Emulated hosts on a busy machine.
const SOON: Duration = Duration::from_secs(30);
/// The board's own network, entered from outside.
struct Wire {
    engine: u32,
    /// A host with a network of its own, joined to the bridge by a cable.
    host: Child,
}

impl Wire {
    fn lay(data: &Path) -> Self {
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let engine = engine(data);
        let mut host = within(engine, "unshare", &["--net", "sleep", "120"]);
        let host = host.stdin(Stdio::null()).spawn().unwrap();
        let net = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        until("a network of the host's own", SOON, || {
            net(host.id()).filter(|found| *found != own && Some(found) != net(engine).as_ref())
        });
        let cable = format!(
            "ip link add cable0 type veth peer name cable1 && ip link set cable1 netns {} && ip link set cable0 master lab0 up",
            host.id()
        );
        until("the bridge", SOON, || {
            within(engine, "ip", &["link", "show", "lab0"]).output().unwrap().status.success().then_some(())
        });
        run(within(engine, "sh", &["-c", &cable]));
        let wire = Self { engine, host };
        // The address of a machine of the board.
        wire.host("ip", &["link", "set", "cable1", "up"]);
        wire.host("ip", &["addr", "add", "192.168.122.11/24", "dev", "cable1"]);
        wire
    }

    /// Runs a program on that host and expects it to succeed.
    fn host(&self, program: &str, args: &[&str]) -> String {
        run(within(self.host.id(), program, args))
    }

    fn asks(&self, program: &str, args: &[&str]) -> Output {
        within(self.host.id(), program, args).stdin(Stdio::null()).output().unwrap()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let _ = self.host.kill();
        let _ = self.host.wait();
    }
}

/// A command in the network (and, without root, the users) of another process.
fn within(pid: u32, program: &str, args: &[&str]) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--target", &pid.to_string(), "--net"]);
    if !nix_root() {
        command.args(["--user", "--preserve-credentials"]);
    }
    command.arg("--").arg(program).args(args);
    command
}

fn nix_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
}

fn run(mut command: Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let (said, error) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {} {said} {error}", output.status);
    said
}

#[test]
fn a_host_on_the_bridge_finds_everything_it_was_promised() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), &["--board", "virtual", "--machines", "1"]);
    let wire = Wire::lay(dir.path());
    until("the self-check", Duration::from_secs(120), || {
        let status = served.json(&["status"]);
        let services = status["engine"]["services"].as_array().unwrap().clone();
        services.into_iter().find(|service| service["name"] == "self-check" && service["ready"] == true)
    });

    the_kernel_takes_an_address_of_our_prefix(&wire);
    names_are_answered(&wire);
    the_time_is_told(&wire);
    files_come_by_https(&wire, dir.path());

    assert_eq!(
        served.lines(&["events"]).iter().filter(|event| event["kind"] == "service-troubled").count(),
        0
    );
    assert!([67, 4011].iter().all(|port| udp_ports(wire.engine).contains(port)), "DHCP is served");
    drop(wire);
    served.stop();
}

/// UDP ports that are taken in the network of this process.
fn udp_ports(pid: u32) -> Vec<u16> {
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/udp")).unwrap();
    let port = |line: &str| u16::from_str_radix(line.split_whitespace().nth(1)?.split_once(':')?.1, 16).ok();
    table.lines().skip(1).filter_map(port).collect()
}

#[test]
fn dhcp_that_is_off_leaves_its_ports_to_another_server() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("board.toml");
    let board = include_str!("../boards/virtual.toml");
    std::fs::write(&file, board.replace("[network]\n", "[network]\ndhcp = \"off\"\n")).unwrap();
    let data = dir.path().join("data");
    let served = Served::start(&data, &["--board", file.to_str().unwrap(), "--machines", "1"]);
    let services = until("the board", Duration::from_secs(60), || {
        let services = served.json(&["status"])["engine"]["services"].as_array().unwrap().clone();
        let ready = |name: &str| services.iter().any(|s| s["name"] == name && s["ready"] == true);
        ["board", "dhcp", "tftp", "http"].iter().all(|name| ready(name)).then_some(services.clone())
    });
    let dhcp = services.iter().find(|service| service["name"] == "dhcp").unwrap();
    assert!(dhcp["says"].as_str().unwrap().starts_with("off"), "{dhcp}");
    let taken = udp_ports(engine(&data));
    assert!(taken.contains(&69), "this test sees the engine's sockets: {taken:?}");
    assert!(!taken.contains(&67) && !taken.contains(&4011), "{taken:?}");
    served.stop();
}

/// The engine of a virtual board: the process in a network of its own.
fn engine(data: &Path) -> u32 {
    let own = std::fs::read_link("/proc/self/ns/net").unwrap();
    let needle = data.to_str().unwrap().to_owned();
    until("the engine's network", SOON, || {
        let inside =
            |pid: &u32| std::fs::read_link(format!("/proc/{pid}/ns/net")).is_ok_and(|net| net != own);
        processes_with(&needle).into_iter().map(|(pid, _)| pid).find(inside)
    })
}

/// The kernel asks for routers when its interface comes up, and waits up to 12 s when nobody answers.
fn the_kernel_takes_an_address_of_our_prefix(wire: &Wire) {
    let address = until("an address by router advertisement", SOON, || {
        let shown = wire.host("ip", &["-6", "-o", "addr", "show", "dev", "cable1", "scope", "global"]);
        shown.contains("inet6 fd").then_some(shown)
    });
    assert!(address.contains("/64") && address.contains("dynamic"), "{address}");
    assert!(address.contains("preferred_lft 1") && address.contains("valid_lft 3"), "{address}");
    let routes = wire.host("ip", &["-6", "route", "show", "default"]);
    assert_eq!(routes, "", "we never offer to route");
}

fn names_are_answered(wire: &Wire) {
    let dig = |args: &[&str]| {
        let common = ["@192.168.122.3", "+time=2", "+tries=3"];
        wire.host("dig", &[&common[..], args].concat())
    };
    assert_eq!(dig(&["+short", "boss.local"]).trim(), "192.168.122.3");
    assert_eq!(dig(&["+short", "+tcp", "NODE1.local"]).trim(), "192.168.122.11");
    assert_eq!(dig(&["+short", "rehearsal-workers.local"]).trim(), "192.168.122.11");
    assert_eq!(dig(&["+short", "-x", "192.168.122.11"]).trim(), "node1.local.");
    let table = [
        (vec!["node1.local", "AAAA"], "status: NOERROR"),
        (vec!["node9.local"], "status: NXDOMAIN"),
        (vec!["example.org"], "status: REFUSED"),
        (vec!["+edns=1", "+noednsnegotiation", "node1.local"], "status: BADVERS"),
    ];
    for (asked, expected) in table {
        let said = dig(&asked);
        assert!(said.contains(expected), "{asked:?}: {said}");
        assert!(!said.contains("Warning") && !said.contains("Malformed"), "{said}");
    }
    let silent = within(
        wire.engine,
        "dig",
        &["-b", "127.0.0.1", "@192.168.122.3", "+time=1", "+tries=1", "boss.local"],
    );
    let mut silent = silent;
    let output = silent.output().unwrap();
    assert!(!output.status.success(), "no answer to whoever is not of the lab: {}", text(&output.stdout));
}

fn the_time_is_told(wire: &Wire) {
    let args = ["-Q", "-t", "20", "-u", "root", "server 192.168.122.3 iburst maxsamples 2"];
    let output = wire.asks("chronyd", &args);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(said.contains("System clock wrong by"), "chronyd took the time: {said}");
}

fn files_come_by_https(wire: &Wire, data: &Path) {
    let certificate = data.join("virtual/boot-https.pem");
    let certificate = certificate.to_str().unwrap();
    let fetch = |scheme: &[&str]| {
        let common = ["--silent", "--show-error", "--fail", "--max-time", "20"];
        wire.host("sh", &["-c", &format!("curl {} {} | sha256sum", common.join(" "), scheme.join(" "))])
    };
    let plain = fetch(&["http://192.168.122.3/ipxe.efi"]);
    let resolve = "boss.local:443:192.168.122.3";
    let by_name = fetch(&["--cacert", certificate, "--resolve", resolve, "https://boss.local/ipxe.efi"]);
    let by_address = fetch(&["--cacert", certificate, "https://192.168.122.3/ipxe.efi"]);
    assert_eq!((&by_name, &by_address), (&plain, &plain));
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert!(!plain.starts_with(empty), "something came: {plain}");
}
