//! The file in which OVMF keeps its variables: a firmware volume with one authenticated variable store in it.
//!
//! Layout as in EDK2's `Guid/VariableFormat.h` and `Pi/PiFirmwareVolume.h`. The store is a log: a variable is changed by
//! appending its new form and clearing a bit in the state of the old one (flash can clear bits, not set them). When the
//! end is reached, firmware rewrites what still counts, and so do we. The machine must be off: nobody else writes then.

use std::ops::Range;

use super::{Guid, Variable};

/// fff12b8d-7696-4c8b-a985-2747075b4f50: a volume that holds variables.
const NV_DATA_VOLUME: Guid =
    [0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50];
/// aaf32c78-947b-439a-a180-2e144ec37792: variables with room for signatures' time stamps.
const AUTHENTICATED: Guid =
    [0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43, 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92];
/// Store header: GUID, size, format, state, six bytes of reserve.
const STORE_HEADER: usize = 28;
const FORMATTED: u8 = 0x5a;
const HEALTHY: u8 = 0xfe;
/// Variable header: start, state, reserve, attributes, count, time stamp, key index, two sizes, GUID.
const HEADER: usize = 60;
const START: [u8; 2] = [0xaa, 0x55];
/// Written whole.
const ADDED: u8 = 0x3f;
/// A newer form was being written when power went: counts unless the newer one is there.
const IN_TRANSITION: u8 = 0x3e;
/// The bit that deletion clears.
const NOT_DELETED: u8 = 0xfd;
/// What erased flash reads as.
const ERASED: u8 = 0xff;

/// Why a store could not be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Not the file that firmware of this kind uses.
    #[error("this is no file of UEFI variables: {0}")]
    Foreign(&'static str),
    /// More than fits.
    #[error("the UEFI variables have no room for {0} more bytes")]
    Full(usize),
}

/// A variable store, as a file's content.
#[derive(Debug, Clone)]
pub struct VariableStore {
    bytes: Vec<u8>,
    /// Where records lie.
    area: Range<usize>,
}

/// Where one record lies.
#[derive(Debug, Clone)]
struct Record {
    whole: Range<usize>,
    state: u8,
    name: Range<usize>,
    data: Range<usize>,
}

