//! The real window under a real (virtual) display: its page shows machine 1's state word, and follows what happens.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{ask, processes_with, text, until};

const WINDOW: &str = env!("CARGO_BIN_EXE_statusinator-window");
/// A cold WebKit on a busy machine takes seconds to paint.
const PAINTED: Duration = Duration::from_secs(60);

/// tauri-driver and one session; both are gone when this is dropped.
struct Driver {
    child: Child,
    base: String,
    session: String,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Driver {
    fn open(args: &[&str]) -> Self {
        let (port, native) = (free_port(), free_port());
        let child = Command::new("tauri-driver")
            .args(["--port", &port.to_string(), "--native-port", &native.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tauri-driver is in target/tools/bin; `make setup` puts it there");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let http = api::plain_http().unwrap().build().unwrap();
        let mut driver =
            Self { child, base: format!("http://127.0.0.1:{port}"), session: String::new(), http, runtime };
        let wanted = json!({ "capabilities": { "alwaysMatch": { "tauri:options": { "application": WINDOW, "args": args } } } });
        let opened =
            until("a WebDriver session", PAINTED, || driver.call("POST", "/session", Some(&wanted)).ok());
        driver.session =
            opened["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("{opened}")).to_owned();
        driver
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> reqwest::Result<Value> {
        self.runtime.block_on(async {
            let url = format!("{}{path}", self.base);
            let request = match method {
                "POST" => self.http.post(url).json(body.unwrap_or(&Value::Null)),
                "DELETE" => self.http.delete(url),
                _ => self.http.get(url),
            };
            request.timeout(PAINTED).send().await?.json().await
        })
    }

    fn script(&self, script: &str) -> Value {
        let path = format!("/session/{}/execute/sync", self.session);
        let answer = self.call("POST", &path, Some(&json!({ "script": script, "args": [] }))).unwrap();
        answer["value"].clone()
    }

    /// Machine 1's state word, once there is one.
    fn word(&self) -> Option<String> {
        let find = "return document.querySelector('[data-machine=\"1\"] [data-testid=\"state-word\"]')?.textContent ?? null";
        self.script(find).as_str().map(|word| word.trim().to_owned())
    }

    fn picture(&self, name: &str) {
        let shot = self.call("GET", &format!("/session/{}/screenshot", self.session), None).unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        std::fs::write(folder.join(name), shot["value"].as_str().unwrap()).unwrap();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = self.call("DELETE", &format!("/session/{}", self.session), None);
        }
        // Asked to end it takes its WebKitWebDriver along; killed it would leave it behind.
        support::signal(self.child.id(), "TERM");
        until("tauri-driver to end", Duration::from_secs(10), || self.child.try_wait().unwrap());
    }
}

#[test]
fn the_window_paints_machine_1_and_follows_a_rehearsal() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let begun = Instant::now();
    let driver =
        Driver::open(&["--data", data, "--board", "simulated", "--speed", "20", "--listen", "127.0.0.1:0"]);
    let word = until("machine 1's state word", PAINTED, || driver.word());
    eprintln!("window painted machine 1 after {:.1} s: {word}", begun.elapsed().as_secs_f64());
    assert_eq!(word, "unknown", "nothing was heard of it yet, and the screen says so");
    driver.picture("window-board.b64");

    let started = ask(dir.path(), &["lab", "start", "rehearsal", "--wait", "--json"]);
    assert!(started.status.success(), "the window's own engine takes commands: {}", text(&started.stderr));
    until("the word after the rehearsal", PAINTED, || driver.word().filter(|word| word == "off"));
    drop(driver);
    until("the window to be gone", Duration::from_secs(20), || processes_with(data).is_empty().then_some(()));
    assert_eq!(ask(dir.path(), &["status"]).status.code(), Some(3), "its engine ended with it");
}

#[test]
fn the_window_attaches_to_an_engine_that_runs_and_survives_its_restart() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let served = support::Served::start(dir.path(), &["--speed", "20"]);
    let driver = Driver::open(&["--data", data]);
    until("machine 1's state word", PAINTED, || driver.word());
    served.kill();
    let says = "return document.body.innerText";
    let unreachable = || {
        driver
            .script(says)
            .as_str()
            .filter(|t| t.to_lowercase().contains("unreachable since"))
            .map(str::to_owned)
    };
    until("our own words for a lost engine", PAINTED, unreachable);
    let served = support::Served::start(dir.path(), &["--speed", "20"]);
    let back = || {
        driver
            .script(says)
            .as_str()
            .filter(|t| !t.to_lowercase().contains("unreachable since"))
            .map(str::to_owned)
    };
    until("the picture to come back by itself", PAINTED, back);
    drop(driver);
    assert!(served.ask(&["status"]).status.success(), "an engine beside the window outlives it");
    served.stop();
}

#[test]
fn a_virtual_board_runs_as_a_child_of_the_window_and_ends_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let driver = Driver::open(&["--data", data, "--board", "virtual", "--machines", "1"]);
    let badge = || {
        driver.script("return document.body.innerText").as_str().filter(|t| t.contains("VIRTUAL")).map(drop)
    };
    until("the badge of a virtual board", PAINTED, badge);
    until("machine 1's state word", PAINTED, || driver.word());
    let ready = || {
        let status: Value = serde_json::from_slice(&ask(dir.path(), &["status", "--json"]).stdout).ok()?;
        let services = status["engine"]["services"].as_array()?.clone();
        services.iter().all(|s| s["ready"] == true).then_some(())
    };
    until("the board to be built", PAINTED, ready);
    drop(driver);
    until("engine and window to be gone", Duration::from_secs(30), || {
        processes_with(data).is_empty().then_some(())
    });
}

#[test]
fn without_a_display_it_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    for (display, says) in [("", "neither DISPLAY nor WAYLAND_DISPLAY"), (":4711", "does not answer")] {
        let output = Command::new(WINDOW)
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(dir.path())
            .env("DISPLAY", display)
            .env_remove("WAYLAND_DISPLAY")
            .output()
            .unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(says) && said.contains("statusinator serve"), "{said}");
    }
}

#[test]
fn a_session_that_ends_gives_the_engine_its_orderly_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut window = Command::new(WINDOW)
        .args(["--listen", "127.0.0.1:0", "--data"])
        .arg(dir.path())
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let answers = || ask(dir.path(), &["status"]).status.success().then_some(());
    until("the window's engine", PAINTED, answers);
    // Before the window is up nobody listens for the signal, and the kernel's own answer to it is a sudden end.
    let listening =
        || std::fs::read_to_string(format!("/proc/{}/status", window.id())).ok().filter(|t| catches_term(t));
    until("the window to listen for signals", PAINTED, listening);
    support::signal(window.id(), "TERM");
    let ended = until("the window to end", Duration::from_secs(20), || window.try_wait().unwrap());
    assert!(ended.success(), "{ended}");
    let served = support::Served::start(dir.path(), &[]);
    let stopped = served.lines(&["events"]).iter().any(|e| e["kind"] == "engine-stopped");
    assert!(stopped, "the engine in the window said that it stopped");
    served.stop();
}

/// Whether a process has a handler for SIGTERM, as the kernel tells it (proc(5), SigCgt).
fn catches_term(status: &str) -> bool {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))
        .and_then(|m| u64::from_str_radix(m.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << 14) != 0)
}
