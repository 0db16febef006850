//! A machine for the other side: QEMU with the arguments that the program's virtual board gives it, but for its control
//! connection.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::process::Running;

const QEMU: &str = "qemu-system-x86_64";
const CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const VARS: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";
/// Sparse; there so that the machine has a disk to report.
const DISK_BYTES: u64 = 64 << 20;

/// One that was switched on.
pub(super) struct Machine {
    /// Seconds since 1970.
    pub(super) power_on: f64,
    pub(super) process: Running,
}

pub(super) fn mac(number: u8) -> String {
    format!("52:54:00:77:00:{number:02x}")
}

pub(super) fn tap(number: u8) -> String {
    format!("tap{number}")
}

/// Switches it on. Its files are new ones in this folder, which is ours: no comma is in its path.
pub(super) fn switch_on(number: u8, folder: &Path) -> Result<Machine> {
    let file = |name: &str| folder.join(format!("{name}{number}"));
    std::fs::copy(VARS, file("vars")).with_context(|| format!("copy {VARS}"))?;
    File::create(file("disk")).and_then(|disk| disk.set_len(DISK_BYTES)).context("make a disk")?;
    let complaints = File::create(file("complaints")).context("make a file for QEMU's complaints")?;
    let mut command = Command::new(QEMU);
    command.args(arguments(number, &folder.display().to_string())).stderr(Stdio::from(complaints));
    let power_on = now();
    let process = Running::start(&mut command, "qemu")?;
    Ok(Machine { power_on, process })
}

/// Seconds since 1970, which is how nginx tells the time.
pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Pure.
fn arguments(number: u8, folder: &str) -> Vec<String> {
    let lines = [
        "-cpu max".to_owned(),
        "-smp 1".to_owned(),
        "-m 512".to_owned(),
        "-display none".to_owned(),
        "-nodefaults".to_owned(),
        "-no-user-config".to_owned(),
        format!("-name pc{number}"),
        "-machine q35,accel=tcg".to_owned(),
        format!("-drive if=pflash,unit=0,format=raw,readonly=on,file={CODE}"),
        format!("-drive if=pflash,unit=1,format=raw,file={folder}/vars{number}"),
        format!("-device virtio-net-pci,id=card,netdev=net,mac={},bootindex=1,romfile=", mac(number)),
        format!("-netdev tap,id=net,ifname={},script=no,downscript=no", tap(number)),
        format!("-drive if=none,id=disk,format=raw,discard=unmap,file={folder}/disk{number}"),
        "-device virtio-blk-pci,drive=disk".to_owned(),
        "-device virtio-rng-pci".to_owned(),
        "-device VGA,xres=800,yres=600".to_owned(),
        format!("-chardev file,id=console,path={folder}/console{number}"),
        "-serial chardev:console".to_owned(),
    ];
    // No folder of a bench has a blank in its name: tempfile makes it below the one we were given.
    lines.iter().flat_map(|line| line.splitn(2, ' ').map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The board's own list, as its test has it.
    const BOARD: &str = include_str!("../../../../src-tauri/crates/devices/src/qemu/machine.rs");

    /// With machine 2's names in the board's test put in for ours.
    #[test]
    fn both_sides_have_the_same_machine() {
        let words = arguments(2, "/data/a,,b").join(" ");
        for line in words.split(" -").map(|line| line.trim_start_matches('-')) {
            let line = line
                .replace(CODE, "/fw/CODE.fd")
                .replace(&mac(2), "52:54:00:12:34:02")
                .replace("/vars2", "/vars2.fd")
                .replace("/disk2", "/disk2.img")
                .replace("/console2", "/console2.log");
            assert!(BOARD.contains(&format!("-{line}\\n\\\n")), "the board does not start QEMU with -{line}");
        }
    }
}
