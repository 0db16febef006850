//! The store as a whole, on a real disk.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::*;
use crate::files::Body;

struct Bench {
    dir: tempfile::TempDir,
    store: ImageStore,
}

impl Bench {
    fn new() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let store = ImageStore::open(dir.path().join("images"));
        Bench { dir, store }
    }

    fn source(&self, name: &str, content: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn addition(&self, version: &str, kernel: &str, initrd: &str) -> Addition {
        let input = |key: &str, content: &str| (key.to_owned(), Input::Path(self.source(key, content)));
        Addition {
            image: Name::new("talos", version).unwrap(),
            role: Role::Talos,
            cmdline: None,
            files: [input("kernel", kernel), input("initrd", initrd)].into(),
            expected: BTreeMap::new(),
            replace: false,
        }
    }

    fn add(&self, version: &str, kernel: &str, initrd: &str) -> Result<Manifest, ImageError> {
        self.store.add(&self.addition(version, kernel, initrd), Timestamp::UNIX_EPOCH)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join("images").join(path)
    }

    fn contents(&self) -> usize {
        fs::read_dir(self.at("sha256")).map_or(0, Iterator::count)
    }

    /// Changes one byte of a content, as a bad disk would.
    fn flip(&self, hash: &str) {
        let path = self.at("sha256").join(hash);
        let mut bytes = fs::read(&path).unwrap();
        bytes[0] ^= 1;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        fs::write(&path, bytes).unwrap();
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_image_is_added_chosen_served_and_removed() {
    let bench = Bench::new();
    assert!(bench.store.list().unwrap().is_empty(), "looking at a store that is not there is no failure");
    assert!(!bench.at("").exists(), "and makes nothing");
    let one = bench.add("1", "kernel one", "initrd").unwrap();
    let two = bench.add("2", "kernel two", "initrd").unwrap();
    assert_eq!(bench.contents(), 3, "the same initrd lies here once");
    assert!(bench.store.chosen(Role::Talos).unwrap().is_none(), "nobody has chosen");

    let before = bench.store.generation();
    bench.store.choose(Role::Talos, &one.image).unwrap();
    assert_ne!(bench.store.generation(), before, "a choice can be noticed");
    let image = bench.store.chosen(Role::Talos).unwrap().unwrap();
    assert_eq!(image.kernel().unwrap().etag(), one.files["kernel"].sha256);
    assert_eq!(image.manifest, one);

    let refused = bench.store.remove(&one.image).unwrap_err();
    assert!(matches!(refused, ImageError::Chosen { role: Role::Talos, .. }), "{refused}");
    bench.store.choose(Role::Talos, &two.image).unwrap();
    bench.store.remove(&one.image).unwrap();
    assert_eq!(bench.contents(), 2, "what the other image needs stays");
    assert_eq!(image.kernel().unwrap().length(), 10, "what is open stays whole");
    assert!(matches!(bench.store.remove(&one.image), Err(ImageError::Unknown { .. })));
}

#[test]
fn a_damaged_content_is_never_served_and_adding_again_heals_it() {
    let bench = Bench::new();
    let manifest = bench.add("1", "kernel", "initrd").unwrap();
    bench.store.choose(Role::Talos, &manifest.image).unwrap();
    assert!(bench.store.chosen(Role::Talos).unwrap().is_some());
    bench.flip(&manifest.files["initrd"].sha256);
    let error = bench.store.chosen(Role::Talos).unwrap_err();
    assert!(matches!(&error, ImageError::Damaged { key, .. } if key == "initrd"), "{error}");
    assert!(error.remedy().contains("images add"));
    assert!(bench.store.choose(Role::Talos, &manifest.image).is_err(), "nor chosen");
    let found = bench.store.verify(Some("talos")).unwrap();
    let damage = &found[0].as_ref().unwrap().damage;
    assert_eq!(damage.iter().map(|d| d.key.as_str()).collect::<Vec<_>>(), ["initrd"]);

    bench.add("1", "kernel", "initrd").unwrap();
    assert!(bench.store.chosen(Role::Talos).unwrap().is_some());
    fs::remove_file(bench.at("sha256").join(&manifest.files["kernel"].sha256)).unwrap();
    assert!(bench.store.chosen(Role::Talos).unwrap_err().to_string().contains("gone"));
}

#[test]
fn what_a_power_cut_leaves_is_not_an_image_and_is_swept_up() {
    let bench = Bench::new();
    bench.add("1", "kernel", "initrd").unwrap();
    let orphan = bench.at("sha256").join("a".repeat(64));
    fs::write(bench.at("incoming/kernel"), "half a ker").unwrap();
    fs::write(&orphan, "copied, and then the lights went out").unwrap();
    assert_eq!(bench.store.list().unwrap().len(), 1);
    bench.add("2", "kernel two", "initrd").unwrap();
    assert!(names(&bench.at("incoming")).is_empty() && !orphan.exists());
    assert_eq!(bench.contents(), 3);

    // While nobody knows what a manifest names, nothing is thrown away.
    fs::write(bench.at("manifests/talos@1.json"), "{").unwrap();
    bench.add("3", "kernel three", "initrd").unwrap();
    assert_eq!(bench.contents(), 4);
    assert_eq!(bench.store.list().unwrap().iter().filter(|l| l.manifest.is_err()).count(), 1);
}

#[test]
fn files_that_are_not_whole_are_refused_and_nothing_is_left() {
    let bench = Bench::new();
    let mut squash = vec![0; 4096];
    squash[..4].copy_from_slice(b"hsqs");
    squash[40..48].copy_from_slice(&8192_u64.to_le_bytes());
    let cut = String::from_utf8(squash).unwrap();
    let mut hashed = bench.addition("1", "kernel", "initrd");
    hashed.expected.insert("kernel".into(), "a".repeat(64));
    let mut folder = bench.addition("1", "kernel", "initrd");
    folder.files.insert("initrd".into(), Input::Path(bench.dir.path().to_owned()));
    let mut missing = bench.addition("1", "kernel", "initrd");
    missing.files.remove("initrd");
    let mut gone = bench.addition("1", "kernel", "initrd");
    gone.files.insert("extra".into(), Input::Path(bench.dir.path().join("gone")));
    for (addition, why) in [
        (bench.addition("1", "kernel", ""), "empty"),
        (bench.addition("1", "kernel", &cut), "8192"),
        (hashed, "should be"),
        (folder, "regular"),
        (missing, "needs the file initrd"),
        (gone, "gone"),
    ] {
        // The files of the additions share their sources; write those of this one again.
        bench.source("kernel", "kernel");
        if why != "empty" && why != "8192" {
            bench.source("initrd", "initrd");
        } else {
            bench.source("initrd", if why == "empty" { "" } else { &cut });
        }
        let error = bench.store.add(&addition, Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(error.to_string().contains(why), "{error} should say {why:?}");
        assert!(bench.store.list().unwrap().is_empty());
        assert_eq!(bench.contents(), 0);
    }
    assert!(names(&bench.at("incoming")).is_empty());
}

#[test]
fn a_version_never_changes_its_content_unless_the_program_made_it() {
    let bench = Bench::new();
    bench.add("1", "kernel", "initrd").unwrap();
    assert!(matches!(bench.add("1", "another kernel", "initrd"), Err(ImageError::Exists(_))));
    bench.add("1", "kernel", "initrd").unwrap();

    let made = |text: &'static str| Input::Made {
        bytes: text.into(),
        sha256: Body::from_bytes(text).etag().to_owned(),
    };
    let mut probe = Addition {
        image: Name::new("probe", "6.1").unwrap(),
        role: Role::Probe,
        cmdline: None,
        files: [("kernel".to_owned(), made("k")), ("initrd".to_owned(), made("i"))].into(),
        expected: BTreeMap::new(),
        replace: true,
    };
    let first = bench.store.add(&probe, Timestamp::UNIX_EPOCH).unwrap();
    let generation = bench.store.generation();
    let again = bench.store.add(&probe, Timestamp::now()).unwrap();
    assert_eq!((&again, bench.store.generation()), (&first, generation), "nothing is written twice");
    probe.files.insert("initrd".into(), made("j"));
    let changed = bench.store.add(&probe, Timestamp::now()).unwrap();
    assert_ne!(changed.digest(), first.digest());
    bench.flip(&changed.files["kernel"].sha256);
    bench.store.add(&probe, Timestamp::now()).unwrap();
    assert!(bench.store.image(&probe.image).is_ok(), "a damaged copy is made anew");
}

#[test]
fn one_changes_at_a_time_and_roles_are_kept_apart() {
    let bench = Bench::new();
    let manifest = bench.add("1", "kernel", "initrd").unwrap();
    let wrong = bench.store.choose(Role::Wiper, &manifest.image).unwrap_err();
    assert!(matches!(wrong, ImageError::WrongRole { .. }));
    let unknown = Name::new("talos", "9").unwrap();
    let error = bench.store.choose(Role::Talos, &unknown).unwrap_err().to_string();
    assert!(error.contains("talos 1"), "names what there is: {error}");
    let lock = fs::File::open(bench.at("lock")).unwrap();
    lock.lock().unwrap();
    assert!(matches!(bench.add("2", "k", "i"), Err(ImageError::Busy { .. })));
    assert_eq!(bench.store.list().unwrap().len(), 1, "reading waits for nobody");
}
