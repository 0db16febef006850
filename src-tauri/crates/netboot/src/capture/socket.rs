//! Frames of one interface, sorted out by the kernel first (packet(7)). What safe Rust has no words for: the address of
//! an interface, and a descriptor of our own in the runtime.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::net::if_::if_nametoindex;
use nix::sys::socket::{MsgFlags, recv};
use socket2::{Domain, SockFilter, Socket, Type};
use tokio::io::unix::AsyncFd;

/// What the kernel lets through, so that a hundred megabytes of kernel and initrd cost next to nothing. As compiled by
/// `tcpdump -y EN10MB -dd` from: arp or icmp6 or (ip6 and udp) or icmp or (udp and not (port 50000 or port 6443)) or (tcp and
/// (port 80 or port 443) and (SYN, FIN or RST, or a payload that begins with GET, HEAD, POST or HTTP)). What passes is
/// looked at once more in words that can be read.
const FILTER: [(u16, u8, u8, u32); 46] = [
    // operation, jump if true, jump if false, operand
    (0x28, 0, 0, 0x0000000c),
    (0x15, 42, 0, 0x00000806),
    (0x15, 0, 6, 0x000086dd),
    (0x30, 0, 0, 0x00000014),
    (0x15, 39, 0, 0x0000003a),
    (0x15, 0, 2, 0x0000002c),
    (0x30, 0, 0, 0x00000036),
    (0x15, 36, 0, 0x0000003a),
    (0x15, 35, 36, 0x00000011),
    (0x15, 0, 35, 0x00000800),
    (0x30, 0, 0, 0x00000017),
    (0x15, 32, 0, 0x00000001),
    (0x15, 0, 9, 0x00000011),
    (0x28, 0, 0, 0x00000014),
    (0x45, 29, 0, 0x00001fff),
    (0xb1, 0, 0, 0x0000000e),
    (0x48, 0, 0, 0x0000000e),
    (0x15, 27, 0, 0x0000c350),
    (0x15, 26, 0, 0x0000192b),
    (0x48, 0, 0, 0x00000010),
    (0x15, 24, 0, 0x0000c350),
    (0x15, 23, 22, 0x0000192b),
    (0x15, 0, 22, 0x00000006),
    (0x28, 0, 0, 0x00000014),
    (0x45, 20, 0, 0x00001fff),
    (0xb1, 0, 0, 0x0000000e),
    (0x48, 0, 0, 0x0000000e),
    (0x15, 4, 0, 0x00000050),
    (0x15, 3, 0, 0x000001bb),
    (0x48, 0, 0, 0x00000010),
    (0x15, 1, 0, 0x00000050),
    (0x15, 0, 13, 0x000001bb),
    (0x50, 0, 0, 0x0000001b),
    (0x45, 10, 0, 0x00000007),
    (0x50, 0, 0, 0x0000001a),
    (0x54, 0, 0, 0x000000f0),
    (0x74, 0, 0, 0x00000002),
    (0xc, 0, 0, 0x00000000),
    (0x7, 0, 0, 0x00000000),
    (0x40, 0, 0, 0x0000000e),
    (0x15, 3, 0, 0x47455420),
    (0x15, 2, 0, 0x48454144),
    (0x15, 1, 0, 0x504f5354),
    (0x15, 0, 1, 0x48545450),
    (0x6, 0, 0, 0x00040000),
    (0x6, 0, 0, 0x00000000),
];

#[derive(Debug)]
pub(super) struct Ears(AsyncFd<OwnedFd>);

impl Ears {
    /// Needs CAP_NET_RAW, and a tokio runtime.
    pub(super) fn open(interface: &str) -> io::Result<Self> {
        let index = if_nametoindex(interface)?;
        // Without a protocol it hears nothing until it is bound, so nothing that the filter would not let through.
        let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
        socket.set_nonblocking(true)?;
        let filter: Vec<SockFilter> =
            FILTER.iter().map(|&(code, jt, jf, k)| SockFilter::new(code, jt, jf, k)).collect();
        socket.attach_filter(&filter)?;
        let socket = OwnedFd::from(socket);
        bind(&socket, index)?;
        // SAFETY: an owned descriptor, which stays what it is for as long as the AsyncFd has it.
        let socket = unsafe { AsyncFd::register(socket) };
        Ok(Self(socket.map_err(io::Error::from)?))
    }

    /// The next frame, cut to the buffer's size. Cancel safe.
    pub(super) async fn next(&self, buffer: &mut [u8]) -> io::Result<usize> {
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
