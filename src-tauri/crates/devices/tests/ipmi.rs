//! ipmitool and a controller that others wrote: OpenIPMI's ipmi_sim on loopback.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lab::ports::{Control, Nature};
use lab::power::PowerState;
use serde_json::json;
use support::{Running, control, free_udp};

struct Controller {
    port: u16,
    folder: tempfile::TempDir,
    _running: Running,
}

impl Controller {
    /// Started, and answering.
    async fn start(wired: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_udp();
        let path = folder.path().display().to_string();
        let lan = include_str!("ipmi/lan.conf").replace("PORT", &port.to_string()).replace("FOLDER", &path);
        let kept = |line: &&str| wired || !line.contains("chassis_control \"");
        let lan: Vec<_> = lan.lines().filter(kept).collect();
        fs::write(folder.path().join("lan.conf"), lan.join("\n") + "\n").unwrap();
        fs::write(folder.path().join("sim.emu"), include_str!("ipmi/sim.emu")).unwrap();
        fs::write(folder.path().join("chassis.sh"), include_str!("ipmi/chassis.sh")).unwrap();
        let mut command = Command::new("ipmi_sim");
        command.current_dir(&folder).args(["-n", "-c", "lan.conf", "-f", "sim.emu", "-s", "state"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let running = Running::start(&mut command, "Debian's package openipmi");
        let controller = Self { port, folder, _running: running };
        let driver = controller.driver("admin", "battery-staple", 3);
        let answers = async { while driver.read().await.is_err() {} };
        tokio::time::timeout(Duration::from_secs(30), answers).await.expect("ipmi_sim answers");
        controller
    }

    fn driver(&self, user: &str, password: &str, cipher: u8) -> Arc<dyn Control> {
        driver(self.port, user, password, cipher)
    }

    /// What the machine behind it does.
    fn power(&self) -> String {
        fs::read_to_string(self.folder.path().join("power")).unwrap_or_default().trim().to_owned()
    }
}

fn driver(port: u16, user: &str, password: &str, cipher: u8) -> Arc<dyn Control> {
    let gear = json!({ "kind": "ipmi", "host": "127.0.0.1", "port": port, "user": user, "secret": "bmc", "cipher": cipher });
    control(gear, password, &Arc::default())
}

#[tokio::test]
async fn a_machine_is_switched_on_and_off_and_read_back() {
    let controller = Controller::start(true).await;
    let driver = controller.driver("admin", "battery-staple", 3);
    assert_eq!(driver.nature(), Nature::Managed);
    assert_eq!(driver.read().await, Ok(Some(PowerState::Off)));
    let began = Instant::now();
    driver.on().await.unwrap();
    assert_eq!((driver.read().await, controller.power().as_str()), (Ok(Some(PowerState::On)), "1"));
    driver.off().await.unwrap();
    assert_eq!((driver.read().await, controller.power().as_str()), (Ok(Some(PowerState::Off)), "0"));
    // Without a cipher suite given each call takes ten seconds.
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test]
async fn each_refusal_of_a_controller_that_is_there_has_its_words() {
    let controller = Controller::start(true).await;
    for (driver, why) in [
        (controller.driver("admin", "wrong", 3), "probably a wrong user or password"),
        (controller.driver("nobody", "battery-staple", 3), "probably a wrong user or password"),
        (controller.driver("admin", "battery-staple", 17), "cipher suite"),
    ] {
        let error = driver.read().await.unwrap_err();
        assert!(error.why.contains(why) && !error.absent, "{error:?}");
        assert!(!format!("{error:?}").contains("staple"));
    }
    assert_eq!(controller.power(), "");
}

#[tokio::test]
async fn an_order_that_cannot_be_carried_out_is_no_success() {
    let controller = Controller::start(false).await;
    let error = controller.driver("admin", "battery-staple", 3).on().await.unwrap_err();
    assert!(error.why.contains("Invalid data field"), "{error:?}");
}

#[tokio::test]
async fn nobody_there_is_told_apart_from_a_wrong_password() {
    let error = driver(free_udp(), "admin", "battery-staple", 3).read().await.unwrap_err();
    assert!(error.why.contains("nobody is there") && error.absent, "{error:?}");
    assert_eq!(error.what, "read the power of node4");
}
