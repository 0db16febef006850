//! The probe image: a small Linux in memory that says which hardware it runs on, and obeys when told to power off.
//!
//! The program makes it itself from what Debian installs: the kernel as it is, and an initial RAM file system of a
//! static busybox, the drivers of the common network cards and disks, and a shell script of ours ([`INIT`]). Same
//! inputs, same bytes: no clock, no order of a directory and no name of this machine gets in.

mod cpio;
mod elf;
mod inputs;
mod modules;
mod plan;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use bytes::Bytes;
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};

pub use inputs::{Inputs, ProbeError};
pub use plan::{Duty, HEARTBEAT_MS_MAX, HEARTBEAT_MS_MIN, VENDOR_CLASS, plan};

use cpio::{Archive, Mode};

/// First process of the image.
const INIT: &str = include_str!("init.sh");
/// What busybox's DHCP client calls at each change of its lease.
const LEASE: &str = include_str!("lease.sh");
/// Parts of the first process, each with one idea; it reads them at its start.
const PARTS: [(&str, &str); 4] = [
    ("screen.sh", include_str!("screen.sh")),
    ("firmware.sh", include_str!("firmware.sh")),
    ("keep.sh", include_str!("keep.sh")),
    ("wipe.sh", include_str!("wipe.sh")),
];

/// A probe image, ready to be served.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Debian's kernel, an EFI application and a bzImage at once.
    pub kernel: Bytes,
    /// Where the kernel was read from.
    pub kernel_path: PathBuf,
    /// As `uname -r` will say inside.
    pub kernel_release: String,
    /// gzip'd cpio archive (newc).
    pub initrd: Bytes,
    /// Lower-case hex of the SHA-256 of `initrd`, for ETags and for telling two images apart.
    pub initrd_sha256: String,
}

/// Read the inputs and make the image. Takes about a second; not for an async thread.
pub fn build(inputs: &Inputs) -> Result<Probe, ProbeError> {
    let busybox = inputs.busybox()?;
    let kernel = inputs.kernel()?;
    let dep = inputs.module_list("modules.dep")?;
    let alias = inputs.module_list("modules.alias")?;

    let chosen = modules::resolve(&dep, modules::WANTED);
    let mut files = BTreeMap::new();
    for path in &chosen {
        files.insert(modules::plain_name(path).to_owned(), inputs.module(path)?);
    }
    let contents =
        Contents { release: &inputs.release, busybox: &busybox, modules: &files, dep: &dep, alias: &alias };
    let initrd = gzip(&archive(&contents)).map_err(|source| ProbeError::Pack { source })?;
    let initrd_sha256 = hex::encode(Sha256::digest(&initrd));
    Ok(Probe {
        kernel: kernel.into(),
        kernel_path: inputs.kernel.clone(),
        kernel_release: inputs.release.clone(),
        initrd: initrd.into(),
        initrd_sha256,
    })
}

/// All that goes into the archive, already read.
struct Contents<'a> {
    release: &'a str,
    busybox: &'a [u8],
    /// By path below the module folder, decompressed.
    modules: &'a BTreeMap<String, Vec<u8>>,
    /// Text of modules.dep and modules.alias as depmod wrote them for all modules.
    dep: &'a str,
    alias: &'a str,
}

/// Lay the image out. Pure.
fn archive(contents: &Contents<'_>) -> Vec<u8> {
    let mut archive = Archive::default();
    for folder in ["bin", "dev", "etc", "proc", "run", "sbin", "sys", "tmp"] {
        archive.folder(folder);
    }
    // The kernel opens /dev/console for the first process before anybody could have mounted devtmpfs.
    archive.device("dev/console", 5, 1);
    archive.file("init", Mode::Program, INIT.as_bytes());
    archive.file("lease.sh", Mode::Program, LEASE.as_bytes());
    for (name, text) in PARTS {
        archive.file(name, Mode::Data, text.as_bytes());
    }
    archive.file("bin/busybox", Mode::Program, contents.busybox);
    for applet in APPLETS {
        archive.link(&format!("bin/{applet}"), "busybox");
    }
    // The kernel's own requests for modules (PHY drivers, checksums) call this fixed path.
    archive.link("sbin/modprobe", "../bin/busybox");

    let folder = format!("lib/modules/{}", contents.release);
    for (path, bytes) in contents.modules {
        archive.file(&format!("{folder}/{path}"), Mode::Data, bytes);
    }
    let names: Vec<&str> = contents.modules.keys().map(String::as_str).collect();
    archive.file(
        &format!("{folder}/modules.dep"),
        Mode::Data,
        modules::reduced_dep(contents.dep, &names).as_bytes(),
    );
    archive.file(
        &format!("{folder}/modules.alias"),
        Mode::Data,
        modules::reduced_alias(contents.alias, &names).as_bytes(),
    );
    archive.finish()
}

