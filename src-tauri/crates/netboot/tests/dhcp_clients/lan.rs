//! A bridge with our server's address, and namespaces with one card each for everybody else.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const BRIDGE: &str = "lab0";
const CARD: &str = "eth0";

pub(crate) struct Lan {
    folder: tempfile::TempDir,
    /// A process that only holds its namespace open, by name.
    places: BTreeMap<&'static str, Held>,
    macs: RefCell<HashMap<String, String>>,
}

/// Ends with its owner.
pub(crate) struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Lan {
    pub(crate) fn make() -> Lan {
        run("ip", &["link", "set", "lo", "up"]);
        run("ip", &["link", "add", BRIDGE, "type", "bridge", "forward_delay", "0"]);
        run("ip", &["address", "add", "192.168.122.3/24", "dev", BRIDGE]);
        run("ip", &["link", "set", BRIDGE, "up"]);
        let mut places = BTreeMap::new();
        for (number, name) in ["pc1", "pc2", "pc3"].into_iter().enumerate() {
            let held = Command::new("unshare").args(["--net", "sleep", "600"]).spawn().unwrap();
            let (near, pid) = (format!("port{number}"), held.id().to_string());
            places.insert(name, Held(held));
            // `sleep` runs once the namespace is made: before that a card would land in ours.
            let began = Instant::now();
            let ours = fs::read_link("/proc/self/ns/net").unwrap();
            while fs::read_link(format!("/proc/{pid}/ns/net")).is_ok_and(|theirs| theirs == ours) {
                assert!(began.elapsed() < Duration::from_secs(10), "{name} has no namespace");
            }
            run("ip", &["link", "add", &near, "type", "veth", "peer", "name", CARD, "netns", &pid]);
            run("ip", &["link", "set", &near, "master", BRIDGE, "up"]);
        }
        let lan = Lan { folder: tempfile::tempdir().unwrap(), places, macs: RefCell::default() };
        for name in ["pc1", "pc2", "pc3"] {
            lan.run(name, "ip", &["link", "set", "lo", "up"]);
            lan.run(name, "ip", &["link", "set", CARD, "up"]);
        }
        lan
    }

    fn inside(&self, place: &str, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--net", "--target", &self.places[place].0.id().to_string(), "--", program]);
        command
    }

    fn run(&self, place: &str, program: &str, words: &[&str]) {
        let output = self.inside(place, program).args(words).output().unwrap();
        assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    pub(crate) fn give(&self, place: &str, address: &str) {
        self.run(place, "ip", &["address", "add", address, "dev", CARD]);
    }

    pub(crate) fn take(&self, place: &str) {
        self.run(place, "ip", &["address", "flush", "dev", CARD]);
    }

    fn mac(&self, place: &str, mac: &str) {
        let before = self.macs.borrow_mut().insert(place.to_owned(), mac.to_owned());
        if before.as_deref() != Some(mac) {
            self.run(place, "ip", &["link", "set", CARD, "down"]);
            self.run(place, "ip", &["link", "set", CARD, "address", mac, "up"]);
        }
    }

    /// What busybox's client is told, by its own names; `None` when it gives up.
    pub(crate) fn udhcpc(&self, place: &str, mac: &str) -> Option<HashMap<String, String>> {
        self.mac(place, mac);
        let (script, told) = (self.path("udhcpc.sh"), self.path("udhcpc.told"));
        let _ = fs::remove_file(&told);
        fs::write(&script, format!("#!/bin/sh\n[ \"$1\" = bound ] && env > {}\nexit 0\n", told.display()))
            .unwrap();
        executable(&script);
        let script = script.display().to_string();
        // Four questions, two seconds apart: ours listens for other servers during the first second of its life.
        let words = ["-i", CARD, "-f", "-q", "-n", "-t", "4", "-T", "2", "-s", &script];
        let wishes = ["-O", "ntpsrv", "-O", "7", "-O", "search", "-O", "lease", "-O", "bootfile"];
        let output = self.inside(place, "udhcpc").args(words).args(wishes).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("unknown option"), "{said}");
        let told = fs::read_to_string(told).ok().filter(|_| output.status.success())?;
        Some(
            told.lines().filter_map(|line| line.split_once('=')).map(|(a, b)| (a.into(), b.into())).collect(),
        )
    }

    /// The address that dhclient gets. It remembers its leases from one call to the next.
    pub(crate) fn dhclient(&self, place: &str, mac: &str) -> Option<String> {
        self.mac(place, mac);
        let told = self.path("dhclient.told");
        let _ = fs::remove_file(&told);
        let script = self.path("dhclient.sh");
        let text = format!(
            "#!/bin/sh\n[ -z \"$new_ip_address\" ] || echo $new_ip_address > {}\nexit 0\n",
            told.display()
        );
        fs::write(&script, text).unwrap();
        executable(&script);
        let file = |name: &str| self.path(name).display().to_string();
        let config = self.path("dhclient.conf");
        fs::write(&config, "timeout 15;\ninitial-interval 1;\n").unwrap();
        let (config, script, leases, pid) =
            (file("dhclient.conf"), file("dhclient.sh"), file("dhclient.leases"), file("dhclient.pid"));
        let words = ["-4", "-1", "-cf", &config, "-sf", &script, "-lf", &leases, "-pf", &pid, CARD];
        let output = self.inside(place, "dhclient").args(words).output().unwrap();
        let mut end = self.inside(place, "dhclient");
        // `-x` ends it and keeps its lease.
        let _ = end
            .args(["-4", "-x", "-cf", &config, "-sf", &script, "-lf", &leases, "-pf", &pid, CARD])
            .output();
        let address = fs::read_to_string(told).ok().map(|text| text.trim().to_owned());
        assert!(address.is_some() || !output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        address
    }

    /// dnsmasq as another server, answering once this returns.
    pub(crate) fn dnsmasq(&self, place: &str, address: &str) -> Held {
        self.give(place, address);
        let file = |name: &str| self.path(name).display().to_string();
        let options = [
            // It stays in front and stays who it is: in a user namespace it may not become another.
            "--no-daemon".to_owned(),
            "--conf-file=/dev/null".to_owned(),
            "--port=0".to_owned(),
            "--no-ping".to_owned(),
            format!("--interface={CARD}"),
            format!("--dhcp-leasefile={}", file("dnsmasq.leases")),
            "--dhcp-range=192.168.122.70,192.168.122.79,255.255.255.0,1h".to_owned(),
        ];
        let child = self.inside(place, "dnsmasq").args(options).stderr(Stdio::null()).spawn().unwrap();
        let held = Held(child);
        let began = Instant::now();
        // Port 67 in its namespace's own table, by hexadecimal number.
        let table = format!("/proc/{}/net/udp", held.0.id());
        while !fs::read_to_string(&table).is_ok_and(|text| text.contains(":0043 ")) {
            assert!(began.elapsed() < Duration::from_secs(10), "dnsmasq does not listen");
        }
        held
    }

    /// One of our own clients in its place, and its last word.
    pub(crate) fn client(&self, place: &str, words: &[&str]) -> String {
        if words[0] == "pxe" {
            self.mac(place, words[1]);
        }
        let program = std::env::current_exe().unwrap();
        let output =
            self.inside(place, program.to_str().unwrap()).arg("client").args(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(output.status.success(), "{words:?}: {said} {}", String::from_utf8_lossy(&output.stderr));
        said
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn run(program: &str, words: &[&str]) {
    let output = Command::new(program).args(words).output().unwrap();
    assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
