//! The way of one protocol's packets from a machine to the board, with what is wrong on it at the moment.

use std::net::SocketAddrV4;
use std::time::Duration;

use crate::config::{Tamper, Trouble};
use crate::guard::{SocketError, Udp};
use crate::link::Cable;
use crate::pace::Pace;

/// What is tampered with apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Dhcp,
    Tftp,
    Http,
}

#[derive(Debug, Clone)]
pub(crate) struct Lane {
    pub(crate) cable: Cable,
    pub(crate) protocol: Protocol,
    pub(crate) pace: Pace,
}

impl Lane {
    pub(crate) fn trouble(&self) -> Trouble {
        self.cable.trouble()
    }

    pub(crate) fn tamper(&self) -> Tamper {
        let trouble = self.trouble();
        let tamper = match self.protocol {
            Protocol::Dhcp => trouble.dhcp,
            Protocol::Tftp => trouble.tftp,
            Protocol::Http => trouble.http,
        };
        Tamper { drop: tamper.drop || !self.cable.passes(), ..tamper }
    }

    /// Lets a late packet be late: both ways together, since answers come as they come.
    pub(crate) async fn delay(&self) {
        let seconds = match self.protocol {
            Protocol::Dhcp => 3.0,
            Protocol::Tftp => 0.05,
            Protocol::Http => 0.2,
        };
        if self.tamper().delay {
            tokio::time::sleep(self.pace.delay(seconds)).await;
        }
    }

    /// Waits while the cable or the switch's port lets nothing through; `false` after `patience` of that.
    pub(crate) async fn open_within(&self, patience: Duration) -> bool {
        tokio::time::timeout(patience, self.cable.open()).await.is_ok()
    }

    /// Sends a packet as the lane lets it through.
    pub(crate) async fn send(&self, socket: &Udp, bytes: &[u8], to: SocketAddrV4) -> Result<(), SocketError> {
        let tamper = self.tamper();
        self.delay().await;
        for _ in 0..if tamper.drop { 0 } else { 1 + usize::from(tamper.duplicate) } {
            socket.send(bytes, to).await?;
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn clear(protocol: Protocol, pace: Pace) -> Self {
        Self { cable: Cable::clear(), protocol, pace }
    }
}
