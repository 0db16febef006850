//! The virtual board as processes: made in namespaces, killed in every way, and nothing left behind.
//!
//! This program plays three roles: the tests themselves, the outer process, and the inner one that it starts. Needs
//! unshare, iproute2 and QEMU, as the virtual board does; runs as root and, when it is root, as nobody too.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test, and its own harness")]

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use devices::qemu::{self, Firmware, MachineSpec, Machines, Network, NetworkPlan, Told, Tools};
use lab::ports::{Console, Power, Wire};
use lab::power::PowerState;

/// Marks every process of one test, and says where it works.
const FOLDER: &str = "STATUSINATOR_TEST_FOLDER";
/// What the inner process says when it ended because it was asked to.
const STOPPED: i32 = 7;
/// Emulated firmware on a busy host.
const READY_LIMIT: Duration = Duration::from_secs(120);
/// The kernel cleans up asynchronously.
const GONE_LIMIT: Duration = Duration::from_secs(20);
const NOBODY: u32 = 65534;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("outer") => outer(),
        Some("inner") => inner(),
        _ => tests(),
    }
}

// --- The roles ---

fn folder() -> PathBuf {
    std::env::var_os(FOLDER).unwrap().into()
}

fn outer() -> ExitCode {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    match qemu::reexec(["inner".into()], listener) {
        Ok(inside) => {
            fs::write(folder().join("port.new"), port.to_string()).unwrap();
            fs::rename(folder().join("port.new"), folder().join("port")).unwrap();
            let status = inside.wait(Duration::from_secs(15)).unwrap();
            ExitCode::from(u8::try_from(status.code().unwrap_or(99)).unwrap())
        }
        Err(error) => {
            fs::write(folder().join("refused"), format!("{error}; {}", error.remedy())).unwrap();
            ExitCode::from(2)
        }
    }
}

fn inner() -> ExitCode {
    let adopted = qemu::adopt().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let plan = NetworkPlan {
            address: Ipv4Addr::new(192, 168, 122, 3),
            prefix: 24,
            taps: [("pc1".to_owned(), "tap1".to_owned()), ("pc2".to_owned(), "tap2".to_owned())].into(),
        };
        let network = Network::make(&plan).await.unwrap();
        let tools = Tools::find(Path::new("/"), "/usr/bin:/bin", Firmware::Bios).unwrap();
        let spec = |outlet: u8| MachineSpec {
            name: format!("pc{outlet}"),
            outlet,
            mac: format!("52:54:00:12:34:0{outlet}"),
            memory_mib: 128,
            boot_disk: None,
            folder: folder(),
        };
        let machines = Machines::new(tools, vec![spec(1), spec(2)]);
        let before = machines.read().await.unwrap();
        assert_eq!(before.outlets[&1].observed, Some(PowerState::Off));
        machines.on(1).await.unwrap();
        machines.on(1).await.unwrap(); // again: no second process
        let after = machines.read().await.unwrap();
        assert_eq!(after.outlets[&1].observed, Some(PowerState::On));
        assert_eq!(after.outlets[&2].observed, Some(PowerState::Off));
        assert!(machines.on(3).await.is_err(), "there is no third machine");

        if folder().join("until-it-speaks").exists() {
            // The firmware's own DHCP client speaks first, and nobody answers.
            while network.counters("pc1").await.unwrap().from_packets < 2 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert_eq!(network.counters("pc2").await.unwrap().from_packets, 0);
            assert!(network.counters("pc9").await.is_none());
            let console = machines.tail("pc1", 10_000).await.unwrap();
            assert!(console.contains("iPXE"), "the ROM prints its name: {console:?}");
            machines.off(1).await.unwrap();
            assert_eq!(machines.read().await.unwrap().outlets[&1].observed, Some(PowerState::Off));
            machines.on(1).await.unwrap();
        }
        adopted.listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(adopted.listener).unwrap();
        let mut parent = adopted.parent.listen().unwrap();
        loop {
            tokio::select! {
                client = listener.accept() => {
                    use tokio::io::AsyncWriteExt;
                    client.unwrap().0.write_all(b"ready").await.unwrap();
                }
                told = parent.next() => {
                    machines.shut_down().await.unwrap();
                    return ExitCode::from(if told == Told::Stop { u8::try_from(STOPPED).unwrap() } else { 8 });
                }
            }
        }
    })
}

// --- The tests ---

