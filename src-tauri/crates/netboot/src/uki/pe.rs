//! Sections behind those of an EFI program that exists already, as pieces that need not lie together in memory.
//!
//! Nothing of the program moves: its table of sections gets more rows in the room that the header's padding leaves, and
//! the content follows its last byte. (Microsoft's "PE Format"; the field offsets below are those of PE32+.)

use bytes::Bytes;

/// Why a program cannot be extended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeError {
    /// Not what firmware of x86-64 starts.
    #[error("the stub is no 64-bit EFI program: {0}")]
    Foreign(&'static str),
    /// The table of sections would run into the first section.
    #[error("the stub's header has no room for {0} more sections")]
    NoRoom(usize),
    /// Addresses within an image have 32 bits.
    #[error("the image would be larger than 2 GB")]
    TooLarge,
}

/// COFF header: machine, number of sections, …, size of the optional header.
const COFF: usize = 20;
/// A row in the table of sections.
const ROW: usize = 40;
/// IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ.
const READ_ONLY_DATA: u32 = 0x4000_0040;
/// Pages of the machine: the kernel and its initrd want to begin at one, whatever the stub's own alignment.
const PAGE: u64 = 4096;

/// The program with these sections added. Empty content makes an empty section.
pub(super) fn append(program: &Bytes, sections: &[(&str, Bytes)]) -> Result<Vec<Bytes>, PeError> {
    let header = Header::read(program)?;
    let table = header.table + header.count * ROW;
    if table + sections.len() * ROW > header.room {
        return Err(PeError::NoRoom(sections.len()));
    }
    let mut head = program.to_vec();
    let mut pieces = Vec::new();
    let mut address = header.image_end;
    let mut offset = program.len() as u64;
    for (index, (name, content)) in sections.iter().enumerate() {
        address = address.next_multiple_of(header.section_alignment.max(PAGE));
        let begin = offset.next_multiple_of(header.file_alignment);
        let length = content.len() as u64;
        let in_file = length.next_multiple_of(header.file_alignment);
        if address + length.max(1) > u64::from(u32::MAX / 2) || begin + in_file > u64::from(u32::MAX / 2) {
            return Err(PeError::TooLarge);
        }
        if begin > offset {
            pieces.push(zeros(begin - offset));
        }
        pieces.push(content.clone());
        if in_file > length {
            pieces.push(zeros(in_file - length));
        }
        let row = &mut head[table + index * ROW..][..ROW];
        row.fill(0);
        let name = &name.as_bytes()[..name.len().min(8)];
        row[..name.len()].copy_from_slice(name);
        put(row, 8, length);
        put(row, 12, address);
        put(row, 16, in_file);
        put(row, 20, if length == 0 { 0 } else { begin });
        row[36..40].copy_from_slice(&READ_ONLY_DATA.to_le_bytes());
        address += length.max(1);
        offset = begin + in_file;
    }
    let count = (header.count + sections.len()) as u16;
    head[header.coff + 2..header.coff + 4].copy_from_slice(&count.to_le_bytes());
    let optional = header.coff + COFF;
    put(&mut head, optional + 56, address.next_multiple_of(header.section_alignment));
    // The checksum: firmware does not look at that of an EFI program, and ours would be wrong.
    put(&mut head, optional + 64, 0);
    pieces.insert(0, Bytes::from(head));
    Ok(joined(pieces))
}

/// Neighbouring small pieces become one; the large ones stay the shared bytes that they are.
fn joined(pieces: Vec<Bytes>) -> Vec<Bytes> {
    /// Copying this much for each image costs less than a write of its own for each piece.
    const SMALL: usize = 256 * 1024;
    let mut out: Vec<Bytes> = Vec::new();
    let mut small = Vec::new();
    for piece in pieces {
        if piece.len() <= SMALL {
            small.extend_from_slice(&piece);
            continue;
        }
        if !small.is_empty() {
            out.push(std::mem::take(&mut small).into());
        }
        out.push(piece);
    }
    if !small.is_empty() {
        out.push(small.into());
    }
    out
}

fn zeros(count: u64) -> Bytes {
    // Less than an alignment, which is checked to be at most 64 KiB.
    Bytes::from(vec![0; count as usize])
}

/// Writes the low 32 bits of a value that was checked to have no more.
fn put(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 4].copy_from_slice(&(value as u32).to_le_bytes());
}

/// What is needed of a program's headers.
struct Header {
    coff: usize,
    /// Where the table of sections begins, and how many rows it has.
    table: usize,
    count: usize,
    /// Where the headers' room ends.
    room: usize,
    section_alignment: u64,
    file_alignment: u64,
    /// First address behind all sections.
    image_end: u64,
}

impl Header {
    fn read(program: &[u8]) -> Result<Self, PeError> {
        const SHORT: PeError = PeError::Foreign("it is cut short");
        let two = |at: usize| -> Result<usize, PeError> {
            let bytes = program.get(at..at + 2).and_then(|b| b.try_into().ok());
            bytes.map(u16::from_le_bytes).map(usize::from).ok_or(SHORT)
        };
        let four = |at: usize| -> Result<u32, PeError> {
            program.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes).ok_or(SHORT)
        };
        if program.get(..2) != Some(b"MZ") {
            return Err(PeError::Foreign("it does not begin with MZ"));
        }
        let signature = four(0x3c)? as usize;
        if program.get(signature..signature.saturating_add(4)) != Some(b"PE\0\0") {
            return Err(PeError::Foreign("it has no PE header"));
        }
        let coff = signature + 4;
        let optional = coff + COFF;
        if (two(coff)?, two(optional)?) != (0x8664, 0x20b) {
            return Err(PeError::Foreign("it is not for x86-64"));
        }
        let alignment = |value: u32, most: u32| {
            let good = value.is_power_of_two() && value <= most;
            good.then_some(u64::from(value)).ok_or(PeError::Foreign("its alignment makes no sense"))
        };
        let section_alignment = alignment(four(optional + 32)?, 1 << 20)?;
        let file_alignment = alignment(four(optional + 36)?, 1 << 16)?;
        let table = optional + two(coff + 16)?;
        let count = two(coff + 2)?;
        let mut room = four(optional + 60)? as usize;
        let mut image_end = room as u64;
        for row in (0..count).map(|index| table + index * ROW) {
            let (size, address) = (u64::from(four(row + 8)?), u64::from(four(row + 12)?));
            image_end = image_end.max(address + size.max(u64::from(four(row + 16)?)));
            let begin = four(row + 20)? as usize;
            if begin > 0 {
                room = room.min(begin);
            }
        }
        if room > program.len() {
            return Err(SHORT);
        }
        Ok(Self { coff, table, count, room, section_alignment, file_alignment, image_end })
    }
}
