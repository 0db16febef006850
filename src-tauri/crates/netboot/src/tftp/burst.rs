//! DATA packets that leave together, in one system call where the kernel can cut them apart itself.

use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// The kernel cuts at most this many packets at once (UDP_MAX_SEGMENTS), out of at most what one UDP packet could carry.
const MOST_PACKETS: usize = 64;
const MOST_BYTES: usize = 65_507;

/// Packets one after the other: all of one size, but for the last, which may be shorter.
pub(super) struct Burst {
    bytes: Vec<u8>,
    /// Size of a whole packet.
    packet: usize,
    /// Whether the kernel cuts (UDP_SEGMENT, Linux 4.18). Not tried again once it has refused.
    cuts: bool,
}

impl Burst {
    /// For packets with `block` bytes of data.
    pub(super) fn new(block: usize) -> Burst {
        Burst { bytes: Vec::new(), packet: 4 + block, cuts: true }
    }

    /// One more packet (RFC 1350, figure 5-2). After one that was shorter than the rest none may follow.
    pub(super) fn push(&mut self, block: u16, data: &[u8]) {
        self.bytes.extend(3u16.to_be_bytes());
        self.bytes.extend(block.to_be_bytes());
        self.bytes.extend_from_slice(data);
    }

    /// Sends what was pushed to whom the socket is connected.
    ///
    /// What cannot be sent (no buffers, link down, the client's port closed) is as good as lost on the way: it is sent
    /// again in time, and whoever receives learns of closed ports.
    pub(super) async fn send(&mut self, socket: &UdpSocket) {
        let sent = if self.cuts && self.bytes.len() > self.packet {
            match self.together(socket).await {
                Err(error) if refuses_to_cut(&error) => {
                    tracing::debug!(%error, "packets are sent one by one");
                    self.cuts = false;
                    self.one_by_one(socket).await
                }
                sent => sent,
            }
        } else {
            self.one_by_one(socket).await
        };
        if let Err(error) = sent {
            tracing::debug!(%error, "TFTP packets not sent");
        }
        self.bytes.clear();
    }

    async fn together(&self, socket: &UdpSocket) -> io::Result<()> {
        // The largest block has 1,468 bytes.
        let size = self.packet as u16;
        let most = MOST_PACKETS.min(MOST_BYTES / self.packet).max(1) * self.packet;
        for bytes in self.bytes.chunks(most) {
            let send = || {
                let cut = [ControlMessage::UdpGsoSegments(&size)];
                Ok(sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(bytes)], &cut, MsgFlags::empty(), None)?)
            };
            socket.async_io(Interest::WRITABLE, send).await?;
        }
        Ok(())
    }

    async fn one_by_one(&self, socket: &UdpSocket) -> io::Result<()> {
        for packet in self.bytes.chunks(self.packet) {
            socket.send(packet).await?;
        }
        Ok(())
    }
}

/// EIO: the interface makes no checksums. EINVAL: a packet is larger than the way allows, or the kernel is older.
fn refuses_to_cut(error: &io::Error) -> bool {
    let refusals = [Errno::EIO, Errno::EINVAL, Errno::EMSGSIZE, Errno::EOPNOTSUPP, Errno::ENOPROTOOPT];
    refusals.iter().any(|&refusal| error.raw_os_error() == Some(refusal as i32))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn packets_arrive_apart_whichever_way_they_left() {
        let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        sender.connect(receiver.local_addr().unwrap()).await.unwrap();
        for (cuts, lengths) in
            [(true, &[512, 512, 17][..]), (false, &[512, 512, 0]), (true, &[512, 0]), (true, &[9])]
        {
            let mut burst = Burst { cuts, ..Burst::new(512) };
            for (nth, &length) in lengths.iter().enumerate() {
                burst.push(0xFFFF - nth as u16, &vec![nth as u8; length]);
            }
            burst.send(&sender).await;
            for (nth, &length) in lengths.iter().enumerate() {
                let mut packet = [0; 2000];
                let came =
                    timeout(Duration::from_secs(20), receiver.recv(&mut packet)).await.unwrap().unwrap();
                assert_eq!(came, 4 + length, "packet {nth} of {lengths:?}");
                assert_eq!(packet[..4], [0, 3, 0xFF, 0xFF - nth as u8]);
                assert!(packet[4..came].iter().all(|&byte| byte == nth as u8));
            }
        }
    }
}
