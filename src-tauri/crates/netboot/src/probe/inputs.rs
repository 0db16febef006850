//! What the image is made of: files of three Debian packages. The only part of the probe that reads the disk.

use std::cmp::Ordering;
use std::io::Read;
use std::path::{Path, PathBuf};

use lzma_rust2::XzReader;

use super::elf::{self, ElfError};

/// No module of a distribution's kernel comes near; more is not a module, or a bomb.
const LARGEST_MODULE: u64 = 64 << 20;

/// Where the image's parts lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    pub kernel: PathBuf,
    /// As `uname -r` will say, and the name of the module folder.
    pub release: String,
    /// The folder of modules.dep.
    pub modules: PathBuf,
    pub busybox: PathBuf,
}

/// Why there is no probe image. `Display` names what is missing, [`ProbeError::remedy`] what to do.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error(
        "no kernel with its modules: looked for a readable vmlinuz-* in {boot} with a folder of its name in {modules}"
    )]
    NoKernel { boot: PathBuf, modules: PathBuf },
    #[error("read {path}")]
    Kernel { path: PathBuf, source: std::io::Error },
    #[error("read {path}")]
    Busybox { path: PathBuf, source: std::io::Error },
    #[error("use {path} in the probe image")]
    BusyboxUnfit { path: PathBuf, source: ElfError },
    #[error("unpack kernel module {path}")]
    Module { path: PathBuf, source: std::io::Error },
    #[error("pack the probe image")]
    Pack { source: std::io::Error },
}

impl ProbeError {
    /// What the person at the bench should do.
    pub fn remedy(&self) -> String {
        match self {
            Self::NoKernel { .. } | Self::Module { .. } => "install the package linux-image-amd64".to_owned(),
            Self::Kernel { path, .. } => {
                format!("install the package linux-image-amd64, or let this user read {}", path.display())
            }
            Self::Busybox { .. } | Self::BusyboxUnfit { .. } => {
                "install the package busybox-static".to_owned()
            }
            Self::Pack { .. } => "free some memory, then restart the program".to_owned(),
        }
    }
}

impl Inputs {
    /// The newest kernel below `root` that can be read and whose modules are there. `root` is `/` but in tests.
    pub fn find(root: &Path) -> Result<Self, ProbeError> {
        let boot = root.join("boot");
        let modules = root.join("lib/modules");
        let mut releases: Vec<String> = std::fs::read_dir(&boot)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.strip_prefix("vmlinuz-").map(str::to_owned))
            .filter(|release| modules.join(release).join("modules.dep").is_file())
            // Ubuntu and hardened hosts keep kernels readable for root alone: opening is the only honest test.
            .filter(|release| std::fs::File::open(boot.join(format!("vmlinuz-{release}"))).is_ok())
            .collect();
        releases.sort_by(|a, b| by_version(a, b));
        let Some(release) = releases.pop() else { return Err(ProbeError::NoKernel { boot, modules }) };
        Ok(Self {
            kernel: boot.join(format!("vmlinuz-{release}")),
            modules: modules.join(&release),
            busybox: root.join("bin/busybox"),
            release,
        })
    }

    pub(super) fn kernel(&self) -> Result<Vec<u8>, ProbeError> {
        std::fs::read(&self.kernel).map_err(|source| ProbeError::Kernel { path: self.kernel.clone(), source })
    }

    pub(super) fn busybox(&self) -> Result<Vec<u8>, ProbeError> {
        let path = self.busybox.clone();
        let bytes =
            std::fs::read(&path).map_err(|source| ProbeError::Busybox { path: path.clone(), source })?;
        elf::check_static(&bytes).map_err(|source| ProbeError::BusyboxUnfit { path, source })?;
        Ok(bytes)
    }

    /// One of depmod's text tables.
    pub(super) fn module_list(&self, name: &str) -> Result<String, ProbeError> {
        let path = self.modules.join(name);
        std::fs::read_to_string(&path).map_err(|source| ProbeError::Module { path, source })
    }

    /// A module as the kernel wants it. Debian 12 ships plain `.ko`, Debian 13 `.ko.xz`; busybox's modprobe knows no xz.
    pub(super) fn module(&self, relative: &str) -> Result<Vec<u8>, ProbeError> {
        let path = self.modules.join(relative);
        let packed = relative.ends_with(".xz");
        std::fs::read(&path)
            .and_then(|bytes| if packed { unpack(&bytes) } else { Ok(bytes) })
            .map_err(|source| ProbeError::Module { path, source })
    }
}

