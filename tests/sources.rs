//! House rules that can be read off the source text. Each has its reason beside it; who needs an exception changes the rule here,
//! where a reviewer sees it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Above this a file holds more than one idea.
const LONGEST_FILE: usize = 500;
const KINDS: &[&str] = &["rs", "ts", "svelte", "css"];
/// Folders that hold what others wrote, what was built, or what was generated.
const NOT_OURS: &[&str] =
    &["target", "node_modules", "dist", ".git", "generated", "test-results", "playwright-report"];

#[test]
fn no_file_is_longer_than_a_person_reads() {
    let files = sources(&root(), KINDS);
    assert!(
        files.iter().any(|file| file.ends_with("tests/sources.rs")),
        "the walk found the project's files"
    );
    let lengths = files.iter().map(|file| (file, text(file).lines().count()));
    let long: Vec<_> = lengths.filter(|(_, lines)| *lines > LONGEST_FILE).collect();
    assert!(long.is_empty(), "above {LONGEST_FILE} lines: {long:#?}");
}

/// A queue without bound hides that its reader is too slow until the memory is gone; a bounded one drops, counts and says so.
#[test]
fn every_queue_has_a_bound() {
    assert_eq!(
        product_lines_with(
            &["unbounded_channel", "mpsc::unbounded", "Unbounded", "std::sync::mpsc"],
            "unbounded"
        ),
        ""
    );
}

/// A loop that spins or naps takes the processor from the soft interrupts that carry the machines' boot files: code waits for
/// something, with a deadline, in the runtime.
#[test]
fn nothing_waits_by_blocking_a_thread() {
    assert_eq!(
        product_lines_with(&["thread::sleep", "thread::yield_now", "spin_loop", "yield_now()"], "blocking"),
        ""
    );
}

/// The folds are replayed, on other machines and years later: the same events must give the same status.
#[test]
fn the_vocabulary_asks_neither_the_world_nor_the_clock() {
    let world = [
        "std::fs",
        "std::process",
        "std::thread",
        "std::env",
        "UdpSocket",
        "TcpStream",
        "SystemTime::now",
        "Instant::now",
    ];
    assert_eq!(lines_with(&root().join("src-tauri/crates/lab/src"), &world, "io"), "");
}

/// What the runner adds up must be what the runners of tests said.
#[test]
fn the_last_line_of_make_test_counts_every_runner() {
    let said = "\
test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.10s
test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s
 Test Files  1 failed | 2 passed (3)
      Tests  1 failed | 20 passed | 2 skipped (23)
\u{1b}[32m  5 passed\u{1b}[39m (12.3s)
  1 failed
  1 flaky
  4 did not run
";
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), said).expect("the sample is written");
    let program = root().join("scripts/count-tests.awk");
    let output = Command::new("awk").arg("-f").arg(program).arg(file.path()).output().expect("awk starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "39 6 7\n", "passed, failed, ignored");
}

/// A table of lessons is worth what holds them. Each row ends with one or more "`file`: `test`".
#[test]
fn every_lesson_names_tests_that_exist() {
    let lessons = text(&root().join("docs/LESSONS.md"));
    let rows: Vec<_> =
        lessons.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| # ")).collect();
    assert!(!rows.is_empty(), "docs/LESSONS.md has rows");
    for row in rows {
        let held_by = row.trim_end_matches([' ', '|']).rsplit(" | ").next().unwrap_or_default();
        let quoted: Vec<_> = held_by.split('`').skip(1).step_by(2).collect();
        assert!(!quoted.is_empty() && quoted.len() % 2 == 0, "file and test in backquotes: {row}");
        for pair in quoted.chunks(2) {
            // A Rust test is a function, one of the screens is a title in quotes.
            let code = text(&root().join(pair[0]));
            let named = [format!("fn {}(", pair[1]), format!("\"{}\"", pair[1]), format!("'{}'", pair[1])];
            assert!(
                named.iter().any(|name| code.contains(name)),
                "{} has no test {:?}: {row}",
                pair[0],
                pair[1]
            );
        }
    }
}

/// The compiler is one exact version, the same in both places that name it: a new one arrives by a change of ours.
#[test]
fn one_compiler_is_named_once_and_exactly() {
    let line = |file: &str, key: &str| {
        let content = text(&root().join(file));
        let found =
            content.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{file} has {key}"));
        found.split('"').nth(1).unwrap_or_default().to_owned()
    };
    let channel = line("rust-toolchain.toml", "channel");
    assert_eq!(
        channel.split('.').filter(|part| part.parse::<u16>().is_ok()).count(),
        3,
        "not an exact version: {channel}"
    );
    assert!(
        channel.starts_with(&format!("{}.", line("Cargo.toml", "rust-version"))),
        "Cargo.toml and {channel} agree"
    );
    assert!(root().join("Cargo.lock").exists(), "the lock file is part of the source");
}

#[test]
fn a_forbidden_word_is_seen_in_code_and_not_in_its_tests() {
    let code = "use std::thread;\nfn nap() { thread::sleep(A); } // naps\n// thread::sleep in words\nfn b() { thread::sleep(B); } // blocking: why\n\
                #[cfg(test)]\nmod tests {\n fn c() { thread::sleep(C); }\n}\n";
    assert_eq!(
        forbidden(code, &["thread::sleep"], "blocking"),
        ["2: fn nap() { thread::sleep(A); } // naps"]
    );
}

fn product_lines_with(words: &[&str], excuse: &str) -> String {
    lines_with(&root().join("src-tauri"), words, excuse)
}

/// `file:line: text` of every line of product code with one of these words.
fn lines_with(folder: &Path, words: &[&str], excuse: &str) -> String {
    let files = sources(folder, &["rs"]);
    assert!(!files.is_empty(), "no source in {}", folder.display());
    let mut found = String::new();
    for file in files.iter().filter(|file| !is_test(file)) {
        for line in forbidden(&text(file), words, excuse) {
            found += &format!("{}:{line}\n", file.strip_prefix(root()).unwrap_or(file).display());
        }
    }
    found
}

/// Tests stand at the end of a file, under `#[cfg(test)]`, or in a file of their own. A line may excuse itself by a comment that
/// begins with the word of the rule, and then says why: `// blocking: before any runtime exists`.
fn forbidden(code: &str, words: &[&str], excuse: &str) -> Vec<String> {
    let excuse = format!("// {excuse}: ");
    let tests = code.find("#[cfg(test)]\nmod ").unwrap_or(code.len());
    let product = code[..tests].lines().enumerate();
    let spoken = product.filter(|(_, line)| !line.trim_start().starts_with("//") && !line.contains(&excuse));
    let guilty = spoken.filter(|(_, line)| words.iter().any(|word| line.contains(word)));
    guilty.map(|(index, line)| format!("{}: {}", index + 1, line.trim())).collect()
}

fn is_test(file: &Path) -> bool {
    let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let inside = file.strip_prefix(root()).unwrap_or(file);
    name == "tests" || name.ends_with("_tests") || inside.components().any(|part| part.as_os_str() == "tests")
}

fn sources(folder: &Path, kinds: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a folder lists its files").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !NOT_OURS.contains(&name) {
                found.extend(sources(&path, kinds));
            }
        } else if path.extension().and_then(|kind| kind.to_str()).is_some_and(|kind| kinds.contains(&kind)) {
            found.push(path);
        }
    }
    found
}

fn text(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ stands in the project").to_owned()
}
