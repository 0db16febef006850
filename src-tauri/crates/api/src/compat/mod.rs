//! The addresses of the owner's earlier program on a listener of their own, so that load pods, live images and pages that
//! know them go on working. Everything here is a translation: the engine decides, this says it in the old words.
//!
//! Reading order: `site` has the addresses, `door` says who may call them, `labstatus` and `picture` are `/status`,
//! `calls` and `loads` what machines and pods tell, `streams` the WebSockets, the others one group of calls each.
//!
//! On purpose unlike the program that it stands in for:
//!
//! - Calls that change something need a token, or come from this computer itself and from no stranger's page. `GET` works
//!   for them, since the old pages and scripts send it; `HEAD` and prefetches do nothing. A token in the query is no token.
//! - Outlet 7 and the ports of the controller and the router are refused everywhere, outlet 8 unless the board allows it.
//! - Nothing waits for ever: `/setlab` gives the run before it 90 s to be cancelled, `restart` waits for "off" with a
//!   limit. `/setlab` answers when the run has begun; switching off first is a step of the run, and shown as such.
//! - `/power` is an order to switch on or off, not a press: it is refused where a press might do the opposite.
//! - Power in `/status` is what is observed, not what was commanded.
//! - Callers are known by their address also over IPv6; callers, keys, pods and sockets are bounded, drops are counted.
//! - A pod that reconnects does not add its history again; rates are kept as fractions and rounded when shown.
//! - `/loadinfo` speaks on connect and every second; sockets answer pings and close in order. A socket that tells is
//!   refused to pages of strangers; `/loadstats` is not, since nobody knows what pods send as their origin.
//! - `/events` carries the engine's events; `Interesting` marks warnings and errors. What a slow reader missed is said
//!   as the attribute `dropped` of the next event.
//! - `/resetwatchers` never ends the program. `/scale`, `/navigate` and `/launch` say why they do nothing here.
//! - `/reliabilitytest` repeats `virtual-2`, or the rehearsal on boards without it; at most 200 times, and without outside
//!   commands. A test that timed out cancels its run.
//! - `/router/networks` is an empty list, not null, when nothing is heard; `/router/connect` joins; `/router/status` shows
//!   no session.
//! - A log counter of `/status` that nobody tells on this board is null, not 0.

mod calls;
mod door;
mod events;
mod home;
mod labs;
mod labstatus;
mod loads;
mod no;
mod picture;
mod ports;
mod power;
mod site;
mod socket;
mod steps;
mod streams;
mod system;
mod targets;
mod trial;
mod trials;
mod uplink;
mod windows;

#[cfg(test)]
mod tests;

use std::{io, sync::Arc};

use engine::{Clock, EngineHandle};
use lab::{Board, ports::Router};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use events::level;
pub use system::SystemPort;

use crate::{desks::LogDesk, listen, tokens::Tokens};

/// What stands behind the listener.
#[derive(Clone)]
pub struct CompatState {
    pub board: Arc<Board>,
    pub engine: EngineHandle,
    pub router: Option<Arc<dyn Router>>,
    /// Counters of log records, where they are counted.
    pub logs: Option<Arc<dyn LogDesk>>,
    /// Missing while nothing can end or restart the lab as a whole.
    pub system: Option<Arc<dyn SystemPort>>,
    pub tokens: Arc<Tokens>,
    /// Where people reach the real screens, as in `http://192.168.122.3:8400`.
    pub screens: String,
    pub clock: Clock,
}

/// Serves the owner's addresses until told to stop. When it returns, no connection and no task of it is left.
///
/// # Errors
/// When the listener has no address, which no listener of ours lacks.
pub async fn serve(listener: TcpListener, state: CompatState, shutdown: CancellationToken) -> io::Result<()> {
    let site = site::Site::new(state, listener.local_addr()?, shutdown.clone());
    let router = site::router(&site);
    tokio::join!(listen::run(listener, router, None, shutdown), site.keep_rates());
    site.end().await;
    Ok(())
}
