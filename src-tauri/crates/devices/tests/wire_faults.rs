//! Faults on a wire, with real packets: a bridge in a namespace of its own, and a machine that is a thread in another one.
//!
//! Needs unshare, iproute2, nftables, dnsmasq and busybox; runs as root and as an ordinary user. No virtual machine.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test, and its own harness")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc; // unbounded: a handful of words between the two threads of a test
use std::time::{Duration, Instant};

use devices::qemu::network::BRIDGE_MAC;
use devices::qemu::{MachineSpec, RivalPlan, WireFaults};
use lab::fault::Fault;
use lab::ports::Faults;

/// Says that the way is open.
const READY: &[u8] = b"ready";

const INSIDE: &str = "STATUSINATOR_TEST_INSIDE";
const BOSS: Ipv4Addr = Ipv4Addr::new(192, 168, 122, 3);
const MACHINE: Ipv4Addr = Ipv4Addr::new(192, 168, 122, 11);
const RIVAL: Ipv4Addr = Ipv4Addr::new(192, 168, 122, 190);
/// A packet that passes takes microseconds; a busy host may need longer.
const SOON: Duration = Duration::from_secs(10);

/// What is done in a world of its own.
type Case = fn(&World);

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
    let cases: [(&str, Case); 6] = [
        ("without_a_fault_everything_passes", passes),
        ("what_is_dropped_is_dropped_and_nothing_else", drops),
        ("late_packets_come_late_and_whole", delays),
        ("doubled_packets_come_twice", duplicates),
        ("acknowledgements_are_lost_in_mid_file", lost_acks),
        ("a_second_dhcp_server_is_the_one_that_is_heard", second_dhcp),
    ];
    let world = World::make();
    let (mut passed, mut failed) = (0, 0);
    for (name, case) in cases {
        if filter.as_ref().is_some_and(|filter| !name.contains(filter.as_str())) {
            continue;
        }
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(&world)));
        world.mend();
        println!("test {name} ... {}", if result.is_ok() { "ok" } else { "FAILED" });
        if result.is_ok() { passed += 1 } else { failed += 1 }
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The bridge with the engine's address, and a machine on it.
struct World {
    runtime: tokio::runtime::Runtime,
    faults: WireFaults,
    machine: Machine,
}

/// A thread in a network namespace of its own; what it opens stays there.
struct Machine {
    asked: mpsc::Sender<Box<dyn FnOnce() + Send>>,
}

impl Machine {
    fn start() -> (Self, i32) {
        let (asked, jobs) = mpsc::channel::<Box<dyn FnOnce() + Send>>();
        let (say, said) = mpsc::channel();
        std::thread::spawn(move || {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            say.send(nix::unistd::gettid().as_raw()).unwrap();
            while let Ok(job) = jobs.recv() {
                job();
            }
        });
        let id = said.recv_timeout(SOON).unwrap();
        (Self { asked }, id)
    }

    /// Does something inside the machine's network and brings the result out.
    fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (say, said) = mpsc::channel();
        self.asked.send(Box::new(move || drop(say.send(job())))).unwrap();
        said.recv_timeout(Duration::from_secs(60)).unwrap()
    }
}

fn ip(lines: &str) {
    let mut child = Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{lines}");
}

impl World {
    fn make() -> Self {
        let (machine, id) = Machine::start();
        ip(&format!(
            "link set lo up\nlink add lab0 address {BRIDGE_MAC} type bridge stp_state 0 forward_delay 0 mcast_snooping 0\naddr add {BOSS}/24 \
             dev lab0\nlink set lab0 up\nlink add tap1 type veth peer name guest netns {id}\nlink set tap1 master lab0 up\n"
        ));
        machine.run(|| ip(&format!("link set lo up\naddr add {MACHINE}/24 dev guest\nlink set guest up\n")));
        let spec = MachineSpec {
            name: "node1".into(),
            outlet: 1,
            mac: machine.run(mac),
            memory_mib: 128,
            boot_disk: None,
            folder: "/nowhere".into(),
        };
        let range = (Ipv4Addr::new(192, 168, 122, 191), Ipv4Addr::new(192, 168, 122, 199));
        let faults = WireFaults::new(None, &[spec], BOSS, RivalPlan { address: RIVAL, prefix: 24, range });
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { runtime, faults, machine }
    }

    fn set(&self, fault: Fault, on: bool) {
        self.runtime.block_on(self.faults.set("node1", fault, on)).unwrap();
    }