fn unpack(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    XzReader::new(bytes, false).take(LARGEST_MODULE + 1).read_to_end(&mut plain)?;
    if plain.len() as u64 > LARGEST_MODULE {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "larger than any kernel module"));
    }
    Ok(plain)
}

/// Numbers as numbers, so that 6.12 follows 6.9; the rest as text.
fn by_version(a: &str, b: &str) -> Ordering {
    pieces(a).cmp(&pieces(b))
}

fn pieces(version: &str) -> Vec<(u64, &str)> {
    let mut rest = version;
    let mut out = Vec::new();
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(text);
        let digits = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let (number, tail) = tail.split_at(digits);
        if !word.is_empty() {
            out.push((0, word));
        }
        if !number.is_empty() {
            out.push((number.parse().unwrap_or(u64::MAX), ""));
        }
        rest = tail;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root_with(releases: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("boot")).unwrap();
        for release in releases {
            std::fs::write(root.path().join(format!("boot/vmlinuz-{release}")), b"kernel").unwrap();
            let modules = root.path().join("lib/modules").join(release);
            std::fs::create_dir_all(&modules).unwrap();
            std::fs::write(modules.join("modules.dep"), b"").unwrap();
        }
        root
    }

    #[test]
    fn newest_is_by_number_not_by_letter() {
        let root = root_with(&["6.9.1-amd64", "6.12.41+deb13-amd64", "6.1.0-9-amd64", "6.1.0-56-amd64"]);
        assert_eq!(Inputs::find(root.path()).unwrap().release, "6.12.41+deb13-amd64");
    }

    #[test]
    fn a_kernel_without_modules_does_not_count() {
        let root = root_with(&["6.1.0-9-amd64"]);
        std::fs::write(root.path().join("boot/vmlinuz-7.0.0-amd64"), b"kernel").unwrap();
        assert_eq!(Inputs::find(root.path()).unwrap().release, "6.1.0-9-amd64");
    }

    #[test]
    fn what_is_missing_names_its_package() {
        let root = root_with(&[]);
        let error = Inputs::find(root.path()).unwrap_err();
        assert!(error.remedy().contains("linux-image-amd64"), "{error}");

        let root = root_with(&["6.1.0-9-amd64"]);
        let inputs = Inputs::find(root.path()).unwrap();
        let error = inputs.busybox().unwrap_err();
        assert!(error.remedy().contains("busybox-static"), "{error}");

        std::fs::create_dir_all(root.path().join("bin")).unwrap();
        std::fs::copy(std::env::current_exe().unwrap(), root.path().join("bin/busybox")).unwrap();
        let error = inputs.busybox().unwrap_err();
        assert!(matches!(error, ProbeError::BusyboxUnfit { source: ElfError::Dynamic, .. }), "{error:?}");
    }

    /// `printf 'a kernel module\n' | xz --check=crc32 --lzma2=dict=1MiB`: the options with which modules are packed.
    const PACKED: &[u8] = &[
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x01, 0x69, 0x22, 0xde, 0x36, 0x02, 0x00, 0x21, 0x01, 0x10,
        0x00, 0x00, 0x00, 0xa8, 0x70, 0x8e, 0x86, 0x01, 0x00, 0x0f, 0x61, 0x20, 0x6b, 0x65, 0x72, 0x6e, 0x65,
        0x6c, 0x20, 0x6d, 0x6f, 0x64, 0x75, 0x6c, 0x65, 0x0a, 0x00, 0xe2, 0x9c, 0x50, 0x07, 0x00, 0x01, 0x24,
        0x10, 0xe9, 0x44, 0xd9, 0xcc, 0x90, 0x42, 0x99, 0x0d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x01, 0x59, 0x5a,
    ];

    #[test]
    fn packed_modules_are_unpacked_and_damage_is_an_error() {
        let root = root_with(&["1"]);
        let inputs = Inputs::find(root.path()).unwrap();
        std::fs::write(inputs.modules.join("a.ko.xz"), PACKED).unwrap();
        std::fs::write(inputs.modules.join("b.ko"), b"plain").unwrap();
        assert_eq!(inputs.module("a.ko.xz").unwrap(), b"a kernel module\n");
        assert_eq!(inputs.module("b.ko").unwrap(), b"plain");

        let mut damaged = PACKED.to_vec();
        damaged[30] ^= 0x20;
        std::fs::write(inputs.modules.join("a.ko.xz"), damaged).unwrap();
        inputs.module("a.ko.xz").unwrap_err();
    }
}
