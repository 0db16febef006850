//! Starts the real program and asks it as a person would: by its command line.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // each test binary uses a part of this

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// The program under test, built with everything else.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_statusinator");

/// A `serve` that runs, and is gone when this is dropped.
pub struct Served {
    pub child: Child,
    pub data: PathBuf,
    pub login: String,
    pub url: String,
}

/// How long the program may take to say where it is.
const STARTED: Duration = Duration::from_secs(20);

impl Served {
    /// Starts `serve` with these options on a free port and waits for its first line.
    pub fn start(data: &Path, options: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (say, said) = std::sync::mpsc::channel();
        let out = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(out).read_line(&mut line);
            // The test may have given up.
            let _ = say.send(read.map(|_| line));
        });
        // A full pipe would stop the program; its words are kept in its log file anyway.
        let mut err = child.stderr.take().unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            let _ = err.read_to_string(&mut text);
            let _ = tell.send(text);
        });
        let line = said.recv_timeout(STARTED).expect("serve says within 20 s where it is").unwrap();
        if line.trim().is_empty() {
            let status = child.wait().unwrap();
            panic!("serve ended with {status}: {}", told.recv_timeout(STARTED).unwrap_or_default());
        }
        let hello: Value = serde_json::from_str(&line).unwrap();
        let text = |key: &str| hello[key].as_str().unwrap().to_owned();
        Self { child, data: data.to_owned(), login: text("login"), url: text("url") }
    }

    /// Runs a command against this engine.
    pub fn ask(&self, args: &[&str]) -> Output {
        ask(&self.data, args)
    }

    /// The same, expected to succeed with one JSON object.
    pub fn json(&self, args: &[&str]) -> Value {
        let output = self.ask(&[args, &["--json"]].concat());
        assert!(output.status.success(), "{args:?}: {} {}", output.status, text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The same, expected to succeed with JSON Lines.
    pub fn lines(&self, args: &[&str]) -> Vec<Value> {
        let output = self.ask(&[args, &["--json"]].concat());
        assert!(output.status.success(), "{args:?}: {} {}", output.status, text(&output.stderr));
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Ends it as a person would.
    pub fn stop(mut self) {
        signal(self.child.id(), "TERM");
        let ended = until("serve to end", Duration::from_secs(20), || self.child.try_wait().unwrap());
        assert!(ended.success(), "serve ended with {ended}");
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs one command of the program.
pub fn ask(data: &Path, args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).arg("--data").arg(data).stdin(Stdio::null()).output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Looks again and again until there is something, or the deadline passes.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} for {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Sends a signal by number of the process.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().unwrap();
    assert!(sent.success());
}

/// Checks a boot as `boots --json` prints it: all six phases in order, each with a length.
pub fn is_good_boot(boot: &Value) {
    let phases = boot["phases"].as_array().unwrap();
    let names: Vec<&str> = phases.iter().map(|p| p["phase"].as_str().unwrap()).collect();
    assert_eq!(names, ["firmware", "address", "loader", "kernel", "os", "service"], "{boot}");
    assert!(phases.iter().all(|p| p["seconds"].as_f64().unwrap() > 0.0), "{boot}");
    assert_eq!(boot["state"], "good");
}

/// A board file with other limits: tests do not wait as long as people should.
pub fn impatient(folder: &Path, board: &str, limits: &[(&str, u32)]) -> String {
    let mut text = board.to_owned();
    for (key, value) in limits {
        let line = text.lines().find(|line| line.starts_with(&format!("{key} ="))).unwrap().to_owned();
        text = text.replacen(&line, &format!("{key} = {value}"), 1);
    }
    let path = folder.join("board.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Processes whose command line holds this text, other than ourselves.
pub fn processes_with(needle: &str) -> Vec<(u32, String)> {
    let own = std::process::id();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(line) = std::fs::read(entry.path().join("cmdline")) else { continue };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if pid != own && line.contains(needle) {
            found.push((pid, line));
        }
    }
    found
}
