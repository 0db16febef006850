//! A partition table with one EFI system partition (UEFI 2.10, chapter 5).

use std::ops::Range;

const SECTOR: usize = 512;
/// Partition entries: 128 of 128 bytes, as the standard wants at least.
const ENTRIES: usize = 128;
const ENTRY: usize = 128;
const TABLE_SECTORS: usize = ENTRIES * ENTRY / SECTOR;
/// Partitions begin at a megabyte, where flash likes it.
const FIRST: usize = 2048;
/// c12a7328-f81f-11d2-ba4b-00a0c93ec93b.
const EFI_SYSTEM: [u8; 16] =
    [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b];
/// Disk and partition have fixed identifiers: the same inputs make the same disk, and no machine has two of them.
const DISK_ID: [u8; 16] = *b"statusinatordisk";
const PARTITION_ID: [u8; 16] = *b"statusinatorboot";

/// Writes both tables and returns where the partition lies.
pub(super) fn write(disk: &mut [u8], name: &str) -> Range<usize> {
    let sectors = disk.len() / SECTOR;
    let last = sectors - TABLE_SECTORS - 2;
    let mut table = vec![0; ENTRIES * ENTRY];
    table[..16].copy_from_slice(&EFI_SYSTEM);
    table[16..32].copy_from_slice(&PARTITION_ID);
    put8(&mut table, 32, FIRST);
    put8(&mut table, 40, last);
    for (index, unit) in name.encode_utf16().take(35).enumerate() {
        table[56 + 2 * index..][..2].copy_from_slice(&unit.to_le_bytes());
    }
    protect(disk, sectors);
    for (own, other, begin) in [(1, sectors - 1, 2), (sectors - 1, 1, sectors - 1 - TABLE_SECTORS)] {
        disk[begin * SECTOR..][..table.len()].copy_from_slice(&table);
        let header = header(own, other, begin, last, crc32fast::hash(&table));
        disk[own * SECTOR..][..header.len()].copy_from_slice(&header);
    }
    FIRST * SECTOR..(last + 1) * SECTOR
}

/// Where the first partition lies.
pub(super) fn span(disk: &[u8]) -> Option<Range<usize>> {
    let at = |at: usize| Some(u64::from_le_bytes(disk.get(at..at + 8)?.try_into().ok()?) as usize);
    (disk.get(SECTOR..SECTOR + 8)? == b"EFI PART").then_some(())?;
    let (first, last) = (at(2 * SECTOR + 32)?, at(2 * SECTOR + 40)?);
    let span = first.checked_mul(SECTOR)?..(last.checked_add(1)?).checked_mul(SECTOR)?;
    (span.start < span.end && span.end <= disk.len()).then_some(span)
}

/// A table of the old kind that says the whole disk is taken.
fn protect(disk: &mut [u8], sectors: usize) {
    let entry = &mut disk[446..462];
    entry[1..4].copy_from_slice(&[0, 2, 0]);
    entry[4] = 0xee;
    entry[5..8].copy_from_slice(&[0xff, 0xff, 0xff]);
    entry[8..12].copy_from_slice(&1_u32.to_le_bytes());
    entry[12..16].copy_from_slice(&u32::try_from(sectors - 1).unwrap_or(u32::MAX).to_le_bytes());
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
}

fn header(own: usize, other: usize, begin: usize, last: usize, table: u32) -> Vec<u8> {
    let mut out = vec![0; 92];
    out[..8].copy_from_slice(b"EFI PART");
    out[8..12].copy_from_slice(&[0, 0, 1, 0]);
    out[12..16].copy_from_slice(&92_u32.to_le_bytes());
    put8(&mut out, 24, own);
    put8(&mut out, 32, other);
    put8(&mut out, 40, TABLE_SECTORS + 2);
    put8(&mut out, 48, last);
    out[56..72].copy_from_slice(&DISK_ID);
    put8(&mut out, 72, begin);
    out[80..84].copy_from_slice(&(ENTRIES as u32).to_le_bytes());
    out[84..88].copy_from_slice(&(ENTRY as u32).to_le_bytes());
    out[88..92].copy_from_slice(&table.to_le_bytes());
    let crc = crc32fast::hash(&out);
    out[16..20].copy_from_slice(&crc.to_le_bytes());
    out
}

fn put8(bytes: &mut [u8], at: usize, value: usize) {
    bytes[at..at + 8].copy_from_slice(&(value as u64).to_le_bytes());
}
