//! Faults that can be put in on purpose, for tests and to show visitors what the explanation does.

use serde::{Deserialize, Serialize};

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $words:literal;)*) => {
        /// The closed list. Those of a boot end in a verdict of their own each, those of the gear in a state and its words.
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

    CordPulled = "cord-pulled", "its power cord is out";
    DeadSupply = "dead-supply", "its button does nothing";
    SoftOffLink = "soft-off-link", "its link stays up when it is off";
    StuckRelay = "stuck-relay", "its relay no longer moves";
    WrongOutlet = "wrong-outlet", "its outlet presses another PC";
    HeartbeatsLost = "heartbeats-lost", "its heartbeats do not arrive";

    RelaySilent = "relay-silent", "the relay board says nothing";
    RelaySlow = "relay-slow", "the relay board answers late";
    RelayGarbage = "relay-garbage", "the relay board sends noise";
    RelayUnplugged = "relay-unplugged", "the relay board's cable is out";
    /// Happens once, when it is put in.
    RelayForgets = "relay-forgets", "the relay board restarted";
    SwitchSilent = "switch-silent", "the switch's page does not answer";
    SwitchSlow = "switch-slow", "the switch's page answers late";
    SwitchGarbage = "switch-garbage", "the switch's page is noise";
    SwitchHuge = "switch-huge", "the switch's page has 50 MB";
    SwitchUnplugged = "switch-unplugged", "the switch's page cannot be reached";
    RouterSilent = "router-silent", "the router does not answer";
    RouterGarbage = "router-garbage", "the router answers noise";
    RouterUnplugged = "router-unplugged", "the router's cable is out";
    /// Happens once, when it is put in.
    RouterNewCertificate = "router-new-certificate", "the router shows another certificate";
    DisplaySilent = "display-silent", "the status display hangs";
    DisplayUnplugged = "display-unplugged", "the status display's cable is out";
    CollectorSilent = "collector-silent", "the log collector writes nothing more";
    CollectorGarbage = "collector-garbage", "the log collector writes noise";
}

impl Fault {
    /// Of the board's gear, and of no machine.
    pub fn is_of_gear(self) -> bool {
        let device = self.word().split('-').next();
        matches!(device, Some("relay" | "switch" | "router" | "display" | "collector"))
    }

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