impl VariableStore {
    /// Reads a file's content.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, StoreError> {
        let guid_at = |at: usize| bytes.get(at..at + 16);
        if guid_at(16) != Some(&NV_DATA_VOLUME) || bytes.get(0x28..0x2c) != Some(b"_FVH") {
            return Err(StoreError::Foreign("it does not begin with a volume of variables"));
        }
        let header = usize::from(u16_at(&bytes, 0x30).unwrap_or(0));
        if guid_at(header) != Some(&AUTHENTICATED) {
            return Err(StoreError::Foreign("its variables are not of the authenticated kind"));
        }
        let size = u32_at(&bytes, header + 16).unwrap_or(0) as usize;
        let (format, state) = (bytes.get(header + 20), bytes.get(header + 21));
        if (format, state) != (Some(&FORMATTED), Some(&HEALTHY)) {
            return Err(StoreError::Foreign("its variables were never formatted, or are damaged"));
        }
        if size < STORE_HEADER || header + size > bytes.len() {
            return Err(StoreError::Foreign("it is shorter than it says"));
        }
        let area = header + STORE_HEADER..header + size;
        Ok(Self { bytes, area })
    }

    /// The file's content.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// All variables that count, in the order in which they were written.
    pub fn variables(&self) -> Vec<Variable> {
        self.living().iter().map(|record| self.read(record)).collect()
    }

    /// One variable's content.
    pub fn get(&self, guid: &Guid, name: &str) -> Option<&[u8]> {
        self.find(guid, name).map(|record| &self.bytes[record.data])
    }

    /// Writes a variable, whatever it was before. Repeated, it changes nothing.
    pub fn set(&mut self, variable: &Variable) -> Result<(), StoreError> {
        let before = self.find(&variable.guid, &variable.name);
        if before.as_ref().is_some_and(|record| self.bytes[record.data.clone()] == variable.data[..]) {
            return Ok(());
        }
        let record = encode(variable);
        let mut end = self.end();
        if end + record.len() > self.area.end {
            end = self.compact();
        }
        if end + record.len() > self.area.end {
            return Err(StoreError::Full(end + record.len() - self.area.end));
        }
        // Found again: compacting may have moved it.
        self.remove(&variable.guid, &variable.name);
        self.bytes[end..end + record.len()].copy_from_slice(&record);
        Ok(())
    }

    /// Deletes a variable; says whether there was one.
    pub fn remove(&mut self, guid: &Guid, name: &str) -> bool {
        let mut removed = false;
        for record in self.records() {
            let lives = matches!(record.state, ADDED | IN_TRANSITION);
            if lives && self.is(&record, guid, name) {
                self.bytes[record.whole.start + 2] &= NOT_DELETED;
                removed = true;
            }
        }
        removed
    }

    fn find(&self, guid: &Guid, name: &str) -> Option<Record> {
        self.living().into_iter().find(|record| self.is(record, guid, name))
    }

    fn is(&self, record: &Record, guid: &Guid, name: &str) -> bool {
        self.bytes[record.whole.start + 44..record.whole.start + 60] == guid[..]
            && text(&self.bytes[record.name.clone()]) == name
    }

    /// Records that count: whole ones, and those in transition whose successor never came.
    fn living(&self) -> Vec<Record> {
        let all = self.records();
        let key = |record: &Record| {
            let guid = &self.bytes[record.whole.start + 44..record.whole.start + 60];
            (guid.to_vec(), self.bytes[record.name.clone()].to_vec())
        };
        let whole: Vec<_> = all.iter().filter(|r| r.state == ADDED).map(key).collect();
        let counts = |r: &Record| match r.state {
            ADDED => true,
            IN_TRANSITION => !whole.contains(&key(r)),
            _ => false,
        };
        all.into_iter().filter(counts).collect()
    }

    fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        let mut at = self.area.start;
        while let Some(record) = self.record(at) {
            at = align(record.whole.end);
            records.push(record);
        }
        records
    }

    fn record(&self, at: usize) -> Option<Record> {
        let header = self.bytes.get(at..at + HEADER).filter(|_| at + HEADER <= self.area.end)?;
        if header[..2] != START {
            return None;
        }
        // A header that was being written when power went has no sizes to go by; nothing follows it.
        let (name, data) = (u32_at(header, 36)? as usize, u32_at(header, 40)? as usize);
        let name = at + HEADER..(at + HEADER).checked_add(name)?;
        let data = name.end..name.end.checked_add(data)?;
        (data.end <= self.area.end).then(|| Record { whole: at..data.end, state: header[2], name, data })
    }

    /// Where the next record would begin.
    fn end(&self) -> usize {
        self.records().last().map_or(self.area.start, |record| align(record.whole.end))
    }

    fn read(&self, record: &Record) -> Variable {
        let start = record.whole.start;
        let mut guid = [0; 16];
        guid.copy_from_slice(&self.bytes[start + 44..start + 60]);
        Variable {
            guid,
            name: text(&self.bytes[record.name.clone()]),
            attributes: u32_at(&self.bytes, start + 4).unwrap_or(0),
            data: self.bytes[record.data.clone()].to_vec(),
        }
    }

    /// Keeps what counts, byte for byte (signatures' time stamps too), and returns where the rest begins.
    fn compact(&mut self) -> usize {
        let mut kept = Vec::new();
        for record in self.living() {
            let from = kept.len();
            kept.extend_from_slice(&self.bytes[record.whole]);
            kept[from + 2] = ADDED;
            kept.resize(align(self.area.start + kept.len()) - self.area.start, ERASED);
        }
        let end = self.area.start + kept.len();
        self.bytes[self.area.start..end].copy_from_slice(&kept);
        self.bytes[end..self.area.end].fill(ERASED);
        end
    }
}

/// A record as firmware writes it, without the padding that follows.
fn encode(variable: &Variable) -> Vec<u8> {
    let name: Vec<u8> = variable.name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let mut out = vec![0; HEADER];
    out[..2].copy_from_slice(&START);
    out[2] = ADDED;
    out[4..8].copy_from_slice(&variable.attributes.to_le_bytes());
    // Monotonic count, time stamp and key index stay zero: only signed variables have them.
    out[36..40].copy_from_slice(&(name.len() as u32).to_le_bytes());
    out[40..44].copy_from_slice(&(variable.data.len() as u32).to_le_bytes());
    out[44..60].copy_from_slice(&variable.guid);
    out.extend(name);
    out.extend(&variable.data);
    out
}

/// Records begin at multiples of four, counted from the file's begin (HEADER_ALIGNMENT).
fn align(at: usize) -> usize {
    at.next_multiple_of(4)
}

