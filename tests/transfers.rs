//! Boot files as other people's clients receive them: curl, atftp, and busybox's tftp. The servers are the program's own, on
//! ports of their own on the loopback.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use netboot::Proto;
use netboot::folder::Folder;
use netboot::seen::{Seen, SeenSink, What};
use tokio::net::{TcpListener, UdpSocket};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longer than any of it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Not a multiple of any block size, and more than 65,535 blocks of 16 bytes.
const LENGTH: usize = 3_000_001;

struct Served {
    folder: tempfile::TempDir,
    http: SocketAddr,
    tftp: SocketAddr,
    sink: SeenSink,
    seen: mpsc::Receiver<Seen>,
    shutdown: CancellationToken,
    running: Vec<JoinHandle<std::io::Result<()>>>,
}

impl Served {
    async fn up() -> Served {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("assets")).unwrap();
        let content: Vec<u8> = (0..LENGTH).map(|at| (at * 7 + at / 256 + at / 65_536) as u8).collect();
        fs::write(root.join("assets/kernel"), content).unwrap();
        fs::write(folder.path().join("secret"), "not below the root").unwrap();
        let files = Arc::new(Folder::open(&root).unwrap());
        let (sink, seen) = SeenSink::new(1024);
        let shutdown = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (http, tftp) = (listener.local_addr().unwrap(), socket.local_addr().unwrap());
        let running = vec![
            tokio::spawn(netboot::http::run(listener, files.clone(), sink.clone(), shutdown.clone())),
            tokio::spawn(netboot::tftp::run(socket, files, sink.clone(), shutdown.clone())),
        ];
        Served { folder, http, tftp, sink, seen, shutdown, running }
    }

    fn kernel(&self) -> Vec<u8> {
        fs::read(self.folder.path().join("root/assets/kernel")).unwrap()
    }

    /// Where a client writes what it got.
    fn copy(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn curl(&self, words: &[&str], copy: &Path) -> Command {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--fail", "--max-time", "50"]).args(words);
        command.arg("--output").arg(copy).arg(format!("http://{}/assets/kernel", self.http));
        command
    }

    fn atftp(&self, file: &str, options: &[&str], copy: &Path) -> Command {
        let mut command = Command::new("atftp");
        command.args(["--get", "--remote-file", file, "--local-file"]).arg(copy);
        for option in options {
            command.args(["--option", option]);
        }
        command.arg("127.0.0.1").arg(self.tftp.port().to_string());
        command
    }

    /// How the next transfer over this protocol ended: sizes of file and part, packets, and whether all is well.
    async fn ended(&mut self, wanted: Proto) -> (u64, u64, u64, bool) {
        loop {
            let seen = timeout(PATIENCE, self.seen.recv()).await.expect("an end in time").expect("a server");
            if let What::FileSent { proto, total, bytes, packets, complete, .. } = seen.what
                && proto == wanted
            {
                return (total, bytes, packets, complete);
            }
        }
    }

    async fn down(self) {
        self.shutdown.cancel();
        for task in self.running {
            timeout(PATIENCE, task).await.expect("the server ends").expect("without a panic").expect("well");
        }
        assert_eq!(self.sink.progress().running(), []);
        assert_eq!(self.sink.dropped(), 0);
    }
}

async fn run(mut command: Command) -> Output {
    let words = format!("{command:?}");
    let ended = timeout(PATIENCE, command.kill_on_drop(true).output()).await;
    ended
        .unwrap_or_else(|_| panic!("not done in time: {words}"))
        .unwrap_or_else(|error| panic!("{words}: {error}"))
}

