use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lab::ports::{Control, Nature, PortError};
use lab::power::PowerState;
use tokio::net::UdpSocket;

use super::super::{BadGear, Site};
use super::packet::magic;

/// One packet may be lost on a port of the switch that has just woken up itself.
const PACKETS: u32 = 3;
const GAP: Duration = Duration::from_millis(300);

#[derive(Debug)]
struct Wake {
    machine: String,
    packet: [u8; 102],
    to: (Ipv4Addr, u16),
}

pub(in super::super) fn build(
    site: &Site<'_>,
    broadcast: Option<Ipv4Addr>,
    port: u16,
) -> Result<Arc<dyn Control>, BadGear> {
    let to = broadcast.unwrap_or(site.machine.broadcast);
    if port == 0 || to.is_unspecified() || to.is_multicast() {
        return Err(site.bad(
            format!("a magic packet cannot go to {to} port {port}"),
            "give the lab network's broadcast address, as in `broadcast = \"192.168.122.255\"`, and port 9 or 7",
        ));
    }
    let machine = site.machine.name.clone();
    Ok(Arc::new(Wake { machine, packet: magic(site.machine.mac), to: (to, port) }))
}

impl Wake {
    /// Connected, so that this socket can send nowhere else.
    async fn send(&self) -> io::Result<()> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        socket.set_broadcast(true)?;
        socket.connect(self.to).await?;
        for turn in 0..PACKETS {
            if turn > 0 {
                tokio::time::sleep(GAP).await;
            }
            match socket.send(&self.packet).await {
                Ok(_) => {}
                // Someone without that port, told by an ICMP message to the packet before: a card wants no open port.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Control for Wake {
    fn name(&self) -> String {
        format!("wake-on-lan {}:{}", self.to.0, self.to.1)
    }

    fn nature(&self) -> Nature {
        Nature::Wake
    }

    async fn read(&self) -> Result<Option<PowerState>, PortError> {
        Ok(None)
    }

    async fn on(&self) -> Result<(), PortError> {
        self.send().await.map_err(|error| PortError {
            what: format!("wake {}", self.machine),
            why: format!("the magic packet could not be sent to {}: {error}", self.to.0),
            remedy: "check that this computer has an address in the lab network, and the broadcast address in the \
                     board file"
                .to_owned(),
            absent: true,
        })
    }

    async fn off(&self) -> Result<(), PortError> {
        Err(PortError {
            what: format!("switch off {}", self.machine),
            why: "Wake-on-LAN only starts a machine".to_owned(),
            remedy: "shut it down through its own system, or press its button by hand".to_owned(),
            absent: false,
        })
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
