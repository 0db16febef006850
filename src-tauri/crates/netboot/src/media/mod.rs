//! A small disk of a machine's own that asks the engine what to boot, and knows what to do when nobody answers.
//!
//! One partition (GPT, FAT32, an EFI system partition named [`PARTITION`]) with GRUB on it. GRUB asks the engine by HTTP. When
//! that is silent it boots one of two copies, `a` and `b`, of the kernel and initrd that worked last; a copy that does not
//! fit its hashes is never chosen. The running probe keeps the copies up to date over the network: it writes the one that
//! is not first, and makes it the first when it is whole.

mod config;
mod gpt;
#[cfg(test)]
mod tests;

use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};

use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};
use sha2::{Digest, Sha256};

pub use config::{COPIES, LOCAL_CONFIG};

/// Name of the partition, by which the probe finds it.
pub const PARTITION: &str = "statusinator";

/// FAT32 begins at 65 525 clusters; twice a kernel and an initrd of 40 MB find room.
const DISK_BYTES: u64 = 160 << 20;

/// GRUB as one program with its usual modules in it, for disks and networks alike; its folder is `/grub`.
const GRUB: &str = "usr/lib/grub/x86_64-efi/monolithic/grubnetx64.efi";
/// Where its other modules are, of the same build.
const MODULES: &str = "usr/lib/grub/x86_64-efi";
/// What it must know beyond its usual modules: files by HTTP, and hashes.
const WANTED: [&str; 4] = ["http.mod", "hashsum.mod", "gcry_sha256.mod", "crypto.mod"];

/// Why there is no disk.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// GRUB is not there.
    #[error("read GRUB's {}", path.display())]
    Grub {
        /// Where it was looked for.
        path: PathBuf,
        /// What came back.
        source: std::io::Error,
    },
    /// The image cannot be laid out, or what goes in does not fit.
    #[error("lay out the boot disk")]
    Layout(#[from] std::io::Error),
}

impl MediaError {
    /// What the person at the bench should do.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Grub { .. } => "install the package grub-efi-amd64-bin",
            Self::Layout(_) => "look at free memory and at the size of kernel and initrd",
        }
    }
}

/// What a machine boots when nobody answers.
#[derive(Debug, Clone)]
pub struct Copy<'a> {
    /// The kernel.
    pub kernel: &'a [u8],
    /// The initrd.
    pub initrd: &'a [u8],
    /// The kernel's command line.
    pub cmdline: &'a str,
}

/// The disk, as bytes. `copy` fills both copies, so that a new disk works before the probe has touched it.
pub fn image(root: &Path, base: SocketAddrV4, copy: Option<&Copy<'_>>) -> Result<Vec<u8>, MediaError> {
    let read = |name: &str| {
        let path = root.join(name);
        std::fs::read(&path).map_err(|source| MediaError::Grub { path, source })
    };
    let mut files = vec![
        // Where firmware looks on a disk without a boot entry (UEFI 2.10, 3.5.1.1).
        ("EFI/BOOT/BOOTX64.EFI".to_owned(), read(GRUB)?),
        ("grub/grub.cfg".to_owned(), config::grub(base).into_bytes()),
    ];
    for module in WANTED {
        files.push((format!("grub/x86_64-efi/{module}"), read(&format!("{MODULES}/{module}"))?));
    }
    if let Some(copy) = copy {
        let hashes = Hashes { kernel: hash(copy.kernel), initrd: hash(copy.initrd) };
        for name in COPIES {
            let folder = format!("copies/{name}");
            for (file, bytes) in [("kernel", copy.kernel), ("initrd", copy.initrd)] {
                files.push((format!("{folder}/{file}"), bytes.to_vec()));
            }
            for file in ["start.cfg", "manifest", "seal"] {
                let text = copied(name, file, &hashes, copy.cmdline).unwrap_or_default();
                files.push((format!("{folder}/{file}"), text.into_bytes()));
            }
        }
        files.push(("copies/first.cfg".to_owned(), config::first("a").into_bytes()));
    }
    Ok(lay_out(&files)?)
}

/// What a copy's two large files hash to, as lower-case hex of their SHA-256.
#[derive(Debug, Clone)]
pub struct Hashes {
    /// The kernel's.
    pub kernel: String,
    /// The initrd's.
    pub initrd: String,
}

