//! Whether a file's bytes lie in memory: only then may they be sent from a thread that others wait for.

#![allow(unsafe_code)] // preadv2 is wrapped by none of the libraries here.

use std::fs::File;
use std::os::fd::AsRawFd;

/// Asks for the last byte of a piece without waiting for a disk (RWF_NOWAIT). Read-ahead fills pieces from their start, so
/// the last byte speaks for the rest.
///
/// A file system that cannot say (EOPNOTSUPP: those that live in memory, mostly) counts as memory.
pub(crate) fn is_cached(file: &File, offset: u64, count: u64) -> bool {
    let Some(last) = (offset + count).checked_sub(1) else { return true };
    let mut byte = 0u8;
    let buffer = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    // SAFETY: the descriptor is open while it is borrowed; the kernel writes at most one byte to where the buffer points,
    // which outlives the call.
    let read = unsafe {
        libc::preadv2(file.as_raw_fd(), &raw const buffer, 1, last as libc::off_t, libc::RWF_NOWAIT)
    };
    // 0 is the end of a file that became shorter: whoever sends it will find out.
    read >= 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::EOPNOTSUPP)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_was_just_written_is_in_memory() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 10_000]).unwrap();
        for (offset, count) in [(0, 10_000), (9_999, 1), (0, 0)] {
            assert!(is_cached(&file, offset, count), "{count} bytes from {offset}");
        }
    }
}
