//! Handshakes with a server whose certificates are made here.

use rcgen::{CertifiedKey, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::ResolvesServerCert;
use tokio_rustls::rustls::sign::CertifiedKey as Shown;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::fake::{self, Kept};
use crate::http::{Client, HttpFault};

#[test]
fn a_fingerprint_is_read_as_people_write_it_and_nothing_else() {
    let shown = Fingerprint::of(b"certificate").to_string();
    let colons: Vec<_> = shown.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect();
    for text in [shown.clone(), shown.to_uppercase(), colons.join(":"), format!(" {shown}\n")] {
        assert_eq!(text.parse::<Fingerprint>().unwrap().to_string(), shown);
    }
    for text in ["", "abc", &shown[1..], &format!("{shown}00"), &shown.replace(&shown[..1], "x")] {
        assert!(text.parse::<Fingerprint>().is_err(), "{text}");
    }
}

/// A device's own certificate: the name is not the one that it is called by.
fn certificate() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(vec!["bmc.example".to_owned()]).unwrap()
}

fn fingerprint(of: &CertifiedKey<KeyPair>) -> Fingerprint {
    Fingerprint::of(of.cert.der())
}

/// Shows this certificate and signs with that key, which an honest device has from one pair.
#[derive(Debug)]
struct Shows(Arc<Shown>);

impl Shows {
    fn new(certificate: &CertifiedKey<KeyPair>, key: &CertifiedKey<KeyPair>) -> Self {
        let der = PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
        let signs = aws_lc_rs::default_provider().key_provider.load_private_key(der).unwrap();
        Self(Arc::new(Shown::new(vec![certificate.cert.der().clone()], signs)))
    }
}

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: tokio_rustls::rustls::server::ClientHello<'_>) -> Option<Arc<Shown>> {
        Some(Arc::clone(&self.0))
    }
}

/// A web server behind TLS on `listener`, until it is dropped.
fn serve(listener: TcpListener, shows: Shows, twelve: bool) -> AbortOnDropHandle<()> {
    let version = if twelve { &rustls::version::TLS12 } else { &rustls::version::TLS13 };
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shows));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    AbortOnDropHandle::new(tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await
                && fake::read(&mut stream).await.is_some()
            {
                let _ = fake::write(&mut stream, &fake::json("{}")).await;
            }
        }
    }))
}

async fn get(port: u16, pin: &Pin) -> Result<u16, HttpFault> {
    let client = Client::new(&format!("https://127.0.0.1:{port}"), pin.clone()).unwrap();
    client.get("/").await.map(|answer| answer.status)
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test]
async fn a_given_fingerprint_admits_that_certificate_alone() {
    let (own, other) = (certificate(), certificate());
    for twelve in [false, true] {
        let (listener, port) = listen().await;
        let _server = serve(listener, Shows::new(&own, &own), twelve);
        assert_eq!(get(port, &Pin::Only(fingerprint(&own))).await, Ok(200));
        let fault = get(port, &Pin::Only(fingerprint(&other))).await.unwrap_err();
        let said = fault.port_error("switch on node 4");
        for part in [fingerprint(&own).to_string(), fingerprint(&other).to_string(), "board file".into()] {
            assert!(said.why.contains(&part), "{}", said.why);
        }
        assert!(said.remedy.contains("new fingerprint") && !said.absent, "{said:?}");
    }
}

#[tokio::test]
async fn the_first_certificate_seen_is_the_one_from_then_on() {
    let kept = Arc::new(Kept::default());
    let pin = Pin::First(kept.clone());
    let (first, second) = (certificate(), certificate());
    let (listener, port) = listen().await;
    let server = serve(listener, Shows::new(&first, &first), false);
    assert_eq!(get(port, &pin).await, Ok(200));
    let host = format!("127.0.0.1:{port}");
    assert_eq!(kept.known(&host), Some(fingerprint(&first)));
    assert_eq!(get(port, &pin).await, Ok(200));
    drop(server);

    let listener = bind_again(port).await;
    let _server = serve(listener, Shows::new(&second, &second), false);
    let fault = get(port, &pin).await.unwrap_err();
    let changed = Changed { expected: fingerprint(&first), shown: fingerprint(&second), given: false };
    assert_eq!(fault, HttpFault::Certificate { host: host.clone(), changed });
    assert!(fault.to_string().contains("the first time"), "{fault}");
    assert_eq!(kept.known(&host), Some(fingerprint(&first)), "a stranger does not become the one known");
}

/// The dropped server's task may hold its port for a moment.
async fn bind_again(port: u16) -> TcpListener {
    let again = async {
        loop {
            match TcpListener::bind(("127.0.0.1", port)).await {
                Ok(listener) => return listener,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), again).await.unwrap()
}

#[tokio::test]
async fn who_only_repeats_a_certificate_is_refused_and_not_remembered() {
    let (own, thief) = (certificate(), certificate());
    for twelve in [false, true] {
        let kept = Arc::new(Kept::default());
        for pin in [Pin::Only(fingerprint(&own)), Pin::First(kept.clone())] {
            let (listener, port) = listen().await;
            let _server = serve(listener, Shows::new(&own, &thief), twelve);
            let fault = get(port, &pin).await.unwrap_err();
            assert!(matches!(fault, HttpFault::Tls { .. }), "{pin:?}: {fault}");
        }
        assert!(kept.0.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_other_of_http_and_https_is_told_as_such() {
    let own = certificate();
    let (listener, port) = listen().await;
    let _server = serve(listener, Shows::new(&own, &own), false);
    let plain = Client::new(&format!("http://127.0.0.1:{port}"), Pin::Only(fingerprint(&own))).unwrap();
    let said = plain.get("/").await.unwrap_err().port_error("read plug");
    assert!(said.remedy.contains("https://") && !said.absent, "{said:?}");

    let (listener, port) = listen().await;
    let _server = AbortOnDropHandle::new(tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = fake::write(&mut stream, "HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    }));
    let said = get(port, &Pin::Only(fingerprint(&own))).await.unwrap_err().port_error("read plug");
    assert!(said.remedy.contains("http://") && !said.absent, "{said:?}");
}
