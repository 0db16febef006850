//! The OpenTelemetry collector on the controller, as far as its file goes: OTLP in JSON lines, rotated by renaming.
//!
//! [`chatter`] makes up what is said, [`encode`] writes it as the collector would; both pure. What follows is the file.

mod chatter;
mod encode;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::chatter::Chatter;
use crate::machine::MachineState;
use crate::pace::{Dice, Pace};

/// Seconds between two lines at speed 1, give or take; a line holds one to four records.
const BETWEEN_S: (f64, f64) = (0.02, 0.35);
/// No sooner in wall time, however fast the board runs: a talkative lab, not a flood.
const SHORTEST: Duration = Duration::from_millis(25);
/// After the disk refused.
const REFUSED: Duration = Duration::from_secs(1);
/// Rotated files that are kept (reference 9.1: one backup).
const KEPT: usize = 1;

/// A collector to simulate.
#[derive(Debug, Clone)]
pub struct CollectorSim {
    pub path: PathBuf,
    /// Bytes after which the file is rotated; the real one's setting is 10 MB.
    pub rotate_at: u64,
}

/// What can be done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectorKnob {
    /// It runs and writes nothing more.
    Silence(bool),
    /// Every line is noise: text, half objects, bytes that are no text.
    Garbage(bool),
    /// It is killed between a line and its end, and starts anew in the same file.
    Kill,
}

/// The machines that may have something to say.
pub(crate) type Machines = Vec<(String, watch::Receiver<MachineState>)>;

/// The collector at work.
pub(crate) struct Collector {
    config: CollectorSim,
    machines: Machines,
    pace: Pace,
    dice: Dice,
    chatter: Chatter,
    file: Option<Log>,
    silent: bool,
    garbage: bool,
    killed: bool,
}

struct Log {
    file: File,
    size: u64,
}

impl Collector {
    pub(crate) fn new(config: CollectorSim, machines: Machines, pace: Pace, seed: u64) -> Self {
        let (dice, chatter) = (Dice::new(seed, &[u64::from(b'c')]), Chatter::new(seed));
        Self {
            config,
            machines,
            pace,
            dice,
            chatter,
            file: None,
            silent: false,
            garbage: false,
            killed: false,
        }
    }

    pub(crate) async fn run(mut self, mut knobs: mpsc::Receiver<CollectorKnob>, stop: CancellationToken) {
        // As its unit does before each start (reference 9.1).
        if let Err(error) = self.sweep(0) {
            tracing::warn!(%error, path = %self.config.path.display(), "old files of the simulated collector stay");
        }
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                Some(knob) = knobs.recv() => {
                    match knob {
                        CollectorKnob::Silence(on) => self.silent = on,
                        CollectorKnob::Garbage(on) => self.garbage = on,
                        CollectorKnob::Kill => self.killed = true,
                    }
                    continue;
                }
                () = sleep(pause) => {}
            }
            pause = match self.line() {
                Ok(()) => self.pace.delay(self.dice.between(BETWEEN_S.0, BETWEEN_S.1)).max(SHORTEST),
                Err(error) => {
                    tracing::debug!(%error, "the simulated collector cannot write");
                    self.file = None;
                    REFUSED
                }
            };
        }
    }

    /// Writes a line, as the real one does: the object, and then the line's end.
    fn line(&mut self) -> io::Result<()> {
        if self.silent {
            return Ok(());
        }
        let on: Vec<&str> = self
            .machines
            .iter()
            .filter(|(_, state)| matches!(*state.borrow(), MachineState::Running | MachineState::Service))
            .map(|(name, _)| name.as_str())
            .collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let records = self.chatter.records(&on, now);
        let line =
            if self.garbage { chatter::noise(&mut self.dice) } else { encode::line(&records).into_bytes() };
        let killed = std::mem::take(&mut self.killed);
        let rotate_at = self.config.rotate_at;
        let log = self.log()?;
        log.file.write_all(&line)?;
        if !killed {
            log.file.write_all(b"\n")?;
        }
        log.size += line.len() as u64 + 1;
        if log.size >= rotate_at {
            self.rotate(now)?;
        }
        Ok(())
    }

    fn log(&mut self) -> io::Result<&mut Log> {
        let log = match self.file.take() {
            Some(log) => log,
            None => {
                if let Some(folder) = self.config.path.parent() {
                    fs::create_dir_all(folder)?;
                }
                let file = OpenOptions::new().append(true).create(true).open(&self.config.path)?;
                let size = file.metadata()?.len();
                Log { file, size }
            }
        };
        Ok(self.file.insert(log))
    }

    /// `NAME-2026-11-22T13-49-17.476-size.EXT`, as the real one names it.
    fn rotate(&mut self, now: Duration) -> io::Result<()> {
        self.file = None;
        let stamp = Timestamp::try_from(SystemTime::UNIX_EPOCH + now).map_err(io::Error::other)?;
        let (stem, extension) = parts(&self.config.path);
        let stamp = format!("{}.{:03}", stamp.strftime("%Y-%m-%dT%H-%M-%S"), now.subsec_millis());
        let aside = self.config.path.with_file_name(format!("{stem}-{stamp}-size.{extension}"));
        fs::rename(&self.config.path, aside)?;
        self.sweep(KEPT)
    }

    /// Deletes all but the youngest rotated files; with none kept, the file itself too.
    fn sweep(&self, kept: usize) -> io::Result<()> {
        let Some(folder) = self.config.path.parent() else { return Ok(()) };
        if !folder.exists() {
            return Ok(());
        }
        let (stem, extension) = parts(&self.config.path);
        let mut rotated: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(&format!("{stem}-")) && name.ends_with(&format!(".{extension}")) {
                rotated.push(folder.join(&*name));
            }
        }
        rotated.sort();
        rotated.truncate(rotated.len().saturating_sub(kept));
        if kept == 0 && self.config.path.exists() {
            rotated.push(self.config.path.clone());
        }
        rotated.into_iter().try_for_each(fs::remove_file)
    }
}

fn parts(path: &Path) -> (String, String) {
    let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    (text(path.file_stem()), text(path.extension()))
}

#[cfg(test)]
mod tests;
