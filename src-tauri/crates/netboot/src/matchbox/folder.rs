//! The folder on disk. Read at each request, as matchbox does: an edit counts at once and nothing can be stale.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::group::Group;
use super::profile::Profile;

/// Larger groups and profiles are not read: nothing of the kind is meant for a machine.
const LARGEST: u64 = 1 << 20;
/// More groups than a board, or a hall of them, has machines. Further files are named as ignored.
const MOST_GROUPS: usize = 4096;

/// A matchbox data folder.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

/// What a look at the folder found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// Groups that can be selected.
    pub groups: usize,
    /// Profiles that can be booted.
    pub profiles: usize,
    /// Every file without effect, by path.
    pub ignored: Vec<Ignored>,
}

/// A file without effect, relative to the folder, and why it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    pub file: String,
    pub why: String,
}

impl Folder {
    /// A folder that need not be there yet.
    pub fn new(root: impl Into<PathBuf>) -> Folder {
        Folder { root: root.into() }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every group that can be read, by the name of its file.
    pub fn groups(&self) -> Vec<Group> {
        let files = self.list("groups").unwrap_or_default();
        files.iter().take(MOST_GROUPS).filter_map(|file| self.group(file).ok()).collect()
    }

    /// The profile of this name.
    pub fn profile(&self, name: &str) -> Result<Profile, String> {
        // Cleaned as matchbox does it: a name that climbs stays inside the folder.
        let path = crate::path::clean(&climb(&format!("profiles/{name}.json")));
        let path = path.map_err(|error| error.to_string())?;
        Profile::parse(&self.read(&path)?)
    }

    /// A file below `assets/`, opened. `None` where there is none, or where it lies outside.
    pub fn asset(&self, path: &str) -> Option<File> {
        let root = self.root.join("assets").canonicalize().ok()?;
        let file = root.join(path).canonicalize().ok()?;
        // A link may lead elsewhere inside; what lies outside is not for everybody on this network.
        let inside = file.starts_with(&root) && file != root;
        let file = inside.then(|| open(&file).ok()).flatten()?;
        file.metadata().ok()?.is_file().then_some(file)
    }

    /// Looks at every file and says which have no effect. Fails when the folder itself cannot be read.
    pub fn look(&self) -> io::Result<Survey> {
        fs::read_dir(&self.root)?;
        let mut survey = Survey::default();
        let mut seen: Vec<(Group, String)> = Vec::new();
        for (count, file) in self.list("groups").unwrap_or_default().into_iter().enumerate() {
            let group = if count < MOST_GROUPS {
                self.group(&file)
            } else {
                Err(format!("there are more than {MOST_GROUPS} files of this kind"))
            };
            match group.and_then(|group| self.fits(group, &seen)) {
                Ok(group) => {
                    survey.groups += 1;
                    seen.push((group, file));
                }
                Err(why) => survey.ignored.push(Ignored { file: format!("groups/{file}"), why }),
            }
        }
        for file in self.list("profiles").unwrap_or_default() {
            let name = file.strip_suffix(".json");
            let profile = name.ok_or_else(|| "its name does not end in .json".to_owned());
            let profile =
                profile.and_then(|name| self.profile(name)).and_then(|profile| match profile.boot {
                    Some(_) => Ok(()),
                    None => Err("it has no \"boot\", so that a machine with it starts nothing".into()),
                });
            match profile {
                Ok(()) => survey.profiles += 1,
                Err(why) => survey.ignored.push(Ignored { file: format!("profiles/{file}"), why }),
            }
        }
        for (kind, why) in [
            ("ignition", "Ignition files are not served here; /ignition answers 404"),
            ("generic", "templates are not served here; /generic answers 404"),
            ("cloud", "cloud configurations are not served here; /cloud answers 404"),
        ] {
            let files = self.list(kind).unwrap_or_default().into_iter();
            survey.ignored.extend(files.map(|f| Ignored { file: format!("{kind}/{f}"), why: why.into() }));
        }
        Ok(survey)
    }

    /// A group that can be read may still never be chosen, or lead nowhere.
    fn fits(&self, group: Group, seen: &[(Group, String)]) -> Result<Group, String> {
        if let Some((_, twin)) = seen.iter().find(|(other, _)| other.selector == group.selector) {
            return Err(format!("groups/{twin} asks for the same, and only one of them can count"));
        }
        match self.profile(&group.profile) {
            Ok(_) => Ok(group),
            // Its metadata would be answered all the same, but the machine boots nothing.
            Err(why) => Err(format!("its profile {:?} cannot be used: {why}", group.profile)),
        }
    }

    /// Matchbox takes a file's name up to its last dot and reads that name with `.json`.
    fn group(&self, file: &str) -> Result<Group, String> {
        if !file.ends_with(".json") {
            return Err("its name does not end in .json".into());
        }
        Group::parse(&self.read(&format!("groups/{file}"))?)
    }

    fn list(&self, kind: &str) -> io::Result<Vec<String>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.root.join(kind))? {
            files.push(entry?.file_name().to_string_lossy().into_owned());
        }
        files.sort();
        Ok(files)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let words = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => format!("{path} is not there"),
            io::ErrorKind::IsADirectory => format!("{path} is a folder"),
            _ => format!("{path} cannot be read: {error}"),
        };
        let mut bytes = Vec::new();
        let file = open(&self.root.join(path)).map_err(words)?;
        if !file.metadata().map_err(words)?.is_file() {
            return Err(format!("{path} is no file"));
        }
        file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(words)?;
        if bytes.len() as u64 > LARGEST {
            return Err(format!("{path} is larger than 1 MiB"));
        }
        Ok(bytes)
    }
}

