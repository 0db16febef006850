//! Where everything lies: one data folder, and in it one folder a board. All paths of the program come from here.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use api::tls::Fingerprint;
use lab::{Board, BoardKind};
use serde::{Deserialize, Serialize};

/// Boards that need no file.
const BUILT_IN: [(&str, &str); 3] = [
    ("simulated", include_str!("../../boards/simulated.toml")),
    ("virtual", include_str!("../../boards/virtual.toml")),
    (LABINATOR, include_str!("../../boards/labinator.toml")),
];
/// The owner's board.
const LABINATOR: &str = "labinator";
/// A board file with examples instead of facts: to be copied, not to be started.
const HOME: (&str, &str) = ("home", include_str!("../../boards/home.toml"));

/// The data folder and what is in it.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// The folder named, or the user's own.
    pub fn new(named: Option<PathBuf>) -> Result<Self> {
        match named {
            Some(path) => Ok(Self(std::path::absolute(path).context("find the data folder")?)),
            None => directories::ProjectDirs::from("", "", "statusinator")
                .map(|dirs| Self(dirs.data_dir().to_owned()))
                .ok_or_else(|| anyhow!("this user has no home folder: name a data folder with --data DIR")),
        }
    }

    /// Makes the folder, readable by its owner and the group that may open windows.
    pub fn create(&self) -> Result<()> {
        make_private(&self.0, 0o750)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// One database a board, so that simulated and real history never mix.
    pub fn board(&self, board: &Board) -> Result<PathBuf> {
        let path = self.0.join(&board.board.name);
        make_private(&path, 0o700)?;
        Ok(path)
    }

    /// Boot files by content, shared by all boards of this folder.
    pub fn images(&self) -> PathBuf {
        self.0.join("images")
    }

    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// Where a running engine says how it is reached.
    pub fn engine_file(&self) -> PathBuf {
        self.0.join("engine.json")
    }

    /// Passwords and tokens for devices, by name.
    pub fn secrets(&self) -> PathBuf {
        self.0.join("secrets.toml")
    }

    pub fn control_token(&self) -> PathBuf {
        self.0.join("control.token")
    }

    /// The certificate of the API and its key, where the lab's own CA makes them.
    pub fn api_pair(&self) -> api::tls::Pair {
        let folder = self.0.join("tls");
        api::tls::Pair { certificate: folder.join("api.pem"), key: folder.join("api.key") }
    }

    pub fn window_token(&self) -> PathBuf {
        self.0.join("window.token")
    }
}

fn make_private(path: &Path, mode: u32) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .with_context(|| format!("make the data folder {}; name another with --data DIR", path.display()))
}

/// What an engine writes about itself, for the command line and for windows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineFile {
    pub pid: u32,
    pub url: String,
    pub board: String,
    pub version: String,
    /// SHA-256 of the certificates that it may show, where it speaks TLS: the one it shows, and for a moment the next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<String>,
}

impl EngineFile {
    pub fn read(data: &DataDir) -> Option<Self> {
        let text = fs::read_to_string(data.engine_file()).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Its address, where it is one.
    pub fn address(&self) -> Option<SocketAddr> {
        let rest = self.url.strip_prefix("https://").or_else(|| self.url.strip_prefix("http://"))?;
        rest.parse().ok()
    }

    /// Certificates that a client holds fast to; `None` where it speaks plain HTTP.
    pub fn pins(&self) -> Option<Vec<Fingerprint>> {
        let tls = self.url.starts_with("https://");
        tls.then(|| self.certificates.iter().filter_map(|text| text.parse().ok()).collect())
    }

    /// Written beside and renamed over, so that nobody reads half of it.
    pub fn write(&self, data: &DataDir) -> Result<()> {
        let (path, new) = (data.engine_file(), data.path().join("engine.json.new"));
        let text = serde_json::to_string(self).context("describe the engine")?;
        fs::write(&new, text).with_context(|| format!("write {}", new.display()))?;
        fs::rename(&new, &path).with_context(|| format!("write {}", path.display()))
    }

    pub fn remove(data: &DataDir) {
        if let Err(error) = fs::remove_file(data.engine_file()) {
            tracing::debug!(%error, "engine file not removed");
        }
    }
}

/// One engine a data folder; the kernel drops the lock with the process, however it ends.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the folder for this process (`pid` as seen from outside any namespace), or says who has it.
    pub fn take(data: &DataDir, pid: u32, board: &str) -> Result<Self> {
        let path = data.path().join("engine.lock");
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.with_context(|| format!("open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).unwrap_or_default();
                let remedy = "end it, or name another folder with --data DIR";
                return Err(anyhow!("{} is in use by {}; {remedy}", data.path().display(), holder.trim()));
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("lock {}", path.display()));
            }
        }
        file.set_len(0).and_then(|()| writeln!(file, "pid {pid}, board {board}")).context("sign the lock")?;
        Ok(Self { _file: file })
    }
}

/// The text of a built-in board or template, with every key explained.
pub fn built_in(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().chain([&HOME]).find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Names that [`built_in`] knows.
pub fn built_in_names() -> Vec<&'static str> {
    BUILT_IN.iter().chain([&HOME]).map(|(name, _)| *name).collect()
}

