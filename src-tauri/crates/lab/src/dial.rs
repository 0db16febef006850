//! The one place that knows where an address of the board file is really dialled.
//!
//! On the simulated board everything lives in 127.122.0.0/16: 192.168.122.N becomes 127.122.122.N and ports below 1024
//! move up by 20000, since nobody there has privileges. A port that another program holds moves once more, to a free
//! one, so that engines run side by side. On every other board all of this is the identity.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
};

use crate::board::BoardKind;

/// Ports below this need a privilege.
const PRIVILEGED: u16 = 1024;
/// What a privileged port moves by on the simulated board.
const SHIFT: u16 = 20_000;

/// Where things are dialled on one engine's board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    kind: BoardKind,
    moved: BTreeMap<u16, u16>,
}

impl Dial {
    pub fn new(kind: BoardKind) -> Self {
        Self { kind, moved: BTreeMap::new() }
    }

    /// Records that the service of port `nominal` listens elsewhere, because its place was taken.
    pub fn move_port(&mut self, nominal: u16, actual: u16) {
        self.moved.insert(nominal, actual);
    }

    /// The address that stands in for `address`.
    pub fn address(&self, address: Ipv4Addr) -> Ipv4Addr {
        match self.kind {
            BoardKind::Simulated => {
                let [_, _, c, d] = address.octets();
                Ipv4Addr::new(127, 122, c, d)
            }
            BoardKind::Virtual | BoardKind::Labinator => address,
        }
    }

    /// The port that stands in for `port`.
    pub fn port(&self, port: u16) -> u16 {
        if let Some(moved) = self.moved.get(&port) {
            return *moved;
        }
        match self.kind {
            BoardKind::Simulated if port < PRIVILEGED => port + SHIFT,
            _ => port,
        }
    }

    /// Address and port together.
    pub fn socket(&self, address: Ipv4Addr, port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(self.address(address), self.port(port))
    }

    /// Where a broadcast of the board goes: never beyond loopback on the simulated board.
    pub fn broadcast(&self) -> Ipv4Addr {
        match self.kind {
            BoardKind::Simulated => Ipv4Addr::new(127, 255, 255, 255),
            BoardKind::Virtual | BoardKind::Labinator => Ipv4Addr::BROADCAST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_board_stays_on_loopback() {
        let dial = Dial::new(BoardKind::Simulated);
        assert_eq!(dial.socket(Ipv4Addr::new(192, 168, 122, 14), 69).to_string(), "127.122.122.14:20069");
        assert_eq!(dial.socket(Ipv4Addr::new(192, 168, 122, 3), 8080).to_string(), "127.122.122.3:8080");
        assert!(dial.broadcast().is_loopback());
    }

    #[test]
    fn other_boards_are_dialled_as_written() {
        let dial = Dial::new(BoardKind::Virtual);
        assert_eq!(dial.socket(Ipv4Addr::new(192, 168, 122, 3), 80).to_string(), "192.168.122.3:80");
    }

    #[test]
    fn a_taken_port_is_remembered() {
        let mut dial = Dial::new(BoardKind::Simulated);
        dial.move_port(67, 40_067);
        assert_eq!(dial.port(67), 40_067);
    }
}
