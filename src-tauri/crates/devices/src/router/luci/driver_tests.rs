//! Login, reading and scan against the router in `far_side`.

use super::*;
use crate::{
    fake::{Fake, answer, json},
    router::luci::far_side::{self, SSID, luci},
};

const METRICS: &str = "node_network_receive_packets_total{device=\"eth0\"} 7\n";

async fn metrics() -> Fake {
    Fake::start(|_| answer("200 OK", &[], METRICS)).await
}

#[tokio::test]
async fn one_login_serves_until_the_router_forgets_it() {
    let router = far_side::Router::new();
    let fake = far_side::Router::serve(&router).await;
    let counters = metrics().await;
    // The address of upstream's configuration ends in a slash.
    let luci = luci(format!("{}/", fake.url()), Some(counters.url()));
    for _ in 0..3 {
        let reading = luci.read().await.unwrap();
        let uplink = Uplink {
            up: true,
            interface: "wwan".into(),
            address: Some("10.1.2.3".into()),
            ssid: Some("old".into()),
            signal: Some(-50),
        };
        assert_eq!((reading.wan_in, reading.uplink), (Some(7), Some(uplink)));
    }
    assert_eq!(router.lock().unwrap().logins, 1);
    router.lock().unwrap().session = None;
    luci.read().await.unwrap();
    assert_eq!(router.lock().unwrap().logins, 2);
    assert!(!format!("{luci:?}").contains("hunter2") && !format!("{luci:?}").contains("0000001"), "{luci:?}");
}

#[tokio::test]
async fn a_luci_that_knows_no_such_cookie_is_told_the_session_otherwise() {
    let router = far_side::Router::new();
    router.lock().unwrap().wants_parameter = true;
    let fake = far_side::Router::serve(&router).await;
    let luci = luci(fake.url(), None);
    luci.read().await.unwrap();
    let first = fake.lines().len();
    luci.read().await.unwrap();
    assert_eq!(fake.lines().len() - first, 2, "it remembers");
}

#[tokio::test]
async fn what_refuses_is_said_and_never_guessed_around() {
    let router = far_side::Router::new();
    router.lock().unwrap().password = "changed".into();
    let fake = far_side::Router::serve(&router).await;
    let counters = metrics().await;
    let error = luci(fake.url(), Some(counters.url())).read().await.unwrap_err();
    assert!(
        error.why.contains("refuses the login") && error.remedy.contains("secrets") && !error.absent,
        "{error:?}"
    );
    assert_eq!(fake.lines().len(), 1, "a refused password is not tried again");

    for (status, body, why) in [
        ("404 Not Found", "", "no JSON-RPC"),
        ("502 Bad Gateway", "", "status 502"),
        ("200 OK", "<html><title>FRITZ!Box</title>", "its title: \"FRITZ!Box\""),
        ("200 OK", "{}", "without a result"),
        ("200 OK", "{\"error\":{\"message\":\"no root, no hunter2\"}}", "no root, no …"),
    ] {
        let fake = Fake::start(move |_| answer(status, &[], body)).await;
        let error = luci(fake.url(), None).read().await.unwrap_err();
        assert!(error.why.contains(why) && !error.absent && !error.remedy.is_empty(), "{error:?}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
    // It takes the login, and nothing else.
    let fake = Fake::start(|heard| match heard.line.ends_with("/auth") {
        true => json("{\"result\":\"abc\"}"),
        false => answer("403 Forbidden", &[], ""),
    })
    .await;
    let error = luci(fake.url(), None).read().await.unwrap_err();
    assert!(error.why.contains("takes the login"), "{error:?}");
}

#[tokio::test]
async fn of_two_sides_the_silent_one_hides_nothing_of_the_other() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let router = far_side::Router::new();
    let fake = far_side::Router::serve(&router).await;
    let reading = luci(fake.url(), Some(nobody.clone())).read().await.unwrap();
    assert!(reading.wan_in.is_none() && reading.uplink.is_some());
    let counters = metrics().await;
    let reading = luci(nobody.clone(), Some(counters.url())).read().await.unwrap();
    assert_eq!((reading.wan_in, reading.uplink), (Some(7), None));
    assert!(luci(nobody.clone(), Some(nobody)).read().await.unwrap_err().absent);
    let wrong = Fake::start(|_| answer("200 OK", &[], "<html>")).await;
    let error = luci(fake.url(), Some(wrong.url())).read().await.unwrap_err();
    assert!(error.why.contains("no Prometheus exporter"), "{error:?}");
}

#[tokio::test]
async fn networks_are_heard() {
    let router = far_side::Router::new();
    let fake = far_side::Router::serve(&router).await;
    let luci = luci(fake.url(), None);
    let heard = luci.scan().await.unwrap();
    assert!(
        heard.iter().any(
            |network| network.ssid.as_deref() == Some(SSID) && network.secured.as_deref() == Some("psk2")
        )
    );
    assert_eq!(router.lock().unwrap().commands, [r#"ubus call iwinfo scan {\"device\":\"radio0\"}"#]);

    let fake = Fake::start(|heard| match heard.line.ends_with("/auth") {
        true => json("{\"result\":\"abc\"}"),
        false => json("{\"result\":\"\"}"),
    })
    .await;
    let error = far_side::luci(fake.url(), None).scan().await.unwrap_err();
    assert!(error.why.contains("iwinfo scan") && error.why.contains("prints nothing"), "{error:?}");
}

#[test]
fn names_that_a_shell_would_read_are_refused() {
    let config = |radio: &str| LuciConfig {
        url: "https://192.168.122.1".into(),
        user: "root".into(),
        password: Secret::new("x"),
        pin: Pin::First(Arc::new(crate::fake::Kept::default())),
        metrics: None,
        devices: RouterDevices { wan: "eth0".into(), lan: "eth1".into() },
        radio: radio.into(),
        wifi: "wifi0".into(),
    };
    assert!(Luci::new(config("radio0")).is_ok());
    assert!(Luci::new(config("radio0; reboot")).is_err());
}