    fn mend(&self) {
        for fault in self.faults.possible() {
            self.set(fault, false);
        }
        let left = Command::new("ip").args(["-o", "link"]).output().unwrap();
        let left = String::from_utf8(left.stdout).unwrap();
        assert!(!left.contains("lag1") && !left.contains("rival"), "left behind: {left}");
    }

    /// A port that was just moved between bridge and relay may lose its first frames: waits until one came through.
    fn ready(&self, plain: &UdpSocket) {
        plain.set_read_timeout(Some(Duration::from_millis(250))).unwrap();
        let came = (0..40).any(|_| {
            self.machine.run(|| UdpSocket::bind((MACHINE, 0)).unwrap().send_to(READY, (BOSS, 514)).unwrap());
            plain.recv_from(&mut [0; 64]).is_ok()
        });
        assert!(came, "nothing came through within 10 s");
        plain.set_read_timeout(Some(SOON)).unwrap();
    }

    /// Sends from the machine's port to one of ours, then a word on a port that no fault is about; what came before it.
    fn send(&self, from: u16, to: u16, payloads: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let ours = UdpSocket::bind((BOSS, to)).unwrap();
        let plain = UdpSocket::bind((BOSS, 514)).unwrap();
        for socket in [&ours, &plain] {
            socket.set_read_timeout(Some(SOON)).unwrap();
        }
        self.ready(&plain);
        self.machine.run(move || {
            let socket = UdpSocket::bind((MACHINE, from)).unwrap();
            for payload in payloads {
                socket.send_to(&payload, (BOSS, to)).unwrap();
            }
            UdpSocket::bind((MACHINE, 0)).unwrap().send_to(b"end", (BOSS, 514)).unwrap();
        });
        let mut buffer = [0; 2048];
        loop {
            let (count, _) = plain.recv_from(&mut buffer).expect("what no fault is about passes");
            if &buffer[..count] == b"end" {
                break;
            }
            assert_eq!(&buffer[..count], READY);
        }
        // Both took the same way, in order: what is not here now was dropped.
        ours.set_nonblocking(true).unwrap();
        let mut came = Vec::new();
        while let Ok((count, from)) = ours.recv_from(&mut buffer) {
            assert_eq!(from.ip(), MACHINE);
            came.push(buffer[..count].to_vec());
        }
        came
    }

    /// The machine asks on TCP and is answered with a lot, which must come whole. Seconds until then; `None`: no
    /// connection.
    fn fetch(&self, port: u16) -> Option<f64> {
        const BYTES: usize = 3_000_000;
        let listener = TcpListener::bind((BOSS, port)).unwrap();
        let server = std::thread::spawn(move || {
            listener.set_nonblocking(true).unwrap();
            let deadline = Instant::now() + Duration::from_secs(4);
            while Instant::now() < deadline {
                if let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nonblocking(false).unwrap();
                    let body: Vec<u8> = (0..BYTES).map(|i| ((i * 7) >> 3) as u8).collect();
                    stream.write_all(&body).unwrap();
                    return;
                }
                std::thread::park_timeout(Duration::from_millis(10));
            }
        });
        let began = Instant::now();
        let came = self.machine.run(move || {
            let to = SocketAddrV4::new(BOSS, port).into();
            let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(2)).ok()?;
            stream.set_read_timeout(Some(SOON)).unwrap();
            let mut body = Vec::new();
            stream.read_to_end(&mut body).unwrap();
            Some(body)
        });
        let seconds = began.elapsed().as_secs_f64();
        server.join().unwrap();
        let body = came?;
        assert_eq!(body.len(), BYTES);
        assert!(body.iter().enumerate().all(|(i, byte)| *byte == ((i * 7) >> 3) as u8), "changed on the way");
        Some(seconds)
    }
}

