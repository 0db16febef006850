//! DHCP's leases in the board's database, and its configuration while it runs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use lab::{board::DhcpMode, journal::JournalError};
use netboot::{
    Mac,
    dhcp::{BootNames, DhcpConfig, Lease, LeaseState, LeaseStore, LeaseStoreError, Mode},
};
use store::{LeaseRow, Store};
use tokio::sync::watch;

/// What DHCP answers, changeable while it runs. Empty until the board is built.
#[derive(Default)]
pub(super) struct LiveDhcp {
    configs: std::sync::OnceLock<watch::Sender<Arc<DhcpConfig>>>,
    own: Mutex<HashMap<Mac, Own>>,
}

/// What makes one machine different from all others.
#[derive(Clone, Default)]
struct Own {
    boot: Option<BootNames>,
    /// It is given another architecture's loader on purpose.
    wrong: bool,
}

impl LiveDhcp {
    /// Begins with this configuration; for the server to follow.
    pub(super) fn follow(&self, first: Arc<DhcpConfig>) -> watch::Receiver<Arc<DhcpConfig>> {
        let sender = self.configs.get_or_init(|| watch::channel(first.clone()).0);
        sender.send_replace(first);
        sender.subscribe()
    }

    /// What one machine boots from its next DHCP message on; `None`: what all others boot. `false` when the machine has no
    /// reservation, or DHCP does not run.
    pub(super) fn set_boot(&self, mac: Mac, boot: Option<BootNames>) -> bool {
        self.change(mac, |own| own.boot = boot)
    }

    /// Names the loader of another architecture to one machine on purpose, whatever it boots otherwise.
    pub(super) fn set_wrong(&self, mac: Mac, on: bool) -> bool {
        self.change(mac, |own| own.wrong = on)
    }

    fn change(&self, mac: Mac, change: impl FnOnce(&mut Own)) -> bool {
        let Some(configs) = self.configs.get() else { return false };
        let mut all = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.entry(mac).or_default();
        change(own);
        let boot = own.boot.clone();
        let mut known = false;
        configs.send_if_modified(|config| {
            let mut changed = (**config).clone();
            let Some(reservation) = changed.reservations.get_mut(&mac) else { return false };
            known = true;
            let plain = boot.clone().unwrap_or_else(|| config.boot.clone());
            reservation.boot = if own.wrong { Some(swapped(&plain)) } else { boot.clone() };
            *config = Arc::new(changed);
            true
        });
        known
    }
}

/// The loader for BIOS to UEFI and the other way round.
fn swapped(names: &BootNames) -> BootNames {
    let folder = names.efi64_url.rfind('/').map_or("", |slash| &names.efi64_url[..=slash]);
    BootNames {
        bios: names.efi64.clone(),
        efi64: names.bios.clone(),
        efi64_url: format!("{folder}{}", names.bios),
        ..names.clone()
    }
}

/// The store, as DHCP wants it.
pub(super) struct StoredLeases(pub(super) Store);

#[async_trait]
impl LeaseStore for StoredLeases {
    async fn load(&self) -> Result<Vec<Lease>, LeaseStoreError> {
        Ok(self.0.leases().await.map_err(failed)?.into_iter().filter_map(lease).collect())
    }

    async fn commit(&self, leases: &[Lease]) -> Result<(), LeaseStoreError> {
        let rows: Vec<LeaseRow> = leases.iter().map(row).collect();
        self.0.keep_leases(&rows).await.map_err(failed)
    }
}

fn failed(error: JournalError) -> LeaseStoreError {
    LeaseStoreError { what: error.what, why: error.why, remedy: error.remedy }
}

fn row(lease: &Lease) -> LeaseRow {
    LeaseRow {
        address: lease.address,
        mac: lab::Mac(lease.mac.0),
        client_id: lease.client_id.clone(),
        until_wall_us: lease.until_wall_us,
        state: lease.state.word().to_owned(),
    }
}

