//! Which ICMPv6 messages the kernel passes to the raw socket (RFC 3542, section 3.2): solicitations and no others, so
//! that the chatter of a busy link costs us nothing.
#![allow(unsafe_code)] // neither nix nor socket2 knows the option ICMP6_FILTER

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// linux/icmpv6.h.
const ICMP6_FILTER: libc::c_int = 1;

/// One bit for each of the 256 types; a set bit blocks.
type Filter = [u32; 8];

/// Lets only `kind` through.
pub(super) fn pass_only(socket: BorrowedFd<'_>, kind: u8) -> io::Result<()> {
    let filter = all_but(kind);
    // SAFETY: the kernel copies size_of::<Filter>() bytes out of `filter`, which lives on this stack frame, and keeps
    // no pointer to it; the descriptor is open for as long as it is borrowed.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_ICMPV6,
            ICMP6_FILTER,
            std::ptr::from_ref(&filter).cast(),
            size_of::<Filter>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn all_but(kind: u8) -> Filter {
    let mut filter = [u32::MAX; 8];
    filter[usize::from(kind) / 32] &= !(1 << (kind % 32));
    filter
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_type_passes() {
        let filter = super::all_but(133);
        let passes = |kind: u8| filter[usize::from(kind) / 32] >> (kind % 32) & 1 == 0;
        assert_eq!((0..=255).filter(|kind| passes(*kind)).collect::<Vec<_>>(), [133]);
    }
}
