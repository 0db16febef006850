//! Who is asking: the options by which a server tells firmware, iPXE and a running system apart, as captures of real
//! clients show them.

use super::codec::{ACK, Answer};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// UEFI's PXE client on a 64-bit PC.
    Firmware,
    Ipxe,
    /// The running system's udhcpc.
    System,
}

/// Why an answer does not help this client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("it carries no address")]
    NoAddress,
    #[error("it carries no server identifier (option 54)")]
    NoServer,
    #[error("it names no boot file in the BOOTP header, which some firmware reads alone")]
    NoFileInHeader,
    #[error("it names no boot file in option 67, which some firmware reads alone")]
    NoFileInOption,
    #[error("it names {header:?} in the header and {option:?} in option 67")]
    TwoFiles { header: String, option: String },
    #[error("it names no boot file at all")]
    NoFile,
}

impl Identity {
    /// Options in sending order, without message type and what belongs to one exchange.
    pub(super) fn options(self, mac: [u8; 6], uuid: [u8; 16]) -> Vec<(u8, Vec<u8>)> {
        // Option 97 (RFC 4578 §2.3): type 0, then the machine's GUID.
        let guid = [&[0][..], &uuid].concat();
        match self {
            Identity::Firmware => vec![
                (57, vec![0x05, 0xc0]),
                (
                    55,
                    vec![
                        1, 2, 3, 4, 5, 6, 12, 13, 15, 17, 18, 22, 23, 28, 40, 41, 42, 43, 50, 51, 54, 58, 59,
                        60, 66, 67, 97,
                    ],
                ),
                (97, guid),
                (94, vec![1, 3, 16]),
                (93, vec![0, 7]),
                (60, b"PXEClient:Arch:00007:UNDI:003016".to_vec()),
            ],
            Identity::Ipxe => vec![
                (57, vec![0x05, 0xc0]),
                (93, vec![0, 7]),
                (94, vec![1, 3, 16]),
                (60, b"PXEClient:Arch:00007:UNDI:003016".to_vec()),
                // iPXE sends the bare word, without the length bytes of RFC 3004.
                (77, b"iPXE".to_vec()),
                (
                    55,
                    vec![
                        1, 3, 6, 7, 12, 15, 17, 26, 42, 43, 60, 66, 67, 119, 128, 129, 130, 131, 132, 133,
                        134, 135, 175, 203,
                    ],
                ),
                // Sub-options: version 1.21.1, then features: HTTP (19), bzImage (24), EFI (36), DNS (23).
                (175, vec![0xeb, 3, 1, 21, 1, 19, 1, 1, 24, 1, 1, 36, 1, 1, 23, 1, 1]),
                (61, [&[1][..], &mac].concat()),
                (97, guid),
            ],
            Identity::System => vec![
                (61, [&[1][..], &mac].concat()),
                (57, vec![0x02, 0x40]),
                (55, vec![1, 3, 6, 12, 15, 28, 42]),
                (60, b"statusinator-probe".to_vec()),
            ],
        }
    }

    /// Whether the client sets BOOTP's broadcast flag.
    pub(super) fn wants_broadcast(self) -> bool {
        self == Identity::Firmware
    }

    /// The boot file of an OFFER or ACK as this client reads it, or why it drops the packet.
    ///
    /// The firmware here is stricter than any single one: real ones read the header or option 67, so a server that
    /// leaves one out, or fills them differently, works on half of the machines only.
    pub(super) fn boot_file(self, answer: &Answer) -> Result<Option<String>, Unusable> {
        if answer.yiaddr.is_unspecified() {
            return Err(Unusable::NoAddress);
        }
        if answer.address_option(54).is_none() {
            return Err(Unusable::NoServer);
        }
        let words = |bytes: &[u8]| {
            let bytes = super::codec::until_nul(bytes);
            (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned())
        };
        let header = words(&answer.file);
        let option = answer.option(67).and_then(words);
        match self {
            Identity::System => Ok(None),
            Identity::Ipxe => match option.or(header) {
                Some(file) => Ok(Some(file)),
                // iPXE takes an offer without a file (it may have a script inside); the ACK is what counts.
                None if answer.kind() != Some(ACK) => Ok(None),
                None => Err(Unusable::NoFile),
            },
            Identity::Firmware => match (header, option) {
                (None, None) => Err(Unusable::NoFile),
                (None, Some(_)) => Err(Unusable::NoFileInHeader),
                (Some(_), None) => Err(Unusable::NoFileInOption),
                (Some(header), Some(option)) if header != option => {
                    Err(Unusable::TwoFiles { header, option })
                }
                (Some(header), Some(_)) => Ok(Some(header)),
            },
        }
    }
}