/// The small files of a copy: how it is started, the list of its hashes, and the hash of that list.
///
/// A list that was cut short would still fit what it lists; the seal is there because of that.
pub fn copied(copy: &str, file: &str, hashes: &Hashes, cmdline: &str) -> Option<String> {
    if !COPIES.contains(&copy) {
        return None;
    }
    let start = config::start(copy, cmdline);
    let Hashes { kernel, initrd } = hashes;
    let manifest = format!("{kernel}  kernel\n{initrd}  initrd\n{}  start.cfg\n", hash(start.as_bytes()));
    match file {
        "start.cfg" => Some(start),
        "seal" => Some(format!("{}  manifest\n", hash(manifest.as_bytes()))),
        "manifest" => Some(manifest),
        _ => None,
    }
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn lay_out(files: &[(String, Vec<u8>)]) -> std::io::Result<Vec<u8>> {
    let mut disk = vec![0; DISK_BYTES as usize];
    let span = gpt::write(&mut disk, PARTITION);
    let mut partition = Cursor::new(&mut disk[span.clone()]);
    // The same inputs make the same disk: no serial number out of the clock.
    let options = FormatVolumeOptions::new()
        .fat_type(FatType::Fat32)
        .bytes_per_cluster(1024)
        .volume_id(0x5354_4154)
        .volume_label(*b"STATUSINATO");
    fatfs::format_volume(&mut partition, options)?;
    partition.seek(SeekFrom::Start(0))?;
    let system = FileSystem::new(&mut partition, FsOptions::new())?;
    for (path, bytes) in files {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut folder = system.root_dir();
        for step in folders.split('/').filter(|step| !step.is_empty()) {
            folder = folder.create_dir(step)?;
        }
        let mut file = folder.create_file(name)?;
        file.write_all(bytes)?;
        file.flush()?;
    }
    system.unmount()?;
    disk[span].chunks_exact_mut(SECTOR).for_each(plain_dots);
    Ok(disk)
}

const SECTOR: usize = 512;
/// Directory entries have this length; the twelfth byte is what they are, and these are parts of a long name.
const ENTRY: usize = 32;
const LONG_NAME: u8 = 0x0f;
/// Where the library puts the root.
const ROOT_CLUSTER: u8 = 2;
/// First byte of an entry that is free.
const FREE: u8 = 0xe5;

/// The library gives `.` and `..` long names, and names the root by its cluster where FAT32 wants 0. Nothing stumbles over that
/// but `fsck.fat`, which calls every folder damaged; a folder begins with those two entries and nothing before them.
fn plain_dots(sector: &mut [u8]) {
    let entry = |index: usize| &sector[index * ENTRY..][..ENTRY];
    let long = |index: usize| entry(index)[11] == LONG_NAME;
    let named = |index: usize, name: &[u8; 11]| entry(index).starts_with(name);
    if long(0) && named(1, b".          ") && long(2) && named(3, b"..         ") {
        sector.copy_within(ENTRY..2 * ENTRY, 0);
        sector.copy_within(3 * ENTRY..4 * ENTRY, ENTRY);
        sector[2 * ENTRY] = FREE;
        sector[3 * ENTRY] = FREE;
        let parent = &mut sector[ENTRY..2 * ENTRY];
        if (parent[20], parent[21], parent[26], parent[27]) == (0, 0, ROOT_CLUSTER, 0) {
            parent[26] = 0;
        }
    }
}

/// Writes a disk to a file, with holes where nothing is: most of it.
pub fn write(path: &Path, disk: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::File::create(path)?;
    file.set_len(disk.len() as u64)?;
    for (index, piece) in disk.chunks(64 * 1024).enumerate() {
        if piece.iter().any(|byte| *byte != 0) {
            file.seek(SeekFrom::Start(index as u64 * 64 * 1024))?;
            file.write_all(piece)?;
        }
    }
    file.sync_all()
}

/// A file of a disk made by [`image`], for those who look into it.
pub fn file(disk: &mut [u8], path: &str) -> std::io::Result<Vec<u8>> {
    let span = gpt::span(disk).ok_or_else(|| std::io::Error::other("this disk has no partition of ours"))?;
    let system = FileSystem::new(Cursor::new(&mut disk[span]), FsOptions::new())?;
    let mut bytes = Vec::new();
    system.root_dir().open_file(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}
