//! What loaders other than our iPXE get: firmware an image, GRUB its configuration, a ROM's iPXE another iPXE.

use std::net::IpAddr;

use netboot::{
    files::{Asker, Body},
    grub::{self, GrubMachine},
    media, script,
};

use super::{
    boot_files::{GRUB_CONFIG, INITRD, KERNEL, LOADER_BIOS, LOCAL_CONFIG, SCRIPT},
    site::BootSite,
    ways::image_owner,
};

impl BootSite {
    /// Kernel, initrd and command line in one, for the machine it is named for and for no other. One that may not boot
    /// gets none: its firmware then goes on to a loader that can say why.
    pub(super) fn image(&self, who: &Asker, path: &str) -> Option<Body> {
        let owner = image_owner(path)?;
        // Our own check asks for everything that DHCP promises, and stands for the machine that it is promised to. One that
        // is refused on purpose is promised it all the same, for when that ends: the file must not be missing then.
        let admitted = if who.peer == IpAddr::V4(*self.base.ip()) {
            self.admitted(self.board.machine_by_mac(owner)?)
        } else {
            self.admit(who).ok().filter(|it| it.machine.mac == owner)?
        };
        self.files.image(&self.cmdline(&admitted))
    }

    /// GRUB's configuration, where it was fetched over the network itself.
    pub(super) fn grub(&self, who: &Asker) -> Body {
        self.grub_from(who, "", GRUB_CONFIG)
    }

    /// The configuration for GRUB on a machine's own disk, which came from nowhere and must be told where files are.
    pub(super) fn grub_local(&self, who: &Asker) -> Body {
        self.grub_from(who, &format!("(http,{})", self.base.ip()), LOCAL_CONFIG)
    }

    /// `place` is GRUB's name for where files are; empty: where the configuration came from.
    fn grub_from(&self, who: &Asker, place: &str, config: &str) -> Body {
        let text = match self.admit(who) {
            Ok(admitted) => grub::known(&GrubMachine {
                screen: script::grub_screen(&admitted.plate, &format!("loads {}", self.files.loads)),
                title: admitted.plate.title(),
                kernel: format!("{place}/{KERNEL}"),
                initrd: format!("{place}/{INITRD}"),
                cmdline: self.cmdline(&admitted),
            }),
            Err(refusal) => script::grub_refused(&refusal, &format!("{place}/{config}")),
        };
        Body::from_bytes(text)
    }

    /// A file of one copy, for the disk of the machine that asks: `a/manifest`.
    pub(super) fn local_copy(&self, who: &Asker, path: &str) -> Option<Body> {
        let admitted = self.admit(who).ok()?;
        let (copy, file) = path.split_once('/').filter(|(copy, _)| media::COPIES.contains(copy))?;
        match file {
            "kernel" => self.files.get(KERNEL),
            "initrd" => self.files.get(INITRD),
            file => {
                let text = media::copied(copy, file, &self.files.hashes(), &self.cmdline(&admitted))?;
                Some(Body::from_bytes(text))
            }
        }
    }

    /// A ROM that is iPXE itself loads ours, which then asks for the real script: each knows the network card by another
    /// driver's name.
    pub(super) fn chain_undionly(&self) -> Body {
        let base = self.base;
        Body::from_bytes(format!(
            "#!ipxe\n\
             # The ROM's iPXE goes through here once, ours goes on\n\
             iseq ${{netX/chip}} undionly && chain --replace --autofree http://{base}/{SCRIPT} ||\n\
             chain --replace --autofree tftp://{}/{LOADER_BIOS} ||\n\
             sleep 5 ||\n\
             reboot || exit 1\n",
            base.ip(),
        ))
    }
}
