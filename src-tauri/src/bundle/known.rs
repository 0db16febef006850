//! Which secrets this program knows of: all that lie in its data folder or are named in its board file.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use lab::Board;

use super::redact::Known;
use crate::{config::DataDir, secrets::Secrets};

/// Key files have a few kB.
const LONGEST: u64 = 64 * 1024;
/// Files looked through; a data folder has some hundred.
const FILES: usize = 2000;
const DEPTH: usize = 5;
/// A line of a key in PEM has 64 characters, its last one fewer.
const KEY_LINE: usize = 12;
/// Files whose whole content is a secret.
const WHOLE: [&str; 5] = ["token", "password", "passphrase", "secret", "pass"];

pub(super) fn known(data: &DataDir, board: Option<&Board>) -> Known {
    let mut known = Known::default();
    // Even where the file is refused as too open: that makes what it says no less secret.
    let text = read(&data.secrets()).unwrap_or_default();
    if let Ok(document) = text.parse::<toml_edit::DocumentMut>() {
        for (name, item) in document.iter() {
            known.names.push(name.to_owned());
            known.values.extend(item.as_str().map(str::to_owned));
        }
    } else {
        known.values.extend(text.split(['"', '\'', '\n']).map(|part| part.trim().to_owned()));
    }
    if let Ok(secrets) = Secrets::load(data) {
        for name in secrets.names() {
            known.names.push(name.to_owned());
            known.values.extend(secrets.get(name).map(|secret| secret.reveal().to_owned()));
        }
    }
    let mut files = Vec::new();
    walk(data.path(), 0, &mut files);
    files.extend(board.into_iter().flat_map(|board| &board.certificates).filter_map(|one| one.key.clone()));
    // What they are to machines, they are to logs that quote them.
    for one in board.into_iter().flat_map(|board| &board.certificates) {
        let bundles = [&one.kubeconfig, &one.talosconfig, &one.secrets];
        for file in bundles.into_iter().flatten() {
            known.values.extend(yaml_secrets(&read(file).unwrap_or_default()));
        }
    }
    for file in files {
        let whole = file.extension().is_some_and(|kind| WHOLE.iter().any(|whole| kind == *whole));
        let text = read(&file).unwrap_or_default();
        if whole {
            known.values.push(text.trim().to_owned());
        }
        known.values.extend(key_lines(&text));
    }
    known.values.retain(|value| !value.trim().is_empty());
    known.values.sort();
    known.values.dedup();
    known
}

fn read(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A log may hold a key line by line.
fn key_lines(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("-----") {
            inside = line.contains("BEGIN") && line.contains("PRIVATE KEY");
        } else if inside && line.len() >= KEY_LINE {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// Values of a configuration whose keys are called so; without reading it, since it may be of any version.
fn yaml_secrets(text: &str) -> Vec<String> {
    let secret = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let name = name.trim_matches(|char: char| !char.is_alphanumeric()).to_lowercase();
        let called =
            ["key", "token", "secret", "key-data", "password", "id"].iter().any(|end| name.ends_with(end));
        let value = value.trim().trim_matches(['"', '\'']);
        (called && value.len() >= KEY_LINE).then(|| value.to_owned())
    };
    text.lines().filter_map(secret).collect()
}

fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        if files.len() >= FILES {
            return;
        }
        if meta.is_dir() && depth < DEPTH {
            walk(&entry.path(), depth + 1, files);
        } else if meta.is_file() && meta.len() <= LONGEST {
            files.push(entry.path());
        }
    }
}
