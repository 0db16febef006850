//! The paths of the reference lab's own web tree, so that what its firmware, scripts and people ask for keeps working.
//! Only which path means what; the answers are made by whoever serves.

mod chain;

pub use chain::chain;

use crate::Mac;
use crate::images::Role;
use crate::images::role::{INITRD, KERNEL, SQUASHFS};

/// The folder that stands for whatever lab is running.
const CURRENT: &str = "lab";
/// The folder of the scripts that erase disks.
const WIPE: &str = "diskwipe";

/// What a path of the tree means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// `chain-boot.ipxe`: the first script, the same for every machine.
    Chain,
    /// What this machine boots now.
    Script(Mac),
    /// What this machine boots in this lab, whichever is running.
    LabScript { lab: String, mac: Mac },
    /// The script that erases this machine's disks.
    Wipe(Mac),
    /// A machine configuration. It holds the cluster's secrets, and this protocol hides nothing.
    Secret,
    /// A file of an image.
    Asset { role: Role, key: &'static str },
}

/// Names under `assets/`, which say less than they seem: the kernel is not compressed by xz.
const ASSETS: [(&str, Role, &str); 5] = [
    ("talos-vmlinuz-amd64.xz", Role::Talos, KERNEL),
    ("talos-initramfs-amd64.xz", Role::Talos, INITRD),
    ("kvm-debianlive-vmlinuz-amd64", Role::Hypervisor, KERNEL),
    ("kvm-debianlive-initrd-amd64.img", Role::Hypervisor, INITRD),
    ("kvm-debianlive-filesystem-amd64.squashfs", Role::Hypervisor, SQUASHFS),
];

/// What a cleaned path means; `None` when the tree has no such place.
pub fn asked(path: &str) -> Option<Asked> {
    if path == "chain-boot.ipxe" {
        return Some(Asked::Chain);
    }
    if let Some(name) = path.strip_prefix("assets/") {
        let (_, role, key) = ASSETS.into_iter().find(|(known, ..)| *known == name)?;
        return Some(Asked::Asset { role, key });
    }
    let (folder, file) = path.strip_prefix("nodes-ipxe/")?.split_once('/')?;
    if file.starts_with("node-") && file.ends_with(".yaml") {
        return Some(Asked::Secret);
    }
    let mac = hyphened(file.strip_suffix(".ipxe")?)?;
    Some(match folder {
        CURRENT => Asked::Script(mac),
        WIPE => Asked::Wipe(mac),
        lab => Asked::LabScript { lab: lab.to_owned(), mac },
    })
}

/// iPXE's `hexhyp`: pairs of hex digits with hyphens between them.
fn hyphened(text: &str) -> Option<Mac> {
    let mut bytes = [0; 6];
    let mut pairs = text.split('-');
    for byte in &mut bytes {
        let pair =
            pairs.next().filter(|pair| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(Mac(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NODE1: Mac = Mac([0x16, 0x09, 0x01, 0x1a, 0xf4, 0x30]);

    #[test]
    fn every_place_of_the_tree_is_known() {
        for (path, meaning) in [
            ("chain-boot.ipxe", Asked::Chain),
            ("nodes-ipxe/lab/16-09-01-1a-f4-30.ipxe", Asked::Script(NODE1)),
            ("nodes-ipxe/lab/16-09-01-1A-F4-30.ipxe", Asked::Script(NODE1)),
            (
                "nodes-ipxe/hybrid-2/16-09-01-1a-f4-30.ipxe",
                Asked::LabScript { lab: "hybrid-2".into(), mac: NODE1 },
            ),
            ("nodes-ipxe/diskwipe/16-09-01-1a-f4-30.ipxe", Asked::Wipe(NODE1)),
            ("nodes-ipxe/lab/node-c1-physical.yaml", Asked::Secret),
            ("nodes-ipxe/physical/node-w1.yaml", Asked::Secret),
            ("assets/talos-vmlinuz-amd64.xz", Asked::Asset { role: Role::Talos, key: "kernel" }),
            (
                "assets/kvm-debianlive-filesystem-amd64.squashfs",
                Asked::Asset { role: Role::Hypervisor, key: "squashfs" },
            ),
        ] {
            assert_eq!(asked(path), Some(meaning), "{path}");
        }
        for path in [
            "",
            "nodes-ipxe",
            "nodes-ipxe/lab",
            "nodes-ipxe/lab/16:09:01:1a:f4:30.ipxe",
            "nodes-ipxe/lab/16-09-01-1a-f4.ipxe",
            "nodes-ipxe/lab/16-09-01-1a-f4-30-00.ipxe",
            "nodes-ipxe/lab/+6-09-01-1a-f4-30.ipxe",
            "nodes-ipxe/lab/16-09-01-1a-f4-30",
            "assets/metal-amd64.iso",
        ] {
            assert_eq!(asked(path), None, "{path}");
        }
    }

    #[test]
    fn what_a_role_needs_has_a_name_in_the_tree() {
        for role in [Role::Talos, Role::Hypervisor] {
            for key in role.needs() {
                assert!(ASSETS.iter().any(|(_, r, k)| *r == role && k == key), "{role} {key}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_path_is_known_or_not(path in "(nodes-ipxe/|assets/|)[a-z0-9./\\-]{0,40}") {
            let _ = asked(&path);
        }
    }
}
