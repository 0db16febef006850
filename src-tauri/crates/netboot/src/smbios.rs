//! The firmware's own description of the machine: the SMBIOS structure table (DMTF DSP0134), as Linux shows it in
//! `/sys/firmware/dmi/tables/DMI`. Pure, and bounded: the bytes come from firmware, by way of the network.
//!
//! Firmware is often wrong and sometimes cut short; what cannot be read is `None`, and the rest is kept.

/// Real tables have 2 to 8 KiB; the probe sends 16 KiB at most.
pub const LARGEST_TABLE: usize = 64 << 10;

/// DSP0134 section 7: the structure types read here.
const FIRMWARE: u8 = 0;
const SYSTEM: u8 = 1;
const MEMORY_DEVICE: u8 = 17;
const END_OF_TABLE: u8 = 127;

/// What the table says, as it says it (blanks around texts removed).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Smbios {
    pub firmware_vendor: Option<String>,
    pub firmware_version: Option<String>,
    /// As printed, mostly `mm/dd/yyyy`.
    pub firmware_date: Option<String>,
    pub manufacturer: Option<String>,
    pub product: Option<String>,
    /// Sum over all memory slots, in bytes. `None` when no slot is described, or a filled one has no size.
    pub installed_bytes: Option<u64>,
}

/// Why there is no table to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SmbiosError {
    #[error("the SMBIOS table is not hexadecimal")]
    NotHex,
    #[error("the SMBIOS table is longer than {LARGEST_TABLE} bytes")]
    TooLong,
}

/// The probe's `smbios_hex`.
pub fn parse_hex(digits: &str) -> Result<Smbios, SmbiosError> {
    if digits.len() > 2 * LARGEST_TABLE {
        return Err(SmbiosError::TooLong);
    }
    Ok(parse(&hex::decode(digits).map_err(|_| SmbiosError::NotHex)?))
}

/// A whole table, or the start of one that was cut.
pub fn parse(table: &[u8]) -> Smbios {
    let mut out = Smbios::default();
    let mut memory = Memory::default();
    let mut rest = &table[..table.len().min(LARGEST_TABLE)];
    while let Some((structure, after)) = Structure::split(rest) {
        match structure.kind() {
            // A board may describe a part twice; the first is the main one (type 1) or the system's firmware (type 0).
            FIRMWARE if out.firmware_vendor.is_none() => {
                out.firmware_vendor = structure.text(0x04);
                out.firmware_version = structure.text(0x05);
                out.firmware_date = structure.text(0x08);
            }
            SYSTEM if out.manufacturer.is_none() => {
                out.manufacturer = structure.text(0x04);
                out.product = structure.text(0x05);
            }
            MEMORY_DEVICE => memory.add(&structure),
            END_OF_TABLE => break,
            _ => {}
        }
        rest = after;
    }
    out.installed_bytes = memory.installed();
    out
}

#[derive(Debug, Default)]
struct Memory {
    bytes: u64,
    slots: u32,
    unknown: bool,
}

impl Memory {
    /// DSP0134 7.18: Size at 0x0C (0 = empty slot, 0xFFFF = not known, bit 15 = KiB instead of MiB), and 0x7FFF for
    /// "see Extended Size at 0x1C", in MiB.
    fn add(&mut self, slot: &Structure<'_>) {
        self.slots += 1;
        let size = slot.word(0x0C);
        let bytes = match size {
            Some(0xFFFF) | None => None,
            Some(0x7FFF) => slot.double_word(0x1C).map(|mib| u64::from(mib & 0x7FFF_FFFF) << 20),
            Some(kib) if kib & 0x8000 != 0 => Some(u64::from(kib & 0x7FFF) << 10),
            Some(mib) => Some(u64::from(mib) << 20),
        };
        match bytes {
            Some(bytes) => self.bytes = self.bytes.saturating_add(bytes),
            None => self.unknown = true,
        }
    }

    fn installed(&self) -> Option<u64> {
        (self.slots > 0 && !self.unknown).then_some(self.bytes)
    }
}

/// One structure: the formatted area (header included), and the strings behind it.
struct Structure<'a> {
    area: &'a [u8],
    strings: &'a [u8],
}

impl<'a> Structure<'a> {
    /// The first structure and what follows it. `None` at the end, and where the table stops making sense: a length
    /// below the header's four bytes would never get us further (DSP0134 6.1.2).
    fn split(table: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let length = usize::from(*table.get(1)?);
        if length < 4 {
            return None;
        }
        let area = table.get(..length)?;
        let strings = &table[length..];
        // Strings end with a NUL each and an empty one at the end; a structure without any has two NULs.
        let end = strings.windows(2).position(|pair| pair == [0, 0])?;
        Some((Self { area, strings: &strings[..end] }, &strings[end + 2..]))
    }

    fn kind(&self) -> u8 {
        self.area[0]
    }

