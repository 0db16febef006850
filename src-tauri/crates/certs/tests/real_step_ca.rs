//! A week off with the real step-ca, and nginx serving what was renewed. Started by `make test-real`, which says where the
//! programs are.
#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use certs::{Keeper, KeeperConfig, LabCaConfig, News, Shelf, ShelfConfig, gate};
use lab::{
    Secret,
    certificate::{CertificateState, CertificatesReading, judge},
    clock::Trust,
    gear::{CaGear, CertificateGear},
};
use tokio_util::sync::CancellationToken;

const PASSWORD: &str = "swordfish and chips";
const SERVICES: [&str; 7] =
    ["apache2", "registry", "loki", "prometheus", "prometheus-blackbox-exporter", "otelcol", "nginx"];
const NAMES: [&str; 3] = ["boss.local", "localhost", "127.0.0.1"];

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Asked first: a master that is killed leaves its workers running.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline && matches!(self.0.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20)); // blocking: nothing else runs in a test that ends
        }
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Ca {
    folder: PathBuf,
    port: u16,
    kid: String,
}

fn program(name: &str) -> PathBuf {
    PathBuf::from(
        env::var_os(name).unwrap_or_else(|| panic!("${name} says where the program is: run make test-real")),
    )
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64
}

impl Ca {
    fn make(folder: &Path) -> Self {
        let (folder, port) = (folder.join("step"), free_port());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("password"), PASSWORD).unwrap();
        let made = Command::new(program("REAL_AGED_CA")).arg(&folder).arg(port.to_string()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let kid = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        Self { folder, port, kid }
    }

    fn start(&self) -> Running {
        let log = fs::File::create(self.folder.join("log")).unwrap();
        let child = Command::new(program("REAL_STEP_CA"))
            .arg(self.folder.join("config/ca.json"))
            .arg("--password-file")
            .arg(self.folder.join("password"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        Running(child.unwrap())
    }

    /// One that lapsed a week ago, as this CA would have made it eight days ago.
    fn lapsed(&self, folder: &Path, name: &str) {
        let part = |tag: u8, bytes: &[u8]| [&[tag, bytes.len() as u8][..], bytes].concat();
        let provisioner = [part(2, &[1]), part(4, b"boss@ca.lab"), part(4, self.kid.as_bytes())].concat();
        let provisioner = BASE64_STANDARD.encode(part(0x30, &provisioner));
        let template = folder.join("template");
        let text = format!(
            r#"{{"subject": {{{{ toJson .Subject }}}}, "sans": {{{{ toJson .SANs }}}}, "keyUsage": ["digitalSignature"],
                "extKeyUsage": ["serverAuth", "clientAuth"],
                "extensions": [{{"id": "1.3.6.1.4.1.37476.9000.64.1", "value": "{provisioner}"}}]}}"#
        );
        fs::write(&template, text).unwrap();
        let mut step = Command::new(program("REAL_STEP"));
        step.args(["certificate", "create", NAMES[0]]).arg(folder.join(format!("{name}.pem")));
        step.arg(folder.join(format!("{name}.key"))).arg("--template").arg(&template);
        step.args([
            "--not-before",
            "-192h",
            "--not-after",
            "-168h",
            "--no-password",
            "--insecure",
            "--bundle",
            "--force",
        ]);
        step.args(NAMES.iter().flat_map(|name| ["--san", name]));
        step.arg("--ca").arg(self.folder.join("certs/intermediate_ca.crt"));
        step.arg("--ca-key").arg(self.folder.join("secrets/intermediate_ca_key"));
        step.arg("--ca-password-file").arg(self.folder.join("password"));
        let made = step.env("STEPPATH", &self.folder).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }
}

fn gear(folder: &Path, name: &str) -> CertificateGear {
    CertificateGear {
        name: name.to_owned(),
        used_by: name.to_owned(),
        cert: Some(folder.join(format!("{name}.pem"))),
        key: Some(folder.join(format!("{name}.key"))),
        endpoint: None,
        kubeconfig: None,
        talosconfig: None,
        secrets: None,
        names: NAMES.map(str::to_owned).to_vec(),
        renew: true,
        reload: Vec::new(),
        owner: None,
        note: None,
    }
}

fn config(folder: &Path, ca: &Ca, gear: Vec<CertificateGear>) -> ShelfConfig {
    ShelfConfig {
        gear,
        ca: CaGear::Step {
            url: format!("https://127.0.0.1:{}", ca.port),
            root: ca.folder.join("certs/root_ca.crt"),
            fingerprint: None,
            provisioner: "boss@ca.lab".to_owned(),
            secret: Some("step-ca".to_owned()),
            leaf_hours: 24,
        },
        lab: LabCaConfig {
            name: "unused".to_owned(),
            domains: Vec::new(),
            networks: Vec::new(),
            leaf_hours: 24,
            credentials: None,
        },
        folder: folder.join("certs"),
        secrets: Arc::new(|_| Some(Secret::new(PASSWORD))),
        clock: Arc::new(now_us),
        trust: Arc::new(|| Trust::Good),
    }
}

fn state(reading: &CertificatesReading, name: &str) -> CertificateState {
    let one = reading.list.iter().find(|one| one.name == name).unwrap();
    judge(one, now_us(), Trust::Good).state
}

