//! Joining against the router in `far_side`: there, or exactly as it was before.

use std::sync::Arc;

use super::*;
use crate::{
    http::Client,
    router::luci::far_side::{KEY, Router, SSID, Shared},
    tls::Pin,
};

async fn join(router: &Shared, ssid: &str, password: Option<&str>) -> Result<Uplink, PortError> {
    let fake = Router::serve(router).await;
    let client = Client::new(&fake.url(), Pin::First(Arc::new(crate::fake::Kept::default()))).unwrap();
    let rpc = Rpc::new(client, "root".into(), Secret::new("hunter2"));
    let password = password.map(Secret::new);
    let (radio, wifi, patience) = ("radio0", "wifi0", Patience::SHORT);
    Join { rpc: &rpc, radio, wifi, ssid, password: password.as_ref(), patience }.run().await
}

/// Fails, leaves every setting as it was and the radio where it was, and says neither password.
async fn fails(router: &Shared, ssid: &str, password: Option<&str>) -> PortError {
    let before = router.lock().unwrap().stored.clone();
    let error = join(router, ssid, password).await.unwrap_err();
    let router = router.lock().unwrap();
    assert_eq!(router.stored, before, "{error:?}");
    assert_eq!(router.staged, before, "{error:?}");
    let connected = router.connected.as_ref().map(|(ssid, _)| ssid.as_str());
    assert_eq!(connected, before.get("wireless.wifi0.ssid").map(String::as_str), "{error:?}");
    for secret in password.into_iter().chain(["the old key", "hunter2"]) {
        assert!(!format!("{error:?}").contains(secret), "{error:?}");
    }
    assert!(!error.remedy.is_empty());
    error
}

#[tokio::test]
async fn it_is_joined_when_it_is_connected_and_has_an_address() {
    let router = Router::new();
    let uplink = join(&router, SSID, Some(KEY)).await.unwrap();
    let expected = Uplink {
        up: true,
        interface: UPLINK.into(),
        address: Some("10.1.2.3".into()),
        ssid: Some(SSID.into()),
        signal: Some(-50),
    };
    assert_eq!(uplink, expected);
    let router = router.lock().unwrap();
    let stored = |path: &str| router.stored.get(path).map(String::as_str);
    assert_eq!(stored("wireless.wifi0.key"), Some(KEY));
    assert_eq!(
        (stored("wireless.wifi0.encryption"), stored("wireless.radio0.band")),
        (Some("psk2"), Some("2g"))
    );
    assert_eq!(router.staged, router.stored, "nothing is left uncommitted");
}

#[tokio::test]
async fn a_network_without_a_password_leaves_no_key() {
    let router = Router::new();
    join(&router, "open", None).await.unwrap();
    assert_eq!(router.lock().unwrap().stored.get("wireless.wifi0.key"), None);
    assert_eq!(router.lock().unwrap().stored["wireless.radio0.band"], "5g");
}

#[tokio::test]
async fn a_router_that_never_had_wifi_gets_all_it_needs() {
    let router = Router::new();
    {
        let mut router = router.lock().unwrap();
        router.stored.retain(|key, _| key.starts_with("wireless.radio0"));
        router.stored.insert("wireless.radio0.disabled".into(), "1".into());
        router.staged = router.stored.clone();
        router.connected = None;
    }
    fails(&router, "old", Some("not the key")).await;
    join(&router, "open", None).await.unwrap();
    assert_eq!(router.lock().unwrap().stored.get("wireless.radio0.disabled"), None);
}

#[tokio::test]
async fn a_wrong_password_brings_everything_back() {
    let router = Router::new();
    let error = fails(&router, SSID, Some("hunter22")).await;
    assert_eq!(error.remedy, "check the password");
    assert!(
        error.why.contains("not connected") && error.why.contains("earlier settings are back"),
        "{error:?}"
    );
    // The connection that was there before is not taken for the new one.
    let error = fails(&router, "old", Some("not the old")).await;
    assert!(error.why.contains("not connected"), "{error:?}");
}

#[tokio::test]
async fn a_network_that_gives_no_address_is_not_joined() {
    let error = fails(&Router::new(), "mute", None).await;
    assert!(error.why.contains("no address") && error.why.contains("earlier settings are back"), "{error:?}");
}

#[tokio::test]
async fn a_network_that_is_not_heard_is_tried_as_most_networks_are() {
    let router = Router::new();
    router.lock().unwrap().deaf = true;
    let error = fails(&router, "nowhere", Some(KEY)).await;
    assert!(
        error.why.contains("not connected") && error.remedy.contains("adapter is plugged in"),
        "{error:?}"
    );
    router.lock().unwrap().deaf = false;
    let error = fails(&router, "nowhere", Some(KEY)).await;
    assert!(error.remedy.contains("does not hear this network"), "{error:?}");
    router.lock().unwrap().deaf = true;
    router.lock().unwrap().air[1].channel = 36;
    join(&router, SSID, Some(KEY)).await.unwrap();
}

#[tokio::test]
async fn what_cannot_work_changes_nothing() {
    let router = Router::new();
    for (ssid, password, why) in [
        ("", None, "empty"),
        ("a\nb", None, "line break"),
        (SSID, None, "wants a password"),
        (SSID, Some("short"), "8 to 63"),
        (SSID, Some("broken\nline"), "line break"),
        ("open", Some(KEY), "has no password"),
        ("firm", Some(KEY), "one password does not open (wpa2)"),
    ] {
        let error = fails(&router, ssid, password).await;
        assert!(error.why.contains(why), "{error:?}");
    }
    let changing = |command: &String| !command.starts_with("ubus call iwinfo scan");
    assert!(!router.lock().unwrap().commands.iter().any(changing));
}

#[tokio::test]
async fn settings_that_do_not_stay_are_noticed() {
    let router = Router::new();
    router.lock().unwrap().full = true;
    let error = fails(&router, SSID, Some(KEY)).await;
    assert!(error.why.contains("did not take the settings"), "{error:?}");
}

#[tokio::test]
async fn a_router_that_quotes_the_command_quotes_no_password() {
    let router = Router::new();
    router.lock().unwrap().complains = Some("bad");
    let error = join(&router, SSID, Some(KEY)).await.unwrap_err();
    assert!(
        error.why.contains("an error about wireless.radio0.band")
            || error.why.contains("an error about wireless.wifi0"),
        "{error:?}"
    );
    for part in [KEY, "$(x)", "pa'"] {
        assert!(!error.why.contains(part), "{error:?}");
    }
}

#[tokio::test]
async fn a_router_that_is_away_for_a_moment_is_waited_for() {
    let router = Router::new();
    router.lock().unwrap().away = 5;
    join(&router, SSID, Some(KEY)).await.unwrap();
    router.lock().unwrap().away = 100_000;
    let error = join(&router, "open", None).await.unwrap_err();
    assert!(error.why.contains("could not be put back"), "{error:?}");
    assert!(error.remedy.contains("router's own page"), "{error:?}");
}
