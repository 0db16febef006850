//! What an image is for, and which files that takes.

use serde::{Deserialize, Serialize};

/// What an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A node of a cluster.
    Talos,
    /// A live system that hosts virtual machines.
    Hypervisor,
    /// Looks at a machine and reports.
    Probe,
    /// Erases a machine's disks.
    Wiper,
}

/// Key of the kernel among an image's files.
pub const KERNEL: &str = "kernel";
/// Key of the initial RAM disk.
pub const INITRD: &str = "initrd";
/// Key of a live system's root file system.
pub const SQUASHFS: &str = "squashfs";

impl Role {
    /// In the order of lists.
    pub const ALL: [Role; 4] = [Role::Talos, Role::Hypervisor, Role::Probe, Role::Wiper];

    /// The word on the command line and on disk.
    pub fn word(self) -> &'static str {
        match self {
            Role::Talos => "talos",
            Role::Hypervisor => "hypervisor",
            Role::Probe => "probe",
            Role::Wiper => "wiper",
        }
    }

    /// The role with this word.
    pub fn parse(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.word() == word)
    }

    /// Files without which an image of this role cannot boot.
    pub fn needs(self) -> &'static [&'static str] {
        match self {
            Role::Talos | Role::Probe | Role::Wiper => &[KERNEL, INITRD],
            // Debian's live-boot fetches its root file system by itself (`fetch=`).
            Role::Hypervisor => &[KERNEL, INITRD, SQUASHFS],
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_found_by_its_word_and_needs_something_to_start() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.word()), Some(role));
            assert_eq!(serde_json::to_string(&role).unwrap(), format!("\"{role}\""), "the same word on disk");
            assert!(role.needs().contains(&KERNEL) && role.needs().contains(&INITRD));
        }
        assert_eq!(Role::parse("Talos"), None);
    }
}
