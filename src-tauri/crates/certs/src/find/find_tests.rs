use std::{fs, os::unix::fs::PermissionsExt};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lab::certificate::{CertificateState, judge};
use lab::clock::Trust;
use proptest::prelude::*;
use sim::StepCaSim;

use super::*;
use crate::{
    LabCa,
    testing::{Bench, PASSWORD, lab_config, real_now_us},
};

struct Made {
    bench: Bench,
    ca: LabCa,
    chain: String,
    key: String,
}

fn made() -> Made {
    let bench = Bench::new();
    let ca = LabCa::open_or_create(&bench.path().join("certs"), &lab_config(), real_now_us()).unwrap();
    let issued = ca.sign(&["boss.local".to_owned()], None, real_now_us()).unwrap();
    let (chain, key) = (issued.chain_pem, issued.key_pem.unwrap());
    fs::write(bench.path().join("a.pem"), &chain).unwrap();
    fs::write(bench.path().join("a.key"), &key).unwrap();
    fs::set_permissions(bench.path().join("a.key"), fs::Permissions::from_mode(0o600)).unwrap();
    Made { bench, ca, chain, key }
}

impl Made {
    fn gear(&self) -> CertificateGear {
        CertificateGear { names: vec!["boss.local".to_owned()], ..self.bench.gear("a") }
    }

    async fn look(&self, gear: &CertificateGear) -> Vec<CertificateReading> {
        let now_us = real_now_us();
        look(gear, &Look { roots: vec![self.ca.root().der.clone()], now_us }).await
    }

    async fn state(&self, gear: &CertificateGear) -> (CertificateState, String) {
        let reading = self.look(gear).await.remove(0);
        let judged = judge(&reading, real_now_us(), Trust::Good);
        (judged.state, judged.says)
    }

    fn elsewhere(&self, file: &str, text: &str) -> CertificateGear {
        let path = self.bench.path().join(file);
        fs::write(&path, text).unwrap();
        let (cert, key, renew) = (None, None, false);
        let mut gear = CertificateGear { cert, key, renew, names: Vec::new(), ..self.gear() };
        match file {
            "kubeconfig" => gear.kubeconfig = Some(path),
            "talosconfig" => gear.talosconfig = Some(path),
            _ => gear.secrets = Some(path),
        }
        gear
    }
}

