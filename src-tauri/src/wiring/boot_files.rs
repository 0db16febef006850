//! The files machines boot from, and which role each path plays in a boot.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use lab::sign::FileRole;
use netboot::{
    files::Body,
    media::Hashes,
    probe,
    uki::{Parts, Ukis},
};

use super::{images::Images, trees};

/// Loader for UEFI, named in DHCP.
pub(super) const LOADER_EFI: &str = "ipxe.efi";
/// Loader for BIOS, named in DHCP.
pub(super) const LOADER_BIOS: &str = "undionly.kpxe";
/// Loader where only what is signed starts: Debian's shim, which Microsoft signed. It asks for the second one itself.
pub(super) const LOADER_SHIM: &str = "shimx64.efi";
pub(super) const LOADER_GRUB: &str = "grubx64.efi";
/// Where GRUB looks for its configuration, on the server it came from.
pub(super) const GRUB_CONFIG: &str = "grub/grub.cfg";
/// The same for GRUB on a machine's own disk.
pub(super) use netboot::media::LOCAL_CONFIG;
/// Folder of the copies that such a disk keeps: `local/a/kernel`.
pub(super) const LOCAL: &str = "local/";
/// Script that makes a ROM's iPXE load the one of ours that BIOS machines without an iPXE in their ROM get.
pub(super) const CHAIN_UNDIONLY: &str = "boot/undionly";
/// Folder of images with kernel, initrd and command line in one, a file a machine.
pub(super) const IMAGES: &str = "boot/uki";
pub(super) const SCRIPT: &str = "boot/script";
pub(super) const KERNEL: &str = "boot/kernel";
pub(super) const INITRD: &str = "boot/initrd";

/// Role of a path, as the boot's phases need it.
pub(super) fn role(path: &str) -> FileRole {
    match path.trim_start_matches('/') {
        LOADER_EFI | LOADER_BIOS | LOADER_SHIM | LOADER_GRUB => FileRole::Loader,
        SCRIPT | CHAIN_UNDIONLY => FileRole::Script,
        // It asks for a dozen other files beside it, which do not exist and need not.
        config if config.starts_with(GRUB_CONFIG) => FileRole::Script,
        LOCAL_CONFIG => FileRole::Script,
        image if image.starts_with(IMAGES) => FileRole::Image,
        KERNEL => FileRole::Kernel,
        INITRD => FileRole::Initrd,
        other => trees::role(other),
    }
}

/// Everything that is the same for all machines.
#[derive(Clone)]
pub(super) struct BootFiles {
    loader_efi: Body,
    loader_bios: Body,
    kernel: Body,
    initrd: Body,
    /// For machines' screens: what is loaded.
    pub(super) loads: String,
    /// Loaders for Secure Boot, by path; none where Debian's packages are not installed.
    signed: Vec<(&'static str, Body)>,
    /// What images are made of; none where the stub is not installed.
    images: Option<UkiParts>,
    /// For the service list: what is served.
    pub(super) says: String,
}

/// What is the same in all machines' images.
#[derive(Clone)]
struct UkiParts {
    maker: Arc<Ukis>,
    kernel: Bytes,
    initrd: Bytes,
    release: String,
}

/// Where Debian's packages put shim and GRUB.
const SIGNED: [(&str, &str, &str); 2] = [
    (LOADER_SHIM, "/usr/lib/shim/shimx64.efi.signed", "shim-signed"),
    (LOADER_GRUB, "/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed", "grub-efi-amd64-signed"),
];

/// Where Debian's packages put iPXE.
const IPXE_FOLDERS: [&str; 2] = ["/usr/lib/ipxe", "/usr/share/ipxe"];
/// Sizes of the simulated files: small enough to be quick, large enough to have progress.
const SIMULATED_KERNEL: usize = 2 << 20;
const SIMULATED_INITRD: usize = 1 << 20;
const SIMULATED_LOADER: usize = 256 << 10;

impl BootFiles {
    /// Real files: Debian's iPXE, Debian's kernel and the probe's initrd, made now. Blocks; it reads and packs 60 MB.
    pub(super) fn real(images: &Images) -> Result<Self> {
        let inputs = probe::Inputs::find(Path::new("/")).map_err(named)?;
        let probe = probe::build(&inputs).map_err(named)?;
        let kernel_release = probe.kernel_release.clone();
        let (kernel, initrd) =
            (Body::from_bytes(probe.kernel.clone()), Body::from_bytes(probe.initrd.clone()));
        images.keep_probe(
            &kernel_release,
            &[("kernel", &probe.kernel, kernel.etag()), ("initrd", &probe.initrd, initrd.etag())],
        );
        Ok(Self {
            loader_efi: ipxe(LOADER_EFI)?,
            loader_bios: ipxe(LOADER_BIOS)?,
            images: UkiParts::of(&probe),
            signed: signed(),
            kernel,
            initrd,
            loads: format!("probe {}", kernel_release.trim_end_matches("-amd64")),
            says: format!("probe image with kernel {kernel_release}"),
        })
    }

