//! What the API asks beside the engine: for log records and their counters, for certificates to be looked at, and for an
//! archive of everything.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use lab::{
    Failure,
    counts::{Counter, Counts, Sources},
    gear::Profile,
    log::{Filter, Stored},
    ports::PortError,
};
use tokio::sync::broadcast;

use crate::ApiState;

/// Log records and their counters.
#[async_trait]
pub trait LogDesk: Send + Sync {
    /// Records that pass, newest first; only those with a smaller number than `before` where that is given.
    async fn records(
        &self,
        filter: &Filter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Arc<Stored>>, PortError>;

    /// Records as they are stored, in order. A reader that lags is told so and reads the rest by [`Self::records`].
    fn follow(&self) -> broadcast::Receiver<Arc<Stored>>;

    fn counters(&self) -> CountersNow;
}

/// The counters at one moment.
#[derive(Debug, Clone, Default)]
pub struct CountersNow {
    pub profile: Profile,
    pub sources: Sources,
    /// Since when they count, in microseconds since 1970.
    pub since_us: i64,
    pub counts: Counts,
    /// A second, over the last ten seconds.
    pub rates: BTreeMap<Counter, f64>,
    /// Records and rate by node and by service, the most talkative; bounded.
    pub nodes: Vec<Talker>,
    pub services: Vec<Talker>,
}

/// Who writes records.
#[derive(Debug, Clone, PartialEq)]
pub struct Talker {
    pub name: String,
    pub records: u64,
    pub rate: f64,
}

/// Archives for diagnosis, and sticks to carry them away on.
#[async_trait]
pub trait BundleDesk: Send + Sync {
    /// Makes one of all that `state` reaches. `status` is its picture.
    async fn make(&self, state: &ApiState, status: serde_json::Value) -> Result<Bundle, Failure>;

    /// Removable disks that are plugged in.
    async fn sticks(&self) -> Vec<Stick>;

    /// Writes it there, and returns when the stick can be pulled out.
    async fn write(&self, stick: &str, bundle: &Bundle) -> Result<Written, Failure>;
}

/// An archive (tar.gz) in which nothing is secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// As its file is called.
    pub name: String,
    pub bytes: Vec<u8>,
}

/// A removable disk.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stick {
    /// The kernel's name of its file system's device, as in `sda1`.
    pub id: String,
    /// Maker and model.
    pub title: String,
    pub bytes: u64,
    /// Where it is mounted and how much room it has; `None` while it is only plugged in.
    pub folder: Option<String>,
    pub free: Option<u64>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    pub file: String,
    /// As in "written; the stick can be pulled out".
    pub says: String,
}

/// Certificates on demand.
#[async_trait]
pub trait CertificateDesk: Send + Sync {
    /// Looks at all of them now, and renews what is due. Ends when that is done.
    async fn check(&self) -> Result<(), Failure>;

    /// Renews one now, due or not.
    async fn renew(&self, name: &str) -> Result<(), Failure>;

    /// The lab CA's root, in PEM, for browsers and machines; `None` where another CA signs and its root is not at hand.
    fn root(&self) -> Option<String>;
}