/// Reads a built-in board or a file.
pub fn load_board(name: &str) -> Result<Board> {
    let built_in = BUILT_IN.iter().find(|(known, _)| *known == name);
    let (origin, text) = match built_in {
        Some((known, text)) => (format!("built-in board {known}"), (*text).to_owned()),
        None => {
            let names = BUILT_IN.map(|(known, _)| known).join(", ");
            let text = fs::read_to_string(name).map_err(|error| {
                let remedy = format!("name a file that can be read, or a built-in board: {names}");
                anyhow::Error::new(error).context(format!("read {name}")).context(BadBoard { remedy })
            })?;
            (name.to_owned(), text)
        }
    };
    let mut board = Board::parse(&origin, &text).map_err(|error| {
        let remedy = error.remedy.clone();
        anyhow::Error::new(error).context(BadBoard { remedy })
    })?;
    if let (Some(matchbox), None) = (&mut board.boot.matchbox, built_in) {
        // Relative to the file that names it, wherever the program was started.
        let folder = Path::new(name).parent().unwrap_or(Path::new(""));
        *matchbox = std::path::absolute(folder.join(&*matchbox)).context("find the matchbox folder")?;
    }
    Ok(board)
}

/// Whole or not at all: written beside, then renamed over, with the permissions of what was there.
pub fn write_whole(path: &Path, text: &str) -> Result<()> {
    // A link stays a link.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let new = PathBuf::from(format!("{}.new", path.display()));
    let written = || -> io::Result<()> {
        let mut file = File::create(&new)?;
        match fs::metadata(path) {
            Ok(meta) => file.set_permissions(meta.permissions())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    written()
        .with_context(|| format!("write {}; choose a folder that this user may write to", path.display()))
}

/// The file behind a board's name; a built-in one has none.
pub fn board_file(name: &str) -> Option<PathBuf> {
    let built_in = BUILT_IN.iter().any(|(known, _)| *known == name);
    (!built_in).then(|| std::path::absolute(name).unwrap_or_else(|_| PathBuf::from(name)))
}

/// Marks an error as one of the board file, which has its own exit code.
#[derive(Debug, thiserror::Error)]
#[error("the board file is not taken; {remedy}")]
pub struct BadBoard {
    pub remedy: String,
}

/// How a board is cut to size from the command line.
#[derive(Debug, Clone, Copy, Default)]
pub struct BoardChoice {
    pub machines: Option<usize>,
}

/// Machines of a virtual board unless said otherwise: two fit any laptop.
const VIRTUAL_MACHINES: usize = 2;

/// The board named, cut to size.
pub fn choose_board(name: &str, choice: BoardChoice) -> Result<Board> {
    let mut board = load_board(name)?;
    let count = match board.board.kind {
        BoardKind::Virtual => choice.machines.or(Some(VIRTUAL_MACHINES)),
        BoardKind::Simulated | BoardKind::Labinator => choice.machines,
    };
    if let Some(count) = count {
        if count == 0 || count > board.machines.len() {
            let why = format!("--machines {count}: this board has 1 to {}", board.machines.len());
            return Err(anyhow!(why).context(BadBoard { remedy: "choose a number in that range".into() }));
        }
        board.keep_machines(count);
    }
    Ok(board)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_boards_are_good_and_are_what_they_say() {
        for (name, kind, machines) in [
            ("simulated", BoardKind::Simulated, 6),
            ("virtual", BoardKind::Virtual, 2),
            ("labinator", BoardKind::Labinator, 6),
        ] {
            let board = choose_board(name, BoardChoice::default()).unwrap();
            assert_eq!(board.board.kind, kind);
            assert_eq!(board.machines.len(), machines, "{name}");
            assert!(board.lab("rehearsal").is_some());
        }
    }

    #[test]
    fn a_board_cut_to_one_machine_keeps_shelf_and_labs_consistent() {
        let board = choose_board("virtual", BoardChoice { machines: Some(1) }).unwrap();
        assert_eq!(board.board.shelf, [[1]]);
        assert!(choose_board("virtual", BoardChoice { machines: Some(7) }).is_err());
    }

    #[test]
    fn a_folder_has_one_engine_and_the_second_is_told_which() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::new(Some(dir.path().to_owned())).unwrap();
        let first = DataLock::take(&data, 4711, "simulated").unwrap();
        let refused = DataLock::take(&data, 4712, "virtual").unwrap_err().to_string();
        assert!(refused.contains("pid 4711, board simulated"), "{refused}");
        drop(first);
        DataLock::take(&data, 4712, "virtual").unwrap();
    }

    #[test]
    fn the_engine_file_survives_a_round_trip() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::new(Some(dir.path().to_owned())).unwrap();
        let file = EngineFile {
            pid: 7,
            url: "http://127.0.0.1:1".into(),
            board: "b".into(),
            version: "v".into(),
            certificates: Vec::new(),
        };
        file.write(&data).unwrap();
        assert_eq!(EngineFile::read(&data), Some(file));
        EngineFile::remove(&data);
        assert_eq!(EngineFile::read(&data), None);
    }
}