fn mac() -> String {
    let output = Command::new("ip").args(["-o", "link", "show", "guest"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().skip_while(|word| *word != "link/ether").nth(1).unwrap().to_owned()
}

fn one() -> Vec<Vec<u8>> {
    vec![b"hello".to_vec()]
}

fn passes(world: &World) {
    assert_eq!(world.send(68, 67, one()), one());
    assert_eq!(world.send(2070, 69, one()), one());
    assert_eq!(world.send(2070, 41_000, one()), one());
    assert!(world.fetch(80).is_some());
}

fn drops(world: &World) {
    let nothing: Vec<Vec<u8>> = Vec::new();
    let table = [
        (Fault::DropDhcp, 68, 67, vec![(2070, 69), (2070, 41_000)]),
        (Fault::DropTftp, 2070, 69, vec![(68, 67)]),
        (Fault::DropTftp, 2070, 41_000, vec![(68, 67), (40_000, 6666)]),
    ];
    for (fault, from, to, pass) in table {
        world.set(fault, true);
        assert_eq!(world.send(from, to, one()), nothing, "{}", fault.word());
        for (from, to) in pass {
            assert_eq!(world.send(from, to, one()), one(), "{} is not about {to}", fault.word());
        }
        world.set(fault, false);
        assert_eq!(world.send(from, to, one()), one(), "taken out, {} passes", fault.word());
    }
    world.set(Fault::DropHttp, true);
    assert_eq!(world.fetch(80), None);
    assert!(world.fetch(50_000).is_some(), "another port passes");
    world.set(Fault::DropHttp, false);
    assert!(world.fetch(80).is_some());
}

fn delays(world: &World) {
    world.set(Fault::DelayDhcp, true);
    let ours = UdpSocket::bind((BOSS, 67)).unwrap();
    ours.set_read_timeout(Some(SOON)).unwrap();
    let began = Instant::now();
    let answered = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = [0; 64];
            let (count, from) = ours.recv_from(&mut buffer).unwrap();
            let late = began.elapsed();
            ours.send_to(&buffer[..count], from).unwrap();
            assert!(late >= Duration::from_millis(1500), "{late:?}");
        });
        world.machine.run(|| {
            let socket = UdpSocket::bind((MACHINE, 68)).unwrap();
            socket.set_read_timeout(Some(SOON)).unwrap();
            socket.send_to(b"discover", (BOSS, 67)).unwrap();
            let mut buffer = [0; 64];
            let count = socket.recv(&mut buffer).unwrap();
            buffer[..count].to_vec()
        })
    });
    assert_eq!(answered, b"discover");
    assert!(began.elapsed() >= Duration::from_secs(3), "late both ways: {:?}", began.elapsed());
    // Other traffic takes the same relay at once and unharmed, with everything that a card would have done to it.
    let quick = world.fetch(80).unwrap();
    world.set(Fault::DelayHttp, true);
    let late = world.fetch(80).unwrap();
    assert!(late > 0.3 && late > quick, "{quick} s without, {late} s with it");
    world.set(Fault::DelayHttp, false);
    world.set(Fault::DelayDhcp, false);
    assert!(world.fetch(80).unwrap() < late);
}

fn duplicates(world: &World) {
    for (fault, from, to) in [
        (Fault::DuplicateDhcp, 68, 67),
        (Fault::DuplicateTftp, 2070, 69),
        (Fault::DuplicateTftp, 2070, 41_000),
    ] {
        world.set(fault, true);
        assert_eq!(world.send(from, to, one()).len(), 2, "{}", fault.word());
        world.set(fault, false);
        assert_eq!(world.send(from, to, one()), one());
    }
    world.set(Fault::DuplicateHttp, true);
    assert!(world.fetch(80).is_some(), "TCP bears it");
}

fn lost_acks(world: &World) {
    let ack = |block: u16| [[0, 4], block.to_be_bytes()].concat();
    let request = b"\0\x01a\0octet\0".to_vec();
    world.set(Fault::LostTftpAcks, true);
    let sent = vec![ack(0), ack(63), ack(64), request.clone(), ack(9000)];
    assert_eq!(world.send(2070, 41_000, sent), vec![ack(0), ack(63), request]);
}

fn second_dhcp(world: &World) {
    let ask = || {
        let udhcpc = ["udhcpc", "-f", "-n", "-q", "-t", "3", "-T", "2", "-i", "guest", "-s", "/bin/true"];
        let output = Command::new("busybox").args(udhcpc).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&said).into_owned()
    };
    world.set(Fault::SecondDhcp, true);
    let said = world.machine.run(ask);
    assert!(said.contains("192.168.122.19") && said.contains(&RIVAL.to_string()), "{said}");
    // Ours would answer in time, and is not heard.
    let ours = UdpSocket::bind((BOSS, 67)).unwrap();
    world.machine.run(move || {
        let socket = UdpSocket::bind((MACHINE, 68)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        ours.send_to(b"offer", (MACHINE, 68)).unwrap_or_default();
        assert!(socket.recv(&mut [0; 64]).is_err(), "our own answer came through");
    });
    world.set(Fault::SecondDhcp, false);
    let said = world.machine.run(ask);
    assert!(!said.contains("obtained"), "nobody is left to answer: {said}");
}
