//! Keeps a stock of addresses that nobody uses, found by asking before anybody needs one: an OFFER never waits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::arp;
use super::config::Mode;
use super::desk::{Desk, STOCK};
use crate::seen::What;
use crate::{Proto, clock};

/// Known addresses grow old; each is asked for anew before that matters.
const LOOK: Duration = Duration::from_secs(60);
/// Requests for addresses may come in storms; questions on the wire do not.
const PAUSE: Duration = Duration::from_millis(500);

/// Never ends by itself.
pub(super) async fn fill(devices: Vec<String>, desk: Arc<Desk>) {
    loop {
        let wanted = desk.with(|state| match state.config.mode {
            Mode::Serve | Mode::Takeover => state.leases.unprobed(STOCK, clock::mono_us()),
            Mode::Proxy | Mode::Off => Vec::new(),
        });
        if !wanted.is_empty() {
            let mut sound = true;
            for device in &devices {
                match arp::in_use(device, &wanted).await {
                    Ok(found) => {
                        for (address, mac) in found {
                            desk.with(|state| state.leases.taken(address, clock::mono_us()));
                            let peer = SocketAddr::from((address, 0));
                            desk.sink.saw(peer, Some(mac), What::AddressTaken { address });
                        }
                    }
                    Err(error) => {
                        tracing::debug!(%error, device, "addresses cannot be probed");
                        desk.sink.refused(Proto::Dhcp, "addresses not probed");
                        sound = false;
                    }
                }
            }
            if sound {
                let now_us = clock::mono_us();
                desk.with(|state| wanted.iter().for_each(|&address| state.leases.stocked(address, now_us)));
            }
            sleep(PAUSE).await;
        }
        // Woken or not, there is one look a minute.
        let _woken = timeout(LOOK, desk.dry.notified()).await;
    }
}
