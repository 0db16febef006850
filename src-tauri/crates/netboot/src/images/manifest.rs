//! What an image consists of, as text. Nothing here touches a disk.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::role::Role;

/// Layout of the manifests written today. A newer one is not guessed at.
pub const FORMAT: u32 = 1;

/// Names are parts of file names and of URLs.
const LONGEST_NAME: usize = 64;
/// A kernel takes 2047 bytes on x86; a loader adds to it.
const LONGEST_CMDLINE: usize = 1800;
/// More files than any image needs.
const MOST_FILES: usize = 16;

/// An image: its name, and its version among those of the same name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Name {
    pub name: String,
    pub version: String,
}

/// One file of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// In hex; also the name of the content.
    pub sha256: String,
    /// In bytes.
    pub size: u64,
    /// Where it was taken from, for people; nothing for files that the program made itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
}

/// What an image consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    #[serde(flatten)]
    pub image: Name,
    pub role: Role,
    /// Kernel command line that belongs to these files; what a machine needs is added to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<String>,
    /// By key: `kernel`, `initrd`, `squashfs`…
    pub files: BTreeMap<String, FileEntry>,
    pub added: Timestamp,
}

/// What is wrong with a name, a key or a manifest, in words that follow "because".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(pub String);

impl Name {
    /// A name and a version that can stand in a file name and a URL.
    pub fn new(name: &str, version: &str) -> Result<Name, Unfit> {
        check_word("name", name)?;
        check_word("version", version)?;
        Ok(Name { name: name.to_owned(), version: version.to_owned() })
    }

    /// The name of its manifest without its ending. `@` is in neither part, so no two images share one.
    pub fn stem(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

fn check_word(what: &str, word: &str) -> Result<(), Unfit> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+~-".contains(c);
    if word.is_empty() || word.len() > LONGEST_NAME {
        return Err(Unfit(format!("a {what} has 1 to {LONGEST_NAME} letters")));
    }
    if !word.chars().all(plain) || word.starts_with(['.', '-']) {
        return Err(Unfit(format!(
            "the {what} {word:?} has other signs than letters, digits and . _ + ~ - (not first)"
        )));
    }
    Ok(())
}

/// A key among an image's files: lower case, short, also the last part of a URL.
pub fn check_key(key: &str) -> Result<(), Unfit> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if key.is_empty() || key.len() > 32 || !key.chars().all(plain) {
        return Err(Unfit(format!("the key {key:?} is not made of 1 to 32 small letters, digits and -")));
    }
    Ok(())
}

/// A SHA-256 in lower-case hex.
pub fn check_hash(hash: &str) -> Result<(), Unfit> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if hash.len() == 64 && hash.bytes().all(hex) {
        Ok(())
    } else {
        Err(Unfit(format!("{hash:?} is not a SHA-256: 64 digits and small letters a to f")))
    }
}

