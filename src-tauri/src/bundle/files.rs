//! A board's memory without its engine: copies of its files are read, so that looking changes nothing, even where a database
//! is damaged.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use async_trait::async_trait;
use lab::log::Filter;
use store::{
    Store,
    logs::{LOG_DATABASE, LogStore},
};
use tempfile::TempDir;

use super::{Memory, Records};
use crate::config::{DataDir, built_in};

/// Larger databases are not copied.
const MOST: u64 = 512 << 20;

struct Kept(LogStore);

#[async_trait]
impl Records for Kept {
    async fn lines(&self, before: Option<i64>, limit: u32) -> Result<Vec<(i64, String)>> {
        let records = self.0.records(&Filter::default(), before, limit).await?;
        records.iter().map(|stored| Ok((stored.id, serde_json::to_string(stored)?))).collect()
    }
}

/// All boards of this data folder. The folder that comes along holds the copies and goes with its handle.
pub(crate) async fn without_engine(data: &DataDir) -> Result<(Vec<Memory>, TempDir)> {
    let copies = tempfile::tempdir().context("make a folder for copies of the databases")?;
    let mut memories = Vec::new();
    for folder in fs::read_dir(data.path()).into_iter().flatten().flatten() {
        let path = folder.path();
        let Ok(name) = folder.file_name().into_string() else { continue };
        if path.join(store::DATABASE).is_file() {
            memories.push(remember(&name, &path, &copies.path().join(&name)).await);
        }
    }
    Ok((memories, copies))
}

async fn remember(name: &str, from: &Path, to: &Path) -> Memory {
    let mut memory = Memory {
        name: name.to_owned(),
        board: None,
        board_text: built_in(name).map(str::to_owned),
        events: None,
        last: 0,
        logs: None,
        captures: None,
        status: None,
        certificates: Vec::new(),
        missing: Vec::new(),
    };
    let mut miss = |what: &str, why: String| memory.missing.push((what.to_owned(), why));
    let mut copied = |file: &str| match copy(from, to, file) {
        Ok(()) => true,
        Err(error) => {
            miss(file, format!("{error:#}"));
            false
        }
    };
    let (events, logs) = (copied(store::DATABASE), copied(LOG_DATABASE));
    if events {
        match Store::open(to).await {
            Ok((store, found)) => {
                memory.last = found.status.seq;
                memory.status = serde_json::to_value(&found.status).ok();
                memory.events = Some(Arc::new(store));
            }
            Err(error) => memory.missing.push(("events".to_owned(), error.to_string())),
        }
    }
    if logs {
        match LogStore::open(to).await {
            Ok((store, _)) => memory.logs = Some(Arc::new(Kept(store))),
            Err(error) => memory.missing.push(("logs".to_owned(), error.to_string())),
        }
    }
    memory
}

/// A database with what was not folded into it yet.
fn copy(from: &Path, to: &Path, file: &str) -> Result<()> {
    fs::create_dir_all(to).context("make a folder for copies of the databases")?;
    for name in [file.to_owned(), format!("{file}-wal")] {
        let path: PathBuf = from.join(&name);
        let length = match fs::metadata(&path) {
            Ok(meta) => meta.len(),
            // No log beside it: all is folded in.
            Err(_) if name != file => continue,
            Err(error) => return Err(error).with_context(|| format!("look at {}", path.display())),
        };
        anyhow::ensure!(length <= MOST, "{} has {length} bytes, too many to be copied", path.display());
        fs::copy(&path, to.join(&name)).with_context(|| format!("copy {}", path.display()))?;
    }
    Ok(())
}
