//! What the kernel knows about a connection: how much the peer has acknowledged, and in how many packets it went.

#![allow(unsafe_code)] // TCP_INFO is wrapped by none of the libraries here.

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Counters of one connection since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    /// Bytes the peer has acknowledged.
    pub(super) acked: u64,
    /// Bytes the kernel was given to send, each counted once. `acked` reaches this in the end.
    pub(super) given: u64,
    /// Bytes that have not left this host even once.
    pub(super) unsent: u64,
    /// Segments with data, retransmissions included.
    pub(super) packets: u64,
    /// Retransmitted segments.
    pub(super) resent: u64,
    /// The connection is over: nothing more will be acknowledged.
    pub(super) closed: bool,
}

/// TCP_CLOSE in the kernel's `tcp_states.h`.
const CLOSED: u8 = 7;

/// Asks the kernel (4.19 or newer: older ones do not count bytes sent).
pub(super) fn counts(socket: BorrowedFd<'_>) -> io::Result<Counts> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the descriptor is open while it is borrowed; the kernel writes at most `length` bytes, which is the size
    // of the buffer it is given.
    let failed = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if failed != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: every field is an integer, and all bytes were zeroed before the kernel wrote some of them.
    let info = unsafe { info.assume_init() };
    Ok(Counts {
        acked: info.tcpi_bytes_acked,
        given: info.tcpi_bytes_sent.saturating_sub(info.tcpi_bytes_retrans)
            + u64::from(info.tcpi_notsent_bytes),
        unsent: info.tcpi_notsent_bytes.into(),
        packets: info.tcpi_data_segs_out.into(),
        resent: info.tcpi_total_retrans.into(),
        closed: info.tcpi_state == CLOSED,
    })
}
