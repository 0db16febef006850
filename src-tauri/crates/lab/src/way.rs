//! The ways from power-on to a running kernel.

use serde::{Deserialize, Serialize};

/// How a machine fetches what it boots. The order is the order of preference: fastest first, as measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// UEFI HTTP Boot of one image with kernel, initrd and command line in it.
    Http,
    /// UEFI HTTP Boot of iPXE, which fetches the rest.
    HttpIpxe,
    /// UEFI PXE: TFTP, then iPXE.
    Ipxe,
    /// The same as the owner's programs did it; kept to be measured against.
    Owner,
    /// BIOS with an iPXE ROM, or any PXE ROM with `undionly.kpxe`.
    Bios,
    /// Shim and signed GRUB over TFTP, for Secure Boot.
    Secure,
    /// GRUB on a small disk of the machine's own, which asks the engine.
    Local,
}

impl Way {
    pub const ALL: [Self; 7] =
        [Self::Http, Self::HttpIpxe, Self::Ipxe, Self::Owner, Self::Bios, Self::Secure, Self::Local];

    /// The word on the command line and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::HttpIpxe => "http-ipxe",
            Self::Ipxe => "ipxe",
            Self::Owner => "owner",
            Self::Bios => "bios",
            Self::Secure => "secure",
            Self::Local => "local",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.word() == word)
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Http => "HTTP Boot of one image",
            Self::HttpIpxe => "HTTP Boot of iPXE",
            Self::Ipxe => "PXE and iPXE",
            Self::Owner => "PXE and iPXE as before",
            Self::Bios => "BIOS and iPXE",
            Self::Secure => "Secure Boot with GRUB",
            Self::Local => "its own boot disk",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_the_same_everywhere() {
        for way in Way::ALL {
            assert_eq!(Way::parse(way.word()), Some(way));
            assert_eq!(serde_json::to_value(way).unwrap(), way.word());
        }
        assert_eq!(Way::parse("tape"), None);
    }
}