/// `None` for a state that only a newer program knows.
fn lease(row: LeaseRow) -> Option<Lease> {
    Some(Lease {
        address: row.address,
        mac: Mac(row.mac.0),
        client_id: row.client_id,
        until_wall_us: row.until_wall_us,
        state: LeaseState::of(&row.state)?,
    })
}

/// The board file's word in DHCP's.
pub(super) fn mode(mode: DhcpMode) -> Mode {
    match mode {
        DhcpMode::Serve => Mode::Serve,
        DhcpMode::Proxy => Mode::Proxy,
        DhcpMode::Takeover => Mode::Takeover,
        DhcpMode::Off => Mode::Off,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, net::Ipv4Addr, time::Duration};

    use netboot::dhcp::{Replies, Reservation};

    use super::*;

    #[test]
    fn a_machine_is_told_its_own_file_from_one_packet_to_the_next() {
        let us = Ipv4Addr::new(192, 168, 122, 3);
        let known = Mac([2, 0, 0, 0, 0, 1]);
        let address = Ipv4Addr::new(192, 168, 122, 11);
        let node1 = Reservation { address, host_name: "node1".into(), boot: None };
        let config = DhcpConfig {
            server_id: us,
            netmask: Ipv4Addr::new(255, 255, 255, 0),
            router: None,
            dns: Vec::new(),
            ntp: Vec::new(),
            log_server: None,
            domain: None,
            lease: Duration::from_secs(60),
            pool: (Ipv4Addr::new(192, 168, 122, 200), Ipv4Addr::new(192, 168, 122, 201)),
            reservations: HashMap::from([(known, node1)]),
            boot: BootNames::nothing("there is nothing yet"),
            next_server: us,
            replies: Replies::ToSource,
            mode: Mode::Serve,
        };
        let live = LiveDhcp::default();
        let own = BootNames::nothing("it is disabled");
        assert!(!live.set_boot(known, Some(own.clone())), "nothing runs yet");
        let follow = live.follow(Arc::new(config));
        assert!(live.set_boot(known, Some(own.clone())));
        assert_eq!(follow.borrow().boot_of(known), &own);
        assert!(
            !live.set_boot(Mac([2, 0, 0, 0, 0, 2]), None),
            "only a machine with a reservation has its own"
        );
        let all = follow.borrow().boot.clone();
        let usual = BootNames {
            bios: "undionly.kpxe".into(),
            efi64: "ipxe.efi".into(),
            efi64_url: "http://192.168.122.3/ipxe.efi".into(),
            ..all
        };
        assert!(live.set_wrong(known, true) && live.set_boot(known, Some(usual.clone())));
        let told = follow.borrow().boot_of(known).clone();
        assert_eq!((told.bios.as_str(), told.efi64.as_str()), ("ipxe.efi", "undionly.kpxe"));
        assert_eq!(told.efi64_url, "http://192.168.122.3/undionly.kpxe");
        assert!(live.set_wrong(known, false));
        assert_eq!(follow.borrow().boot_of(known), &usual, "what it boots otherwise was not forgotten");
        assert!(live.set_boot(known, None));
        assert_eq!(follow.borrow().boot_of(known), &follow.borrow().boot);
    }

    #[tokio::test]
    async fn leases_survive_the_way_into_the_store_and_back() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path()).await.unwrap();
        let leases = StoredLeases(store);
        let kept: Vec<Lease> = LeaseState::ALL
            .into_iter()
            .zip(200..)
            .map(|(state, last)| Lease {
                address: [192, 168, 122, last].into(),
                mac: Mac([2, 0, 0, 0, 0, last]),
                client_id: (last == 201).then(|| b"\0box".to_vec()),
                until_wall_us: i64::from(last),
                state,
            })
            .collect();
        leases.commit(&kept).await.unwrap();
        assert_eq!(leases.load().await.unwrap(), kept);
    }
}
