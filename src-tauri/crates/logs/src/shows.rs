//! What the whole must hold, shown on the reference's sample: every record of the file counts once, however it was written
//! and whenever the program died.
#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use lab::{
    counts::{Counter, Counts},
    gear::Profile,
    log::Offset,
};
use serde_json::Value;

use crate::{
    Classifier, otlp,
    tail::{Piece, Progress, Tail},
};

const SAMPLE: &[u8] = include_bytes!("../tests/data/otelcol-sample.jsonl");
const EXPECTED: &str = include_str!("../tests/data/otelcol-sample.expected.json");

/// Numbers that are the same in every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }
}

/// The collector: appends, and rotates between lines.
struct Writer {
    path: PathBuf,
    at: usize,
    rotations: usize,
}

impl Writer {
    fn append(&mut self, count: usize) {
        let end = (self.at + count).min(SAMPLE.len());
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path).unwrap();
        file.write_all(&SAMPLE[self.at..end]).unwrap();
        self.at = end;
    }

    fn rotate(&mut self) {
        let rest = SAMPLE[self.at..].iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.append(if self.at > 0 && SAMPLE[self.at - 1] == b'\n' { 0 } else { rest });
        let name = format!(
            "otelcol-2026-11-22T13-49-{:02}.{:03}-size.jsonl",
            self.rotations / 1000,
            self.rotations % 1000
        );
        fs::rename(&self.path, self.path.with_file_name(name)).unwrap();
        self.rotations += 1;
    }
}

/// A transaction: all of it or nothing.
#[derive(Default, Clone)]
struct Stored {
    counts: Counts,
    offsets: Vec<Offset>,
    records: u64,
    interesting: u64,
    bad: u64,
}

/// The program: dies where it is told to, and starts again from what is stored.
struct Program {
    tail: Tail,
    classifier: Classifier,
    now: Instant,
}

impl Program {
    fn start(path: &Path, stored: &Stored) -> Self {
        let mut program = Self {
            tail: Tail::new(path, stored.offsets.clone()),
            classifier: Classifier::new(Profile::Labinator),
            now: Instant::now(),
        };
        let (mut thrown_away, Program { tail, classifier, now }) = (Counts::default(), &mut program);
        tail.recall(*now, &mut |piece| {
            if let Piece::Line(line) = piece {
                otlp::read_line(line, &mut |view| {
                    classifier.count(&view, &mut thrown_away);
                });
            }
        });
        program
    }

    /// One reading, into what would be stored next.
    fn read(&mut self, batch: &mut Stored) -> Progress {
        let Self { tail, classifier, now } = self;
        let progress = tail.read(*now, &mut |piece| match piece {
            Piece::Line(line) => {
                let outcome = otlp::read_line(line, &mut |view| {
                    batch.interesting += u64::from(classifier.count(&view, &mut batch.counts));
                });
                batch.records += outcome.records;
                batch.bad += u64::from(outcome.fault.is_some());
            }
            Piece::Overlong => batch.bad += 1,
        });
        batch.offsets = tail.offsets();
        progress
    }
}

#[track_caller]
fn is_as_expected(stored: &Stored) {
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    assert_eq!(stored.counts.to_owners_json(), expected["LogStats"]);
    assert_eq!(
        (Value::from(stored.records), Value::from(stored.interesting)),
        (expected["records"].clone(), expected["interesting"].clone())
    );
    assert_eq!((stored.bad, stored.counts.get(Counter::Messages)), (0, stored.records));
}

/// When the program dies: its last reading was not stored yet, or it was and nobody knows.
#[derive(PartialEq)]
enum Death {
    Unstored,
    Stored,
}

/// Writes the sample in pieces with rotations between, reads now and then, and dies at the readings named.
fn journey(seed: u64, pieces: usize, dies: &dyn Fn(usize) -> Option<Death>) -> (Stored, usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("otelcol.jsonl");
    let mut dice = Dice(seed);
    let mut writer = Writer { path: path.clone(), at: 0, rotations: 0 };
    let mut stored = Stored::default();
    let mut program = Program::start(&path, &stored);
    let mut readings = 0;
    let mut cuts: Vec<usize> =
        (0..pieces - 1).map(|_| dice.below(SAMPLE.len())).chain([SAMPLE.len()]).collect();
    cuts.sort_unstable();
    for cut in cuts {
        writer.append(cut.saturating_sub(writer.at));
        if dice.below(pieces / 40 + 1) == 0 {
            writer.rotate();
        }
        if dice.below(3) == 0 {
            let mut batch = stored.clone();
            program.read(&mut batch);
            readings += 1;
            let death = dies(readings);
            if death != Some(Death::Unstored) {
                stored = batch;
            }
            if death.is_some() {
                program = Program::start(&path, &stored);
            }
        }
    }
    // What has no end yet settles.
    for _ in 0..2 {
        while program.read(&mut stored) != Progress::default() {}
        program.now += Duration::from_secs(2);
    }
    (stored, writer.rotations)
}

#[test]
fn the_sample_in_ten_thousand_pieces_with_rotations_between_counts_the_same() {
    let (stored, rotations) = journey(1, 10_000, &|_| None);
    assert!(rotations > 10, "{rotations}");
    is_as_expected(&stored);
}

