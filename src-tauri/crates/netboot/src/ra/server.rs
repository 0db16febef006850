//! The raw socket on one interface: solicitations in, advertisements out.

use std::io::{self, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::cmsg_space;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use super::filter;
use super::message::{self, Advertisement};
use super::pace::{Pace, Say};
use crate::seen::{SeenSink, What};
use crate::{Mac, Malformed, Proto, clock};

/// RFC 4291, section 2.7.1.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// RFC 4861, sections 4.1 and 4.2.
const HOPS: u32 = 255;
/// A solicitation has 8 bytes and some options.
const LARGEST: usize = 1500;
/// The network went away under the socket: look again after this long instead of spinning.
const AFTER_ERROR: Duration = Duration::from_millis(200);

/// Why routers cannot be advertised.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another system call than those below.
    #[error("advertise a router on {device}: {call}")]
    Call {
        /// Which interface.
        device: String,
        /// What was tried.
        call: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// Raw sockets need a privilege.
    #[error("advertise a router on {device}: this process may not open raw sockets")]
    Forbidden {
        /// Which interface.
        device: String,
    },
    /// There is no such interface.
    #[error("advertise a router on {device}: there is no such interface")]
    NoDevice {
        /// Its name.
        device: String,
    },
    /// The kernel speaks no IPv6.
    #[error("advertise a router on {device}: this kernel speaks no IPv6")]
    NoIpv6 {
        /// Which interface.
        device: String,
    },
}

impl OpenError {
    /// What the person at the bench should do.
    pub fn remedy(&self) -> String {
        match self {
            Self::Forbidden { .. } => {
                "give the program CAP_NET_RAW; until then some loaders wait 12 s for a router at each boot"
                    .to_owned()
            }
            Self::NoDevice { device } => {
                format!("name the lab's interface in the board file instead of {device}")
            }
            Self::NoIpv6 { .. } => "start the kernel without ipv6.disable=1".to_owned(),
            Self::Call { .. } => "start the program again when the interface is up".to_owned(),
        }
    }
}

/// The socket, bound to its interface.
#[derive(Debug)]
pub struct RouterSocket {
    /// A raw socket inside: it is waited for, received from and sent to as a UDP socket is, without ports.
    socket: UdpSocket,
    device: String,
    index: u32,
}

impl RouterSocket {
    /// Opens it. Needs CAP_NET_RAW in the network's own user namespace.
    pub fn open(device: &str) -> Result<RouterSocket, OpenError> {
        let name = || device.to_owned();
        let call = |call| move |source| OpenError::Call { device: name(), call, source };
        let index = if_nametoindex(device).map_err(|_| OpenError::NoDevice { device: name() })?;
        let socket =
            Socket::new(Domain::IPV6, Type::RAW.nonblocking(), Some(Protocol::ICMPV6)).map_err(|error| {
                match error.raw_os_error() {
                    Some(libc::EPERM | libc::EACCES) => OpenError::Forbidden { device: name() },
                    Some(libc::EAFNOSUPPORT) => OpenError::NoIpv6 { device: name() },
                    _ => call("open a raw socket")(error),
                }
            })?;
        filter::pass_only(socket.as_fd(), message::SOLICITATION).map_err(call("filter ICMPv6"))?;
        socket.bind_device(Some(device.as_bytes())).map_err(call("keep to the interface"))?;
        socket.set_recv_hoplimit_v6(true).map_err(call("ask for hop limits"))?;
        socket.set_unicast_hops_v6(HOPS).map_err(call("set the hop limit"))?;
        socket.set_multicast_hops_v6(HOPS).map_err(call("set the multicast hop limit"))?;
        // What we advertise is for the machines; this host needs no address of it.
        socket.set_multicast_loop_v6(false).map_err(call("keep advertisements off this host"))?;
        socket.set_multicast_if_v6(index).map_err(call("choose the interface"))?;
        socket.join_multicast_v6(&ALL_ROUTERS, index).map_err(call("join all routers"))?;
        let socket = UdpSocket::from_std(socket.into()).map_err(call("watch the socket"))?;
        Ok(RouterSocket { socket, device: name(), index })
    }

    /// One packet: its bytes' length, its source and its hop limit.
    async fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddrV6, u8)> {
        self.socket.async_io(Interest::READABLE, || receive_now(self.socket.as_raw_fd(), buffer)).await
    }

    /// A raw socket's buffer is as good as never full; where it is, the packet counts as lost on the way.
    fn send(&self, bytes: &[u8], to: Ipv6Addr) -> io::Result<()> {
        let to = SocketAddr::V6(SocketAddrV6::new(to, 0, 0, self.index));
        self.socket.try_send_to(bytes, to).map(drop)
    }

    /// The interface's hardware address as it is now: a bridge takes over one of its ports'.
    fn mac(&self) -> io::Result<Mac> {
        let own = getifaddrs()?.filter(|interface| interface.interface_name == self.device);
        let link = own.filter_map(|interface| interface.address?.as_link_addr()?.addr()).next();
        link.map(Mac)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the interface has no hardware address"))
    }
}