/// What the two scripts call. The shell of Debian's static busybox runs most of these without the links, that of
/// another build may not.
const APPLETS: &[&str] = &[
    "[",
    "awk",
    "basename",
    "blkdiscard",
    "blockdev",
    "cat",
    "chmod",
    "cp",
    "cut",
    "date",
    "dd",
    "dmesg",
    "echo",
    "expr",
    "find",
    "grep",
    "head",
    "hexdump",
    "ip",
    "kill",
    "ls",
    "mkdir",
    "modprobe",
    "mount",
    "mv",
    "ping",
    "poweroff",
    "printf",
    "readlink",
    "reboot",
    "rm",
    "sed",
    "sh",
    "sha256sum",
    "sleep",
    "sort",
    "stty",
    "sync",
    "tail",
    "test",
    "timeout",
    "tr",
    "true",
    "udhcpc",
    "umount",
    "uname",
    "uniq",
    "usleep",
    "wc",
    "wget",
    "xargs",
    "xxd",
];

/// Nothing of the clock or the host in the header (RFC 1952: MTIME 0, no name, OS unknown).
fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn contents(order: &[&str]) -> Vec<u8> {
        let modules: BTreeMap<String, Vec<u8>> =
            order.iter().map(|name| ((*name).to_owned(), name.as_bytes().to_vec())).collect();
        archive(&Contents {
            release: "6.1.0-1-amd64",
            busybox: b"busybox",
            modules: &modules,
            dep: "kernel/a.ko: kernel/b.ko\nkernel/b.ko:\n",
            alias: "alias pci:1 a\nalias pci:2 c\n",
        })
    }

    #[test]
    fn same_inputs_give_the_same_bytes_whatever_the_order_of_reading() {
        let one = gzip(&contents(&["kernel/a.ko", "kernel/b.ko"])).unwrap();
        let two = gzip(&contents(&["kernel/b.ko", "kernel/a.ko"])).unwrap();
        assert_eq!(one, two);
        let other = gzip(&contents(&["kernel/a.ko"])).unwrap();
        assert_ne!(one, other, "another set of modules must be another image");
    }

    #[test]
    fn gzip_header_carries_no_time_and_the_content_survives() {
        let packed = gzip(b"some content").unwrap();
        assert_eq!(&packed[4..8], &[0, 0, 0, 0], "MTIME");
        let mut back = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut back).unwrap();
        assert_eq!(back, "some content");
    }

    #[test]
    fn every_applet_the_scripts_call_is_linked_and_exists() {
        let list = std::process::Command::new("/bin/busybox").arg("--list").output().unwrap().stdout;
        let list = String::from_utf8(list).unwrap();
        let all: Vec<&str> = list.lines().collect();
        for applet in APPLETS {
            assert!(all.contains(applet), "busybox has no {applet}");
        }
        for script in PARTS.map(|(_, text)| text).into_iter().chain([INIT, LEASE]) {
            for line in script.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
                // A command is the first word of a line, a pipe, a substitution or a branch, or follows a shell word.
                for piece in line.split(['|', ';', '&', '{', '(', ')']) {
                    let mut words = piece.split_whitespace();
                    let first = words
                        .find(|word| !matches!(*word, "if" | "then" | "else" | "until" | "while" | "do"));
                    if let Some(word) = first.filter(|word| all.contains(word)) {
                        assert!(APPLETS.contains(&word), "{word} is called in {line:?} and not linked");
                    }
                }
            }
        }
    }

    /// Needs the packages that `make setup` installs, as the program itself does.
    #[test]
    fn the_real_image_is_reproducible_and_small() {
        let inputs = Inputs::find(std::path::Path::new("/")).unwrap();
        let one = build(&inputs).unwrap();
        let two = build(&inputs).unwrap();
        assert_eq!(one.initrd_sha256, two.initrd_sha256);
        assert_eq!(one.initrd, two.initrd);
        // Firmware fetches it, some of it by TFTP.
        assert!(one.initrd.len() < 6 << 20, "initrd is {} bytes", one.initrd.len());
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&one.initrd[..]).read_to_end(&mut plain).unwrap();
        for name in [
            "r8169.ko\0",
            "virtio_net.ko\0",
            "e1000e.ko\0",
            "igc.ko\0",
            "ahci.ko\0",
            "nvme.ko\0",
            "efivarfs.ko\0",
        ] {
            assert!(
                plain.windows(name.len()).any(|window| window == name.as_bytes()),
                "{name} is missing in the image"
            );
        }
    }
}
