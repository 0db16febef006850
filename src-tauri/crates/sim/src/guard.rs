//! The fence around the simulated network: nothing is sent to, and no socket is bound to, anything but 127.0.0.0/8.
//!
//! The simulated machines speak DHCP. A wrong address in a board file must never make them ask the network this host is
//! really on, so every socket of this crate is opened here and every destination passes through [`inside`].

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};

/// Somebody asked for an address outside the loopback network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is outside 127.0.0.0/8, where a simulated board lives; map the board's addresses before handing them over"
)]
pub struct OutsideLoopback(pub SocketAddr);

/// Why a socket could not be opened or used.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error(transparent)]
    Outside(#[from] OutsideLoopback),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The address as it may be used, or the refusal.
pub fn inside(address: SocketAddr) -> Result<SocketAddrV4, OutsideLoopback> {
    match address {
        SocketAddr::V4(v4) if v4.ip().octets()[0] == 127 => Ok(v4),
        _ => Err(OutsideLoopback(address)),
    }
}

/// A UDP socket that can only speak inside the loopback network.
pub(crate) struct Udp(UdpSocket);

impl Udp {
    /// Bound to `source`, on `port` when that is free and on any port otherwise.
    pub(crate) async fn bind(source: Ipv4Addr, port: u16) -> Result<Udp, SocketError> {
        inside(SocketAddr::from((source, port)))?;
        let socket = match UdpSocket::bind((source, port)).await {
            Ok(socket) => socket,
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => UdpSocket::bind((source, 0)).await?,
            Err(error) => return Err(error.into()),
        };
        // 127.255.255.255 is a broadcast address and is refused without this.
        socket.set_broadcast(true)?;
        Ok(Udp(socket))
    }

    pub(crate) async fn send(&self, bytes: &[u8], to: SocketAddrV4) -> Result<(), SocketError> {
        inside(SocketAddr::V4(to))?;
        self.0.send_to(bytes, to).await?;
        Ok(())
    }

    pub(crate) async fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.recv_from(buffer).await
    }
}

/// Received bytes the kernel may hold for us. Small, so that a slow reader is felt by the server as on a real wire.
const RECEIVE_BUFFER: u32 = 128 * 1024;

/// A TCP connection from `source` to `to`, both inside the loopback network.
pub(crate) async fn connect(source: Ipv4Addr, to: SocketAddrV4) -> Result<TcpStream, SocketError> {
    inside(SocketAddr::from((source, 0)))?;
    inside(SocketAddr::V4(to))?;
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(SocketAddr::from((source, 0)))?;
    Ok(socket.connect(SocketAddr::V4(to)).await?)
}

/// Listens inside the loopback network; port 0 is any, and the real one comes back.
pub(crate) fn listen(address: SocketAddrV4) -> Result<(TcpListener, SocketAddrV4), SocketError> {
    let address = inside(SocketAddr::V4(address))?;
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let real = inside(listener.local_addr()?)?;
    Ok((TcpListener::from_std(listener)?, real))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_loopback_network_is_inside() {
        let table = [
            ("127.0.0.1:1", true),
            ("127.122.122.11:20067", true),
            ("127.255.255.255:20067", true),
            ("255.255.255.255:67", false),
            ("0.0.0.0:67", false),
            ("192.168.122.11:80", false),
            ("128.0.0.1:80", false),
            ("126.255.255.255:80", false),
            ("[::1]:80", false),
            ("[::ffff:127.0.0.1]:80", false),
        ];
        for (address, allowed) in table {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(inside(address).is_ok(), allowed, "{address}");
        }
    }

    #[tokio::test]
    async fn no_socket_gets_out() {
        let outside = Ipv4Addr::new(192, 168, 122, 11);
        let refused = |result: Result<(), SocketError>| matches!(result, Err(SocketError::Outside(_)));
        assert!(refused(Udp::bind(outside, 0).await.map(drop)), "bound outside");
        let home = Ipv4Addr::LOCALHOST;
        let udp = Udp::bind(home, 0).await.unwrap();
        assert!(
            refused(udp.send(b"x", "255.255.255.255:67".parse().unwrap()).await),
            "broadcast to the world"
        );
        for address in [outside, Ipv4Addr::UNSPECIFIED] {
            assert!(refused(listen(SocketAddrV4::new(address, 0)).map(drop)), "listens outside");
        }
        assert!(refused(udp.send(b"x", SocketAddrV4::new(outside, 67)).await), "sent outside");
        assert!(refused(connect(home, SocketAddrV4::new(outside, 80)).await.map(drop)), "connected outside");
        assert!(
            refused(connect(outside, SocketAddrV4::new(home, 80)).await.map(drop)),
            "connected from outside"
        );
    }

    #[tokio::test]
    async fn a_port_in_use_is_replaced_by_another() {
        let first = Udp::bind(Ipv4Addr::LOCALHOST, 0).await.unwrap();
        let taken = first.0.local_addr().unwrap().port();
        let second = Udp::bind(Ipv4Addr::LOCALHOST, taken).await.unwrap();
        assert_ne!(second.0.local_addr().unwrap().port(), taken);
    }
}
