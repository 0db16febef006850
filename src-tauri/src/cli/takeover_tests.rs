use std::{
    collections::BTreeSet,
    net::{TcpListener, UdpSocket},
    os::unix::fs::symlink,
};

use super::*;

/// A /proc and a systemd of our own making, with the owner's programs in it.
struct Computer {
    dir: tempfile::TempDir,
    tables: [String; 2],
}

impl Computer {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), tables: [String::new(), String::new()] }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn program(&mut self, pid: u32, name: &str, cgroup: &str, holds: &[(Proto, [u8; 4], u16)]) {
        let folder = self.path(&format!("proc/{pid}"));
        fs::create_dir_all(folder.join("fd")).unwrap();
        fs::write(folder.join("comm"), format!("{name}\n")).unwrap();
        fs::write(folder.join("cgroup"), format!("0::{cgroup}\n")).unwrap();
        for (n, (proto, address, port)) in holds.iter().enumerate() {
            let inode = pid * 100 + u32::try_from(n).unwrap();
            symlink(format!("socket:[{inode}]"), folder.join("fd").join(n.to_string())).unwrap();
            let (table, state) = if *proto == Proto::Udp { (0, "07") } else { (1, "0A") };
            let address = u32::from_ne_bytes(*address);
            let line = format!("1: {address:08X}:{port:04X} 0:0 {state} 0:0 0:0 0 {pid} 0 {inode} 2\n");
            self.tables[table].push_str(&line);
        }
    }

    fn holds(&self, pid: u32, device: &Path) {
        symlink(device, self.path(&format!("proc/{pid}/fd/99"))).unwrap();
    }

    fn enable(&self, unit: &str, target: &str) {
        let wants = self.path(&format!("units/{target}.wants"));
        fs::create_dir_all(&wants).unwrap();
        symlink("/lib/systemd/system/x", wants.join(unit)).unwrap();
    }

    fn plan(&self, board: &Board) -> Plan {
        fs::create_dir_all(self.path("proc/net")).unwrap();
        for (name, table) in ["udp", "tcp"].iter().zip(&self.tables) {
            fs::write(self.path(&format!("proc/net/{name}")), format!("header\n{table}")).unwrap();
        }
        let claims = claims(board);
        let (mut ports, mut devices) = (BTreeSet::new(), Vec::new());
        for claim in &claims {
            match &claim.place {
                Place::Port { proto, port, .. } => {
                    ports.insert((*proto, *port));
                }
                Place::Device(path) => devices.extend(path.canonicalize()),
            }
        }
        let held = Held::look(&self.path("proc"), &ports, &devices);
        plan(board, "my board.toml", &claims, &held, &self.path("units"))
    }
}

const ANY: [u8; 4] = [0; 4];
const BOSS: [u8; 4] = [192, 168, 122, 3];
use Proto::{Tcp, Udp};

fn owners() -> Board {
    config::load_board("labinator").unwrap()
}

fn state(plan: &Plan, place: &str) -> &'static str {
    plan.rows.iter().find(|row| row.place == place).map_or("not listed", |row| row.state)
}

#[test]
fn the_owners_programs_are_stopped_by_unit_and_come_back_in_reverse() {
    let mut computer = Computer::new();
    computer.program(10, "labwatch", "/system.slice/labwatch.service", &[(Tcp, ANY, 8080)]);
    computer.program(
        20,
        "dnsmasq",
        "/system.slice/dnsmasq.service",
        &[(Udp, ANY, 67), (Udp, ANY, 69), (Udp, ANY, 53), (Tcp, ANY, 53)],
    );
    computer.program(30, "apache2", "/system.slice/apache2.service", &[(Tcp, ANY, 80), (Tcp, ANY, 443)]);
    computer.program(31, "otelcol", "/system.slice/otelcol.service", &[(Udp, ANY, 514), (Tcp, ANY, 601)]);
    computer.program(32, "registry", "/system.slice/docker-0123456789abcdef.scope", &[(Tcp, ANY, 5000)]);
    for unit in ["labwatch.service", "dnsmasq.service", "apache2.service"] {
        computer.enable(unit, "multi-user.target");
    }
    let device = computer.path("ttyUSB0");
    fs::write(&device, "").unwrap();
    computer.holds(10, &device.canonicalize().unwrap());
    let mut board = owners();
    board.relay.as_mut().unwrap().path = device.clone();

    let plan = computer.plan(&board);
    assert_eq!(
        plan.there,
        [
            "systemctl disable --now labwatch.service",
            "systemctl disable --now dnsmasq.service",
            "systemctl disable --now apache2.service",
            "statusinator serve --board 'my board.toml'",
        ]
    );
    assert_eq!(
        plan.back[1..],
        [
            "systemctl enable --now apache2.service",
            "systemctl enable --now dnsmasq.service",
            "systemctl enable --now labwatch.service",
        ]
    );
    assert_eq!(state(&plan, &device.display().to_string()), "stop");
    assert_eq!((state(&plan, "udp 67"), state(&plan, "udp 514")), ("stop", "may-stay"));
    assert_eq!((state(&plan, "tcp 601"), state(&plan, "tcp 5000")), ("stays", "stays"));
    assert_eq!((state(&plan, "udp 123"), state(&plan, "tcp 3000")), ("free", "not listed"));
    assert_eq!(plan.also_ends, ["tcp 443 (boot files by HTTPS), by apache2"]);
    assert!(plan.complete);
}

