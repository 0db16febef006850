//! What UEFI firmware remembers between two boots: variables, boot entries, device paths.
//!
//! [`store`] is the file in which virtual firmware keeps its variables; [`option`] is one boot entry, [`device_path`] the
//! place it points to; [`next`] decides, from a machine's entries alone, what must be written so that its next boot goes
//! over HTTP, PXE or its own disk. Real machines and virtual ones go through the same decision: only the way to the
//! variables differs (efivarfs there, the file here). All of it is pure.

pub mod device_path;
pub mod next;
pub mod option;
pub mod store;

/// A GUID as it lies in memory: the first three fields little-endian (UEFI 2.10, appendix A).
pub type Guid = [u8; 16];

/// EFI_GLOBAL_VARIABLE, 8be4df61-93ca-11d2-aa0d-00e098032b8c: BootOrder, BootNext, Boot####.
pub const GLOBAL: Guid =
    [0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c];

/// Non-volatile, seen before and after the operating system starts: what boot variables must be (UEFI 2.10, 3.3).
pub const BOOT_ATTRIBUTES: u32 = 0b111;

/// One variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name space.
    pub guid: Guid,
    /// Its name.
    pub name: String,
    /// Where and how long it lives.
    pub attributes: u32,
    /// Its content.
    pub data: Vec<u8>,
}

impl Variable {
    /// A boot variable.
    pub fn boot(name: impl Into<String>, data: Vec<u8>) -> Self {
        Self { guid: GLOBAL, name: name.into(), attributes: BOOT_ATTRIBUTES, data }
    }
}
