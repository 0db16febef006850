//! Transfers while they run, readable by others.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::{Mac, Proto, clock};

/// One transfer at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// TFTP or HTTP.
    pub proto: Proto,
    /// Who receives.
    pub peer: SocketAddr,
    /// Which machine that is, where DHCP knows.
    pub mac: Option<Mac>,
    /// What is sent.
    pub path: String,
    /// Bytes that will be sent when all goes well.
    pub total: u64,
    /// Bytes sent so far: TFTP counts what was acknowledged, HTTP what the kernel took.
    pub sent: u64,
    /// When it began, on the clock of [`clock::mono_us`].
    pub since_us: i64,
}

/// All running transfers. Bounded by what bounds the servers. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    table: Arc<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next: AtomicU64,
    rows: Mutex<BTreeMap<u64, Row>>,
}

#[derive(Debug)]
struct Row {
    running: Running,
    sent: Arc<AtomicU64>,
}

impl Progress {
    /// What runs now, oldest first.
    pub fn running(&self) -> Vec<Running> {
        let rows = self.table.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.values()
            .map(|row| Running { sent: row.sent.load(Ordering::Relaxed), ..row.running.clone() })
            .collect()
    }

    pub(crate) fn begin(
        &self,
        proto: Proto,
        peer: SocketAddr,
        mac: Option<Mac>,
        path: &str,
        total: u64,
    ) -> Transfer {
        let id = self.table.next.fetch_add(1, Ordering::Relaxed);
        let sent = Arc::new(AtomicU64::new(0));
        let running =
            Running { proto, peer, mac, path: path.to_owned(), total, sent: 0, since_us: clock::mono_us() };
        let row = Row { running, sent: Arc::clone(&sent) };
        self.table.rows.lock().unwrap_or_else(PoisonError::into_inner).insert(id, row);
        Transfer { table: Arc::clone(&self.table), id, sent }
    }
}

/// The sender's end of one row; the row goes when it does.
#[derive(Debug)]
pub(crate) struct Transfer {
    table: Arc<Table>,
    id: u64,
    sent: Arc<AtomicU64>,
}

impl Transfer {
    pub(crate) fn reached(&self, sent: u64) {
        self.sent.store(sent, Ordering::Relaxed);
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.table.rows.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_lives_as_long_as_its_transfer() {
        let progress = Progress::default();
        let peer = "127.0.0.1:9".parse().unwrap();
        let first = progress.begin(Proto::Http, peer, None, "kernel", 100);
        let second = progress.begin(Proto::Tftp, peer, None, "ipxe.efi", 50);
        first.reached(40);
        let seen: Vec<_> =
            progress.running().into_iter().map(|row| (row.path, row.sent, row.total)).collect();
        assert_eq!(seen, [("kernel".to_owned(), 40, 100), ("ipxe.efi".to_owned(), 0, 50)]);
        drop(first);
        assert_eq!(progress.running().len(), 1);
        drop(second);
        assert!(progress.running().is_empty());
    }
}
