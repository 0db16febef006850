use std::os::unix::fs::symlink;

use super::*;
use crate::{
    LabCa,
    testing::{lab_config, real_now_us},
};

/// Two pairs of one CA: the old one and the new one.
struct Two {
    folder: tempfile::TempDir,
    old: (String, String),
    new: (String, String),
}

impl Two {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ca = LabCa::open_or_create(&folder.path().join("ca"), &lab_config(), real_now_us()).unwrap();
        let make = || {
            let made = ca.sign(&["boss.local".to_owned()], None, real_now_us()).unwrap();
            (made.chain_pem, made.key_pem.unwrap())
        };
        let two = Self { old: make(), new: make(), folder };
        fs::write(two.cert(), &two.old.0).unwrap();
        fs::write(two.key(), &two.old.1).unwrap();
        two
    }

    fn cert(&self) -> PathBuf {
        self.folder.path().join("otelcol.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("otelcol.key")
    }

    fn there(&self) -> (String, String) {
        (fs::read_to_string(self.cert()).unwrap(), fs::read_to_string(self.key()).unwrap())
    }

    fn leftovers(&self) -> usize {
        let files = fs::read_dir(self.folder.path()).unwrap().flatten();
        files.filter(|file| file.file_name().to_string_lossy().contains("statusinator-new")).count()
    }
}

#[test]
fn a_kill_at_any_point_leaves_the_old_pair_or_the_new_one() {
    for with_key in [true, false] {
        for kill in [Step::WriteKey, Step::WriteCert, Step::RenameKey, Step::RenameCert, Step::Sync] {
            let two = Two::new();
            let (cert, key) = (two.cert(), two.key());
            let pair = Pair { cert: &cert, key: &key };
            let new_key = with_key.then_some(two.new.1.as_str());
            // Without a new key the chain is another one about the same key.
            let chain = if with_key { two.new.0.clone() } else { format!("{}\n", two.old.0) };
            let mut before = |step| {
                if step == kill { Err(io::Error::other("killed")) } else { Ok(()) }
            };
            let done = steps(pair, &chain, new_key, None, &mut before);
            assert_eq!(done.is_err(), with_key || kill != Step::WriteKey && kill != Step::RenameKey);
            recover(pair).unwrap();
            let new = (chain, new_key.map_or(two.old.1.clone(), str::to_owned));
            let there = two.there();
            assert!(there == two.old || there == new, "{kill:?}, new key: {with_key}");
            assert!(fits(&cert, &key), "{kill:?}: certificate and key belong together");
            if kill == Step::RenameCert && with_key {
                assert_eq!(there, new, "the key was the new one already");
            }
            assert_eq!(two.leftovers(), 0, "{kill:?}");
        }
    }
}

#[test]
fn owner_mode_and_links_stay() {
    let two = Two::new();
    let real = two.folder.path().join("elsewhere.key");
    fs::rename(two.key(), &real).unwrap();
    symlink("elsewhere.key", two.key()).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    fs::set_permissions(two.cert(), fs::Permissions::from_mode(0o604)).unwrap();
    // Root may give files away; who is not root keeps their own.
    let root = nix::unistd::geteuid().is_root();
    if root {
        std::os::unix::fs::chown(&real, Some(12), Some(34)).unwrap();
    }
    let (cert, key) = (two.cert(), two.key());
    pair(Pair { cert: &cert, key: &key }, &two.new.0, Some(&two.new.1), None).unwrap();
    assert_eq!(two.there(), two.new);
    assert!(fs::symlink_metadata(&key).unwrap().is_symlink(), "the link stays");
    let meta = fs::metadata(&real).unwrap();
    assert_eq!(meta.mode() & 0o777, 0o640);
    assert_eq!(fs::metadata(&cert).unwrap().mode() & 0o777, 0o604);
    if root {
        assert_eq!((meta.uid(), meta.gid()), (12, 34));
    }
}

#[test]
fn what_is_new_is_for_its_owner_alone() {
    let two = Two::new();
    fs::remove_file(two.key()).unwrap();
    fs::remove_file(two.cert()).unwrap();
    let (cert, key) = (two.cert(), two.key());
    let me = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    pair(Pair { cert: &cert, key: &key }, &two.new.0, Some(&two.new.1), Some(named(&me).unwrap())).unwrap();
    assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&cert).unwrap().mode() & 0o777, 0o644);
    let nobody = named("no-such-user:ssl-cert").unwrap_err().to_string();
    assert!(nobody.contains("no user `no-such-user`"), "{nobody}");
}

#[test]
fn one_file_for_both_keeps_its_key() {
    let two = Two::new();
    let both = two.folder.path().join("both.pem");
    fs::write(&both, format!("{}{}", two.old.0, two.old.1)).unwrap();
    let pair_of = Pair { cert: &both, key: &both };
    pair(pair_of, &two.new.0, None, None).unwrap();
    let text = fs::read_to_string(&both).unwrap();
    assert!(
        text.starts_with(&two.new.0) && text.contains(two.old.1.trim()),
        "new chain, the key that was there"
    );
    pair(pair_of, &two.new.0, Some(&two.new.1), None).unwrap();
    assert!(fits(&both, &both));
}