    fn word(&self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes(self.area.get(at..at + 2)?.try_into().ok()?))
    }

    fn double_word(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.area.get(at..at + 4)?.try_into().ok()?))
    }

    /// The string whose number, counted from 1, stands at `at`; 0 is "none".
    fn text(&self, at: usize) -> Option<String> {
        let number = usize::from(*self.area.get(at)?).checked_sub(1)?;
        let bytes = self.strings.split(|byte| *byte == 0).nth(number)?;
        let text: String = String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).collect();
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn structure(kind: u8, fields: &[(usize, &[u8])], length: usize, strings: &[&str]) -> Vec<u8> {
        let mut out = vec![0; length];
        out[0] = kind;
        out[1] = u8::try_from(length).unwrap();
        for (at, bytes) in fields {
            out[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        for text in strings {
            out.extend_from_slice(text.as_bytes());
            out.push(0);
        }
        if strings.is_empty() {
            out.push(0);
        }
        out.push(0);
        out
    }

    fn slot(size: u16, extended_mib: u32) -> Vec<u8> {
        structure(
            MEMORY_DEVICE,
            &[(0x0C, &size.to_le_bytes()), (0x1C, &extended_mib.to_le_bytes())],
            0x28,
            &[],
        )
    }

    #[test]
    fn reads_names_and_memory_of_a_whole_table() {
        let table = [
            structure(
                FIRMWARE,
                &[(4, &[1, 2]), (8, &[3])],
                0x18,
                &["American Megatrends Inc. ", "5.011", "03/15/2018"],
            ),
            structure(SYSTEM, &[(4, &[1, 2])], 0x1B, &["MLLSE", "M2 Pro"]),
            slot(4096, 0),
            slot(0, 0),
            slot(0x7FFF, 65_536),
            slot(0x8000 | 512, 0),
            structure(END_OF_TABLE, &[], 4, &[]),
            structure(SYSTEM, &[(4, &[1])], 0x1B, &["beyond the end"]),
        ]
        .concat();
        let expected = Smbios {
            firmware_vendor: Some("American Megatrends Inc.".into()),
            firmware_version: Some("5.011".into()),
            firmware_date: Some("03/15/2018".into()),
            manufacturer: Some("MLLSE".into()),
            product: Some("M2 Pro".into()),
            installed_bytes: Some((4096 << 20) + (65_536 << 20) + (512 << 10)),
        };
        assert_eq!(parse(&table), expected);
        assert_eq!(parse_hex(&hex::encode(&table)), Ok(expected));
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        let unknown_slot = [slot(4096, 0), slot(0xFFFF, 0)].concat();
        assert_eq!(
            parse(&unknown_slot).installed_bytes,
            None,
            "one slot of unknown size leaves the sum unknown"
        );
        assert_eq!(parse(&[]).installed_bytes, None);
        let no_names = structure(SYSTEM, &[(4, &[0, 9])], 0x1B, &["unused"]);
        assert_eq!(parse(&no_names), Smbios::default());
        let blank = structure(SYSTEM, &[(4, &[1])], 0x1B, &["   "]);
        assert_eq!(parse(&blank).manufacturer, None);
    }

    #[test]
    fn a_cut_table_keeps_what_came_before_the_cut() {
        let mut table = structure(FIRMWARE, &[(4, &[1, 1]), (8, &[1])], 0x18, &["SeaBIOS"]);
        table.extend(&structure(SYSTEM, &[(4, &[1, 2])], 0x1B, &["QEMU", "Standard PC"])[..20]);
        let parsed = parse(&table);
        assert_eq!(parsed.firmware_vendor.as_deref(), Some("SeaBIOS"));
        assert_eq!(parsed.manufacturer, None);
    }

    #[test]
    fn hex_that_is_none_is_refused() {
        assert_eq!(parse_hex("0"), Err(SmbiosError::NotHex));
        assert_eq!(parse_hex("zz"), Err(SmbiosError::NotHex));
        assert_eq!(parse_hex(&"0".repeat(2 * LARGEST_TABLE + 2)), Err(SmbiosError::TooLong));
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
            parse(&bytes);
        }

        /// Random bytes seldom make a structure; these do.
        #[test]
        fn random_structures_never_panic(
            parts in proptest::collection::vec(
                (prop_oneof![Just(0_u8), Just(1), Just(17), any::<u8>()], 4..64_usize, any::<Vec<u8>>()), 0..16),
            cut in any::<proptest::sample::Index>(),
        ) {
            let mut table = Vec::new();
            for (kind, length, fill) in parts {
                let mut part = vec![0; length];
                for (at, byte) in part.iter_mut().zip(fill.iter()) { *at = *byte; }
                part[0] = kind;
                part[1] = u8::try_from(length).unwrap();
                table.extend(part);
                table.extend(fill);
                table.extend([0, 0]);
            }
            parse(&table);
            parse(&table[..cut.index(table.len() + 1)]);
        }

        #[test]
        fn random_text_as_hex_never_panics(text: String) {
            let _ = parse_hex(&text);
        }
    }
}
