//! smallstep's step-ca, as far as clients of a lab see it: what version 0.30 was seen to take and to refuse.
//!
//! [`authority`] holds its keys and makes certificates, [`tokens`] judges who asks, [`answers`] is its HTTP interface and
//! [`doors`] the TLS in front of it, which asks for a client's certificate and breaks off where that has expired.

mod answers;
mod authority;
mod doors;
mod tokens;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddrV4,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

pub use authority::{Bundle, MakeError};

use crate::guard::SocketError;
use authority::Authority;

/// What can be turned while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepCaKnob {
    /// Connections are taken and nothing is said, not even TLS.
    Silence(bool),
    /// Answers are pages of some other program.
    Nonsense(bool),
    /// Its clock is ahead of this machine's by so many seconds.
    ClockAhead(i64),
    /// The provisioner's claim.
    RenewAfterExpiry(bool),
    /// `/renew` by the certificate in the handshake is refused.
    NoRenewal(bool),
    /// It signs for another key than the one that asked.
    OtherKey(bool),
    /// Longest life that it gives, in hours.
    LongestHours(i64),
}

/// What it did so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepCaView {
    /// By path and status, as in `/sign 201`.
    pub answered: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Copy)]
struct Manners {
    silent: bool,
    nonsense: bool,
    ahead_s: i64,
    after_expiry: bool,
    no_renewal: bool,
    other_key: bool,
    longest_s: i64,
}

/// Shared by its connections.
struct Core {
    authority: Authority,
    port: u16,
    manners: Mutex<Manners>,
    view: Mutex<StepCaView>,
    /// Ids of tokens that were used.
    used: Mutex<BTreeSet<String>>,
}

/// A step-ca on loopback. It ends when this is dropped.
pub struct StepCaSim {
    core: Arc<Core>,
    address: SocketAddrV4,
    stop: CancellationToken,
}

impl StepCaSim {
    /// A CA whose root and intermediate are a month old, on a free port, with one JWK provisioner.
    pub async fn start(provisioner: &str, password: &str) -> Result<Self, StartError> {
        let authority = Authority::make(provisioner, password)?;
        let stop = CancellationToken::new();
        let (core, address) = doors::open(authority, stop.clone()).await?;
        Ok(Self { core, address, stop })
    }

    pub fn turn(&self, knob: StepCaKnob) {
        let mut manners = held(&self.core.manners);
        match knob {
            StepCaKnob::Silence(on) => manners.silent = on,
            StepCaKnob::Nonsense(on) => manners.nonsense = on,
            StepCaKnob::ClockAhead(seconds) => manners.ahead_s = seconds,
            StepCaKnob::RenewAfterExpiry(on) => manners.after_expiry = on,
            StepCaKnob::NoRenewal(on) => manners.no_renewal = on,
            StepCaKnob::OtherKey(on) => manners.other_key = on,
            StepCaKnob::LongestHours(hours) => manners.longest_s = hours * 3600,
        }
    }

    pub fn view(&self) -> StepCaView {
        held(&self.core.view).clone()
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    pub fn root_pem(&self) -> String {
        self.core.authority.root_pem()
    }

    /// A certificate that it could have made at another time; seconds since 1970.
    pub fn mint(&self, names: &[&str], from: i64, until: i64) -> Result<Bundle, MakeError> {
        self.core.authority.mint(names, from, until)
    }
}

impl Drop for StepCaSim {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Why it cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Make(#[from] MakeError),
    #[error(transparent)]
    Socket(#[from] SocketError),
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
