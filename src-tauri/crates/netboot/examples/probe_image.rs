//! The probe image as files, for whoever else serves it: `probe_image --folder FOLDER --report URL --machines N` writes
//! `kernel` and `initrd`, and prints the kernel command line of each machine, one a line.

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use netboot::probe;

/// As often as the program itself has them beat.
const HEARTBEAT_MS: u32 = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut folder, mut report, mut machines) = (None, None, 1);
    let mut words = std::env::args().skip(1);
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        match name.as_str() {
            "--folder" => folder = Some(PathBuf::from(value)),
            "--report" => report = Some(value),
            "--machines" => machines = value.parse()?,
            other => return Err(format!("what is {other}?").into()),
        }
    }
    let (Some(folder), Some(report)) = (folder, report) else {
        return Err("--folder FOLDER --report URL [--machines N]".into());
    };
    let image = probe::build(&probe::Inputs::find(Path::new("/"))?)?;
    std::fs::write(folder.join("kernel"), &image.kernel)?;
    std::fs::write(folder.join("initrd"), &image.initrd)?;
    let mut out = io::stdout().lock();
    for machine in 1..=machines {
        writeln!(out, "{}", probe::plan(&report, machine, &format!("node{machine}"), HEARTBEAT_MS))?;
    }
    Ok(())
}
