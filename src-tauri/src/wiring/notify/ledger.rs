//! What was told and what waits to be told. Pure but for its file.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{causes::Cause, post::Message};

/// Causes at once; a board has a few dozen things that can fail.
const MOST: usize = 64;

/// By the cause's name.
#[derive(Debug)]
pub(super) struct Ledger {
    entries: BTreeMap<String, Entry>,
    hold: Duration,
    dropped: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    cause: Cause,
    /// When it was first seen, in microseconds since 1970: for people.
    since_us: i64,
    #[serde(skip)]
    state: State,
    /// Since when it does not stand any more.
    #[serde(skip)]
    gone: Option<Duration>,
    /// How long it has to be gone to be over, where that is not the usual time.
    #[serde(skip)]
    hold: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// Its beginning is to be told.
    Began,
    /// It was told, here or by the program before.
    #[default]
    Told,
    /// Its end is to be told.
    Over,
    /// It was over before its beginning could be told.
    Passed,
}

impl Ledger {
    /// With what an earlier program told. A file that cannot be read is none: a message twice is better than none.
    pub(super) fn open(path: &Path, hold: Duration, settle: Duration) -> Self {
        let read = fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let mut entries: BTreeMap<String, Entry> = read.unwrap_or_default();
        for entry in entries.values_mut() {
            entry.hold = Some(settle);
        }
        Self { entries, hold, dropped: 0 }
    }

    /// Takes in what stands. Returns how many causes found no room since the start.
    pub(super) fn look(&mut self, standing: BTreeMap<String, Cause>, now: Duration, wall_us: i64) -> u64 {
        for (id, entry) in &mut self.entries {
            if standing.contains_key(id) {
                entry.gone = None;
                entry.hold = None;
                entry.state = match entry.state {
                    // It came back before anybody was told that it had gone.
                    State::Over => State::Told,
                    State::Passed => State::Began,
                    same => same,
                };
                continue;
            }
            let gone = *entry.gone.get_or_insert(now);
            let over = now.saturating_sub(gone) >= entry.hold.unwrap_or(self.hold);
            entry.state = match entry.state {
                State::Told if over => State::Over,
                State::Began if over && entry.cause.ends => State::Passed,
                same => same,
            };
        }
        self.entries.retain(|_, entry| entry.state != State::Over || entry.cause.ends);
        for (id, cause) in standing {
            if self.entries.contains_key(&id) {
                continue;
            }
            if self.entries.len() == MOST {
                self.dropped += 1;
                continue;
            }
            let entry = Entry { cause, since_us: wall_us, state: State::Began, gone: None, hold: None };
            self.entries.insert(id, entry);
        }
        self.dropped
    }

    /// The most urgent message that waits.
    pub(super) fn next(&self, board: &str, wall_us: i64) -> Option<(String, Message)> {
        let waiting = self.entries.iter().filter(|(_, entry)| entry.state != State::Told);
        let (id, entry) = waiting.max_by_key(|(_, entry)| (entry.cause.priority, -entry.since_us))?;
        let cause = &entry.cause;
        let lasted = span(wall_us - entry.since_us);
        let (title, body, priority, tag) = match entry.state {
            State::Began | State::Told => {
                (format!("{board}: {}", cause.title), cause.body.clone(), cause.priority, "warning")
            }
            State::Over => (
                format!("{board}: over: {}", cause.title),
                format!("Over after {lasted}."),
                2,
                "white_check_mark",
            ),
            State::Passed => {
                let body = format!("It stood for {lasted} and is over.\n{}", cause.body);
                (format!("{board}: was: {}", cause.title), body, 2, "white_check_mark")
            }
        };
        Some((id.clone(), Message { title, body, priority, tag }))
    }

    /// The message that [`Self::next`] gave was taken.
    pub(super) fn delivered(&mut self, id: &str) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        match entry.state {
            State::Began => entry.state = State::Told,
            State::Told => {}
            State::Over | State::Passed => {
                self.entries.remove(id);
            }
        }
    }

    /// Keeps what people know of. Written whole and renamed, so that a crash leaves the old or the new.
    pub(super) async fn save(&self, path: &Path) -> io::Result<()> {
        let known = |(_, entry): &(&String, &Entry)| matches!(entry.state, State::Told | State::Over);
        let known: BTreeMap<&String, &Entry> = self.entries.iter().filter(known).collect();
        let text = serde_json::to_vec(&known).map_err(io::Error::other)?;
        let path = path.to_path_buf();
        tokio::task::spawn_blocking(move || replace(&path, &text)).await.map_err(io::Error::other)?
    }
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let new: PathBuf = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    io::Write::write_all(&mut file, text)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

fn span(us: i64) -> String {
    match (us / 1_000_000).max(0) {
        s if s < 120 => format!("{s} s"),
        s if s < 7200 => format!("{} min", s / 60),
        s if s < 172_800 => format!("{} h", s / 3600),
        s => format!("{} d", s / 86_400),
    }
}