fn text(utf16: &[u8]) -> String {
    let units: Vec<u16> = utf16.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units).trim_end_matches('\0').to_owned()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::GLOBAL;
    use super::*;

    /// An empty store of this size within a volume, as OVMF's build makes it.
    fn empty(size: usize) -> Vec<u8> {
        let mut bytes = vec![0xff; 0x48 + size + 512];
        bytes[..0x48].fill(0);
        bytes[16..32].copy_from_slice(&NV_DATA_VOLUME);
        bytes[0x28..0x2c].copy_from_slice(b"_FVH");
        bytes[0x30] = 0x48;
        bytes[0x48..0x58].copy_from_slice(&AUTHENTICATED);
        bytes[0x58..0x5c].copy_from_slice(&(size as u32).to_le_bytes());
        bytes[0x5c] = FORMATTED;
        bytes[0x5d] = HEALTHY;
        bytes
    }

    fn boot(name: &str, data: &[u8]) -> Variable {
        Variable::boot(name, data.to_vec())
    }

    #[test]
    fn what_is_written_is_read_and_the_newest_counts() {
        let mut store = VariableStore::parse(empty(2000)).unwrap();
        store.set(&boot("BootOrder", &[1, 0])).unwrap();
        store.set(&boot("BootNext", &[3, 0])).unwrap();
        store.set(&boot("BootOrder", &[2, 0, 1, 0])).unwrap();
        let again = VariableStore::parse(store.clone().into_bytes()).unwrap();
        assert_eq!(again.get(&GLOBAL, "BootOrder"), Some(&[2, 0, 1, 0][..]));
        assert_eq!(again.variables().len(), 2);
        assert!(store.remove(&GLOBAL, "BootNext"));
        assert!(!store.remove(&GLOBAL, "BootNext"));
        assert_eq!(store.get(&GLOBAL, "BootNext"), None);
    }

    #[test]
    fn a_full_store_is_swept_and_a_fuller_one_says_so() {
        let mut store = VariableStore::parse(empty(400)).unwrap();
        for turn in 0..50_u8 {
            store.set(&boot("BootNext", &[turn, 0])).unwrap();
        }
        assert_eq!(store.get(&GLOBAL, "BootNext"), Some(&[49, 0][..]));
        assert_eq!(store.set(&boot("Large", &[0; 400])), Err(StoreError::Full(180)));
        assert_eq!(store.get(&GLOBAL, "BootNext"), Some(&[49, 0][..]), "a refusal changes nothing");
    }

    #[test]
    fn a_change_cut_short_by_a_power_cut_leaves_the_old_value() {
        let mut store = VariableStore::parse(empty(400)).unwrap();
        store.set(&boot("BootOrder", &[1, 0])).unwrap();
        let start = store.area.start;
        store.bytes[start + 2] = IN_TRANSITION;
        assert_eq!(store.get(&GLOBAL, "BootOrder"), Some(&[1, 0][..]));
        store.set(&boot("BootOrder", &[2, 0])).unwrap();
        assert_eq!(store.get(&GLOBAL, "BootOrder"), Some(&[2, 0][..]));
        assert_eq!(store.variables().len(), 1);
    }

    #[test]
    fn other_files_are_refused() {
        assert!(VariableStore::parse(vec![0; 4096]).is_err());
        assert!(VariableStore::parse(Vec::new()).is_err());
        let mut short = empty(400);
        short.truncate(300);
        assert!(VariableStore::parse(short).is_err());
    }

    /// The file that Debian's package brings for Secure Boot: it holds the keys, and nothing of any boot.
    #[test]
    fn ovmfs_own_file_is_read() {
        let bytes = std::fs::read("/usr/share/OVMF/OVMF_VARS_4M.ms.fd").unwrap();
        let mut store = VariableStore::parse(bytes.clone()).unwrap();
        let names: Vec<String> = store.variables().into_iter().map(|v| v.name).collect();
        for key in ["PK", "KEK", "db"] {
            assert!(names.contains(&key.to_owned()), "{names:?}");
        }
        store.set(&boot("BootNext", &[3, 0])).unwrap();
        assert_eq!(store.into_bytes().len(), bytes.len());
    }

    proptest! {
        #[test]
        fn a_store_behaves_like_a_map(writes in prop::collection::vec((0..6_u8, prop::collection::vec(any::<u8>(), 0..40)), 0..60)) {
            let mut store = VariableStore::parse(empty(1200)).unwrap();
            let mut map = std::collections::BTreeMap::new();
            for (key, data) in writes {
                let name = format!("Boot{key:04X}");
                if data.is_empty() {
                    prop_assert_eq!(store.remove(&GLOBAL, &name), map.remove(&name).is_some());
                } else {
                    store.set(&boot(&name, &data)).unwrap();
                    map.insert(name, data);
                }
                let read = store.variables().into_iter().map(|v| (v.name, v.data)).collect();
                prop_assert_eq!(&map, &read);
            }
        }

        #[test]
        fn garbage_does_no_harm(garbage in prop::collection::vec(any::<u8>(), 0..600)) {
            let mut bytes = empty(600);
            let area = 0x48 + STORE_HEADER;
            bytes[area..area + garbage.len().min(570)].copy_from_slice(&garbage[..garbage.len().min(570)]);
            let mut store = VariableStore::parse(bytes).unwrap();
            let _ = store.variables();
            let _ = store.set(&boot("BootNext", &[1, 0]));
        }
    }
}