fn receive_now(socket: RawFd, buffer: &mut [u8]) -> io::Result<(usize, SocketAddrV6, u8)> {
    let mut space = cmsg_space!(libc::c_int);
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrIn6>(socket, &mut parts, Some(&mut space), MsgFlags::MSG_DONTWAIT)?;
    let hops = message.cmsgs()?.find_map(|part| match part {
        ControlMessageOwned::Ipv6HopLimit(hops) => u8::try_from(hops).ok(),
        _ => None,
    });
    let from = message.address.ok_or(io::ErrorKind::InvalidData)?;
    let from = SocketAddrV6::new(from.ip(), 0, 0, from.scope_id());
    // Without the number the packet cannot be trusted; 0 is refused like every other that is not 255.
    Ok((message.bytes, from, hops.unwrap_or(0)))
}

/// Advertises `prefix` until told to stop, but says nothing while `quiet` is set.
pub async fn run(
    socket: RouterSocket,
    prefix: Ipv6Addr,
    quiet: Arc<AtomicBool>,
    sink: SeenSink,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let mut speaker = Speaker {
        pace: Pace::new(clock::mono_us()),
        socket: &socket,
        prefix,
        quiet: &quiet,
        sink: &sink,
        said: None,
    };
    let mut buffer = [0; LARGEST];
    loop {
        let wait = speaker.pace.next_us().saturating_sub(clock::mono_us());
        let wait = Duration::from_micros(u64::try_from(wait).unwrap_or(0));
        let received = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(wait) => {
                speaker.on_time();
                continue;
            }
            received = socket.receive(&mut buffer) => received,
        };
        match received {
            Ok((length, from, hops)) => speaker.hear(&buffer[..length], from, hops),
            Err(error) => {
                tracing::debug!(%error, "router solicitations");
                sink.refused(Proto::Ndp, "socket error");
                tokio::select! {
                    () = shutdown.cancelled() => return Ok(()),
                    () = tokio::time::sleep(AFTER_ERROR) => {}
                }
            }
        }
    }
}

struct Speaker<'a> {
    pace: Pace,
    socket: &'a RouterSocket,
    prefix: Ipv6Addr,
    quiet: &'a AtomicBool,
    sink: &'a SeenSink,
    /// The last failure told; the same is not told again every five seconds.
    said: Option<io::ErrorKind>,
}

impl Speaker<'_> {
    fn on_time(&mut self) {
        let now = clock::mono_us();
        if self.pace.due(now) {
            let sent = self.quiet.load(Ordering::Relaxed) || self.advertise(ALL_NODES);
            self.pace.sent(now, sent);
        }
    }

    fn hear(&mut self, bytes: &[u8], from: SocketAddrV6, hops: u8) {
        let peer = SocketAddr::V6(from);
        let solicitation = match message::decode(bytes, hops, *from.ip()) {
            Ok(solicitation) => solicitation,
            Err(fault) => return self.sink.malformed(Proto::Ndp, peer, fault),
        };
        if !from.ip().is_unspecified() && !from.ip().is_unicast_link_local() {
            // Nobody on this link asks so, and an answer would leave it.
            return self.sink.malformed(Proto::Ndp, peer, Malformed("solicitation not from this link"));
        }
        if self.quiet.load(Ordering::Relaxed) {
            return self.sink.refused(Proto::Ndp, "solicited while measured without");
        }
        let now = clock::mono_us();
        match self.pace.solicited(now, *from.ip()) {
            Say::ToOne(to) if self.advertise(to) => {}
            Say::ToAll if self.advertise(ALL_NODES) => self.pace.sent(now, true),
            Say::Soon => {}
            Say::ToOne(_) | Say::ToAll => return,
            Say::Nothing => return self.sink.refused(Proto::Ndp, "too many solicitations"),
        }
        let mac = solicitation.mac.or_else(|| Mac::of_link_local(*from.ip()));
        self.sink.saw(peer, mac, What::RouterSolicited);
    }

    fn advertise(&mut self, to: Ipv6Addr) -> bool {
        let sent = self.socket.mac().and_then(|mac| {
            let bytes = message::encode(&Advertisement::of_a_lab(self.prefix, mac));
            self.socket.send(&bytes, to)
        });
        match sent {
            Ok(()) => {
                self.said = None;
                true
            }
            Err(error) => {
                if self.said != Some(error.kind()) {
                    let device = &self.socket.device;
                    tracing::warn!(%error, device, %to, "router advertisement not sent; a link-local address is needed");
                    self.said = Some(error.kind());
                }
                self.sink.refused(Proto::Ndp, "advertisement not sent");
                false
            }
        }
    }
}
