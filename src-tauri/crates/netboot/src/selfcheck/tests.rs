//! Real servers of ours on loopback, and the same with one promise broken.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::dns::{DnsConfig, Names, Zone};
use crate::files::{Asker, Body, Files, Reply, Site};
use crate::gate::Lan;
use crate::http::tls::{self, Identity};
use crate::seen::SeenSink;
use crate::syslog::LoopBack;
use crate::{Proto, dns, http, ntp, syslog, tftp};

const US: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// One file, larger than a block of TFTP.
struct OneFile;

impl Files for OneFile {
    fn open(&self, _: &Asker, path: &str) -> Option<Body> {
        (path == "loader").then(|| Body::from_bytes(vec![7; 5000]))
    }
}

impl Site for OneFile {
    fn post(&self, _: &Asker, _: &str, _: &[u8]) -> Reply {
        Reply { status: 404, content_type: "text/plain", body: Bytes::new() }
    }
}

struct Board {
    promises: Promises,
    tasks: JoinSet<std::io::Result<()>>,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

fn v4(at: SocketAddr) -> SocketAddrV4 {
    SocketAddrV4::new(US, at.port())
}

async fn board() -> Board {
    let udp = async || UdpSocket::bind((US, 0)).await.unwrap();
    let (tftp, time, log, names) = (udp().await, udp().await, udp().await, udp().await);
    let (plain, encrypted) =
        (TcpListener::bind((US, 0)).await.unwrap(), TcpListener::bind((US, 0)).await.unwrap());
    let names_tcp = TcpListener::bind((US, 0)).await.unwrap();
    let at = |socket: &UdpSocket| v4(socket.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let identity = Identity::load_or_make(folder.path(), "boss.local", US).unwrap();
    let own = LoopBack::default();
    let records = vec![("boss".to_owned(), vec![US])];
    let all =
        Names { domain: "local".into(), server: "boss".into(), network: (US, 8), records: records.clone() };
    let promises = Promises {
        from: US,
        tftp: (at(&tftp), ["loader".to_owned()].into()),
        http: [format!("http://{}/loader", plain.local_addr().unwrap())].into(),
        https: Some((
            v4(encrypted.local_addr().unwrap()),
            "boss.local".into(),
            identity.clone(),
            "loader".into(),
        )),
        names: Some(NamesPromised {
            servers: vec![at(&names)],
            external: false,
            records: vec![("boss.local".into(), vec![US])],
        }),
        time: vec![at(&time)],
        log: Some((at(&log), Some(own.clone()))),
    };
    let (sink, seen) = SeenSink::new(64);
    drop(seen);
    let stop = CancellationToken::new();
    let lan = Lan::new(US, 8);
    let site = Arc::new(OneFile);
    let mut tasks = JoinSet::new();
    tasks.spawn(tftp::run(tftp, site.clone(), sink.clone(), stop.clone()));
    tasks.spawn(http::run(plain, site.clone(), sink.clone(), stop.clone()));
    tasks.spawn({
        let (sink, stop) = (sink.clone(), stop.clone());
        async move { tls::run(encrypted, &identity, site, sink, stop).await }
    });
    let config = Arc::new(DnsConfig { zone: Zone::new(&all).unwrap(), lan, forward: None });
    tasks.spawn(dns::run(names, names_tcp, config, sink.clone(), stop.clone()));
    tasks.spawn(ntp::run(time, lan, sink.clone(), stop.clone()));
    tasks.spawn(syslog::run(log, Proto::Syslog, lan, own, sink, stop.clone()));
    Board { promises, tasks, stop, _folder: folder }
}

impl Board {
    async fn end(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_promised_and_kept_is_found_kept() {
    let board = board().await;
    let found = check(&board.promises).await;
    let services: Vec<&str> = found.iter().map(|finding| finding.service).collect();
    assert_eq!(services, ["tftp", "http", "https", "dns", "ntp", "syslog"]);
    for finding in found {
        let says = finding.result.unwrap_or_else(|why| panic!("{}: {why:?}", finding.what));
        let hashed = matches!(finding.service, "http" | "https");
        assert_eq!(says.contains("hash as told"), hashed, "{}: {says}", finding.what);
    }
    board.end().await;
}

#[tokio::test]
async fn each_broken_promise_is_named_with_its_remedy() {
    let mut board = board().await;
    let promises = &mut board.promises;
    let plain = promises.http.first().unwrap().replace("loader", "missing");
    promises.http = [plain].into();
    promises.tftp.1 = ["missing".to_owned()].into();
    let names = promises.names.as_mut().unwrap();
    names.records = vec![("boss.local".into(), vec![US]), ("node9.local".into(), vec![US])];
    // Nobody can take this port before we let go of it, and then nobody listens there.
    let silent = UdpSocket::bind((US, 0)).await.unwrap();
    promises.time = vec![v4(silent.local_addr().unwrap())];
    promises.log = promises.log.take().map(|(_, own)| (v4(silent.local_addr().unwrap()), own));
    let found = check(promises).await;
    let complaint = |service: &str| {
        let finding = found.iter().find(|finding| finding.service == service).unwrap();
        finding.result.clone().expect_err(service)
    };
    let port = Some(silent.local_addr().unwrap().port());
    for (service, why, holder) in [
        ("tftp", "no such file", None),
        ("http", "404", None),
        ("dns", "node9.local", None),
        ("ntp", "did not answer", port),
        ("syslog", "did not arrive", port),
    ] {
        let complaint = complaint(service);
        assert!(complaint.why.to_lowercase().contains(why), "{service}: {complaint:?}");
        assert!(!complaint.remedy.is_empty());
        assert_eq!(complaint.port, holder, "{service}");
    }
    board.end().await;
}
