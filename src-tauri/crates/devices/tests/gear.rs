//! Drivers against programs that others wrote: Net-SNMP's agent and Prometheus's node exporter, on loopback in a network
//! namespace of their own, where the interfaces are ours.
//!
//! Needs unshare, iproute2, snmpd and prometheus-node-exporter; runs as root and as an ordinary user.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test, and its own harness")]

use std::{
    net::{IpAddr, Ipv4Addr, UdpSocket},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use devices::{
    router::{Exporter, ExporterConfig},
    switch::{Snmp, SnmpConfig},
    tls::{Fingerprint, Pin, Trust},
};
use lab::{
    gear::RouterDevices,
    ports::{PortError, Router, RouterReading, Switch, SwitchReading},
    secret::Secret,
};

const INSIDE: &str = "STATUSINATOR_TEST_INSIDE";
/// In a namespace of one's own every port is free.
const AGENT: u16 = 1161;
const EXPORTER: u16 = 9100;
/// They start within a tenth of a second on a machine that has nothing else to do.
const SOON: Duration = Duration::from_secs(20);

/// Two cables, given numbers on purpose out of their names' order; the second has one end that is down.
const INTERFACES: &str = "link set lo up
link add ge2 index 22 type veth peer name ge1 index 21
link add ge3 index 23 type veth peer name ge4 index 24
link set ge1 up
link set ge2 up
link set ge3 up
addr add 10.99.0.1/24 broadcast 10.99.0.255 dev ge1
";

fn main() -> ExitCode {
    if std::env::var_os(INSIDE).is_none() {
        let mut command = Command::new("unshare");
        if !nix::unistd::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--net", "--"]).arg(std::env::current_exe().unwrap()).env(INSIDE, "1");
        let status = command.args(std::env::args_os().skip(1)).status().unwrap();
        return if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let cases: [(&str, fn()); 2] = [
        ("net_snmps_agent_is_a_switch_of_four_ports", agent),
        ("prometheus_node_exporter_counts_packets", exporter),
    ];
    let interfaces = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(interfaces.path(), INTERFACES).unwrap();
    assert!(Command::new("ip").arg("-batch").arg(interfaces.path()).status().unwrap().success());
    let (mut passed, mut failed) = (0, 0);
    for (name, case) in cases {
        if filter.as_ref().is_some_and(|filter| !name.contains(filter.as_str())) {
            continue;
        }
        let result = std::panic::catch_unwind(case);
        println!("test {name} ... {}", if result.is_ok() { "ok" } else { "FAILED" });
        if result.is_ok() { passed += 1 } else { failed += 1 }
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A program that ends with the test.
struct Running(Child);

impl Running {
    fn start(program: &str, arguments: &[&str], folder: &Path) -> Self {
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let mut command = Command::new(program);
        command.args(arguments).env("SNMP_PERSISTENT_DIR", folder).env("MIBS", "");
        // What Debian puts for administrators is not in everybody's path.
        command.env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Self(command.spawn().unwrap_or_else(|error| panic!("{program}: {error}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Asks until it answers.
async fn answered<T>(mut ask: impl AsyncFnMut() -> Result<T, PortError>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => assert!(Instant::now() < deadline, "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn snmp(community: &str) -> Snmp {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Snmp::new(SnmpConfig { address, port: AGENT, community: Secret::new(community) })
}

fn agent() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("snmpd.conf");
    std::fs::write(&config, "rocommunity lab 127.0.0.1\n").unwrap();
    let address = format!("udp:127.0.0.1:{AGENT}");
    let _agent = Running::start(
        "snmpd",
        &["-f", "-Lo", "-C", "-c", config.to_str().unwrap(), &address],
        folder.path(),
    );
    runtime().block_on(async {
        let switch = snmp("lab");
        let SwitchReading { ports } = answered(async || switch.read().await).await;
        let seen: Vec<_> = ports
            .iter()
            .map(|(n, port)| (*n, port.name.as_deref(), port.enabled, port.link, port.speed.is_some()))
            .collect();
        // lo is no socket; the peer of an end that is down has no carrier.
        let expected = [
            (1, Some("ge1"), Some(true), Some(true), true),
            (2, Some("ge2"), Some(true), Some(true), true),
            (3, Some("ge3"), Some(true), Some(false), false),
            (4, Some("ge4"), Some(false), Some(false), false),
        ];
        assert_eq!(seen, expected, "{ports:?}");
        assert!(ports.values().all(|port| port.received.is_some() && port.sent.is_some()), "{ports:?}");
        let tables = switch.capture().await.unwrap();
        assert!(tables[0].1.contains("Name.21 Text(\"ge1\")"), "{}", tables[0].1);

        let start = Instant::now();
        let error = snmp("wrong").read().await.unwrap_err();
        assert!(error.absent && error.remedy.contains("community"), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    });
}

/// Nothing here speaks TLS.
struct Nobody;

impl Trust for Nobody {
    fn known(&self, _: &str) -> Option<Fingerprint> {
        None
    }
    fn first_seen(&self, _: &str, _: Fingerprint) {}
}

fn exporter() {
    let folder = tempfile::tempdir().unwrap();
    let listen = format!("--web.listen-address=127.0.0.1:{EXPORTER}");
    let _exporter = Running::start("prometheus-node-exporter", &[&listen], folder.path());
    let exporter = |wan: &str, lan: &str| {
        let devices = RouterDevices { wan: wan.to_owned(), lan: lan.to_owned() };
        let url = format!("http://127.0.0.1:{EXPORTER}/metrics");
        Exporter::new(ExporterConfig { url, devices, pin: Pin::First(Arc::new(Nobody)) }).unwrap()
    };
    runtime().block_on(async {
        let router = exporter("ge1", "ge2");
        let before = answered(async || router.read().await).await;
        assert!(before.uptime_s.is_some_and(|uptime| uptime > 0), "{before:?}");
        assert!(before.wan_in.is_some() && before.wan_out.is_some() && before.uplink.is_none(), "{before:?}");
        // Out at one end of the cable is in at the other.
        let socket = UdpSocket::bind("10.99.0.1:0").unwrap();
        socket.set_broadcast(true).unwrap();
        for _ in 0..100 {
            assert_eq!(socket.send_to(b"packet", "10.99.0.255:9").unwrap(), 6);
        }
        let after = answered(async || router.read().await).await;
        let more =
            |count: fn(&RouterReading) -> Option<u64>| count(&after).unwrap() - count(&before).unwrap();
        assert!(more(|reading| reading.wan_out) >= 100, "{before:?} {after:?}");
        assert!(more(|reading| reading.lan_in) >= 100, "{before:?} {after:?}");
        let error = exporter("eth0", "eth1").read().await.unwrap_err();
        assert!(error.why.contains("but of ge1, ge2, ge3, ge4"), "{error:?}");
    });
}
