//! Listens for other servers as long as ours runs, and asks now and then.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::Rival;
use super::ask::Ear;
use crate::Proto;
use crate::dhcp::config::Mode;
use crate::dhcp::desk::Desk;
use crate::seen::What;

/// Before this ours does not answer at all. Servers answer within milliseconds, unless they try the address first.
const LISTEN_FIRST: Duration = Duration::from_secs(1);
/// dnsmasq pings for up to three seconds before it offers an address.
const LISTEN: Duration = Duration::from_secs(4);
/// Between two questions while we are alone: each makes another server set an address aside.
const PAUSE: Duration = Duration::from_secs(60);
/// While another server keeps us silent, machines wait for us to notice that it has gone.
const PAUSE_BESIDE: Duration = Duration::from_secs(10);
/// The interface went away, or was never there.
const AFTER_ERROR: Duration = Duration::from_secs(5);

/// Never ends by itself.
pub(in crate::dhcp) async fn watch(device: String, desk: Arc<Desk>) {
    loop {
        if let Err(error) = listen(&device, &desk).await {
            tracing::warn!(%error, device, "cannot listen for other DHCP servers");
            desk.sink.refused(Proto::Dhcp, "cannot listen for other servers");
            // Not to know is no reason for silence: the user named this interface.
            desk.with(|state| state.rivals.listened());
            sleep(AFTER_ERROR).await;
        }
    }
}

async fn listen(device: &str, desk: &Desk) -> io::Result<()> {
    let mut ear = Ear::open(device)?;
    loop {
        // Who is switched off asks nobody.
        let asks = desk.with(|state| state.config.mode != Mode::Off);
        if asks {
            ear.ask().await?;
            let asked = Instant::now();
            hear_until(asked + LISTEN_FIRST, &ear, desk).await?;
            desk.with(|state| state.rivals.listened());
            hear_until(asked + LISTEN, &ear, desk).await?;
            for server in desk.with(|state| state.rivals.asked()) {
                desk.sink.saw(SocketAddr::from((server, 67)), None, What::OtherServerGone { server });
            }
        }
        let alone = desk.with(|state| state.rivals.first().is_none());
        let next = Instant::now() + if alone { PAUSE } else { PAUSE_BESIDE };
        tokio::select! {
            heard = hear_until(next, &ear, desk) => heard?,
            // A machine took another server's offer, or the mode was changed: find out now.
            () = desk.suspicion.notified() => {}
        }
    }
}

async fn hear_until(until: Instant, ear: &Ear, desk: &Desk) -> io::Result<()> {
    while let Ok(rival) = timeout_at(until, ear.hear()).await {
        note(&rival?, desk);
    }
    Ok(())
}

fn note(rival: &Rival, desk: &Desk) {
    let new = desk.with(|state| {
        let other = rival.server != state.config.server_id && rival.offers.is_some();
        other && state.rivals.heard(rival.server)
    });
    if new {
        let peer = SocketAddr::from((rival.server, 67));
        let heard = What::OtherServer { server: rival.server, says: rival.to_string() };
        desk.sink.saw(peer, Some(rival.mac), heard);
    }
}
