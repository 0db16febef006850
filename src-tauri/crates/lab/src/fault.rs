//! Faults that can be put in on purpose, for tests and to show visitors what the explanation does.

use serde::{Deserialize, Serialize};

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $words:literal;)*) => {
        /// The closed list. Each ends in a verdict of its own.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Fault { $($(#[$doc])* $name,)* }

        impl Fault {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word on the command line and on the wire.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// For people.
            pub fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }
        }
    };
}

faults! {
    DropDhcp = "drop-dhcp", "its DHCP packets are lost";
    DelayDhcp = "delay-dhcp", "its DHCP packets come late";
    DuplicateDhcp = "duplicate-dhcp", "its DHCP packets come twice";
    DropTftp = "drop-tftp", "its TFTP packets are lost";
    DelayTftp = "delay-tftp", "its TFTP packets come late";
    DuplicateTftp = "duplicate-tftp", "its TFTP packets come twice";
    DropHttp = "drop-http", "its HTTP packets are lost";
    DelayHttp = "delay-http", "its HTTP packets come late";
    DuplicateHttp = "duplicate-http", "its HTTP packets come twice";
    LinkDown = "link-down", "its cable is out";
    /// A real dnsmasq on the lab network.
    SecondDhcp = "second-dhcp", "a second DHCP server answers";
    WrongArch = "wrong-arch", "it is given another architecture's loader";
    MissingFile = "missing-file", "its kernel is not there";
    TruncatedKernel = "truncated-kernel", "its kernel is cut short";
    CorruptInitrd = "corrupt-initrd", "its initrd is damaged";
    KernelPanics = "kernel-panics", "its kernel panics";
    NoNetworkBoot = "no-network-boot", "its firmware does not try the network";
    /// The machine's own acknowledgements are lost on their way to us.
    LostTftpAcks = "lost-tftp-acks", "its TFTP acknowledgements are lost";
    WipeLoop = "wipe-loop", "it starts again and again";
}

impl Fault {
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fault| fault.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_the_same_everywhere() {
        for fault in Fault::ALL {
            assert_eq!(Fault::parse(fault.word()), Some(*fault));
            assert_eq!(serde_json::to_value(fault).unwrap(), fault.word());
        }
    }
}
