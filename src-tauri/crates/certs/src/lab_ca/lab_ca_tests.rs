use std::{fs, os::unix::fs::MetadataExt, sync::Arc};

use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::*;
use crate::testing::{DAY_US, lab_config, real_now_us};

fn made(folder: &Path) -> LabCa {
    LabCa::open_or_create(folder, &lab_config(), real_now_us()).unwrap()
}

fn names(all: &[&str]) -> Vec<String> {
    all.iter().map(|&name| name.to_owned()).collect()
}

/// As a browser verifies it: with another library than ours.
fn verified(ca: &LabCa, chain_pem: &str, name: &str) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(ca.root().der.clone())).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let chain: Vec<CertificateDer<'static>> = read::blocks(chain_pem.as_bytes())
        .unwrap()
        .certificates
        .into_iter()
        .map(CertificateDer::from)
        .collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], UnixTime::now()).map(|_| ())
}

#[test]
fn what_it_signs_is_believed_by_others() {
    let folder = tempfile::tempdir().unwrap();
    let ca = made(folder.path());
    let issued = ca.sign(&names(&["boss.local", "127.0.0.1", "192.168.122.1"]), None, real_now_us()).unwrap();
    for name in ["boss.local", "127.0.0.1", "192.168.122.1"] {
        verified(&ca, &issued.chain_pem, name).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    assert!(verified(&ca, &issued.chain_pem, "other.local").is_err(), "only for its own names");
    let life = issued.facts.not_after_us - issued.facts.not_before_us;
    assert_eq!(life, DAY_US + LEAF_BACKDATED * MICROS, "a day, and what it is backdated by");
    let public = read::certificate(&read::blocks(issued.chain_pem.as_bytes()).unwrap().certificates[0])
        .unwrap()
        .public;
    let key = read::key(&read::blocks(issued.key_pem.unwrap().as_bytes()).unwrap()).unwrap();
    assert!(key.belongs_to(&public));
}

#[test]
fn it_signs_for_the_lab_alone_and_others_hold_it_to_that() {
    let folder = tempfile::tempdir().unwrap();
    let ca = made(folder.path());
    for name in ["example.com", "evil-local", "8.8.8.8", "::1"] {
        let refused = ca.sign(&names(&["boss.local", name]), None, real_now_us()).err().unwrap();
        assert!(refused.why.contains(name), "{refused:?}");
    }
    // Even with its keys at hand, what is outside the lab is believed by nobody.
    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::from_ca_cert_pem(&ca.stored.intermediate, &ca.key).unwrap();
    let now = real_now_us() / MICROS;
    for name in ["example.com", "8.8.8.8"] {
        let leaf =
            issue::leaf(&names(&[name]), Life { from: now - 60, until: now + 3600 }, &key, &issuer).unwrap();
        let error = verified(&ca, &format!("{}{}", leaf.pem(), ca.stored.intermediate), name).unwrap_err();
        assert!(error.to_string().contains("NameConstraintViolation"), "{name}: {error}");
    }
}

#[test]
fn it_is_opened_again_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let root = made(folder.path()).root_pem().to_owned();
    assert_eq!(made(folder.path()).root_pem(), root);
    assert_eq!(fs::read_to_string(folder.path().join(ROOT)).unwrap(), root);
    for file in [FILE, "lab-ca.key"] {
        let mode = fs::metadata(folder.path().join(file)).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
    let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
    assert!(!text.contains("PRIVATE KEY"), "keys lie sealed");
}

#[test]
fn a_kill_while_it_is_made_leaves_nothing_or_all() {
    // The master key is written first: without the CA it is used for the next one.
    let folder = tempfile::tempdir().unwrap();
    made(folder.path());
    let key = fs::read(folder.path().join("lab-ca.key")).unwrap();
    fs::remove_file(folder.path().join(FILE)).unwrap();
    fs::write(folder.path().join(".lab-ca.json.statusinator-new"), b"{\"half\":").unwrap();
    made(folder.path());
    assert_eq!(fs::read(folder.path().join("lab-ca.key")).unwrap(), key);
    // The root for people is written last: it comes back.
    fs::remove_file(folder.path().join(ROOT)).unwrap();
    made(folder.path());
    assert!(folder.path().join(ROOT).exists());
}

#[test]
fn what_cannot_be_opened_is_refused_in_words_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path());
    let path = folder.path().join(FILE);
    let whole = fs::read_to_string(&path).unwrap();
    let master = folder.path().join("lab-ca.key");
    let key = fs::read(&master).unwrap();
    let refused = || LabCa::open_or_create(folder.path(), &lab_config(), real_now_us()).err().unwrap();
    fs::write(&master, "00".repeat(32)).unwrap();
    assert!(refused().why.contains("do not open"), "{:?}", refused());
    fs::remove_file(&master).unwrap();
    assert!(refused().why.contains("is gone"), "{:?}", refused());
    fs::write(&master, &key).unwrap();
    fs::set_permissions(&master, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert!(refused().why.contains("others may read"), "{:?}", refused());
    fs::set_permissions(&master, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    for damage in ["", "{}", &whole[..whole.len() / 2]] {
        fs::write(&path, damage).unwrap();
        assert!(refused().why.contains("damaged"), "{damage:?}: {:?}", refused());
        assert_eq!(fs::read_to_string(&path).unwrap(), damage, "no new CA takes its place");
    }
}

#[test]
fn a_key_from_systemd_opens_it() {
    let (folder, credentials) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(credentials.path().join("lab-ca-key"), [7_u8; 32]).unwrap();
    let config = LabCaConfig { credentials: Some(credentials.path().to_owned()), ..lab_config() };
    let root = LabCa::open_or_create(folder.path(), &config, real_now_us()).unwrap().root_pem().to_owned();
    assert!(!folder.path().join("lab-ca.key").exists());
    let again = LabCa::open_or_create(folder.path(), &config, real_now_us()).unwrap();
    assert_eq!(again.root_pem(), root);
}

#[test]
fn the_intermediate_is_renewed_and_no_certificate_outlives_it() {
    let folder = tempfile::tempdir().unwrap();
    let old = made(folder.path());
    let due_us = old.intermediate().facts.due_us() + DAY_US;
    let ca = LabCa::open_or_create(folder.path(), &lab_config(), due_us).unwrap();
    assert_ne!(ca.intermediate().facts.fingerprint, old.intermediate().facts.fingerprint);
    assert_eq!(ca.root().facts.fingerprint, old.root().facts.fingerprint);
    let near = ca.intermediate().facts.not_after_us - DAY_US / 2;
    let issued = ca.sign(&names(&["boss.local"]), None, near).unwrap();
    assert_eq!(issued.facts.not_after_us, ca.intermediate().facts.not_after_us);
    let after = ca.sign(&names(&["boss.local"]), None, near + DAY_US).err().unwrap();
    assert!(after.why.contains("expired"), "{after:?}");
}