#[test]
fn a_name_server_for_this_computer_alone_is_left_alone() {
    let mut computer = Computer::new();
    let resolved = "/system.slice/systemd-resolved.service";
    computer.program(
        10,
        "systemd-resolve",
        resolved,
        &[(Udp, [127, 0, 0, 53], 53), (Tcp, [127, 0, 0, 53], 53)],
    );
    let plan = computer.plan(&owners());
    assert_eq!((state(&plan, "udp 53"), state(&plan, "tcp 53")), ("free", "free"));
    assert_eq!(plan.there.len(), 1, "{:?}", plan.there);

    computer.program(11, "named", "/system.slice/named.service", &[(Udp, BOSS, 53)]);
    let plan = computer.plan(&owners());
    assert_eq!(state(&plan, "udp 53"), "stop");
    assert_eq!(plan.there[0], "systemctl stop named.service", "it is not enabled");
    assert_eq!(plan.back[1], "systemctl start named.service");
}

#[test]
fn what_the_board_file_leaves_to_others_stays() {
    let mut computer = Computer::new();
    computer.program(20, "dnsmasq", "/system.slice/dnsmasq.service", &[(Udp, ANY, 67), (Udp, ANY, 53)]);
    let mut board = owners();
    board.network.dhcp = DhcpMode::Off;
    board.network.names = NameService::External;
    let plan = computer.plan(&board);
    assert_eq!((state(&plan, "udp 67"), state(&plan, "udp 53")), ("stays", "stays"));
    assert_eq!(plan.there, ["statusinator serve --board 'my board.toml'"]);
}

#[test]
fn every_kind_of_keeper_has_its_words() {
    let mut computer = Computer::new();
    computer.program(1, "systemd", "/init.scope", &[(Udp, ANY, 69)]);
    computer.program(40, "python3", "/user.slice/user-1000.slice/session-1.scope", &[(Tcp, ANY, 80)]);
    let app = "/user.slice/user-4711.slice/user@4711.service/app.slice/kiosk.service";
    computer.program(41, "kiosk", app, &[(Tcp, ANY, 8080)]);
    computer.program(42, "dhcpd", "/docker/0123456789abcdef", &[(Udp, ANY, 67)]);
    computer.program(43, "unbound", "/system.slice/unbound.service", &[(Udp, ANY, 53)]);
    computer.enable("unbound.socket", "sockets.target");
    let docker = "/system.slice/docker.service";
    computer.program(45, "docker-proxy", docker, &[(Tcp, ANY, 53), (Tcp, ANY, 5000)]);
    computer.program(44, "statusinator", "/system.slice/statusinator.service", &[(Udp, ANY, 4011)]);
    let plan = computer.plan(&owners());
    assert_eq!(
        plan.there[..6],
        [
            "systemctl --user --machine=4711@.host disable --now kiosk.service",
            "docker stop 0123456789ab",
            "systemctl list-sockets   # a socket unit holds it: disable --now that one",
            "systemctl stop unbound.socket unbound.service",
            "docker stop $(docker ps -q --filter publish=53/tcp)",
            "kill 40   # python3, started by hand",
        ]
    );
    assert_eq!(plan.back[1], "# start python3 by hand, as before");
    assert_eq!(plan.back[2], "# docker start the container that published tcp 53");
    assert_eq!(plan.back[3], "systemctl start unbound.socket unbound.service");
    assert!(plan.also_ends.is_empty(), "other containers go on: {:?}", plan.also_ends);
    assert_eq!(state(&plan, "udp 4011"), "ours");
}

#[test]
fn from_watching_to_driving_is_one_word_in_the_file() {
    let mut board = owners();
    board.board.mode = Mode::Watch;
    let plan = Computer::new().plan(&board);
    assert!(
        plan.there[0].contains("mode = \"drive\"")
            && plan.back.iter().any(|b| b.contains("mode = \"watch\""))
    );
}

#[test]
fn who_may_not_be_seen_is_unknown() {
    let mut computer = Computer::new();
    computer.program(20, "dnsmasq", "/system.slice/dnsmasq.service", &[(Udp, ANY, 67)]);
    fs::remove_dir_all(computer.path("proc/20/fd")).unwrap();
    let plan = computer.plan(&owners());
    assert_eq!(state(&plan, "udp 67"), "unknown");
    assert!(!plan.complete);
    let row = plan.rows.iter().find(|row| row.place == "udp 67").unwrap();
    assert!(row.says.contains("sudo"), "{}", row.says);
    assert_eq!(plan.there.len(), 1, "nothing is guessed");
}

#[test]
fn a_device_that_is_not_plugged_in_is_missing() {
    let plan = Computer::new().plan(&owners());
    let relay = owners().relay.unwrap().path.display().to_string();
    assert_eq!(state(&plan, &relay), "missing");
}

/// With this computer's own /proc: ports that this very process binds are found, with us behind them.
#[test]
fn this_process_finds_itself_in_the_way() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let ports = [(Udp, udp.local_addr().unwrap().port()), (Tcp, tcp.local_addr().unwrap().port())];
    let mut board = owners();
    board.network.boss = "127.0.0.1".parse().unwrap();
    let held = Held::look(Path::new("/proc"), &ports.into_iter().collect(), &[]);
    for (proto, port) in ports {
        let place = Place::Port { proto, port, everywhere: false };
        let claim = Claim { place, what: "a test", need: Need::Must };
        let row = row(&board, &claim, &held).unwrap();
        let pids: Vec<u32> = row.held_by.iter().filter_map(|by| Some(by.holder.as_ref()?.pid)).collect();
        assert!(pids.contains(&std::process::id()), "{row:?}");
        assert!(matches!(row.state, "stop" | "ours"), "{row:?}");
    }
}

#[test]
fn words_for_a_shell_are_quoted_where_they_must_be() {
    assert_eq!(quoted("dnsmasq@lab.service"), "dnsmasq@lab.service");
    assert_eq!(quoted(r"a\x2db.service"), r"'a\x2db.service'");
    assert_eq!(quoted("it's"), r"'it'\''s'");
}
