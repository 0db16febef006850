//! Boot disks: GRUB that asks this board's engine, and for one machine what it boots when nobody answers.

use std::{net::SocketAddrV4, path::Path};

use anyhow::{Context, Error, Result};
use lab::{Board, BoardKind, Machine};
use netboot::{
    media::{self, Copy},
    probe,
};

use super::{screens::box_number, site::PROBE};

/// Pace of an agent that was started without the engine's word.
const HEARTBEAT_MS: u32 = 1000;

/// Writes a disk; for one machine with the probe image as its first choice. Blocks; it reads and packs 60 MB.
pub fn write(board: &Board, machine: Option<&Machine>, path: &Path) -> Result<()> {
    let base = SocketAddrV4::new(board.network.boss, 80);
    let image = |copy: Option<&Copy<'_>>| {
        media::image(Path::new("/"), base, copy).map_err(|error| {
            let remedy = error.remedy();
            Error::new(error).context(format!("make the boot disk; {remedy}"))
        })
    };
    let disk = match machine {
        None => image(None)?,
        Some(machine) => {
            let failed = |error: probe::ProbeError| {
                let remedy = error.remedy();
                Error::new(error).context(format!("make the probe image; {remedy}"))
            };
            let inputs = probe::Inputs::find(Path::new("/")).map_err(failed)?;
            let made = probe::build(&inputs).map_err(failed)?;
            let report = format!("http://{base}/{PROBE}");
            let plan = probe::plan(&report, box_number(machine), &machine.name, HEARTBEAT_MS);
            let emulated = if board.board.kind == BoardKind::Virtual { " no_timer_check" } else { "" };
            let cmdline = format!("{plan}{emulated}");
            image(Some(&Copy { kernel: &made.kernel, initrd: &made.initrd, cmdline: &cmdline }))?
        }
    };
    media::write(path, &disk).with_context(|| format!("write {}", path.display()))
}
