#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::PathBuf,
};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A folder with a writer and a reader whose state is what was committed last.
struct Bench {
    folder: TempDir,
    tail: Tail,
    now: Instant,
    rotations: usize,
    committed: Vec<Offset>,
    lines: Vec<String>,
    overlong: usize,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tail = Tail::new(&folder.path().join("otelcol.jsonl"), Vec::new());
        let now = Instant::now();
        Self { folder, tail, now, rotations: 0, committed: Vec::new(), lines: Vec::new(), overlong: 0 }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("otelcol.jsonl")
    }

    fn write(&self, bytes: &[u8]) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.path()).unwrap();
        file.write_all(bytes).unwrap();
    }

    fn rotated(&self, n: usize) -> PathBuf {
        self.folder.path().join(format!("otelcol-2026-11-22T13-49-17.{n:06}-size.jsonl"))
    }

    fn rotate(&mut self) {
        fs::rename(self.path(), self.rotated(self.rotations)).unwrap();
        self.rotations += 1;
    }

    /// One reading, committed at once.
    fn read(&mut self) -> Progress {
        let (lines, overlong) = (&mut self.lines, &mut self.overlong);
        let progress = self.tail.read(self.now, &mut |piece| match piece {
            Piece::Line(line) => lines.push(String::from_utf8_lossy(line).into_owned()),
            Piece::Overlong => *overlong += 1,
        });
        self.committed = self.tail.offsets();
        progress
    }

    fn read_all(&mut self) {
        // Long enough that a half line may settle.
        for _ in 0..2 {
            while self.read() != Progress::default() {}
            self.now += SETTLE;
        }
        while self.read() != Progress::default() {}
    }

    /// The process dies and starts again with what was committed.
    fn restart(&mut self) {
        self.tail = Tail::new(&self.path(), self.committed.clone());
    }

    #[track_caller]
    fn has(&mut self, expected: &[&str]) {
        self.read_all();
        assert_eq!(self.lines, expected);
    }
}

const FIRST: &str =
    r#"{"first":"a line that is long enough to know the file again, whatever became of its inode number"}"#;

fn line(text: &str) -> Vec<u8> {
    format!("{text}\n").into_bytes()
}

#[test]
fn a_half_line_waits_for_its_rest() {
    let mut bench = Bench::new();
    bench.write(b"{\"a\":1}\n{\"b\"");
    bench.has(&["{\"a\":1}"]);
    bench.restart();
    bench.write(b":2}\n");
    bench.has(&["{\"a\":1}", "{\"b\":2}"]);
}

#[test]
fn a_whole_line_without_its_end_is_taken_after_a_while_and_once() {
    let mut bench = Bench::new();
    bench.write(b"{\"a\":1}");
    while bench.read() != Progress::default() {}
    assert!(bench.lines.is_empty(), "its end may come at once");
    bench.has(&["{\"a\":1}"]);
    bench.restart();
    bench.write(b"{\"b\":2}\n");
    bench.has(&["{\"a\":1}", "{\"b\":2}"]);
}

#[test]
fn several_rotations_while_nobody_looked_are_read_in_order() {
    let mut bench = Bench::new();
    bench.write(&line(FIRST));
    bench.read_all();
    bench.write(&line("2"));
    for n in 3..8 {
        bench.rotate();
        bench.write(&line(&n.to_string()));
    }
    bench.restart();
    bench.has(&[FIRST, "2", "3", "4", "5", "6", "7"]);
    bench.restart();
    bench.has(&[FIRST, "2", "3", "4", "5", "6", "7"]);
}

#[test]
fn a_file_that_is_deleted_is_finished_first() {
    let mut bench = Bench::new();
    bench.write(&line("1"));
    bench.read();
    bench.write(&line("2"));
    fs::remove_file(bench.path()).unwrap();
    bench.write(&line("3"));
    bench.has(&["1", "2", "3"]);
    assert_eq!(bench.tail.offsets().len(), 1, "what has vanished is forgotten");
}

#[test]
fn a_file_cut_to_nothing_is_read_from_its_beginning() {
    let mut bench = Bench::new();
    bench.write(&line(FIRST));
    bench.read_all();
    File::create(bench.path()).unwrap();
    bench.write(&line("2"));
    bench.has(&[FIRST, "2"]);
    File::create(bench.path()).unwrap();
    bench.write(&line(&FIRST.replace("first", "other")));
    bench.write(&line("longer than before"));
    bench.read_all();
    assert_eq!(bench.lines.len(), 4, "its beginning is another: {:?}", bench.lines);
}

#[test]
fn a_copy_that_is_cut_afterwards_is_read_once() {
    let mut bench = Bench::new();
    bench.write(&line(FIRST));
    bench.read_all();
    bench.write(&line("2"));
    fs::copy(bench.path(), bench.rotated(0)).unwrap();
    bench.read();
    bench.write(&line("between: lost to the copy"));
    File::create(bench.path()).unwrap();
    bench.write(&line("3"));
    bench.has(&[FIRST, "2", "3"]);
    bench.restart();
    bench.has(&[FIRST, "2", "3"]);
}

#[test]
fn a_torn_end_is_given_out_when_a_later_file_has_begun() {
    let mut bench = Bench::new();
    bench.write(b"1\n{\"torn");
    bench.read_all();
    bench.rotate();
    bench.has(&["1"]);
    bench.write(&line("2"));
    bench.has(&["1", "{\"torn", "2"]);
}

