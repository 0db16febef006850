//! Files that say how long they are, so that one cut off in a download is recognised before a machine trips over it.

/// Bytes from the start of a file that [`cut_off`] needs.
pub(super) const LOOKS_AT: usize = 1024;

/// Why a file of this size that begins with these bytes is not whole; `None` when nothing speaks against it.
pub(super) fn cut_off(first: &[u8], size: u64) -> Option<String> {
    let (what, whole) = bz_image(first)
        .map(|whole| ("kernel", whole))
        .or_else(|| squash_fs(first).map(|whole| ("squashfs", whole)))?;
    (size < whole).then(|| format!("this {what} says that it has {whole} bytes, and {size} are here"))
}

/// Linux/x86 boot protocol: `setup_sects` at 0x1f1, `syssize` in paragraphs at 0x1f4, the magic at 0x202.
fn bz_image(first: &[u8]) -> Option<u64> {
    if first.get(0x202..0x206)? != b"HdrS" {
        return None;
    }
    let setup = match first.get(0x1f1)? {
        0 => 4,
        sectors => u64::from(*sectors),
    };
    let paragraphs = u32::from_le_bytes(first.get(0x1f4..0x1f8)?.try_into().ok()?);
    // The last paragraph may be a part of one.
    Some((setup + 1) * 512 + u64::from(paragraphs).saturating_sub(1) * 16)
}

/// Squashfs 4.0: the magic, and `bytes_used` at 40.
fn squash_fs(first: &[u8]) -> Option<u64> {
    if first.get(..4)? != b"hsqs" {
        return None;
    }
    Some(u64::from_le_bytes(first.get(40..48)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kernel(setup: u8, paragraphs: u32) -> Vec<u8> {
        let mut bytes = vec![0; LOOKS_AT];
        bytes[0x1f1] = setup;
        bytes[0x1f4..0x1f8].copy_from_slice(&paragraphs.to_le_bytes());
        bytes[0x202..0x206].copy_from_slice(b"HdrS");
        bytes
    }

    #[test]
    fn a_short_kernel_and_a_short_squashfs_are_recognised() {
        let whole = 28 * 512 + 1000 * 16;
        assert_eq!(cut_off(&kernel(27, 1000), whole), None);
        assert_eq!(cut_off(&kernel(27, 1000), whole - 3), None, "the last paragraph may be shorter");
        assert!(cut_off(&kernel(27, 1000), whole - 16 - 1).unwrap().contains("kernel"));
        assert!(cut_off(&kernel(0, 1000), 5 * 512).is_some(), "0 stands for 4 sectors");

        let mut squash = vec![0; LOOKS_AT];
        squash[..4].copy_from_slice(b"hsqs");
        squash[40..48].copy_from_slice(&5000_u64.to_le_bytes());
        assert_eq!(cut_off(&squash, 8192), None, "it is padded to whole blocks");
        assert!(cut_off(&squash, 4096).unwrap().contains("squashfs"));
    }

    #[test]
    fn the_kernel_of_this_system_is_whole() {
        let kernels =
            std::fs::read_dir("/boot").map(|dir| dir.flatten().collect()).unwrap_or_else(|_| Vec::new());
        for entry in kernels.iter().filter(|e| e.file_name().to_string_lossy().starts_with("vmlinuz")) {
            let Ok(bytes) = std::fs::read(entry.path()) else { continue };
            assert_eq!(cut_off(&bytes[..LOOKS_AT], bytes.len() as u64), None, "{:?}", entry.path());
            assert!(cut_off(&bytes[..LOOKS_AT], bytes.len() as u64 / 2).is_some(), "{:?}", entry.path());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..1100), size: u64) {
            let _ = cut_off(&bytes, size);
        }
    }
}
