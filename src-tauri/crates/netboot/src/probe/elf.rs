//! Is this program statically linked? The image has no libraries, and the kernel's only word for a dynamic busybox
//! would be "No working init found". Pure.

/// Program header type of the path of a dynamic loader (System V ABI, chapter 5).
const PT_INTERP: u32 = 3;

/// Why a file cannot be the image's busybox.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    #[error("it is not an ELF program for 64-bit little-endian x86")]
    NotOurs,
    #[error("its program headers lie outside the file")]
    Truncated,
    #[error("it is dynamically linked, and the image has no libraries")]
    Dynamic,
}

/// Ok for a static x86-64 program.
pub(super) fn check_static(file: &[u8]) -> Result<(), ElfError> {
    let ident = file.get(..20).ok_or(ElfError::NotOurs)?;
    // Magic, ELFCLASS64, ELFDATA2LSB; e_machine 62 is x86-64.
    if ident[..6] != *b"\x7fELF\x02\x01" || ident[18..20] != 62_u16.to_le_bytes() {
        return Err(ElfError::NotOurs);
    }
    let offset = usize::try_from(u64::from_le_bytes(array(file, 32)?)).map_err(|_| ElfError::Truncated)?;
    let size = usize::from(u16::from_le_bytes(array(file, 54)?));
    let count = usize::from(u16::from_le_bytes(array(file, 56)?));
    for index in 0..count {
        let at =
            index.checked_mul(size).and_then(|skip| offset.checked_add(skip)).ok_or(ElfError::Truncated)?;
        if u32::from_le_bytes(array(file, at)?) == PT_INTERP {
            return Err(ElfError::Dynamic);
        }
    }
    Ok(())
}

fn array<const N: usize>(file: &[u8], at: usize) -> Result<[u8; N], ElfError> {
    at.checked_add(N)
        .and_then(|end| file.get(at..end))
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(ElfError::Truncated)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tells_a_static_program_from_a_dynamic_one() {
        assert_eq!(check_static(&std::fs::read("/bin/busybox").unwrap()), Ok(()));
        // This test itself is linked against the C library.
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(check_static(&own), Err(ElfError::Dynamic));
        assert_eq!(check_static(b"#!/bin/sh\n"), Err(ElfError::NotOurs));
    }

    proptest! {
        #[test]
        fn any_header_is_survived(offset: u64, size: u16, count: u16, rest: Vec<u8>) {
            let mut file = b"\x7fELF\x02\x01".to_vec();
            file.resize(64, 0);
            file[18] = 62;
            file[32..40].copy_from_slice(&offset.to_le_bytes());
            file[54..56].copy_from_slice(&size.to_le_bytes());
            file[56..58].copy_from_slice(&count.to_le_bytes());
            file.extend(rest);
            let _ = check_static(&file);
        }
    }
}