#[test]
fn what_was_read_is_not_forgotten_while_the_folder_is_away() {
    let mut bench = Bench::new();
    bench.write(&line(FIRST));
    bench.read_all();
    let aside = bench.folder.path().join("aside");
    fs::rename(bench.path(), &aside).unwrap();
    bench.restart();
    bench.read();
    let words = bench.tail.trouble().unwrap();
    assert!(words.why.contains("no such file"), "{words:?}");
    assert_eq!(bench.committed.len(), 1);
    fs::rename(&aside, bench.path()).unwrap();
    bench.has(&[FIRST]);
    assert_eq!(bench.tail.trouble(), None);
}

#[test]
fn catching_up_goes_by_bounded_pieces() {
    let mut bench = Bench::new();
    let long = "x".repeat(1000);
    for _ in 0..3000 {
        bench.write(&line(&long));
    }
    let mut readings = 0;
    loop {
        let progress = bench.read();
        assert!(progress.bytes <= CHUNK);
        if progress == Progress::default() {
            break;
        }
        readings += 1;
    }
    assert_eq!((bench.lines.len(), readings), (3000, 3));
}

#[test]
fn what_was_read_last_can_be_recalled() {
    let mut bench = Bench::new();
    for n in 0..3 {
        bench.write(&line(&n.to_string()));
    }
    let long = "x".repeat(RECALL as usize);
    bench.write(&line(&long));
    bench.write(&line("last"));
    bench.read_all();
    bench.write(&line("new"));
    bench.restart();
    let mut recalled = Vec::new();
    bench.tail.recall(bench.now, &mut |piece| recalled.push(format!("{piece:?}")));
    assert_eq!(recalled, [format!("{:?}", Piece::Line(b"last"))], "the long one does not fit as a whole");
    bench.has(&["0", "1", "2", &long, "last", "new"]);
}

#[test]
fn a_line_of_more_than_64_megabytes_is_counted_and_passed_over() {
    let mut bench = Bench::new();
    bench.write(&line("before"));
    let block = vec![b'['; 1 << 20];
    for _ in 0..65 {
        bench.write(&block);
    }
    bench.write(b"\nafter\n");
    bench.has(&["before", "after"]);
    assert_eq!(bench.overlong, 1);
}

#[derive(Debug, Clone)]
enum Act {
    Write(usize),
    Rotate,
    CutAfterCopy,
    DeleteOld,
    Read,
    Lose,
    Restart,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (1usize..200).prop_map(Act::Write),
        2 => Just(Act::Rotate),
        1 => Just(Act::CutAfterCopy),
        1 => Just(Act::DeleteOld),
        6 => Just(Act::Read),
        2 => Just(Act::Lose),
        1 => Just(Act::Restart),
    ];
    prop::collection::vec(act, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if std::env::var_os("FULL").is_some() { 2000 } else { 150 }, ..ProptestConfig::default() })]

    /// Lines are numbered; written in pieces of any size, rotated between any two bytes of the reader's choice, read, read
    /// without being committed, restarted: each is committed once, in order.
    #[test]
    fn each_line_once_whatever_happens_between(acts in acts()) {
        let mut bench = Bench::new();
        bench.write(b"");
        let text: Vec<u8> = (0..400).flat_map(|n| line(&format!("{{\"n\":{n},\"filler\":\"{:060}\"}}", n * 7))).collect();
        let mut written = 0;
        let to_line_end = |at: usize| at + text[at..].iter().position(|b| *b == b'\n').map_or(0, |n| n + 1);
        for act in acts {
            match act {
                Act::Write(count) => {
                    let end = (written + count).min(text.len());
                    bench.write(&text[written..end]);
                    written = end;
                }
                Act::Rotate | Act::CutAfterCopy => {
                    // A writer rotates between lines.
                    let end = if written == 0 || text[written - 1] == b'\n' { written } else { to_line_end(written) };
                    bench.write(&text[written..end]);
                    written = end;
                    if matches!(act, Act::Rotate) {
                        bench.rotate();
                        bench.write(b"");
                    } else if fs::metadata(bench.path()).unwrap().len() > 0 && bench.committed.last().is_some_and(|o| o.head_len >= 64) {
                        fs::copy(bench.path(), bench.rotated(bench.rotations)).unwrap();
                        bench.rotations += 1;
                        File::create(bench.path()).unwrap();
                    }
                }
                Act::DeleteOld => {
                    bench.read_all();
                    for n in 0..bench.rotations {
                        let _ = fs::remove_file(bench.rotated(n));
                    }
                }
                Act::Read => { bench.read(); }
                Act::Lose => {
                    // Read, and dead before it was committed.
                    bench.tail.read(bench.now, &mut |_| {});
                    bench.restart();
                }
                Act::Restart => bench.restart(),
            }
        }
        bench.write(&text[written..]);
        bench.read_all();
        let expected: Vec<&str> = std::str::from_utf8(&text).unwrap().lines().collect();
        prop_assert_eq!(bench.lines.len(), expected.len());
        prop_assert_eq!(&bench.lines, &expected);
    }
}

#[test]
fn a_copy_of_a_line_that_was_taken_without_its_end_is_the_same() {
    let mut bench = Bench::new();
    bench.write(FIRST.as_bytes());
    bench.read_all();
    bench.write(b"\n");
    fs::copy(bench.path(), bench.rotated(0)).unwrap();
    File::create(bench.path()).unwrap();
    bench.write(&line(&FIRST.replace("first", "other")));
    bench.write(&line("3"));
    bench.read_all();
    assert_eq!(bench.lines.len(), 3, "{:?} {:?}", bench.lines, bench.tail);
}
