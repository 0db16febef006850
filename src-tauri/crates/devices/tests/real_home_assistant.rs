//! A switch of the real Home Assistant, which says yes to every order. Run by `make test-real`, which names its program in
//! REAL_HASS.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use devices::http::{Auth, Client};
use devices::tls::{Pin, Trust};
use lab::ports::Nature;
use lab::power::PowerState;
use lab::secret::Secret;
use serde_json::json;
use support::{Kept, Running, control, free_tcp, listens};

/// It installs what its configuration needs when it starts for the first time (measured: 40 s).
const STARTS_WITHIN: Duration = Duration::from_secs(240);

/// A switch as a template, which is what a plug's integration gives; and one whose plug cannot be reached.
const CONFIGURATION: &str = r#"
homeassistant:
  time_zone: UTC
http:
  server_host: 127.0.0.1
  server_port: PORT
api:
onboarding:
input_boolean:
  node4:
switch:
  - platform: template
    switches:
      node4:
        value_template: "{{ is_state('input_boolean.node4', 'on') }}"
        turn_on: { service: input_boolean.turn_on, target: { entity_id: input_boolean.node4 } }
        turn_off: { service: input_boolean.turn_off, target: { entity_id: input_boolean.node4 } }
      lost:
        availability_template: "{{ false }}"
        turn_on: { service: input_boolean.turn_on, target: { entity_id: input_boolean.node4 } }
        turn_off: { service: input_boolean.turn_off, target: { entity_id: input_boolean.node4 } }
"#;

/// A token for a first user, as its own pages get one.
async fn token(url: &str) -> String {
    let trust: Arc<dyn Trust> = Arc::new(Kept::default());
    let client = Client::new(url, Pin::First(trust)).unwrap().deadline(Duration::from_secs(30));
    let user =
        json!({ "client_id": url, "name": "Test", "username": "test", "password": "test", "language": "en" });
    let made = client.post("/api/onboarding/users", &user).await.unwrap().json().unwrap();
    let code = made["auth_code"].as_str().unwrap().to_owned();
    let fields = [("client_id", url), ("grant_type", "authorization_code"), ("code", &code)];
    let tokens = client.form("/auth/token", &fields).await.unwrap().json().unwrap();
    let token = tokens["access_token"].as_str().unwrap().to_owned();
    // The switches exist some moments after the first page.
    let client = client.auth(Auth::Bearer(Secret::new(&*token)));
    let wait = async {
        while client.get("/api/states/switch.lost").await.unwrap().status != 200 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(STARTS_WITHIN, wait).await.expect("its switches exist");
    token
}

#[tokio::test]
async fn a_switch_is_read_back_because_every_order_is_answered_with_success() {
    let program = std::env::var_os("REAL_HASS").expect("REAL_HASS names hass 2024.3.3: run `make test-real`");
    let folder = tempfile::tempdir().unwrap();
    let port = free_tcp();
    let configuration = CONFIGURATION.replace("PORT", &port.to_string());
    fs::write(folder.path().join("configuration.yaml"), configuration).unwrap();
    let mut command = Command::new(program);
    command.arg("-c").arg(folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = Running::start(&mut command, "homeassistant");
    listens(&mut running, port, STARTS_WITHIN).await;
    let url = format!("http://127.0.0.1:{port}");
    let token = token(&url).await;

    let named = |name: &str, token: &str| {
        let gear = json!({ "kind": "home-assistant", "url": url, "name": name, "secret": "hass" });
        control(gear, token, &Arc::default())
    };
    let node = named("switch.node4", &token);
    assert_eq!((node.nature(), node.read().await), (Nature::Supply, Ok(Some(PowerState::Off))));
    node.on().await.unwrap();
    assert_eq!(node.read().await, Ok(Some(PowerState::On)));
    assert_eq!(named("input_boolean.node4", &token).read().await, Ok(Some(PowerState::On)));
    node.off().await.unwrap();
    assert_eq!(node.read().await, Ok(Some(PowerState::Off)));

    let error = named("switch.node5", &token).on().await.unwrap_err();
    assert!(error.why.contains("was taken") && error.why.contains("no such entity"), "{error}");
    let lost = named("switch.lost", &token);
    assert_eq!(lost.read().await, Ok(Some(PowerState::Unknown)));
    let error = lost.on().await.unwrap_err();
    assert!(error.why.contains("reads unknown"), "{error}");
    let error = named("switch.node4", "no token").on().await.unwrap_err();
    assert!(error.why.contains("refuses the token"), "{error}");
    let error = named("sensor.node4", &token).on().await.unwrap_err();
    assert!(error.why.contains("knows no such service"), "{error}");
}
