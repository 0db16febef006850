//! TLS in front of it: a client's certificate is asked for, and one that has expired breaks the handshake off.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddrV4},
    sync::{Arc, Mutex},
    time::Duration,
};

use rcgen::KeyPair;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig, crypto, pki_types::PrivatePkcs8KeyDer, server::WebPkiClientVerifier,
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    Core, Manners, StartError, StepCaView,
    authority::{Authority, MakeError, now},
    held,
};
use crate::{
    guard::SocketError,
    web::{Answer, Request},
};

/// A client that says nothing is let go.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at the same time; a lab has a handful.
const MOST: usize = 64;
const LONGEST: usize = 300 * 1024;

pub(super) async fn open(
    authority: Authority,
    stop: CancellationToken,
) -> Result<(Arc<Core>, SocketAddrV4), StartError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(SocketError::Io)?;
    let port = listener.local_addr().map_err(SocketError::Io)?.port();
    let tls = TlsAcceptor::from(Arc::new(config(&authority)?));
    let manners = Manners {
        silent: false,
        nonsense: false,
        ahead_s: 0,
        after_expiry: true,
        no_renewal: false,
        other_key: false,
        longest_s: 86_400,
    };
    let core = Arc::new(Core {
        authority,
        port,
        manners: Mutex::new(manners),
        view: Mutex::new(StepCaView::default()),
        used: Mutex::new(BTreeSet::new()),
    });
    let served = Arc::clone(&core);
    tokio::spawn(async move {
        let mut open = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            while open.try_join_next().is_some() {}
            if let Ok((stream, _)) = accepted
                && open.len() < MOST
            {
                let (core, tls) = (Arc::clone(&served), tls.clone());
                // A client that breaks off is no matter.
                open.spawn(async move { drop(timeout(PATIENCE, converse(core, tls, stream)).await) });
            }
        }
    });
    Ok((core, SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)))
}

fn config(authority: &Authority) -> Result<ServerConfig, MakeError> {
    let names = ["localhost", "127.0.0.1", "boss.local"].map(str::to_owned);
    let key = KeyPair::generate()?;
    let leaf = authority.leaf(&names, now() - 60, now() + 86_400, &key)?;
    let chain = vec![leaf.der().clone(), authority.intermediate().der().clone()];
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    let failed = |_| MakeError::Crypto;
    roots.add(authority.root().der().clone()).map_err(failed)?;
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .map_err(|_| MakeError::Crypto)?;
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .map_err(failed)
}

async fn converse(core: Arc<Core>, tls: TlsAcceptor, stream: TcpStream) -> std::io::Result<()> {
    if held(&core.manners).silent {
        // Until the client's patience or ours ends.
        return std::future::pending().await;
    }
    let mut stream = tls.accept(stream).await?;
    let client =
        stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(|one| one.to_vec());
    while let Some(request) = read(&mut stream).await? {
        let answer = core.answer(&request, client.as_deref());
        write(&mut stream, &answer, core.now()).await?;
    }
    stream.shutdown().await
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await? == 0 || bytes.len() > LONGEST {
            return Ok(None);
        }
        match Request::parse(&bytes) {
            Ok(Some(request)) => return Ok(Some(request)),
            Ok(None) => {}
            Err(_) => return Ok(None),
        }
    }
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), answer: &Answer, now: i64) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {} -\r\nContent-Type: {}\r\nContent-Length: {}\r\nDate: {}\r\n\r\n",
        answer.status,
        answer.kind,
        answer.body.len(),
        date(now)
    );
    stream.write_all(&[head.as_bytes(), &answer.body].concat()).await?;
    stream.flush().await
}

/// As in `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7).
fn date(now: i64) -> String {
    let text = x509_parser::time::ASN1Time::from_timestamp(now).ok().and_then(|time| time.to_rfc2822().ok());
    text.unwrap_or_default().replace("+0000", "GMT")
}
