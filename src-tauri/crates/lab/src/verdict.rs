//! Why a machine does not boot: the answer's shape and its closed list of codes.

use serde::{Deserialize, Serialize};

use crate::event::Stamp;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $words:literal;)*) => {
        /// The closed list of explanations. One code, one meaning, the same on every screen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum VerdictCode { $($(#[$doc])* $name,)* }

        impl VerdictCode {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word on the command line and on the wire.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// For people, as a title.
            pub fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }
        }
    };
}

codes! {
    /// Power pressed, link never up.
    NoLink = "no-link", "no link since its button was pressed";
    /// Link was up in this boot, and went.
    LinkLost = "link-lost", "its link went down";
    /// Link up (or power known), no DISCOVER: disk boot, a prompt, or no network boot. Only its screen can tell.
    SilentAfterLink = "silent-after-link", "silent since its link came up";
    /// Power pressed, and this board cannot see links.
    SilentAfterPress = "silent-after-press", "silent since its button was pressed";
    NetworkBootNotFirst = "network-boot-not-first", "it boots from its disk";
    FirmwareWaits = "firmware-waits", "its firmware waits for a key";
    Dark = "dark", "it has no power or no picture";
    UnknownMachine = "unknown-machine", "its MAC is not on the board";
    PoolEmpty = "pool-empty", "no address is left for it";
    /// DISCOVER, and no answer of ours although we should have given one.
    NotAnswered = "not-answered", "we did not answer its DHCP";
    /// OFFER repeated, no REQUEST.
    OfferNotTaken = "offer-not-taken", "it does not take our offer";
    OtherDhcpServer = "other-dhcp-server", "another DHCP server answered it";
    /// ACK, then neither TFTP nor HTTP.
    NoFileAsked = "no-file-asked", "it has an address and asks for no file";
    WrongArchitecture = "wrong-architecture", "it was given another architecture's loader";
    FileMissing = "file-missing", "it asks for a file that is not here";
    TransferStalls = "transfer-stalls", "its transfer stands still";
    LoaderSilent = "loader-silent", "its loader was fetched and never spoke";
    /// iPXE's DHCP, a long gap, then HTTP.
    LoaderWaits = "loader-waits", "its loader waits for the network";
    ScriptStops = "script-stops", "its script was fetched, its kernel not";
    TransferShort = "transfer-short", "a boot file arrived short or damaged";
    SystemSilent = "system-silent", "everything was fetched, the system is silent";
    BootLoop = "boot-loop", "it boots again and again";
    Disabled = "disabled", "it is not to boot";

    /// Common causes, about the board rather than a machine.
    BossLinkDown = "boss-link-down", "the controller's own link is down";
    SwitchDown = "switch-down", "the switch does not answer";
    SupplyDown = "supply-down", "the supply dropped";
    RouterDown = "router-down", "the router does not answer";
    DiskFull = "disk-full", "the controller's disk is full";
    CpuStarved = "cpu-starved", "the controller has no time left";
    ClockJumped = "clock-jumped", "the controller's clock jumped";
    ServiceDown = "service-down", "a service of ours is down";
}

impl VerdictCode {
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.word() == word)
    }
}

/// An explanation with what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub code: VerdictCode,
    /// What was seen, with its figures; never more than the evidence.
    pub says: String,
    /// Since when the machine has been in this trouble.
    pub since: Stamp,
    /// When the limit passed, from which on it could be known.
    pub knowable: Stamp,
    /// Numbers of the events it rests on.
    pub evidence: Vec<u64>,
    /// What the person at the bench should do.
    pub remedy: String,
    /// What it may be, likeliest first.
    pub causes: Vec<String>,
    /// What it is not, and why.
    pub ruled_out: Vec<RuledOut>,
    /// Machines whose faults are consequences of this one; empty for a machine's own.
    pub machines: Vec<String>,
    /// Whether a look at the machine's own screen would decide.
    pub asks_screen: bool,
}

/// A cause that the evidence speaks against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuledOut {
    pub code: VerdictCode,
    /// Why, in words.
    pub says: String,
    /// Numbers of the events that speak against it.
    pub by: Vec<u64>,
}

/// What a person saw on the machine's own screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScreenAnswer {
    ShowsSystem,
    WaitsForKey,
    IsDark,
}

impl ScreenAnswer {
    pub const ALL: [Self; 3] = [Self::ShowsSystem, Self::WaitsForKey, Self::IsDark];

    /// The word on the command line and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::ShowsSystem => "shows-system",
            Self::WaitsForKey => "waits-for-key",
            Self::IsDark => "is-dark",
        }
    }

    /// For people.
    pub fn says(self) -> &'static str {
        match self {
            Self::ShowsSystem => "it shows a system",
            Self::WaitsForKey => "it waits for a key",
            Self::IsDark => "it is dark",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_the_same_everywhere() {
        for code in VerdictCode::ALL {
            assert_eq!(VerdictCode::parse(code.word()), Some(*code));
            assert_eq!(serde_json::to_value(code).unwrap(), code.word());
        }
        for answer in ScreenAnswer::ALL {
            assert_eq!(ScreenAnswer::parse(answer.word()), Some(answer));
            assert_eq!(serde_json::to_value(answer).unwrap(), answer.word());
        }
    }
}
