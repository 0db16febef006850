//! Tells cargo what the embedded migrations depend on, and gives the fold its name.

// Cargo reads a build script's wishes from its output.
#![allow(clippy::print_stdout)]

use std::{fs, io, path::Path};

/// Where `lab` keeps the fold. Any change there may change what a status means, and nobody remembers to count a
/// version up: so the checkpoint's version is a digest of the source, and a checkpoint of another fold is replayed.
const FOLD: &str = "../lab/src";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=../../../migrations");
    println!("cargo::rerun-if-changed={FOLD}");
    let mut digest = 0xcbf2_9ce4_8422_2325;
    feed(Path::new(FOLD), &mut digest)?;
    println!("cargo::rustc-env=STORE_FOLD={digest:016x}");
    Ok(())
}

/// FNV-1a over every file below `folder`, in the order of their names.
fn feed(folder: &Path, digest: &mut u64) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_type()?.is_dir() {
            feed(&entry.path(), digest)?;
            continue;
        }
        for byte in fs::read(entry.path())? {
            *digest = (*digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    Ok(())
}
