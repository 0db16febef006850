//! An Ethernet interface, below UDP: for what has to be heard although it is addressed to others, or asked before
//! there is an address. Needs CAP_NET_RAW, as keeping a server to one interface does.

use std::io::{self, Read};
use std::net::Ipv4Addr;

use socket2::{Domain, SockAddr, SockFilter, Socket, Type};
use tokio::io::unix::AsyncFd;

use crate::Mac;

/// EtherType of IPv4.
pub(super) const IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub(super) const ARP: u16 = 0x0806;

/// An open interface.
#[derive(Debug)]
pub(super) struct Link {
    socket: AsyncFd<Socket>,
    mac: Mac,
}

impl Link {
    /// Opens an interface for one EtherType. A socket for one type hears what comes in and nothing that goes out.
    pub(super) fn open(device: &str, ethertype: u16, filter: &[SockFilter]) -> io::Result<Link> {
        let index = nix::net::if_::if_nametoindex(device)?;
        let mac = hardware_address(device)?;
        // Protocol 0 hears nothing until it is bound: a packet of another interface cannot slip in before that.
        let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
        socket.set_nonblocking(true)?;
        if !filter.is_empty() {
            socket.attach_filter(filter)?;
        }
        socket.bind(&address(index, ethertype)?)?;
        Ok(Link { socket: watched(socket)?, mac })
    }

    /// Its own hardware address.
    pub(super) fn mac(&self) -> Mac {
        self.mac
    }

    /// The next frame.
    pub(super) async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.socket.readable().await?;
            if let Ok(received) = ready.try_io(|socket| socket.get_ref().read(buffer)) {
                return received;
            }
        }
    }

    /// Sends a whole frame.
    pub(super) async fn send(&self, frame: &[u8]) -> io::Result<()> {
        loop {
            let mut ready = self.socket.writable().await?;
            if let Ok(sent) = ready.try_io(|socket| socket.get_ref().send(frame)) {
                return sent.map(drop);
            }
        }
    }
}

/// Asked by netlink, which knows the interfaces of this namespace; /sys may still show another one's.
fn hardware_address(device: &str) -> io::Result<Mac> {
    nix::ifaddrs::getifaddrs()?
        .filter(|one| one.interface_name == device)
        .find_map(|one| one.address?.as_link_addr()?.addr())
        .map(Mac)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{device} is no Ethernet interface")))
}

#[allow(unsafe_code, reason = "tokio asks for a promise")]
fn watched(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    // SAFETY: a `Socket` owns its descriptor, which stays open and the same until it is dropped with the `AsyncFd`.
    unsafe { AsyncFd::register(socket) }.map_err(io::Error::from)
}

#[allow(unsafe_code, reason = "no library makes a sockaddr_ll without it")]
fn address(index: u32, ethertype: u16) -> io::Result<SockAddr> {
    let index = i32::try_from(index).map_err(io::Error::other)?;
    let build = |storage: *mut socket2::SockAddrStorage, length: *mut libc::socklen_t| {
        // SAFETY: `try_init` hands out zeroed storage larger than any address, aligned for all of them, and a valid
        // pointer to its length.
        unsafe {
            let link = &mut *storage.cast::<libc::sockaddr_ll>();
            link.sll_family = libc::AF_PACKET as libc::sa_family_t;
            link.sll_protocol = ethertype.to_be();
            link.sll_ifindex = index;
            *length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        }
        Ok(())
    };
    // SAFETY: `build` writes a whole address and its length.
    unsafe { SockAddr::try_init(build) }.map(|((), address)| address)
}

/// A broadcast of this type, without what it carries.
pub(super) fn broadcast(from: Mac, ethertype: u16) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend(from.0);
    frame.extend(ethertype.to_be_bytes());
    frame
}

/// Passes UDP to one port, unfragmented, and nothing else: a boot file must not wake us for each of its packets.
pub(super) fn udp_to(port: u16) -> [SockFilter; 11] {
    // linux/bpf_common.h: load half word or byte, load X from an IP header's length, compare, return.
    const LDH: u16 = 0x28;
    const LDB: u16 = 0x30;
    const LDX_MSH: u16 = 0xb1;
    const LDH_X: u16 = 0x48;
    const JEQ: u16 = 0x15;
    const JSET: u16 = 0x45;
    const RET: u16 = 0x06;
    [
        SockFilter::new(LDH, 0, 0, 12),
        SockFilter::new(JEQ, 0, 8, IPV4.into()),
        SockFilter::new(LDB, 0, 0, 23),
        SockFilter::new(JEQ, 0, 6, 17),
        SockFilter::new(LDH, 0, 0, 20),
        SockFilter::new(JSET, 4, 0, 0x1fff),
        SockFilter::new(LDX_MSH, 0, 0, 14),
        SockFilter::new(LDH_X, 0, 0, 16),
        SockFilter::new(JEQ, 0, 1, port.into()),
        SockFilter::new(RET, 0, 0, 0x4_0000),
        SockFilter::new(RET, 0, 0, 0),
    ]
}

/// One datagram in a frame: who sent it, and what it carries.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Datagram<'a> {
    pub(super) mac: Mac,
    pub(super) from: Ipv4Addr,
    pub(super) payload: &'a [u8],
}

/// Reads Ethernet, IPv4 and UDP.
pub(super) fn udp_in(frame: &[u8]) -> Option<Datagram<'_>> {
    let mac = Mac(frame.get(6..12)?.try_into().ok()?);
    let packet = frame.get(14..)?;
    let header = usize::from(packet.first()? & 0x0f) * 4;
    if frame[12..14] != IPV4.to_be_bytes() || header < 20 || *packet.get(9)? != 17 {
        return None;
    }
    let from: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
    let udp = packet.get(header..)?;
    let length = usize::from(u16::from_be_bytes(udp.get(4..6)?.try_into().ok()?));
    Some(Datagram { mac, from: from.into(), payload: udp.get(8..length)? })
}

/// A DHCP client's broadcast in a frame.
pub(super) fn dhcp_out(from: Mac, payload: &[u8]) -> Vec<u8> {
    let udp = (8 + payload.len()) as u16;
    let mut header = [0; 20];
    header[0] = 0x45;
    header[2..4].copy_from_slice(&(20 + udp).to_be_bytes());
    header[8..10].copy_from_slice(&[64, 17]);
    header[16..20].copy_from_slice(&[255; 4]);
    let sum: u32 = header.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    header[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    let mut frame = broadcast(from, IPV4);
    frame.extend(header);
    for word in [68, 67, udp, 0] {
        frame.extend(u16::to_be_bytes(word));
    }
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_is_what_a_capture_of_one_shows() {
        let frame = dhcp_out(Mac([2, 1, 2, 3, 4, 5]), b"four");
        let expected = [
            &[0xff; 6][..],
            &[2, 1, 2, 3, 4, 5, 8, 0],
            // The checksum is RFC 1071's: the complement of the sum of the other words.
            &[0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0x7a, 0xce, 0, 0, 0, 0, 255, 255, 255, 255],
            &[0, 68, 0, 67, 0, 12, 0, 0],
            b"four",
        ];
        assert_eq!(frame, expected.concat());
        let read = udp_in(&frame).unwrap();
        assert_eq!((read.from, read.payload), (Ipv4Addr::UNSPECIFIED, &b"four"[..]));
    }

    proptest! {
        #[test]
        fn any_frame_is_read_or_not(frame in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = udp_in(&frame);
        }
    }
}
