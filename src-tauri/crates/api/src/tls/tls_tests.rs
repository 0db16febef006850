//! The engine's listener over TLS, on real sockets.

use std::{fs, path::Path, time::Duration};

use rcgen::{CertificateParams, KeyPair, SanType};
use reqwest::{Client, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::testing::{SOON, Served, World};

pub(crate) fn pair(folder: &Path) -> Pair {
    Pair { certificate: folder.join("api.pem"), key: folder.join("api.key") }
}

/// Certificate and key in PEM, and the certificate's fingerprint.
fn made() -> (String, String, Fingerprint) {
    let mut params = CertificateParams::new(vec!["board.example".to_owned()]).unwrap();
    params.subject_alt_names.push(SanType::IpAddress("127.0.0.1".parse().unwrap()));
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem(), Fingerprint::of(certificate.der()))
}

/// As a renewal does it: beside, then renamed over.
fn put(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

pub(crate) fn install(folder: &Path) -> Fingerprint {
    let (certificate, key, fingerprint) = made();
    put(&pair(folder).certificate, &certificate);
    put(&pair(folder).key, &key);
    fingerprint
}

fn client(pins: &[Fingerprint]) -> Client {
    pinned_http(Pins::new(pins.to_vec())).unwrap().build().unwrap()
}

async fn healthz(client: &Client, served: &Served) -> reqwest::Result<Response> {
    client.get(format!("https://{}/healthz", served.address)).send().await
}

#[tokio::test]
async fn the_api_is_served_over_tls_to_those_who_know_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let fingerprint = install(folder.path());
    let live = Live::load(pair(folder.path())).unwrap();
    assert_eq!((live.fingerprint(), &live.names()[..]), (fingerprint, &["board.example".to_owned()][..]));
    let world = World::new();
    let served = world.serve_by(Some(live)).await;

    let client = client(&[fingerprint]);
    assert_eq!(healthz(&client, &served).await.unwrap().status(), 200);
    let url = format!("https://{}", served.address);
    let code = world.state.tokens.one_time_login();
    let login = client.get(format!("{url}/login?code={}", code.reveal()));
    // Redirected to the screens; the cookie came before.
    let quiet = pinned_http(Pins::new(vec![fingerprint])).unwrap();
    let quiet = quiet.redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = quiet.execute(login.build().unwrap()).await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.ends_with("; Secure") && cookie.contains("HttpOnly"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let code_of = |origin: String| {
        let path = format!("{url}/api/v1/login-codes");
        let ask = client.post(path).header("cookie", cookie).header("origin", origin);
        async { ask.send().await.unwrap().json::<serde_json::Value>().await.unwrap() }
    };
    let ours = code_of(url.clone()).await;
    assert!(
        ours["error"]["why"].as_str().unwrap().contains("not admin"),
        "our page, without that right: {ours}"
    );
    let plain = code_of(url.replace("https", "http")).await;
    assert!(plain["error"]["why"].as_str().unwrap().contains("not from https://"), "{plain}");
    // A name of the certificate is a name of ours, another is not.
    for (host, status) in [("board.example", 200), ("evil.example", 421)] {
        let answer = client.get(format!("{url}/healthz")).header("host", host).send().await.unwrap();
        assert_eq!(answer.status(), status, "{host}");
    }

    let stranger = self::client(&[Fingerprint::of(b"another")]);
    assert!(healthz(&stranger, &served).await.is_err(), "another certificate is expected");
    let nobody = crate::plain_http().unwrap().build().unwrap();
    assert!(healthz(&nobody, &served).await.is_err(), "no certificate is known");
    served.stop().await;
}

#[tokio::test]
async fn who_speaks_plain_http_is_told_and_who_says_nothing_is_no_burden() {
    let folder = tempfile::tempdir().unwrap();
    let fingerprint = install(folder.path());
    let world = World::new();
    let served = world.serve_by(Some(Live::load(pair(folder.path())).unwrap())).await;

    let silent = TcpStream::connect(served.address).await.unwrap();
    let mut plain = TcpStream::connect(served.address).await.unwrap();
    plain.write_all(b"GET /api/v1/status HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    plain.shutdown().await.unwrap();
    let mut said = String::new();
    timeout(SOON, plain.read_to_string(&mut said)).await.unwrap().unwrap();
    assert!(said.starts_with("HTTP/1.1 400 ") && said.contains("write https://"), "{said}");
    assert_eq!(healthz(&client(&[fingerprint]), &served).await.unwrap().status(), 200);
    served.stop().await;
    drop(silent);
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_the_next_and_a_stream_that_runs_lives_on() {
    let folder = tempfile::tempdir().unwrap();
    let first = install(folder.path());
    let live = Live::load(pair(folder.path())).unwrap();
    let world = World::new();
    let served = world.serve_by(Some(live.clone())).await;
    let stream = format!("https://{}/api/v1/stream", served.address);
    let running = client(&[first]);
    let mut stream = running.get(stream).bearer_auth(world.control.reveal()).send().await.unwrap();
    timeout(SOON, stream.chunk()).await.unwrap().unwrap().expect("the stream begins");

    let (tell, mut told) = mpsc::channel(16);
    let stop = CancellationToken::new();
    let following = tokio::spawn({
        let (live, stop) = (live.clone(), stop.clone());
        let often = Duration::from_millis(20);
        async move { live.follow_at(often, often, stop, move |turn| tell.try_send(turn).unwrap()).await }
    });
    let next = async |told: &mut mpsc::Receiver<Turn>| timeout(SOON, told.recv()).await.unwrap().unwrap();

    // A pair that is none: told, and not shown.
    put(&pair(folder.path()).certificate, &made().0);
    let turn = next(&mut told).await;
    let Turn::Refused(error) = &turn else { panic!("{turn:?}") };
    assert!(error.to_string().contains("does not fit") && !error.remedy().is_empty(), "{error}");
    assert_eq!(healthz(&client(&[first]), &served).await.unwrap().status(), 200);

    let second = install(folder.path());
    let turn = next(&mut told).await;
    let Turn::Coming { new, old } = turn else { panic!("{turn:?}") };
    assert_eq!((new, old), (second, first));
    let turn = next(&mut told).await;
    assert!(matches!(turn, Turn::Shown(shown) if shown == second), "{turn:?}");
    assert!(healthz(&client(&[first]), &served).await.is_err(), "the old one is shown no more");
    assert_eq!(healthz(&client(&[second]), &served).await.unwrap().status(), 200);

    world.found("relay");
    let heard = async {
        let mut heard = String::new();
        while !heard.contains("relay") {
            heard += &String::from_utf8_lossy(&stream.chunk().await.unwrap().expect("the stream lives on"));
        }
    };
    timeout(SOON, heard).await.expect("the stream tells what happens after the renewal");
    stop.cancel();
    timeout(SOON, following).await.unwrap().unwrap();
    drop(stream);
    served.stop().await;
}

#[test]
fn what_is_no_pair_is_told_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let place = pair(folder.path());
    let error = |wanted: &str| {
        let error = Live::load(place.clone()).expect_err(wanted);
        assert!(error.to_string().contains(wanted), "{error} is not {wanted}");
        error
    };
    assert!(error("api.pem").absent());
    install(folder.path());
    Live::load(place.clone()).expect("a good pair");
    for (path, wanted) in
        [(&place.certificate, "api.pem holds no certificate"), (&place.key, "api.key holds no private key")]
    {
        let good = fs::read(path).unwrap();
        for rubbish in [&b""[..], b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\n", &[b'-'; 3 << 20]] {
            fs::write(path, rubbish).unwrap();
            assert!(!error(wanted).absent());
        }
        fs::write(path, good).unwrap();
    }
    fs::write(&place.key, made().1).unwrap();
    error("does not fit");
}

#[tokio::test]
async fn beyond_this_computer_nothing_is_served_in_clear() {
    let world = World::new();
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let served = crate::serve(listener, world.state.clone(), None, CancellationToken::new());
    let refused = timeout(Duration::from_secs(5), served).await.expect("refused at once").unwrap_err();
    assert!(refused.to_string().contains("only TLS"), "{refused}");
}

#[test]
fn a_fingerprint_survives_a_round_trip() {
    let fingerprint = Fingerprint::of(b"certificate");
    assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
    assert_eq!("abc".parse::<Fingerprint>(), Err(NoFingerprint));
}
