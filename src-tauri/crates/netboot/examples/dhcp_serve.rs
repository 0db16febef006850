//! The DHCP server alone:
//! `dhcp_serve --interface IF --address A/PREFIX --pool FIRST-LAST [--reserve-base N] [--leases FILE]`.
//!
//! `--reserve-base N` reserves addresses for N machines, 02:77:00:00:00:00 and up: in 10.77.0.0/16 as in x.y.32.1 to
//! x.y.32.250, x.y.33.1 and so on, beside the pool. `--leases` keeps leases in a file, synced before each ACK.

use std::collections::HashMap;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use netboot::Mac;
use netboot::dhcp::{
    self, BootNames, DhcpConfig, Forgetful, Lease, LeaseStore, LeaseStoreError, Mode, Nic, Replies,
    Reservation,
};
use netboot::seen::SeenSink;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

/// Appends, and syncs once for each batch: what any store has to pay that survives a power cut.
struct Appending(Mutex<File>);

#[async_trait]
impl LeaseStore for Appending {
    async fn load(&self) -> Result<Vec<Lease>, LeaseStoreError> {
        Ok(Vec::new())
    }

    async fn commit(&self, leases: &[Lease]) -> Result<(), LeaseStoreError> {
        let lines: String = leases
            .iter()
            .map(|lease| {
                format!("{} {} {} {}\n", lease.address, lease.mac, lease.until_wall_us, lease.state.word())
            })
            .collect();
        let mut file = self.0.lock().await;
        let written = match file.write_all(lines.as_bytes()).await {
            Ok(()) => file.sync_data().await,
            Err(error) => Err(error),
        };
        written.map_err(|error| LeaseStoreError {
            what: "append leases".into(),
            why: error.to_string(),
            remedy: "look at the disk".into(),
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let mut given = HashMap::new();
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        given.insert(name, value);
    }
    let asked = |name: &str| given.get(name).ok_or(format!("{name} is missing"));
    let (address, prefix) = asked("--address")?.split_once('/').ok_or("--address A/PREFIX")?;
    let (first, last) = asked("--pool")?.split_once('-').ok_or("--pool FIRST-LAST")?;
    let us: Ipv4Addr = address.parse()?;
    let machines: u16 = given.get("--reserve-base").map_or(Ok(0), |count| count.parse())?;
    let [a, b, ..] = us.octets();
    let reserve = |nth: u16| {
        let [high, low] = nth.to_be_bytes();
        let address = Ipv4Addr::new(a, b, (32 + nth / 250) as u8, (1 + nth % 250) as u8);
        let reservation = Reservation { address, host_name: format!("node{nth}"), boot: None };
        (Mac([2, 0x77, 0, 0, high, low]), reservation)
    };
    let config = DhcpConfig {
        server_id: us,
        netmask: u32::MAX.checked_shl(32 - prefix.parse::<u32>()?).unwrap_or(0).into(),
        router: None,
        dns: vec![us],
        ntp: vec![us],
        log_server: Some(us),
        domain: Some("local".into()),
        lease: Duration::from_secs(3600),
        pool: (first.parse()?, last.parse()?),
        reservations: (0..machines).map(reserve).collect(),
        boot: BootNames {
            bios: "undionly.kpxe".into(),
            efi32: None,
            efi64: "ipxe.efi".into(),
            efi64_url: format!("http://{us}/ipxe.efi"),
            script_url: format!("http://{us}/boot.ipxe"),
            missing: None,
            plain: false,
        },
        next_server: us,
        replies: Replies::Broadcast,
        // It is alone where it is measured, and shall answer from the first packet on.
        mode: Mode::Takeover,
    };
    config.check()?;
    let store: Arc<dyn LeaseStore> = match given.get("--leases") {
        Some(path) => Arc::new(Appending(Mutex::new(File::create(path).await?))),
        None => Arc::new(Forgetful),
    };
    let (sink, mut seen) = SeenSink::new(1024);
    tokio::spawn(async move { while seen.recv().await.is_some() {} });
    let stop = CancellationToken::new();
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let ended = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        ended.cancel();
    });
    let device = asked("--interface")?;
    let server = dhcp::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 67), Some(device))?;
    let nic = Nic { device: Some(device.clone()), server, boot_server: None };
    let (_configs, follow) = watch::channel(Arc::new(config));
    dhcp::run(vec![nic], follow, store, sink, stop).await?;
    Ok(())
}