async fn well(command: Command) -> String {
    let output = run(command).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn curl_gets_the_whole_a_part_and_the_rest_of_what_it_has() {
    let mut served = Served::up().await;
    let (kernel, copy) = (served.kernel(), served.copy("whole"));
    let tag = well(served.curl(&["--write-out", "%header{etag}"], &copy)).await;
    assert!(fs::read(&copy).unwrap() == kernel);
    assert!(served.ended(Proto::Http).await.3, "it arrived and does not count as sent");

    let part = served.copy("part");
    let status = well(served.curl(&["--range", "1000-2000999", "--write-out", "%{http_code}"], &part)).await;
    assert!(status == "206" && fs::read(&part).unwrap() == kernel[1000..=2_000_999]);
    let (total, bytes, _, complete) = served.ended(Proto::Http).await;
    assert_eq!((total, bytes, complete), (LENGTH as u64, 2_000_000, true));

    // Broken off and taken up again: the two together are the file.
    fs::write(&part, &kernel[..1_234_567]).unwrap();
    let if_range = format!("If-Range: {tag}");
    well(served.curl(&["--continue-at", "-", "--header", &if_range], &part)).await;
    assert!(fs::read(&part).unwrap() == kernel);
    assert_eq!(served.ended(Proto::Http).await.1, (LENGTH - 1_234_567) as u64);

    let known = format!("If-None-Match: {tag}");
    let status =
        well(served.curl(&["--header", &known, "--write-out", "%{http_code}"], &served.copy("none"))).await;
    assert_eq!(status, "304");

    let head = served.copy("head");
    well(served.curl(&["--head"], &head)).await;
    let head = fs::read_to_string(head).unwrap();
    assert!(head.contains(&format!("Content-Length: {LENGTH}\r\n")) && head.contains(&tag), "{head}");
    served.down().await;
}

#[tokio::test]
async fn two_dozen_clients_at_once_each_get_the_whole() {
    let served = Served::up().await;
    let kernel = served.kernel();
    let mut clients = JoinSet::new();
    for nth in 0..24 {
        let copy = served.copy(&format!("copy-{nth}"));
        let command = served.curl(&[], &copy);
        clients.spawn(async move {
            well(command).await;
            fs::read(copy).unwrap()
        });
    }
    while let Some(copy) = clients.join_next().await {
        assert!(copy.unwrap() == kernel, "a copy differs");
    }
    served.down().await;
}

#[tokio::test]
async fn a_file_cut_short_while_curl_receives_it_is_an_error_there() {
    let served = Served::up().await;
    let large = served.folder.path().join("root/assets/kernel");
    let file = fs::File::options().write(true).open(&large).unwrap();
    file.set_len(200_000_000).unwrap();
    // Slow enough to be in the middle when the file changes.
    let copy = served.copy("cut");
    let receiving = tokio::spawn(run(served.curl(&["--limit-rate", "20M"], &copy)));
    let progress = served.sink.progress().clone();
    let begun = async {
        while !progress.running().iter().any(|row| row.sent > 1_000_000) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, begun).await.expect("progress is visible while it runs");
    file.set_len(1_000_000).unwrap();
    let output = receiving.await.unwrap();
    assert!(!output.status.success(), "curl took a part for the whole: {output:?}");
    served.down().await;
}

#[tokio::test]
async fn atftp_gets_the_file_with_and_without_options() {
    let mut served = Served::up().await;
    let kernel = served.kernel();
    // (options, packets): the last packet is always a short one here.
    for (options, packets) in [
        (&[][..], LENGTH / 512 + 1),
        (&["blksize 1468", "tsize 0"], LENGTH / 1468 + 1),
        (&["blksize 1468", "windowsize 16", "tsize 0"], LENGTH / 1468 + 1),
        (&["blksize 65464", "windowsize 64"], LENGTH / 1468 + 1),
        // Numbers go round, in windows that cross the edge.
        (&["blksize 16", "windowsize 7"], LENGTH / 16 + 1),
    ] {
        let copy = served.copy("copy");
        well(served.atftp("assets/kernel", options, &copy)).await;
        assert!(fs::read(&copy).unwrap() == kernel, "{options:?}");
        let (total, bytes, sent, complete) = served.ended(Proto::Tftp).await;
        assert!(complete && total == LENGTH as u64 && bytes >= total, "{options:?}");
        // A busy machine may lose packets between two sockets of its own.
        assert!(
            (packets..packets + packets / 10).contains(&(sent as usize)),
            "{sent} packets with {options:?}"
        );
        fs::remove_file(copy).unwrap();
    }
    served.down().await;
}

#[tokio::test]
async fn busybox_gets_the_file_and_nobody_gets_another() {
    let served = Served::up().await;
    let copy = served.copy("copy");
    for block in ["512", "1468"] {
        let mut command = Command::new("busybox");
        command.args(["tftp", "-g", "-b", block, "-r", "assets/kernel", "-l"]).arg(&copy);
        command.arg("127.0.0.1").arg(served.tftp.port().to_string());
        well(command).await;
        assert!(fs::read(&copy).unwrap() == served.kernel(), "blocks of {block}");
        fs::remove_file(&copy).unwrap();
    }
    for path in ["../secret", "assets/../../secret", "/etc/passwd", "..\\secret", "none"] {
        let output = run(served.atftp(path, &[], &copy)).await;
        let got = fs::read(&copy).unwrap_or_default();
        assert!(got.is_empty(), "{path}: {output:?}");
    }
    let mut climb = Command::new("curl");
    climb.args(["--silent", "--path-as-is", "--output", "/dev/null", "--write-out", "%{http_code}"]);
    climb.arg(format!("http://{}/../secret", served.http));
    assert_eq!(well(climb).await, "400");
    served.down().await;
}
