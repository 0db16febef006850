//! Redfish against sushy-tools' emulator, over TLS and with a password: it answers 204 at once and switches 1 to 11 seconds
//! later. Run by `make test-real`, which names the emulator in REAL_SUSHY.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use devices::tls::Fingerprint;
use lab::power::PowerState;
use serde_json::{Value, json};
use support::{Kept, Running, control, free_tcp, listens};

const SYSTEMS: [&str; 2] = ["27946b59-9e44-4fa7-8e91-f3527a1ef094", "6a3ffb7a-2f4b-4c3f-8e44-5b7c4f9d0001"];
/// `root:correct horse`, by bcrypt with four rounds.
const PASSWORDS: &str = "root:$2b$04$jvqmD2FSluqOFzB9JTuXsugl9sAiyiUwrc45l.6fALVWlGj3Wr/YS\n";

struct Emulator {
    port: u16,
    _running: Running,
}

impl Emulator {
    /// With a folder of its own, because it keeps its state there.
    async fn start(folder: &Path, systems: usize) -> Self {
        let program =
            std::env::var_os("REAL_SUSHY").expect("REAL_SUSHY names sushy-emulator: run `make test-real`");
        let at = folder.display();
        let fakes: Vec<_> = (0..systems)
            .map(|number| {
                format!(
                    "{{'uuid': '{}', 'name': 'fake{number}', 'power_state': 'Off', 'nics': []}}",
                    SYSTEMS[number]
                )
            })
            .collect();
        let config = format!(
            "SUSHY_EMULATOR_STATE_DIR = '{at}'\nSUSHY_EMULATOR_AUTH_FILE = '{at}/passwords'\n\
             SUSHY_EMULATOR_FAKE_SYSTEMS = [{}]\n",
            fakes.join(", ")
        );
        fs::write(folder.join("config.py"), config).unwrap();
        fs::write(folder.join("passwords"), PASSWORDS).unwrap();
        let key = rcgen::generate_simple_self_signed(vec!["bmc.example".to_owned()]).unwrap();
        fs::write(folder.join("certificate.pem"), key.cert.pem()).unwrap();
        fs::write(folder.join("key.pem"), key.signing_key.serialize_pem()).unwrap();
        let port = free_tcp();
        let mut command = Command::new(program);
        command
            .args(["--fake", "-i", "127.0.0.1", "-p", &port.to_string(), "--config"])
            .arg(folder.join("config.py"));
        command.arg("--ssl-certificate").arg(folder.join("certificate.pem"));
        command.arg("--ssl-key").arg(folder.join("key.pem"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut running = Running::start(&mut command, "sushy-tools");
        listens(&mut running, port, Duration::from_secs(60)).await;
        Self { port, _running: running }
    }

    fn gear(&self) -> Value {
        json!({ "kind": "redfish", "url": format!("https://127.0.0.1:{}", self.port), "user": "root", "secret": "bmc" })
    }
}

#[tokio::test]
async fn an_order_is_done_when_the_state_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(folder.path(), 1).await;
    let trust = Arc::new(Kept::default());
    let driver = control(emulator.gear(), "correct horse", &trust);
    assert_eq!(driver.read().await, Ok(Some(PowerState::Off)));
    let host = format!("127.0.0.1:{}", emulator.port);
    assert!(trust.0.lock().unwrap().contains_key(&host), "its certificate is known from now on");
    driver.on().await.unwrap();
    assert_eq!(driver.read().await, Ok(Some(PowerState::On)));
    driver.off().await.unwrap();
    assert_eq!(driver.read().await, Ok(Some(PowerState::Off)));

    let error = control(emulator.gear(), "wrong", &trust).on().await.unwrap_err();
    assert!(error.why.contains("refuses user and password"), "{error}");

    let mut pinned = emulator.gear();
    pinned["fingerprint"] = Fingerprint::of(b"another certificate").to_string().into();
    let error = control(pinned, "correct horse", &trust).on().await.unwrap_err();
    assert!(error.why.contains("another certificate"), "{error}");
    assert_eq!(driver.read().await, Ok(Some(PowerState::Off)), "nobody else's order was carried out");
}

#[tokio::test]
async fn one_of_several_systems_is_chosen_and_the_others_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(folder.path(), 2).await;
    let trust = Arc::new(Kept::default());
    let error = control(emulator.gear(), "correct horse", &trust).on().await.unwrap_err();
    assert!(error.why.contains("2 systems") && error.remedy.contains(SYSTEMS[1]), "{error:?}");
    let one = |system: &str| {
        let mut gear = emulator.gear();
        gear["system"] = system.into();
        control(gear, "correct horse", &trust)
    };
    one(SYSTEMS[1]).on().await.unwrap();
    assert_eq!(one(SYSTEMS[0]).read().await, Ok(Some(PowerState::Off)));
    assert_eq!(one(SYSTEMS[1]).read().await, Ok(Some(PowerState::On)));
}