#[tokio::test]
async fn a_week_off() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Ca::make(folder.path());
    for name in SERVICES {
        ca.lapsed(folder.path(), name);
    }
    let shelf =
        Shelf::new(config(folder.path(), &ca, SERVICES.map(|name| gear(folder.path(), name)).to_vec()));
    let reading = shelf.look().await;
    for name in SERVICES {
        assert_eq!(state(&reading, name), CertificateState::Expired, "{name}");
    }
    // The gate is asked while the CA is still starting, as at boot.
    let _ca = ca.start();
    let (each, gate) = gate::ensure(&shelf, &[], Duration::from_secs(30)).await.unwrap();
    println!(
        "a week off, real step-ca, its start included: {} certificates renewed in {:.2} s",
        gate.renewed, gate.seconds
    );
    for one in &each {
        let renewed =
            one.outcome.as_ref().unwrap_or_else(|failure| panic!("{}: {failure:?}\n{}", one.name, ca.log()));
        assert_eq!(renewed.as_ref().unwrap().by, "step-ca: renew after expiry");
    }
    assert_eq!((gate.good, gate.renewed), (7, 7));
    assert!(gate.seconds <= 5.0, "{} s", gate.seconds);
    let reading = shelf.look().await;
    for name in SERVICES {
        assert_eq!(state(&reading, name), CertificateState::Good, "{name}");
    }
    assert_eq!(ca.log().matches("path=/renew ").count(), 7, "as the owner's counters look for it");

    // The other ways, and the words for what the CA refuses.
    fs::remove_file(folder.path().join("loki.pem")).unwrap();
    fs::remove_file(folder.path().join("loki.key")).unwrap();
    let (each, _) = gate::ensure(&shelf, &["loki".to_owned()], Duration::from_secs(20)).await.unwrap();
    assert_eq!(each[0].outcome.as_ref().unwrap().as_ref().unwrap().by, "step-ca: sign");
    let mut wrong = config(folder.path(), &ca, vec![gear(folder.path(), "grafana")]);
    wrong.secrets = Arc::new(|_| Some(Secret::new("not it")));
    let (each, _) = gate::ensure(&Shelf::new(wrong), &[], Duration::from_secs(5)).await.unwrap();
    let refused = each[0].outcome.as_ref().unwrap_err();
    assert!(refused.why.contains("password of its provisioner boss@ca.lab is wrong"), "{refused:?}");
    let mut long = config(folder.path(), &ca, vec![gear(folder.path(), "grafana")]);
    if let CaGear::Step { leaf_hours, .. } = &mut long.ca {
        *leaf_hours = 48;
    }
    let (each, _) = gate::ensure(&Shelf::new(long), &[], Duration::from_secs(5)).await.unwrap();
    let refused = each[0].outcome.as_ref().unwrap_err();
    assert!(refused.why.contains("48 h"), "{refused:?}");

    nginx_takes_the_new_one(folder.path(), &ca).await;
}

/// It serves the certificate, and after a renewal and its reload command the new one.
async fn nginx_takes_the_new_one(folder: &Path, ca: &Ca) {
    let (port, conf) = (free_port(), folder.join("nginx.conf"));
    let at = |name: &str| folder.join(name).display().to_string();
    let text = format!(
        "daemon off; pid {}; error_log {}; events {{}} http {{ access_log off; server {{ listen 127.0.0.1:{port} ssl; \
         ssl_certificate {}; ssl_certificate_key {}; return 204; }} }}",
        at("nginx.pid"),
        at("nginx.log"),
        at("nginx.pem"),
        at("nginx.key")
    );
    fs::write(&conf, text).unwrap();
    let nginx = Command::new("nginx").arg("-e").arg(at("nginx.log")).arg("-c").arg(&conf).spawn().unwrap();
    let _nginx = Running(nginx);
    let mut file = gear(folder, "nginx");
    file.reload = ["nginx", "-e", &at("nginx.log"), "-c", &at("nginx.conf"), "-s", "reload"]
        .map(str::to_owned)
        .to_vec();
    let seen = CertificateGear {
        name: "seen".to_owned(),
        cert: None,
        key: None,
        endpoint: Some(format!("127.0.0.1:{port}")),
        renew: false,
        ..gear(folder, "nginx")
    };
    let shelf = Shelf::new(config(folder, ca, vec![seen.clone()]));
    let serial = async || shelf.look_at("seen").await.unwrap().facts.map(|facts| facts.serial);
    let deadline = Instant::now() + Duration::from_secs(10);
    let before = loop {
        if let Some(serial) = serial().await {
            break serial;
        }
        assert!(
            Instant::now() < deadline,
            "nginx listens: {}",
            fs::read_to_string(at("nginx.log")).unwrap_or_default()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let (told, stop) = (Arc::new(Mutex::new(Vec::new())), CancellationToken::new());
    let heard = Arc::clone(&told);
    let sink = Arc::new(move |news: News| heard.lock().unwrap().push(news));
    let (keeper, task) =
        Keeper::start(KeeperConfig::new(config(folder, ca, vec![file, seen])), sink, stop.clone());
    keeper.renew("nginx").await.unwrap();
    let news = told.lock().unwrap().clone();
    let renewed =
        news.iter().find_map(|news| if let News::Renewed(renewed) = news { Some(renewed) } else { None });
    let renewed = renewed.unwrap();
    assert_eq!(
        (renewed.by.as_str(), renewed.reload.as_deref()),
        ("step-ca: renew", Some("done")),
        "by mutual TLS"
    );
    let deadline = Instant::now() + Duration::from_secs(10);
    while serial().await.as_ref() != Some(&renewed.facts.serial) {
        assert!(Instant::now() < deadline, "nginx shows the new one");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_ne!(before, renewed.facts.serial);
    stop.cancel();
    task.await.unwrap();
}
