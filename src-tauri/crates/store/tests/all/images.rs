//! What a disk may hold after a power cut, from a record of what a program did to its files (`powercut.c`).
//!
//! The model is a journaling file system: what was written before a sync of the file is there; of what came after it each
//! sector is there or not, whatever the order; names change in the order of the calls, up to some instant that lies not
//! before the last sync of anything. A sector is written whole or not at all.

use std::{collections::BTreeMap, fs, path::Path};

/// Numbers as from dice, always the same for one seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end.max(1)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Act {
    Open { file: u32, name: String },
    Write { file: u32, at: usize, bytes: Vec<u8> },
    Cut { file: u32, to: usize },
    Sync { file: u32 },
    Rename { from: String, to: String },
    Unlink { name: String },
}

/// Reads the record.
pub(crate) fn acts(mut bytes: &[u8]) -> Vec<Act> {
    let mut acts = Vec::new();
    while let [kind, rest @ ..] = bytes {
        let (head, rest) = rest.split_at(16);
        let file = u32::from_le_bytes(head[..4].try_into().unwrap());
        let at = u64::from_le_bytes(head[4..12].try_into().unwrap()) as usize;
        let (data, rest) = rest.split_at(u32::from_le_bytes(head[12..].try_into().unwrap()) as usize);
        let text = || String::from_utf8(data.to_vec()).unwrap();
        acts.push(match kind {
            b'o' => Act::Open { file, name: text() },
            b'w' => Act::Write { file, at, bytes: data.to_vec() },
            b't' => Act::Cut { file, to: at },
            b's' => Act::Sync { file },
            b'r' => {
                let names = text();
                let (from, to) = names.split_once('\0').unwrap();
                Act::Rename { from: from.into(), to: to.into() }
            }
            b'u' => Act::Unlink { name: text() },
            other => panic!("no entry begins with {other}"),
        });
        bytes = rest;
    }
    acts
}

#[derive(Default, Clone)]
struct Disk {
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
}

#[derive(Default, Clone)]
struct Content {
    synced: Vec<u8>,
    later: Vec<Later>,
}

#[derive(Clone)]
enum Later {
    Write(usize, Vec<u8>),
    Cut(usize),
}

impl Content {
    fn put(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
        if bytes.len() < at + part.len() {
            bytes.resize(at + part.len(), 0);
        }
        bytes[at..at + part.len()].copy_from_slice(part);
    }

    fn sync(&mut self) {
        for later in std::mem::take(&mut self.later) {
            match later {
                Later::Write(at, part) => Self::put(&mut self.synced, at, &part),
                Later::Cut(to) => self.synced.resize(to, 0),
            }
        }
    }

    /// What is found after the cut. `keep` of 100 sectors that were not synced are there.
    fn found(&self, dice: &mut Dice, sector: usize, keep: u64) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        for later in &self.later {
            match later {
                Later::Cut(to) if dice.below(100) < keep => bytes.resize(*to, 0),
                Later::Cut(_) => {}
                Later::Write(at, part) => {
                    let mut done = 0;
                    while done < part.len() {
                        let end = (((at + done) / sector + 1) * sector - at).min(part.len());
                        if dice.below(100) < keep {
                            Self::put(&mut bytes, at + done, &part[done..end]);
                        }
                        done = end;
                    }
                }
            }
        }
        bytes
    }
}

/// Writes into `to` what is found when the power goes after these acts.
pub(crate) fn image(acts: &[Act], dice: &mut Dice, to: &Path) {
    let sector = if dice.below(2) == 0 { 512 } else { 4096 };
    let keep = [0, 10, 50, 90, 100][dice.below(5) as usize];
    // Names are durable up to the last sync of anything; later ones up to some instant.
    let synced = acts.iter().rposition(|act| matches!(act, Act::Sync { .. })).unwrap_or(0);
    let names_until = synced as u64 + dice.below((acts.len() - synced) as u64 + 1);

    let mut disk = Disk::default();
    // A number is an inode, which the file system gives anew when its file is gone.
    let mut open: BTreeMap<u32, usize> = BTreeMap::new();
    let mut live: BTreeMap<String, usize> = BTreeMap::new();
    for (n, act) in acts.iter().enumerate() {
        let named = n as u64 <= names_until;
        match act {
            Act::Open { file, name } => {
                if let Some(content) = live.get(name) {
                    open.insert(*file, *content);
                    continue;
                }
                disk.files.push(Content::default());
                let content = disk.files.len() - 1;
                open.insert(*file, content);
                live.insert(name.clone(), content);
                if named {
                    disk.names.insert(name.clone(), content);
                }
            }
            Act::Write { file, at, bytes } => {
                disk.files[open[file]].later.push(Later::Write(*at, bytes.clone()));
            }
            Act::Cut { file, to } => disk.files[open[file]].later.push(Later::Cut(*to)),
            // A folder is synced too, but never written.
            Act::Sync { file } => {
                if let Some(content) = open.get(file) {
                    disk.files[*content].sync();
                }
            }
            Act::Rename { from, to } => {
                let content = live.remove(from).unwrap();
                live.insert(to.clone(), content);
                if named {
                    disk.names.remove(from);
                    disk.names.insert(to.clone(), content);
                }
            }
            Act::Unlink { name } => {
                live.remove(name);
                if named {
                    disk.names.remove(name);
                }
            }
        }
    }
    for (name, content) in &disk.names {
        // The index of a log is memory that programs share; what is found of it is worth nothing, and SQLite knows that.
        if name.ends_with("-shm") {
            continue;
        }
        fs::write(to.join(name), disk.files[*content].found(dice, sector, keep)).unwrap();
    }
}
