//! Figures for log records: how fast they are stored, durably and with their words, beside sqlite3's own import of the same records
//! into the same tables; and how long a search and a start take then.

use std::{
    env, fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use lab::{
    Body, Draft,
    counts::{Counter, Counts},
    journal::Journal,
    log::{Batch, Filter, Level, Record},
};
use store::{
    Store,
    logs::{LOG_DATABASE, LogStore, index_text},
};

use crate::{history::blank, images::Dice};

/// Records of one batch, as an input gives them at full speed.
const BATCH: usize = 1_000;
/// As the store parts them; the import has the same tables.
const VOLUME: usize = 100_000;
const SPEED: f64 = 20_000.0;
const SHARE: f64 = 0.5;
const SEARCH_MS: f64 = 100.0;
const START_S: f64 = 1.0;

/// Where the two fields of [`cpu_seconds`] begin, counted from the state.
const OWN: usize = 13;
const CHILDREN: usize = 15;

fn number(name: &str, default: usize) -> usize {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Run with `--ignored --nocapture`; the disk is the one that TMPDIR names. RECORDS=1000000
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures the disk"]
async fn records_beside_sqlite3() {
    let count = number("RECORDS", 1_000_000) / VOLUME * VOLUME;
    assert!(count > 0, "at least {VOLUME} records");
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = LogStore::open(dir.path()).await.unwrap();
    let mut reference = Reference::new(dir.path().join("import"));

    let (mut took, mut cpu, mut longest) = (0.0, 0.0, 0.0_f64);
    let mut memory = Vec::new();
    let mut dice = Dice::new(7);
    for from in (0..count).step_by(BATCH) {
        let records: Vec<Record> = (from..from + BATCH).map(|n| record(n, &mut dice)).collect();
        reference.write(from, &records);
        let mut counts = Counts::default();
        counts.add(Counter::Messages, BATCH as u64);
        counts.add(Counter::Info, BATCH as u64);
        let batch = Batch { records, counts, ..Batch::default() };
        let (begun, busy) = (Instant::now(), cpu_seconds("/proc/self/stat", OWN));
        store.commit(&batch).await.unwrap();
        let once = begun.elapsed().as_secs_f64();
        cpu += cpu_seconds("/proc/self/stat", OWN) - busy;
        took += once;
        longest = longest.max(once);
        if from % (count / 10) == 0 {
            memory.push(resident_mb());
        }
    }
    let speed = count as f64 / took;
    store.close().await;
    let bytes = fs::metadata(dir.path().join(LOG_DATABASE)).unwrap().len();
    println!(
        "store: {count} records in {took:.1} s ({cpu:.1} s of CPU), {speed:.0} records/s, longest commit of {BATCH} {:.0} ms, {:.0} bytes a record",
        longest * 1e3,
        bytes as f64 / count as f64
    );
    println!("memory while storing, MB: {memory:?}");

    let (import, import_cpu) = reference.import(count);
    let import_speed = count as f64 / import;
    println!(
        "sqlite3 .import: {import:.1} s ({import_cpu:.1} s of CPU), {import_speed:.0} records/s; ratio {:.2}, by CPU {:.2}",
        speed / import_speed,
        import_cpu / cpu
    );

    let begun = Instant::now();
    let (store, _) = LogStore::open(dir.path()).await.unwrap();
    let start = begun.elapsed().as_secs_f64();
    let mut searches = Vec::new();
    let mut slowest = (0.0, String::new());
    for _ in 0..number("SEARCHES", 400) {
        let filter = search(&mut dice);
        let before = (dice.below(4) == 0).then(|| dice.below(count as u64) as i64);
        let begun = Instant::now();
        let found = store.records(&filter, before, 200).await.unwrap();
        let ms = begun.elapsed().as_secs_f64() * 1e3;
        if ms > slowest.0 {
            slowest = (ms, format!("{} found by {filter:?}", found.len()));
        }
        searches.push(ms);
    }
    searches.sort_by(f64::total_cmp);
    let at = |share: f64| searches[(share * (searches.len() - 1) as f64) as usize];
    println!("start: {:.0} ms", start * 1e3);
    println!(
        "search: p50 {:.1} ms, p95 {:.1} ms, longest {:.1} ms ({})",
        at(0.5),
        at(0.95),
        slowest.0,
        slowest.1
    );
    let begun = Instant::now();
    println!("check: {:?} in {:.1} s", store.check().await.unwrap(), begun.elapsed().as_secs_f64());

    let keep = store::logs::Keep { bytes: bytes / 2, days: 100_000 };
    let (mut steps, mut longest) = (0, 0.0_f64);
    loop {
        let begun = Instant::now();
        let step = store.trim(keep, 0).await.unwrap();
        longest = longest.max(begun.elapsed().as_secs_f64() * 1e3);
        steps += 1;
        if !step.more {
            break;
        }
    }
    println!("half of it forgotten in {steps} steps, the longest {longest:.0} ms");
    let grown = memory.last().unwrap() - memory[1.min(memory.len() - 1)];
    assert!(speed >= SPEED, "{speed:.0} records/s");
    assert!(speed / import_speed >= SHARE, "{:.2} of sqlite3's import", speed / import_speed);
    assert!(at(0.95) <= SEARCH_MS && start <= START_S, "search {:.0} ms, start {start:.2} s", at(0.95));
    assert!(grown < 32.0, "memory grew by {grown:.0} MB");
}

/// What an unclean stop costs: a look through all events.
#[tokio::test]
#[ignore = "measures the disk"]
async fn a_look_through_the_events() {
    let count = number("EVENTS", 1_000_000);
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path()).await.unwrap();
    let draft = Draft { body: Body::StorageFailed { why: "x".repeat(120) }, ..blank() };
    for _ in 0..count / 1000 {
        store.append(vec![draft.clone(); 1000]).await.unwrap();
    }
    let begun = Instant::now();
    println!(
        "check of {count} events: {:?} in {:.2} s",
        store.check().await.unwrap(),
        begun.elapsed().as_secs_f64()
    );
}

/// Lines as the owner's collector brings them; the addresses and numbers differ, so that the index has what to do.
fn record(n: usize, dice: &mut Dice) -> Record {
    let mut any = |end: u64| dice.below(end);
    let (a, b, port, node) = (any(250), any(250), any(60_000), any(7));
    let (hour, minute, second) = (any(24), any(60), any(60));
    let (service, level, message) = match any(12) {
        0 | 1 => ("dnsmasq.service", 6, format!("query[A] node{node}.boss.local from 192.168.122.{a}")),
        2 => ("dnsmasq.service", 6, format!("cached mirror.example.net is 10.{b}.{a}.{node}")),
        3 => (
            "dnsmasq.service",
            6,
            format!("dnsmasq-dhcp: {} DHCPOFFER(eth0) 192.168.122.{a} 16:09:01:1a:{b:02x}:30", port * 977),
        ),
        4 => (
            "kernel",
            4,
            format!(
                "drop wan in IN=eth1 OUT= MAC=16:09:01:1a:{a:02x}:{b:02x} SRC=10.0.{a}.{b} DST=192.168.1.2 LEN=40 TTL=64 ID={port} PROTO=TCP SPT={port} DPT=22"
            ),
        ),
        5 => (
            "apache2",
            6,
            format!(
                "boss.local:80 192.168.122.{a} - - [{hour:02}/Nov/2026:{minute:02}:{second:02} +0000] 'GET /assets/talos/v1.11.{node}/initramfs-amd64.xz HTTP/1.1' 200 {port} '-' 'iPXE/1.21.1'"
            ),
        ),
        6 => (
            "kubelet",
            6,
            format!("synced pod default/load-{a:04x}{b:04x} container client-{node} restarts={}", any(4)),
        ),
        7 => (
            "etcd",
            [4, 6, 6, 3][any(4) as usize],
            format!(
                "apply request took too long took={}.{b:03}ms expected-duration=100ms prefix=read-only range key=/registry/leases/{a}",
                port / 100
            ),
        ),
        8 => (
            "kernel",
            5,
            format!(
                "[{:>6}.{port:06}] igb 0000:0{node}:00.0 eth{}: Link is Up 1000 Mbps Full Duplex",
                second * 97,
                any(3)
            ),
        ),
        9 => (
            "step-ca.service",
            6,
            format!(
                "level=info duration={port}us method=POST path=/renew status=201 serial={a:x}{b:x}{port:x}"
            ),
        ),
        10 => (
            "systemd",
            6,
            format!("Starting cert-renewer@otelcol.service - Certificate renewer for otelcol number {n}..."),
        ),
        _ => ("apid", 7, format!("rpc node{node} /machine.MachineService/Version OK {}.{b}ms", a / 10)),
    };
    Record {
        stream: "collector".into(),
        time_us: Some(1_795_000_000_000_000 + n as i64 * 50),
        seen_us: 1_795_000_000_090_000 + n as i64 * 50,
        node: ["boss", "wally", "node1", "node2", "node3", "node4", "node5"][node as usize].into(),
        service: service.into(),
        level: Level::from_number(level),
        message,
    }
}

/// What people ask for: beginnings of words as they are typed, two words, a node's errors, an address.
fn search(dice: &mut Dice) -> Filter {
    let words = [
        "query",
        "DHCPOFFER",
        "drop wan",
        "Link is",
        "took too",
        "renew",
        "initramfs",
        "restarts",
        "192.168.122.7",
        "load-00",
        "zzz",
        "4711",
        "igb",
    ];
    let word = words[dice.below(words.len() as u64) as usize];
    let typed: String = word.chars().take(1 + dice.below(word.len() as u64) as usize).collect();
    let node = || vec!["node3".to_owned()];
    match dice.below(6) {
        0 | 1 => Filter { grep: Some(typed), ..Filter::default() },
        2 => Filter { grep: Some(format!("{word} {}", dice.below(200))), ..Filter::default() },
        3 => Filter { nodes: node(), grep: Some(typed), ..Filter::default() },
        4 => Filter { nodes: node(), level: Some(Level::Error), ..Filter::default() },
        _ => Filter {
            level: Some(Level::Warning),
            service: Some("etcd".into()),
            grep: Some(typed),
            ..Filter::default()
        },
    }
}

/// The same records and words for `.import`, a file a volume, parted by characters that are in none of them.
struct Reference {
    dir: PathBuf,
    out: Option<BufWriter<fs::File>>,
}

impl Reference {
    fn new(dir: PathBuf) -> Self {
        fs::create_dir(&dir).unwrap();
        Self { dir, out: None }
    }

    fn write(&mut self, from: usize, records: &[Record]) {
        if from.is_multiple_of(VOLUME) {
            let file = fs::File::create(self.dir.join(format!("{}.txt", from / VOLUME + 1))).unwrap();
            self.out = Some(BufWriter::new(file));
        }
        let out = self.out.as_mut().unwrap();
        for (record, n) in records.iter().zip(from + 1..) {
            let Record { time_us, seen_us, level, message, .. } = record;
            let (time, level, words) = (time_us.unwrap(), level.number(), index_text(record));
            write!(out, "{n}\x1f1\x1f{time}\x1f{seen_us}\x1f{level}\x1f{message}\x1f{words}\x1e").unwrap();
        }
    }

    /// Seconds, by the clock and of CPU. An import cannot give a row of a full-text table its number, hence the
    /// table between; a trigger would cost it three times as much.
    fn import(mut self, count: usize) -> (f64, f64) {
        self.out.take().unwrap().flush().unwrap();
        let schema = fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../migrations/logs/0001_records.sql"
        ));
        let mut script = String::from(
            "PRAGMA auto_vacuum = incremental; PRAGMA journal_mode = wal; PRAGMA synchronous = full;\n",
        );
        script.push_str(&schema.unwrap());
        script.push_str(".mode ascii\n");
        for volume in 1..=count / VOLUME {
            let file = self.dir.join(format!("{volume}.txt"));
            script.push_str(&format!(
                "CREATE VIRTUAL TABLE words_{volume} USING fts5 (text, content = '', detail = none, columnsize = 0, prefix = '1', tokenize = 'ascii');
                 CREATE TABLE came (id INTEGER PRIMARY KEY, source, time_us, seen_us, level, message, words);

.import {} came
                 BEGIN;
                 INSERT INTO records SELECT id, source, time_us, seen_us, level, message FROM came;
                 INSERT INTO words_{volume} (rowid, text) SELECT id, words FROM came;
                 COMMIT;
                 DROP TABLE came;\n",
                file.display()
            ));
        }
        script.push_str(&format!(
            "SELECT count(*) FROM records; SELECT 'words' FROM words_{0} WHERE words_{0} MATCH 'query' LIMIT 1;\n",
            count / VOLUME
        ));
        let path = self.dir.join("script.sql");
        fs::write(&path, script).unwrap();
        let (begun, busy) = (Instant::now(), cpu_seconds("/proc/self/stat", CHILDREN));
        let done = Command::new("sqlite3")
            .args(["-batch", "-bail"])
            .arg(self.dir.join("reference.db"))
            .stdin(fs::File::open(path).unwrap())
            .output()
            .expect("sqlite3, of the Debian package of that name");
        let took = begun.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
        assert!(
            said.contains(&format!("{count}")) && said.contains("words"),
            "not all came: {said}{}",
            String::from_utf8_lossy(&done.stderr)
        );
        (took, cpu_seconds("/proc/self/stat", CHILDREN) - busy)
    }
}

/// Two fields of a process's times, user and system, in seconds (proc(5): 14 and 15 its own, 16 and 17 its children's).
fn cpu_seconds(file: impl AsRef<Path>, field: usize) -> f64 {
    let text = fs::read_to_string(file).unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[field - 2..field].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

fn resident_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
