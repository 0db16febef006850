//! A tar file, compressed, in memory and of a bounded size. Text enters by one door, and its secrets stay outside.

use std::io::Write;

use anyhow::{Context, Result};
use flate2::{Compression, write::GzEncoder};

use super::redact::Redactor;

/// All contents together. What is beyond is left out, and said.
const MOST: usize = 64 << 20;
const BLOCK: usize = 512;

pub(super) struct Archive<'a> {
    redactor: &'a Redactor,
    out: GzEncoder<Vec<u8>>,
    folder: String,
    modified_s: i64,
    size: usize,
    redacted: usize,
    notes: Vec<String>,
}

impl<'a> Archive<'a> {
    /// Everything lies in one folder, so that it is unpacked into no other's.
    pub(super) fn new(redactor: &'a Redactor, folder: &str, modified_s: i64) -> Self {
        let out = GzEncoder::new(Vec::new(), Compression::default());
        Self { redactor, out, folder: folder.to_owned(), modified_s, size: 0, redacted: 0, notes: Vec::new() }
    }

    /// The only way for text.
    pub(super) fn text(&mut self, name: &str, text: &str) -> Result<()> {
        let (clean, found) = self.redactor.clean(text);
        self.redacted += found;
        self.put(name, clean.as_bytes())
    }

    /// Line by line: what is cut off in one line takes nothing from the next.
    pub(super) fn lines(&mut self, name: &str, lines: impl IntoIterator<Item = String>) -> Result<()> {
        let mut all = String::new();
        for line in lines {
            let (clean, found) = self.redactor.clean(&line);
            self.redacted += found;
            all.push_str(&clean);
            all.push('\n');
        }
        self.put(name, all.as_bytes())
    }

    /// Frames of a wire.
    pub(super) fn frames(&mut self, name: &str, mut bytes: Vec<u8>) -> Result<()> {
        self.redactor.blank(&mut bytes);
        self.put(name, &bytes)
    }

    /// Something that should be here and is not.
    pub(super) fn note(&mut self, what: &str, why: impl std::fmt::Display) {
        self.notes.push(format!("{what}: {why}"));
    }

    /// Says what is in it and ends it.
    pub(super) fn finish(mut self, about: &str) -> Result<Vec<u8>> {
        let notes = if self.notes.is_empty() { "nothing".to_owned() } else { self.notes.join("\n  ") };
        let text = format!(
            "{about}\nPlaces where something secret stood: {}. They read {}.\nMissing:\n  {notes}\n",
            self.redacted,
            super::redact::GONE
        );
        self.text("README.txt", &text)?;
        self.out.write_all(&[0; 2 * BLOCK]).context("end the archive")?;
        self.out.finish().context("end the archive")
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        if self.size + bytes.len() > MOST {
            self.note(name, format!("left out, it has {} bytes", bytes.len()));
            return Ok(());
        }
        self.size += bytes.len();
        // A name may hold what a machine chose to call itself.
        let (name, _) = self.redactor.clean(name);
        let path = format!("{}/{name}", self.folder);
        let write = |out: &mut GzEncoder<Vec<u8>>| {
            out.write_all(&header(&path, bytes.len(), self.modified_s))?;
            out.write_all(bytes)?;
            out.write_all(&vec![0; bytes.len().next_multiple_of(BLOCK) - bytes.len()])
        };
        write(&mut self.out).with_context(|| format!("put {name} into the archive"))
    }
}

/// POSIX.1-1988's ustar header: names of up to 100 bytes, which ours are.
fn header(path: &str, size: usize, modified_s: i64) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut field = |at: usize, length: usize, text: &str| {
        let text = &text.as_bytes()[..text.len().min(length)];
        header[at..at + text.len()].copy_from_slice(text);
    };
    field(0, 100, path);
    field(100, 8, "0000600\0");
    field(108, 8, "0000000\0");
    field(116, 8, "0000000\0");
    field(124, 12, &format!("{size:011o}\0"));
    field(136, 12, &format!("{:011o}\0", modified_s.max(0)));
    // The sum is taken with its own field blank.
    field(148, 8, "        ");
    field(156, 1, "0");
    field(257, 8, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::redact::Known;
    use super::*;

    #[test]
    fn tar_unpacks_it_and_secrets_stay_outside() {
        let known = Known { values: vec!["hunter2-relay".into()], names: Vec::new() };
        let redactor = Redactor::new(known).unwrap();
        let mut archive = Archive::new(&redactor, "bundle", 1_700_000_000);
        archive.text("a/long.txt", &"with hunter2-relay in it\n".repeat(100)).unwrap();
        archive
            .lines(
                "hunter2-relay.jsonl",
                ["one".to_owned(), "-----BEGIN PRIVATE KEY-----".into(), "three".into()],
            )
            .unwrap();
        archive.frames("x.pcapng", b"..hunter2-relay..".to_vec()).unwrap();
        archive.frames("large", vec![0; MOST]).unwrap();
        let bytes = archive.finish("about").unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("x.tar.gz"), bytes).unwrap();
        let tar = Command::new("tar").args(["-xzf", "x.tar.gz"]).current_dir(dir.path()).output().unwrap();
        assert!(tar.status.success(), "{}", String::from_utf8_lossy(&tar.stderr));
        let read = |name: &str| std::fs::read_to_string(dir.path().join("bundle").join(name)).unwrap();
        assert_eq!(read("a/long.txt"), "with [redacted] in it\n".repeat(100));
        assert_eq!(read("[redacted].jsonl"), "one\n[redacted]\nthree\n");
        assert_eq!(read("x.pcapng"), "..xxxxxxxxxxxxx..");
        let readme = read("README.txt");
        assert!(readme.contains("stood: 101.") && readme.contains("large: left out"), "{readme}");
    }
}