#[test]
fn killed_at_fifty_points_nothing_counts_twice_and_nothing_is_lost() {
    let journeys = if std::env::var_os("FULL").is_some() { 20 } else { 2 };
    for seed in 0..journeys {
        let mut deaths = std::cell::Cell::new(0);
        // Some 1300 readings.
        let dies = |reading: usize| {
            reading.is_multiple_of(24).then(|| {
                deaths.set(deaths.get() + 1);
                if deaths.get() % 2 == 0 { Death::Stored } else { Death::Unstored }
            })
        };
        let (stored, rotations) = journey(100 + seed, 4000, &dies);
        assert!(*deaths.get_mut() >= 50, "{deaths:?}");
        assert!(rotations > 10, "{rotations}");
        is_as_expected(&stored);
    }
}

#[test]
fn bad_lines_are_counted_and_the_next_good_one_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("otelcol.jsonl");
    let good: Vec<&[u8]> = SAMPLE.split_inclusive(|byte| *byte == b'\n').collect();
    let torn = &good[1][..good[1].len() / 2];
    let deep = [b"{\"resourceLogs\":".repeat(3).as_slice(), &b"[{\"a\":".repeat(50_000)].concat();
    let huge = vec![b'x'; 64 << 20];
    let hostile: [&[u8]; 8] = [
        b"\n\n  \n",
        b"not json\n",
        b"{\"resourceLogs\":[{\"resource\":{}}]\xff\xfe}\n",
        b"\0\0\0\0\0\n",
        &deep,
        b"\n",
        &huge,
        b"\n",
    ];
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(good[0]).unwrap();
    for bad in hostile {
        file.write_all(bad).unwrap();
    }
    file.write_all(good[2]).unwrap();
    // A writer that was killed, and the next one, on one line.
    file.write_all(torn).unwrap();
    file.write_all(good[3]).unwrap();
    let mut stored = Stored::default();
    let mut program = Program::start(&path, &stored);
    while program.read(&mut stored) != Progress::default() {}
    let records = |line: &[u8]| otlp::read_line(line, &mut |_| {}).records;
    let expected: u64 = [0, 2, 3].into_iter().map(|n| records(good[n])).sum();
    assert_eq!(stored.records, expected);
    // Text, no UTF-8, NUL, too deep, too long, torn.
    assert_eq!(stored.bad, 6);
}

/// A process of its own reads the file and keeps what it counted in a file, replaced whole; it is killed again and again.
#[test]
fn a_process_that_is_really_killed_counts_each_record_once() {
    let folder = tempfile::tempdir().unwrap();
    let (path, kept) = (folder.path().join("otelcol.jsonl"), folder.path().join("kept.json"));
    let child = || {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "shows::the_process_that_is_killed", "--ignored", "--nocapture"])
            .env("SHOW_FOLDER", folder.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let total = |kept: &Path| -> u64 {
        fs::read(kept)
            .ok()
            .and_then(|text| serde_json::from_slice::<Value>(&text).ok())
            .map_or(0, |v| v["records"].as_u64().unwrap())
    };
    let mut writer = Writer { path: path.clone(), at: 0, rotations: 0 };
    let mut dice = Dice(7);
    let rounds = 8;
    for round in 1..=rounds {
        let mut process = child();
        let upto = SAMPLE.len() * round / rounds;
        let began = Instant::now();
        let before = total(&kept);
        // Written while it reads; killed when it has stored something of it, or after a while.
        while writer.at < upto {
            writer.append(1 + dice.below(2000));
            if dice.below(40) == 0 {
                writer.rotate();
            }
        }
        while total(&kept) == before && began.elapsed() < Duration::from_secs(5) {
            std::thread::yield_now(); // blocking: a test's thread
        }
        process.kill().unwrap();
        process.wait().unwrap();
    }
    let mut process = child();
    let began = Instant::now();
    while total(&kept) < 1022 && began.elapsed() < Duration::from_secs(20) {
        std::thread::yield_now(); // blocking: a test's thread
    }
    process.kill().unwrap();
    process.wait().unwrap();
    let stored: BTreeMap<String, Value> = serde_json::from_slice(&fs::read(&kept).unwrap()).unwrap();
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    assert_eq!((&stored["records"], &stored["stats"]), (&expected["records"], &expected["LogStats"]));
}

#[test]
#[ignore = "the other half of a_process_that_is_really_killed_counts_each_record_once"]
fn the_process_that_is_killed() {
    let Some(folder) = std::env::var_os("SHOW_FOLDER").map(PathBuf::from) else { return };
    let (path, kept) = (folder.join("otelcol.jsonl"), folder.join("kept.json"));
    let mut stored = Stored::default();
    if let Ok(text) = fs::read(&kept) {
        let value: Value = serde_json::from_slice(&text).unwrap();
        stored.offsets = serde_json::from_value(value["offsets"].clone()).unwrap();
        stored.counts = serde_json::from_value(value["counts"].clone()).unwrap();
        stored.records = value["records"].as_u64().unwrap();
    }
    let mut program = Program::start(&path, &stored);
    loop {
        program.now = Instant::now();
        if program.read(&mut stored).moved {
            let text = serde_json::json!({
                "offsets": stored.offsets, "counts": stored.counts, "records": stored.records, "stats": stored.counts.to_owners_json(),
            });
            let new = folder.join("kept.new");
            fs::write(&new, text.to_string()).unwrap();
            fs::rename(&new, &kept).unwrap();
        }
    }
}