/// A FIFO would hold the thread until somebody writes into it.
fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

/// Resolves `.` and `..` without leaving the root, as Go's `path.Clean("/" + name)` does.
fn climb(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join("data").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let folder = Folder::new(dir.path().join("data"));
        (dir, folder)
    }

    #[test]
    fn every_file_without_effect_is_named_with_its_reason() {
        let (_dir, folder) = folder(&[
            ("groups/all.json", r#"{"id": "all", "profile": "live"}"#),
            ("groups/all2.json", r#"{"id": "all2", "profile": "live"}"#),
            ("groups/broken.json", "{"),
            ("groups/lost.json", r#"{"id": "lost", "profile": "gone", "selector": {"a": "b"}}"#),
            ("groups/notes.txt", "notes"),
            ("profiles/live.json", r#"{"id": "live", "boot": {"kernel": "/assets/k"}}"#),
            ("profiles/config.json", r#"{"id": "config"}"#),
            ("ignition/a.ign", "{}"),
            ("cloud/a.yml", "#cloud-config"),
        ]);
        let survey = folder.look().unwrap();
        assert_eq!((survey.groups, survey.profiles), (1, 1));
        let said: Vec<String> = survey.ignored.iter().map(|i| format!("{}: {}", i.file, i.why)).collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        groups/all2.json: groups/all.json asks for the same, and only one of them can count
        groups/broken.json: it is no JSON: EOF while parsing an object at line 1 column 1
        groups/lost.json: its profile "gone" cannot be used: profiles/gone.json is not there
        groups/notes.txt: its name does not end in .json
        profiles/config.json: it has no "boot", so that a machine with it starts nothing
        ignition/a.ign: Ignition files are not served here; /ignition answers 404
        cloud/a.yml: cloud configurations are not served here; /cloud answers 404
        "#);
        assert!(Folder::new("/nonexistent/matchbox").look().is_err());
    }

    #[test]
    fn nothing_outside_the_folder_is_read() {
        let (dir, folder) = folder(&[("assets/sub/kernel", "kernel"), ("profiles/p.json", r#"{"id": "p"}"#)]);
        fs::write(dir.path().join("secret.json"), r#"{"id": "secret"}"#).unwrap();
        fs::write(dir.path().join("secret"), "secret").unwrap();
        symlink("../../secret", folder.root().join("assets/link")).unwrap();
        symlink("sub/kernel", folder.root().join("assets/kernel")).unwrap();
        assert!(folder.asset("sub/kernel").is_some() && folder.asset("kernel").is_some());
        for path in ["link", "../profiles/p.json", "/etc/passwd", "sub", "", "none"] {
            assert!(folder.asset(path).is_none(), "{path:?}");
        }
        assert!(folder.profile("p").is_ok());
        assert!(folder.profile("../profiles/p").is_ok(), "as matchbox resolves it");
        assert!(folder.profile("../../secret").is_err());
    }
}
