//! The way of one protocol's packets from a machine to the board, with what is wrong on it at the moment.

use std::net::SocketAddrV4;

use tokio::sync::watch;

use crate::config::{Tamper, Trouble};
use crate::guard::{SocketError, Udp};
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
    pub(crate) troubles: watch::Receiver<Trouble>,
    pub(crate) protocol: Protocol,
    pub(crate) pace: Pace,
}

impl Lane {
    pub(crate) fn trouble(&self) -> Trouble {
        *self.troubles.borrow()
    }

    pub(crate) fn tamper(&self) -> Tamper {
        let trouble = self.trouble();
        match self.protocol {
            Protocol::Dhcp => trouble.dhcp,
            Protocol::Tftp => trouble.tftp,
            Protocol::Http => trouble.http,
        }
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
        let (_, troubles) = watch::channel(Trouble::default());
        Self { troubles, protocol, pace }
    }
}
