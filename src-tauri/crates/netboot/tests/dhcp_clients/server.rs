//! Our server on the bridge, and what it saw.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use netboot::Mac;
use netboot::dhcp::{
    self, BootNames, DhcpConfig, Lease, LeaseState, LeaseStore, LeaseStoreError, Mode, Nic, Replies,
    Reservation,
};
use netboot::seen::{Seen, SeenSink, What};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{KNOWN, NODE1, lan};

/// A lease store that outlives a server.
pub(crate) struct Memory(Mutex<BTreeMap<Ipv4Addr, Lease>>);

impl Memory {
    pub(crate) fn empty() -> Arc<Memory> {
        Arc::new(Memory(Mutex::default()))
    }

    pub(crate) fn bound(&self) -> usize {
        self.0.lock().unwrap().values().filter(|lease| lease.state == LeaseState::Bound).count()
    }
}

#[async_trait]
impl LeaseStore for Memory {
    async fn load(&self) -> Result<Vec<Lease>, LeaseStoreError> {
        Ok(self.0.lock().unwrap().values().cloned().collect())
    }

    async fn commit(&self, leases: &[Lease]) -> Result<(), LeaseStoreError> {
        self.0.lock().unwrap().extend(leases.iter().map(|lease| (lease.address, lease.clone())));
        Ok(())
    }
}

pub(crate) struct Server {
    pub(crate) memory: Arc<Memory>,
    sink: SeenSink,
    seen: mpsc::Receiver<Seen>,
    configs: watch::Sender<Arc<DhcpConfig>>,
    stop: CancellationToken,
    running: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) async fn up(mode: Mode, pool: (&str, &str), memory: Arc<Memory>) -> Server {
        let config = config(mode, (pool.0.parse().unwrap(), pool.1.parse().unwrap()));
        config.check().unwrap();
        let (sink, seen) = SeenSink::new(4096);
        let (configs, follow) = watch::channel(Arc::new(config));
        let any = |port| SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
        let nic = Nic {
            device: Some(lan::BRIDGE.to_owned()),
            server: dhcp::bind(any(67), Some(lan::BRIDGE)).unwrap(),
            boot_server: Some(dhcp::bind(any(4011), Some(lan::BRIDGE)).unwrap()),
        };
        let stop = CancellationToken::new();
        let running = tokio::spawn(dhcp::run(vec![nic], follow, memory.clone(), sink.clone(), stop.clone()));
        Server { memory, sink, seen, configs, stop, running }
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut DhcpConfig)) {
        self.configs.send_modify(|config| change(Arc::make_mut(config)));
    }

    /// Waits until it has seen this.
    pub(crate) async fn sees(&mut self, words: &str, wanted: impl Fn(&What) -> bool) {
        let look = async { while !wanted(&self.seen.recv().await.unwrap().what) {} };
        tokio::time::timeout(Duration::from_secs(20), look)
            .await
            .unwrap_or_else(|_| panic!("{words}: not seen"));
    }

    /// Whether it knows who has an address.
    pub(crate) fn knows(&self, address: Ipv4Addr, mac: &str) -> bool {
        self.sink.neighbours().mac_of(address.into()) == mac.parse().ok()
    }

    pub(crate) async fn down(self) -> Arc<Memory> {
        self.stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(10), self.running).await;
        ended.expect("it ends when told").unwrap().unwrap();
        self.memory
    }
}

fn config(mode: Mode, pool: (Ipv4Addr, Ipv4Addr)) -> DhcpConfig {
    let us = Ipv4Addr::new(192, 168, 122, 3);
    let node1 = Reservation { address: NODE1.parse().unwrap(), host_name: "node1".into(), boot: None };
    let known: Mac = KNOWN.parse().unwrap();
    DhcpConfig {
        server_id: us,
        netmask: Ipv4Addr::new(255, 255, 255, 0),
        router: Some(Ipv4Addr::new(192, 168, 122, 1)),
        dns: vec![us],
        ntp: vec![us],
        log_server: Some(us),
        domain: Some("local".into()),
        lease: Duration::from_secs(86_400),
        pool,
        reservations: HashMap::from([(known, node1)]),
        boot: BootNames {
            bios: "undionly.kpxe".into(),
            efi32: None,
            efi64: "ipxe.efi".into(),
            efi64_url: "http://192.168.122.3/ipxe.efi".into(),
            script_url: "http://192.168.122.3/boot.ipxe".into(),
            missing: None,
            plain: false,
        },
        next_server: us,
        replies: Replies::Broadcast,
        mode,
    }
}
