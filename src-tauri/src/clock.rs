//! The host's clocks as stamps.

use std::sync::OnceLock;

use lab::Stamp;

/// The kernel's name for this boot of the host; monotonic readings of two boots are never compared.
fn host_boot() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| {
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map(|id| id.trim().to_owned())
            .unwrap_or_default()
    })
}

/// Now, on both clocks.
pub fn now() -> Stamp {
    stamp(netboot::clock::now())
}

/// A stamp of the boot services in the vocabulary's words.
pub fn stamp(seen: netboot::clock::Stamp) -> Stamp {
    Stamp { wall_us: seen.wall_us, mono_us: seen.mono_us, host_boot: host_boot().to_owned() }
}
