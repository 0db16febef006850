//! Which programs and firmware files this host has. What is missing is named with its Debian package.

use std::path::{Path, PathBuf};

use super::machine::Firmware;

/// Where distributions put them; Debian's place first.
const OVMF_CODE: &[&str] = &["usr/share/OVMF/OVMF_CODE_4M.fd"];
const OVMF_VARS: &[&str] = &["usr/share/OVMF/OVMF_VARS_4M.fd"];
/// The same with Secure Boot: the variables hold the keys of Microsoft, which signed Debian's shim.
const OVMF_SECURE_CODE: &[&str] = &["usr/share/OVMF/OVMF_CODE_4M.secboot.fd"];
const OVMF_SECURE_VARS: &[&str] = &["usr/share/OVMF/OVMF_VARS_4M.ms.fd"];
const SEABIOS: &[&str] = &["usr/share/seabios/bios-256k.bin", "usr/share/qemu/bios-256k.bin"];
/// iPXE as option ROM of a virtio network card: SeaBIOS has no network boot of its own.
const IPXE_ROM: &[&str] = &["usr/lib/ipxe/qemu/efi-virtio.rom", "usr/share/qemu/efi-virtio.rom"];

/// The files that QEMU needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tools {
    pub qemu: PathBuf,
    pub files: FirmwareFiles,
}

/// The firmware that machines get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirmwareFiles {
    Uefi {
        code: PathBuf,
        vars: PathBuf,
        /// Needs system management mode.
        secure: bool,
    },
    /// QEMU finds the ROM by itself; it is here because without it the machine would have no network boot.
    Bios { bios: PathBuf, rom: PathBuf },
}

/// What is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("find {what}")]
pub struct ToolError {
    pub what: &'static str,
    /// Debian's name.
    pub package: &'static str,
}

impl ToolError {
    /// What the person at the bench should do.
    pub fn remedy(&self) -> String {
        format!("install the package {}", self.package)
    }
}

impl Tools {
    /// Look below `root` (`/` but in tests) and, for QEMU, in the folders of `path` (the variable PATH).
    pub fn find(root: &Path, path: &str, firmware: Firmware) -> Result<Self, ToolError> {
        let file = |places: &[&str], what, package| {
            places
                .iter()
                .map(|place| root.join(place))
                .find(|file| file.is_file())
                .ok_or(ToolError { what, package })
        };
        let qemu = path
            .split(':')
            .filter(|folder| folder.starts_with('/'))
            .map(|folder| root.join(&folder[1..]).join("qemu-system-x86_64"))
            .find(|file| file.is_file())
            .ok_or(ToolError { what: "qemu-system-x86_64", package: "qemu-system-x86" })?;
        let files = match firmware {
            Firmware::Uefi => FirmwareFiles::Uefi {
                code: file(OVMF_CODE, "the UEFI firmware OVMF_CODE_4M.fd", "ovmf")?,
                vars: file(OVMF_VARS, "the UEFI variables OVMF_VARS_4M.fd", "ovmf")?,
                secure: false,
            },
            Firmware::Secure => FirmwareFiles::Uefi {
                code: file(OVMF_SECURE_CODE, "the UEFI firmware OVMF_CODE_4M.secboot.fd", "ovmf")?,
                vars: file(OVMF_SECURE_VARS, "the UEFI variables OVMF_VARS_4M.ms.fd", "ovmf")?,
                secure: true,
            },
            Firmware::Bios | Firmware::BiosPxe => FirmwareFiles::Bios {
                bios: file(SEABIOS, "the BIOS bios-256k.bin", "seabios")?,
                rom: file(IPXE_ROM, "the network boot ROM efi-virtio.rom", "ipxe-qemu")?,
            },
        };
        Ok(Self { qemu, files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_names_its_package() {
        let root = tempfile::tempdir().unwrap();
        let put = |name: &str| {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        };
        let package =
            |firmware| Tools::find(root.path(), "/usr/local/bin:/usr/bin", firmware).unwrap_err().package;
        assert_eq!(package(Firmware::Uefi), "qemu-system-x86");
        put("usr/bin/qemu-system-x86_64");
        assert_eq!(package(Firmware::Uefi), "ovmf");
        assert_eq!(package(Firmware::Bios), "seabios");
        put("usr/share/seabios/bios-256k.bin");
        assert_eq!(package(Firmware::Bios), "ipxe-qemu");
        put("usr/share/OVMF/OVMF_CODE_4M.fd");
        assert_eq!(package(Firmware::Uefi), "ovmf");
        put("usr/share/OVMF/OVMF_VARS_4M.fd");
        put("usr/share/qemu/efi-virtio.rom");
        Tools::find(root.path(), "/usr/local/bin:/usr/bin", Firmware::Uefi).unwrap();
        Tools::find(root.path(), "/usr/local/bin:/usr/bin", Firmware::Bios).unwrap();
    }
}
