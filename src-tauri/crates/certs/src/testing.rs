//! What several tests need: a board's certificates in a folder of their own, and a clock that can be set.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use lab::{
    Secret,
    clock::Trust,
    gear::{CaGear, CertificateGear},
};
use sim::StepCaSim;
use tempfile::TempDir;

use crate::{LabCaConfig, Shelf, ShelfConfig, read};

pub(crate) const HOUR_US: i64 = 3600 * 1_000_000;
pub(crate) const DAY_US: i64 = 24 * HOUR_US;
pub(crate) const PASSWORD: &str = "swordfish and chips";
/// The owner's services that have certificates.
pub(crate) const SERVICES: [&str; 7] = [
    "apache2",
    "registry",
    "loki",
    "prometheus",
    "prometheus-blackbox-exporter",
    "otelcol",
    "grafana-server",
];

pub(crate) fn real_now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64
}

/// A folder, a clock and the trust in it.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    clock: Arc<AtomicI64>,
    trusted: Arc<AtomicI64>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(AtomicI64::new(0)),
            trusted: Arc::new(AtomicI64::new(1)),
        }
    }

    /// Ahead of the real clock by so much.
    pub(crate) fn clock_ahead(&self, us: i64) {
        self.clock.store(us, Ordering::Relaxed);
    }

    pub(crate) fn trust(&self, on: bool) {
        self.trusted.store(i64::from(on), Ordering::Relaxed);
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn gear(&self, name: &str) -> CertificateGear {
        CertificateGear {
            name: name.to_owned(),
            used_by: format!("{name} service"),
            cert: Some(self.path().join(format!("{name}.pem"))),
            key: Some(self.path().join(format!("{name}.key"))),
            endpoint: None,
            kubeconfig: None,
            talosconfig: None,
            secrets: None,
            names: ["boss.local", "boss", "localhost", "127.0.0.1", "192.168.122.1"]
                .map(str::to_owned)
                .to_vec(),
            renew: true,
            reload: Vec::new(),
            owner: None,
            note: None,
        }
    }

    pub(crate) fn config(&self, gear: Vec<CertificateGear>, ca: CaGear) -> ShelfConfig {
        let (clock, trusted) = (Arc::clone(&self.clock), Arc::clone(&self.trusted));
        ShelfConfig {
            gear,
            ca,
            lab: lab_config(),
            folder: self.path().join("certs"),
            secrets: Arc::new(|name| (name == "step-ca").then(|| Secret::new(PASSWORD))),
            clock: Arc::new(move || real_now_us() + clock.load(Ordering::Relaxed)),
            trust: Arc::new(
                move || {
                    if trusted.load(Ordering::Relaxed) == 1 { Trust::Good } else { Trust::Behind }
                },
            ),
        }
    }

    pub(crate) fn shelf(&self, gear: Vec<CertificateGear>, ca: CaGear) -> Shelf {
        Shelf::new(self.config(gear, ca))
    }

    pub(crate) fn seven(&self) -> Vec<CertificateGear> {
        SERVICES.iter().map(|name| self.gear(name)).collect()
    }

    pub(crate) fn step(&self, ca: &StepCaSim) -> CaGear {
        let root = self.path().join("root_ca.crt");
        std::fs::write(&root, ca.root_pem()).unwrap();
        CaGear::Step {
            url: ca.url(),
            root,
            fingerprint: None,
            provisioner: "boss@ca.lab".to_owned(),
            secret: Some("step-ca".to_owned()),
            leaf_hours: 24,
        }
    }

    /// A certificate that lapsed a week ago, in its place.
    pub(crate) fn lapsed(&self, ca: &StepCaSim, name: &str) {
        let now = real_now_us() / 1_000_000;
        let names = ["boss.local", "boss", "localhost", "127.0.0.1", "192.168.122.1"];
        let bundle = ca.mint(&names, now - 8 * 86_400, now - 7 * 86_400).unwrap();
        std::fs::write(self.path().join(format!("{name}.pem")), bundle.chain_pem).unwrap();
        std::fs::write(self.path().join(format!("{name}.key")), bundle.key_pem).unwrap();
    }

    pub(crate) fn leaf(&self, name: &str) -> read::Certificate {
        leaf_of(&self.path().join(format!("{name}.pem")))
    }
}

pub(crate) fn leaf_of(path: &Path) -> read::Certificate {
    let blocks = read::blocks(&std::fs::read(path).unwrap()).unwrap();
    read::certificate(&blocks.certificates[0]).unwrap()
}

pub(crate) fn lab_config() -> LabCaConfig {
    LabCaConfig {
        name: "test lab CA".to_owned(),
        domains: ["local", "localhost", "boss"].map(str::to_owned).to_vec(),
        networks: vec![
            (IpAddr::V4(Ipv4Addr::new(192, 168, 122, 0)), 24),
            (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
        ],
        leaf_hours: 24,
        credentials: None,
    }
}

pub(crate) fn lab_gear() -> CaGear {
    CaGear::default()
}