impl Manifest {
    /// Reads a manifest and checks it: a path made of what it says stays inside the store.
    pub fn parse(text: &str) -> Result<Manifest, Unfit> {
        let manifest: Manifest = serde_json::from_str(text).map_err(|error| Unfit(error.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The text on disk.
    pub fn text(&self) -> Result<String, Unfit> {
        self.check()?;
        serde_json::to_string_pretty(self).map(|text| text + "\n").map_err(|error| Unfit(error.to_string()))
    }

    fn check(&self) -> Result<(), Unfit> {
        if self.format != FORMAT {
            return Err(Unfit(format!("its format is {}, and this version reads {FORMAT}", self.format)));
        }
        check_word("name", &self.image.name)?;
        check_word("version", &self.image.version)?;
        if self.files.len() > MOST_FILES {
            return Err(Unfit(format!("an image has at most {MOST_FILES} files")));
        }
        for (key, file) in &self.files {
            check_key(key)?;
            check_hash(&file.sha256)?;
        }
        if let Some(missing) = self.role.needs().iter().find(|key| !self.files.contains_key(**key)) {
            return Err(Unfit(format!("an image of role {} needs the file {missing}", self.role)));
        }
        if let Some(cmdline) = &self.cmdline {
            if cmdline.len() > LONGEST_CMDLINE {
                return Err(Unfit(format!("a kernel command line has at most {LONGEST_CMDLINE} bytes here")));
            }
            if cmdline.chars().any(char::is_control) {
                return Err(Unfit("the kernel command line has a control character in it".into()));
            }
        }
        Ok(())
    }

    /// One hash for the whole image: equal when role, files and command line are.
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        // Lengths, so that no two different images run together into the same bytes.
        let mut field = |text: &str| {
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text);
        };
        field(self.role.word());
        field(self.cmdline.as_deref().unwrap_or_default());
        for (key, file) in &self.files {
            field(key);
            field(&file.sha256);
        }
        hex::encode(hasher.finalize())
    }

    /// Bytes of all files together.
    pub fn size(&self) -> u64 {
        self.files.values().map(|file| file.size).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(letter: char) -> FileEntry {
        FileEntry { sha256: letter.to_string().repeat(64), size: 7, source: Some("/srv/kernel".into()) }
    }

    fn talos() -> Manifest {
        Manifest {
            format: FORMAT,
            image: Name::new("talos", "1.11.0").unwrap(),
            role: Role::Talos,
            cmdline: Some("talos.platform=metal".into()),
            files: [("kernel".to_owned(), entry('a')), ("initrd".to_owned(), entry('b'))].into(),
            added: Timestamp::from_second(1_700_000_000).unwrap(),
        }
    }

    #[test]
    fn a_manifest_is_readable_by_people() {
        let text = talos().text().unwrap();
        insta::assert_snapshot!(text.replace(&"a".repeat(64), "A").replace(&"b".repeat(64), "B"), @r#"
        {
          "format": 1,
          "name": "talos",
          "version": "1.11.0",
          "role": "talos",
          "cmdline": "talos.platform=metal",
          "files": {
            "initrd": {
              "sha256": "B",
              "size": 7,
              "source": "/srv/kernel"
            },
            "kernel": {
              "sha256": "A",
              "size": 7,
              "source": "/srv/kernel"
            }
          },
          "added": "2023-11-14T22:13:20Z"
        }
        "#);
        assert_eq!(Manifest::parse(&text).unwrap(), talos());
    }

    #[test]
    fn an_unfit_manifest_says_why() {
        let text = talos().text().unwrap();
        for (from, to, why) in [
            ("\"format\": 1", "\"format\": 2", "format is 2"),
            ("\"initrd\"", "\"../initrd\"", "key"),
            ("\"name\": \"talos\"", "\"name\": \"../talos\"", "name"),
            (&"a".repeat(64), "../../etc/passwd", "SHA-256"),
            ("\"kernel\"", "\"colonel\"", "needs the file kernel"),
            ("metal", "metal\\nshell", "control character"),
            ("\"talos\",\n  \"cmdline\"", "\"squid\",\n  \"cmdline\"", "squid"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            let said = Manifest::parse(&changed).unwrap_err().to_string();
            assert!(said.contains(why), "{said:?} should say {why:?}");
        }
    }

    #[test]
    fn the_digest_is_of_what_boots_and_of_nothing_else() {
        let one = talos();
        let mut same = one.clone();
        same.added = Timestamp::UNIX_EPOCH;
        same.image.version = "2".into();
        assert_eq!(one.digest(), same.digest());
        let mut other = one.clone();
        other.cmdline = None;
        assert_ne!(one.digest(), other.digest());
        let mut other = one.clone();
        other.files.insert("kernel".into(), entry('c'));
        assert_ne!(one.digest(), other.digest());
    }

    proptest! {
        #[test]
        fn a_good_name_is_one_part_of_a_path(name in "[a-z./@\\-]{0,12}", version in "\\PC{0,12}") {
            if let Ok(image) = Name::new(&name, &version) {
                let stem = image.stem();
                prop_assert!(!stem.contains('/') && !stem.starts_with('.') && stem.split('@').count() == 2);
                prop_assert_eq!(crate::path::clean(&stem).unwrap(), stem);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
            let _ = Manifest::parse(&text);
        }

        #[test]
        fn a_manifest_survives_its_text(cmdline in proptest::option::of("[ -~]{0,40}"), size: u64) {
            let mut manifest = talos();
            manifest.cmdline = cmdline;
            manifest.files.get_mut("kernel").unwrap().size = size;
            prop_assert_eq!(Manifest::parse(&manifest.text().unwrap()).unwrap(), manifest);
        }
    }
}
