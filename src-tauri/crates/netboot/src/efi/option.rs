//! Boot entries: the content of Boot#### (EFI_LOAD_OPTION, UEFI 2.10, 3.1.3).

use super::device_path::{self, Node};
use crate::Malformed;

/// The firmware may choose it.
pub const ACTIVE: u32 = 1;

/// One boot entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadOption {
    /// Bit 0: active.
    pub attributes: u32,
    /// As the firmware's own menu shows it.
    pub description: String,
    /// Where it leads. Only the first of several paths is kept: the others are the maker's business.
    pub path: Vec<Node>,
    /// What is passed on. EDK2 marks the entries that it makes itself with a GUID here, and deletes those it would no
    /// longer make; an entry without it is left alone.
    pub data: Vec<u8>,
}

impl LoadOption {
    /// Reads the content of a Boot#### variable.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        const SHORT: Malformed = Malformed("boot entry cut short");
        let attributes =
            bytes.get(..4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes).ok_or(SHORT)?;
        let path_length =
            bytes.get(4..6).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes).ok_or(SHORT)?;
        let mut units = Vec::new();
        let mut at = 6;
        loop {
            let unit = bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes);
            at += 2;
            match unit.ok_or(SHORT)? {
                0 => break,
                unit => units.push(unit),
            }
        }
        let end = at + usize::from(path_length);
        let path = device_path::parse(bytes.get(at..end).ok_or(SHORT)?)?;
        let description = String::from_utf16_lossy(&units);
        Ok(Self { attributes, description, path, data: bytes[end..].to_vec() })
    }

    /// As a variable's content.
    pub fn encode(&self) -> Vec<u8> {
        let path = device_path::encode(&self.path);
        let mut out = self.attributes.to_le_bytes().to_vec();
        out.extend(u16::try_from(path.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend(self.description.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        out.extend(path);
        out.extend(&self.data);
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_entry_comes_back_as_it_went() {
        let entry = LoadOption {
            attributes: ACTIVE,
            description: "HTTP Boot".into(),
            path: vec![Node::uri("http://192.168.122.3/boot/uki/x.efi")],
            data: vec![1, 2, 3],
        };
        let bytes = entry.encode();
        assert_eq!(LoadOption::parse(&bytes), Ok(entry));
        for cut in 0..bytes.len() - 3 {
            assert!(LoadOption::parse(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn garbage_is_an_error_or_an_entry(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            // Must not panic; what it makes of garbage does not matter.
            let _ = LoadOption::parse(&bytes);
        }
    }
}
