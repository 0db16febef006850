//! Passwords and tokens by name: from `secrets.toml` in the data folder, or from the credentials that systemd hands to the
//! service, which win. They are read here, handed to the device they are for, and told to nobody else.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use lab::Secret;
use toml_edit::{DocumentMut, Item, Value};

use crate::config::DataDir;

/// Where systemd puts what `LoadCredential=` names (systemd.exec(5)).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// A file beyond this holds no passwords.
const LONGEST: u64 = 64 * 1024;
/// Bits of a file's mode that let others in.
const OTHERS: u32 = 0o077;

/// All secrets, by name.
#[derive(Debug, Clone, Default)]
pub struct Secrets(BTreeMap<String, (Secret, Place)>);

/// Where a secret came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    File,
    Credential,
}

impl Place {
    pub fn word(self) -> &'static str {
        match self {
            Self::File => "secrets file",
            Self::Credential => "credential of systemd",
        }
    }
}

/// A secrets file that is not taken. Says nothing of what stands in it.
#[derive(Debug, thiserror::Error)]
pub enum BadSecrets {
    #[error("{}: others may read it (mode {mode:03o})", .path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("{}: it belongs to another user (uid {owner})", .path.display())]
    NotOurs { path: PathBuf, owner: u32 },
    #[error("{}, line {line}: this is not NAME = \"value\"", .path.display())]
    Line { path: PathBuf, line: usize },
    #[error("{}: the value of {name} is no text in quotes", .path.display())]
    NotText { path: PathBuf, name: String },
    #[error("\"{0}\" is no name for a secret")]
    Name(String),
    #[error("read or write {}", .path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl BadSecrets {
    /// What to do.
    pub fn remedy(&self) -> String {
        match self {
            Self::Open { path, .. } => format!("chmod 600 {}", path.display()),
            Self::NotOurs { path, .. } => {
                format!("run this as that user, or as root: chown $USER {}", path.display())
            }
            Self::Line { .. } => "correct that line, as in: switch = \"…\"".to_owned(),
            Self::NotText { name, .. } => format!("say it anew: statusinator secrets set {name}"),
            Self::Name(_) => "use letters, digits, - and _, as in switch or plug-4".to_owned(),
            Self::Io { .. } => "see to it that this user may read and write there".to_owned(),
        }
    }
}

impl Secrets {
    /// All that there are; none where nobody wrote any.
    pub fn load(data: &DataDir) -> Result<Self, BadSecrets> {
        Self::read(&data.secrets(), env::var_os(CREDENTIALS).map(PathBuf::from).as_deref())
    }

    pub fn get(&self, name: &str) -> Option<Secret> {
        self.0.get(name).map(|(secret, _)| secret.clone())
    }

    /// Names alone, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub fn place(&self, name: &str) -> Option<Place> {
        self.0.get(name).map(|(_, place)| *place)
    }

    fn read(file: &Path, credentials: Option<&Path>) -> Result<Self, BadSecrets> {
        let mut all = BTreeMap::new();
        if let Some(document) = open(file)? {
            for (name, item) in document.iter() {
                let Some(text) = item.as_str() else {
                    return Err(BadSecrets::NotText { path: file.to_owned(), name: name.to_owned() });
                };
                all.insert(name.to_owned(), (Secret::new(text), Place::File));
            }
        }
        for (name, secret) in credentials.map(from_systemd).unwrap_or_default() {
            all.insert(name, (secret, Place::Credential));
        }
        Ok(Self(all))
    }
}

/// Writes one secret, and keeps the others with their comments. A reader sees the old file or the new one.
pub fn set(data: &DataDir, name: &str, secret: &Secret) -> Result<(), BadSecrets> {
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
        return Err(BadSecrets::Name(name.to_owned()));
    }
    let path = data.secrets();
    let mut document = open(&path)?.unwrap_or_default();
    match document.get_mut(name) {
        Some(Item::Value(old)) => {
            let mut value = Value::from(secret.reveal());
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        _ => {
            document.insert(name, toml_edit::value(secret.reveal()));
        }
    }
    let new = path.with_extension("toml.new");
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| BadSecrets::Io { path, source }
    };
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&new)(error)),
        _ => {}
    }
    let mut file =
        File::options().write(true).create_new(true).mode(0o600).open(&new).map_err(failed(&new))?;
    file.write_all(document.to_string().as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&new, &path))
        .map_err(failed(&path))
}

/// The file's table; `None` where there is no file. Whose it is and who may read it is asked of the open file.
fn open(path: &Path) -> Result<Option<DocumentMut>, BadSecrets> {
    let failed = |source| BadSecrets::Io { path: path.to_owned(), source };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    let meta = file.metadata().map_err(failed)?;
    if meta.uid() != nix::unistd::geteuid().as_raw() {
        return Err(BadSecrets::NotOurs { path: path.to_owned(), owner: meta.uid() });
    }
    if meta.mode() & OTHERS != 0 {
        return Err(BadSecrets::Open { path: path.to_owned(), mode: meta.mode() & 0o777 });
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(failed)?;
    // The parser's own words may quote the line.
    let document = text.parse::<DocumentMut>().map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let line = text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        BadSecrets::Line { path: path.to_owned(), line }
    })?;
    Ok(Some(document))
}

/// Each file is a secret, its name the name. What is no text is meant for somebody else.
fn from_systemd(folder: &Path) -> Vec<(String, Secret)> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .filter_map(|file| {
            let name = file.file_name().into_string().ok()?;
            let mut text = String::new();
            File::open(file.path()).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
            let line = text.strip_suffix('\n').unwrap_or(&text);
            Some((name, Secret::new(line.strip_suffix('\r').unwrap_or(line))))
        })
        .collect()
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