    /// Files for simulated machines, which only count their bytes. Each says so in its first line.
    pub(super) fn simulated() -> Self {
        Self {
            loader_efi: filler("loader", SIMULATED_LOADER),
            loader_bios: filler("loader", SIMULATED_LOADER),
            kernel: filler("kernel", SIMULATED_KERNEL),
            initrd: filler("initrd", SIMULATED_INITRD),
            loads: "simulated boot files".to_owned(),
            signed: Vec::new(),
            images: None,
            says: "simulated boot files".to_owned(),
        }
    }

    /// The same, and images are made of them.
    #[cfg(test)]
    pub(super) fn simulated_with_images() -> Self {
        let maker = Ukis::find(Path::new("/")).expect("the stub of systemd-boot-efi is installed");
        // As large as real ones, of which the self-check only asks for the head: an image's tag is no hash of its content.
        let (kernel, initrd) = (Bytes::from_static(b"kernel"), Bytes::from(vec![0; 8 << 20]));
        let parts = UkiParts { maker, kernel, initrd, release: "6.1".to_owned() };
        Self { images: Some(parts), ..Self::simulated() }
    }

    pub(super) fn get(&self, path: &str) -> Option<Body> {
        match path {
            LOADER_EFI => Some(self.loader_efi.clone()),
            LOADER_BIOS => Some(self.loader_bios.clone()),
            KERNEL => Some(self.kernel.clone()),
            INITRD => Some(self.initrd.clone()),
            _ => self.signed.iter().find(|(name, _)| *name == path).map(|(_, body)| body.clone()),
        }
    }

    /// What a boot disk's copies hash to.
    pub(super) fn hashes(&self) -> Hashes {
        Hashes { kernel: self.kernel.etag().to_owned(), initrd: self.initrd.etag().to_owned() }
    }

    /// Whether images can be made.
    pub(super) fn has_images(&self) -> bool {
        self.images.is_some()
    }

    /// Kernel, initrd and this command line in one.
    pub(super) fn image(&self, cmdline: &str) -> Option<Body> {
        let images = self.images.as_ref()?;
        let parts = Parts {
            kernel: &images.kernel,
            kernel_tag: self.kernel.etag(),
            initrd: &images.initrd,
            initrd_tag: self.initrd.etag(),
            release: &images.release,
            cmdline,
        };
        images.maker.image(&parts).inspect_err(|error| tracing::error!(%error, "no image")).ok()
    }
}

impl UkiParts {
    fn of(probe: &probe::Probe) -> Option<Self> {
        let maker = Ukis::find(Path::new("/"));
        let maker = maker.inspect_err(|error| {
            tracing::warn!(%error, remedy = error.remedy(), "UEFI HTTP Boot fetches iPXE instead of one image");
        });
        Some(Self {
            maker: maker.ok()?,
            kernel: probe.kernel.clone(),
            initrd: probe.initrd.clone(),
            release: probe.kernel_release.clone(),
        })
    }
}

/// The signed loaders that are there.
fn signed() -> Vec<(&'static str, Body)> {
    let read = |(name, path, package): (&'static str, &str, &str)| match std::fs::read(path) {
        Ok(bytes) => Some((name, Body::from_bytes(bytes))),
        Err(error) => {
            tracing::info!(path, %error, package, "no loader for Secure Boot; the package brings it");
            None
        }
    };
    SIGNED.into_iter().filter_map(read).collect()
}

fn named(error: probe::ProbeError) -> anyhow::Error {
    let remedy = error.remedy();
    anyhow::Error::new(error).context(format!("make the probe image; {remedy}"))
}

fn ipxe(name: &str) -> Result<Body> {
    let path = IPXE_FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    let path = path.ok_or_else(|| anyhow!("{name} is missing: install the package ipxe"))?;
    let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    Ok(Body::from_bytes(bytes))
}

/// A line that says what it is, then a pattern without meaning, the same each time.
fn filler(what: &str, size: usize) -> Body {
    let mut bytes = format!("SIMULATED {what}: nothing in here can be started\n").into_bytes();
    let mut state = 0x9e37_79b9_u32;
    while bytes.len() < size {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    Body::from_bytes(Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_its_role_and_every_named_file_is_there() {
        let files = BootFiles::simulated();
        for path in [LOADER_EFI, LOADER_BIOS, KERNEL, INITRD] {
            assert_ne!(role(path), FileRole::Other, "{path}");
            assert!(files.get(path).is_some(), "{path} is promised and must be served");
        }
        assert_eq!(role("/boot/kernel"), FileRole::Kernel);
        assert!(files.get("boot/other").is_none());
    }
}
