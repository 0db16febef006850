//! Whole frames of one interface (packet(7)). What safe Rust has no words for: the address of an interface, and two
//! options of such sockets.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socket};
use tokio::io::unix::AsyncFd;

/// Before each frame stands what is not yet done to it: checksums and segments that a card would do (`struct
/// virtio_net_hdr`, ten bytes). Passed on as it is, a frame leaves exactly as it came.
pub(super) const PREFIX: usize = 10;
/// The largest frame before it is cut into segments, with its headers.
pub(super) const LARGEST: usize = PREFIX + 65_536 + 64;

/// Frames that come in on one interface, and frames that are sent out there.
#[derive(Debug)]
pub(super) struct PacketSocket(AsyncFd<OwnedFd>);

impl PacketSocket {
    /// Needs CAP_NET_RAW, which root of a namespace of one's own has, and a tokio runtime.
    pub(super) fn open(interface: &str) -> io::Result<Self> {
        let index = if_nametoindex(interface)?;
        // Without a protocol it hears nothing until it is bound, so nothing of other interfaces either.
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
        set(&socket, libc::PACKET_VNET_HDR)?;
        // What we send ourselves is not heard again.
        set(&socket, libc::PACKET_IGNORE_OUTGOING)?;
        bind(&socket, index)?;
        // SAFETY: an owned descriptor, which stays what it is for as long as the AsyncFd has it.
        let socket = unsafe { AsyncFd::register(socket) };
        Ok(Self(socket.map_err(io::Error::from)?))
    }

    /// The next frame with its prefix. Cancel safe.
    pub(super) async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.0.readable().await?;
            let read = ready.try_io(|socket| {
                recv(socket.as_raw_fd(), buffer, MsgFlags::empty()).map_err(io::Error::from)
            });
            match read {
                Ok(result) => return result,
                Err(_would_block) => {}
            }
        }
    }

    /// Sends at once or not at all; a full queue is the caller's to count.
    pub(super) fn send(&self, prefixed: &[u8]) -> Result<(), Errno> {
        send(self.0.as_raw_fd(), prefixed, MsgFlags::MSG_DONTWAIT).map(drop)
    }
}

fn set(socket: &OwnedFd, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the pointer leads to an int that lives as long as the call, and its size is given.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn bind(socket: &OwnedFd, index: libc::c_uint) -> io::Result<()> {
    // SAFETY: plain numbers, for which zero is a value.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = index.cast_signed();
    // SAFETY: the pointer leads to an address that lives as long as the call, and its size is given.
    let result = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