/// In words; whether to wait until the machine has spoken; what happens then.
type Case = (&'static str, bool, fn(&mut Board));

fn tests() -> ExitCode {
    let mut users = vec![None];
    if nix::unistd::geteuid().is_root() {
        users.push(Some(NOBODY));
    }
    let cases: [Case; 5] = [
        ("a machine speaks on its own wire, and a polite end is passed on", true, polite_end),
        ("kill -9 of the outer process takes all along", false, killed_outside),
        ("kill -9 of the inner process takes all along", false, killed_inside),
        ("kill -9 of unshare between them takes all along", false, killed_between),
        ("without an outer process nothing is taken over", false, not_inside),
    ];
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let (mut passed, mut failed) = (0, 0);
    for user in users {
        for (words, speaks, case) in cases {
            let name = format!("{words} ({})", user.map_or("as is", |_| "as nobody"));
            if filter.as_ref().is_some_and(|filter| !name.contains(filter.as_str())) {
                continue;
            }
            let result = std::panic::catch_unwind(|| {
                let mut board = Board::start(user, speaks);
                case(&mut board);
                board.nothing_is_left();
            });
            println!("test {name} ... {}", if result.is_ok() { "ok" } else { "FAILED" });
            if result.is_ok() { passed += 1 } else { failed += 1 }
        }
    }
    println!(
        "\ntest result: {}. {passed} passed; {failed} failed; 0 ignored",
        if failed == 0 { "ok" } else { "FAILED" }
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn polite_end(board: &mut Board) {
    let own_net = fs::read_link("/proc/self/ns/net").unwrap();
    for process in
        board.processes().into_iter().filter(|process| process.role != "outer" && process.role != "unshare")
    {
        let net = fs::read_link(format!("/proc/{}/ns/net", process.id)).unwrap();
        assert_ne!(net, own_net, "{process:?} is in the host's network");
    }
    assert_eq!(board.processes().iter().filter(|process| process.role == "qemu").count(), 1);
    nix::sys::signal::kill(board.outer_id(), nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(board.wait().code(), Some(STOPPED), "the inner process's status is the outer one's");
}

fn killed_outside(board: &mut Board) {
    let outer = board.outer_id();
    board.kill(outer.as_raw());
}

fn killed_inside(board: &mut Board) {
    board.kill_role("inner");
    assert!(!board.wait().success(), "the outer process says that the inner one did not end well");
}

fn killed_between(board: &mut Board) {
    board.kill_role("unshare");
    assert!(!board.wait().success());
}

fn not_inside(board: &mut Board) {
    // In a process of its own: descriptors 3 and 4 of this one belong to somebody.
    let status = Command::new(&board.program).arg("inner").env(FOLDER, &board.folder).output().unwrap();
    let said = String::from_utf8_lossy(&status.stderr).into_owned();
    assert!(said.contains("NotInside"), "{said}");
    let outer = board.outer_id();
    board.kill(outer.as_raw());
}

/// One board of a test: its processes are known by their environment.
struct Board {
    folder: PathBuf,
    program: PathBuf,
    outer: Child,
    _owner: tempfile::TempDir,
}

#[derive(Debug)]
struct Process {
    id: i32,
    role: &'static str,
}

impl Board {
    /// Started, with machine 1 on.
    fn start(user: Option<u32>, until_it_speaks: bool) -> Self {
        let owner = tempfile::tempdir().unwrap();
        let folder = owner.path().to_owned();
        // A copy that the other user may run, wherever this one was built.
        let program = folder.join("program");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        if until_it_speaks {
            fs::write(folder.join("until-it-speaks"), b"").unwrap();
        }
        let mut command = match user {
            None => Command::new(&program),
            Some(id) => {
                chown(&folder, Some(id), Some(id)).unwrap();
                let mut command = Command::new("setpriv");
                command
                    .args([format!("--reuid={id}"), format!("--regid={id}"), "--clear-groups".into()])
                    .arg(&program);
                command
            }
        };
        let outer = command.arg("outer").env(FOLDER, &folder).spawn().unwrap();
        let mut board = Self { folder, program, outer, _owner: owner };
        board.ready();
        board
    }

    fn ready(&mut self) {
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            assert!(Instant::now() < deadline, "not ready within {READY_LIMIT:?}");
            if let Some(status) = self.outer.try_wait().unwrap() {
                let refused = fs::read_to_string(self.folder.join("refused")).unwrap_or_default();
                panic!("the outer process ended early: {status} {refused}");
            }
            if let Ok(port) = fs::read_to_string(self.folder.join("port")) {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().unwrap()));
                let mut client = TcpStream::connect(address).unwrap();
                client.set_read_timeout(Some(READY_LIMIT)).unwrap();
                let mut said = String::new();
                // Refused or cut when the inner process dies before it is ready.
                client.read_to_string(&mut said).unwrap_or_else(|error| panic!("not ready: {error}"));
                assert_eq!(said, "ready");
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn outer_id(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(i32::try_from(self.outer.id()).unwrap())
    }

    fn kill(&mut self, id: i32) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGKILL).unwrap();
    }

    fn kill_role(&mut self, role: &str) {
        let found: Vec<i32> =
            self.processes().iter().filter(|found| found.role == role).map(|found| found.id).collect();
        assert_eq!(found.len(), 1, "one {role}: {:?}", self.processes());
        self.kill(found[0]);
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + GONE_LIMIT;
        loop {
            if let Some(status) = self.outer.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the outer process does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// All living processes of this board.
    fn processes(&self) -> Vec<Process> {
        let marker = format!("{FOLDER}={}", self.folder.display());
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            if !environment.split(|byte| *byte == 0).any(|variable| variable == marker.as_bytes()) {
                continue;
            }
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
            let role = if words[0].ends_with(b"unshare") {
                "unshare"
            } else if words[0].ends_with(b"qemu-system-x86_64") {
                "qemu"
            } else if words.contains(&b"inner".as_slice()) {
                "inner"
            } else {
                "outer"
            };
            found.push(Process { id, role });
        }
        found
    }

    /// No process, and with the last of them no namespace, hence no tap and no mount.
    fn nothing_is_left(&mut self) {
        let _ = self.wait();
        let deadline = Instant::now() + GONE_LIMIT;
        while !self.processes().is_empty() {
            assert!(Instant::now() < deadline, "left behind: {:?}", self.processes());
            std::thread::sleep(Duration::from_millis(20));
        }
        let interfaces = fs::read_to_string("/proc/net/dev").unwrap();
        assert!(
            !interfaces.contains("tap1:") && !interfaces.contains("lab0:"),
            "made on the host: {interfaces}"
        );
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(self.folder.to_str().unwrap()), "mounted on the host: {mounts}");
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.outer.kill();
        let _ = self.outer.wait();
    }
}