#[tokio::test]
async fn files_are_judged_for_what_they_are() {
    let made = made();
    assert_eq!(made.state(&made.gear()).await.0, CertificateState::Good);
    let names = CertificateGear { names: vec!["other.local".to_owned()], ..made.gear() };
    let (state, says) = made.state(&names).await;
    assert_eq!((state, says.as_str()), (CertificateState::WrongName, "it is not for other.local"));
    let key = made.bench.path().join("a.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let (state, says) = made.state(&made.gear()).await;
    assert_eq!(state, CertificateState::Good);
    assert!(says.contains("everybody may read its key"), "{says}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let other = made.ca.sign(&["boss.local".to_owned()], None, real_now_us()).unwrap();
    fs::write(&key, other.key_pem.unwrap()).unwrap();
    assert_eq!(made.state(&made.gear()).await.0, CertificateState::Unusable, "another's key");
    let leaf_only = made.chain.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap();
    fs::write(&key, &made.key).unwrap();
    fs::write(made.bench.path().join("a.pem"), leaf_only).unwrap();
    assert_eq!(made.state(&made.gear()).await.0, CertificateState::ChainBroken);
}

#[tokio::test]
async fn what_cannot_be_read_says_why() {
    let made = made();
    let cert = made.bench.path().join("a.pem");
    for (bytes, expected) in [
        ("garbage", "holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "X.509"),
    ] {
        fs::write(&cert, bytes).unwrap();
        let (state, says) = made.state(&made.gear()).await;
        assert_eq!(state, CertificateState::Unusable);
        assert!(says.contains(expected), "{says}");
    }
    fs::write(&cert, vec![b'x'; 2 * 1024 * 1024]).unwrap();
    assert!(made.state(&made.gear()).await.1.contains("longer than any certificate"));
    fs::remove_file(&cert).unwrap();
    nix::unistd::mkfifo(&cert, nix::sys::stat::Mode::S_IRUSR).unwrap();
    assert!(made.state(&made.gear()).await.1.contains("no plain file"), "nobody waits for a pipe");
    fs::remove_file(&cert).unwrap();
    let reading = made.look(&made.gear()).await.remove(0);
    assert_eq!(reading.failure.unwrap().code, Code::NotFound);
}

#[tokio::test]
async fn clients_of_clusters_are_found_in_their_files() {
    let made = made();
    let (cert, key) = (BASE64_STANDARD.encode(&made.chain), BASE64_STANDARD.encode(&made.key));
    let ca = BASE64_STANDARD.encode(made.ca.root_pem());
    let kube = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: admin@two\nclusters:\n- name: c\n  cluster:\n    server: https://10.0.0.1:6443\n    \
         certificate-authority-data: {ca}\nusers:\n- name: u\n  user:\n    client-certificate-data: {cert}\n    client-key-data: {key}\n- name: f\n  \
         user:\n    client-certificate: a.pem\n    client-key: a.key\n- name: t\n  user: {{token: x}}\ncontexts:\n- name: admin@one\n  context: {{cluster: c, user: u}}\n- \
         name: admin@two\n  context: {{cluster: c, user: f}}\n- name: by-token\n  context: {{cluster: c, user: t}}\n"
    );
    let found = made.look(&made.elsewhere("kubeconfig", &kube)).await;
    assert_eq!(
        found.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
        ["a", "a/admin@one"],
        "the current one first"
    );
    assert!(
        found[0].place.contains("kubeconfig") && found[0].place.contains("admin@two"),
        "{}",
        found[0].place
    );
    assert!(found.iter().all(|one| one.facts.as_ref().unwrap().key_matches == Some(true)));
    let talos = format!(
        "context: hybrid-2\ncontexts:\n  hybrid-2:\n    endpoints: []\n    ca: {ca}\n    crt: {cert}\n    key: {key}\n"
    );
    let found = made.look(&made.elsewhere("talosconfig", &talos)).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].facts.as_ref().unwrap().chain, None);
    let root = BASE64_STANDARD.encode(made.ca.root_pem());
    let bundle = format!(
        "cluster: {{id: x}}\ncerts:\n  etcd: {{crt: {root}}}\n  k8s: {{crt: {root}}}\n  k8sserviceaccount: {{key: {key}}}\n  os: {{crt: {root}}}\n"
    );
    let found = made.look(&made.elsewhere("secrets.yaml", &bundle)).await;
    assert_eq!(found.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["a", "a/etcd", "a/k8s"]);
    assert!(found[0].facts.as_ref().unwrap().is_ca);
    for file in ["kubeconfig", "talosconfig", "secrets.yaml"] {
        for text in ["", "a: [b", "contexts: 7", "certs: {os: {crt: '!!'}}", "&a [*a, *a]"] {
            let found = made.look(&made.elsewhere(file, text)).await.remove(0);
            assert!(found.failure.is_some(), "{file} {text}");
        }
    }
}

#[tokio::test]
async fn a_tls_server_shows_its_certificate_whatever_it_is_worth() {
    let made = made();
    let server = StepCaSim::start("boss@ca.lab", PASSWORD).await.unwrap();
    let at = |endpoint: String| CertificateGear {
        cert: None,
        key: None,
        renew: false,
        names: Vec::new(),
        endpoint: Some(endpoint),
        ..made.gear()
    };
    let found = made.look(&at(server.address().to_string())).await.remove(0);
    assert!(found.facts.unwrap().names.contains(&"boss.local".to_owned()), "of a CA that we do not know");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let silent = made.look(&at(address.clone())).await.remove(0);
    assert_eq!(silent.failure.unwrap().code, Code::DeviceAbsent, "a deadline");
    drop(listener);
    assert_eq!(made.state(&at(address)).await.0, CertificateState::Unknown);
    assert!(made.state(&at("nonsense".to_owned())).await.1.contains("no HOST:PORT"));
}

proptest! {
    #[test]
    fn no_file_makes_it_stumble(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let folder = std::path::Path::new("/nonexistent");
        for read in [kubeconfig, talosconfig, secrets] {
            if let Err(why) = read(&bytes, folder) {
                prop_assert!(!why.is_empty());
            }
        }
    }
}
