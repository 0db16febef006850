//! `logs count`: files of OTLP JSON lines in, counters out.

use std::{
    fs::File,
    io::{self, Read},
};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use lab::{
    counts::{Counter, Served},
    gear::Profile,
};
use logs::count::{Counting, Tally};

use super::{Common, Exit, print};

/// Fits into the processor's second cache together with what is made of it.
const PIECE: usize = 256 * 1024;

#[derive(Args)]
pub(super) struct CountOptions {
    /// Files that the collector wrote, or `-` for standard input; their sums are printed.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Which table counts.
    #[arg(long, value_enum, default_value = "labinator")]
    profile: ProfileChoice,
}

#[derive(Clone, Copy, ValueEnum)]
enum ProfileChoice {
    /// The owner's table to the letter
    Labinator,
    /// With every severity word, the Wi-Fi uplink, step-ca's longer paths
    Corrected,
}

pub(super) fn run(common: &Common, options: &CountOptions) -> Result<Exit> {
    let profile = match options.profile {
        ProfileChoice::Labinator => Profile::Labinator,
        ProfileChoice::Corrected => Profile::Corrected,
    };
    let mut sum = Tally::default();
    for file in &options.files {
        sum.merge(&count(file, profile)?);
    }
    if common.json {
        print::json(&sum.to_json())?;
    } else {
        show(&sum)?;
    }
    Ok(Exit::Done)
}

/// Nothing is printed before every file was read to its end.
fn count(file: &str, profile: Profile) -> Result<Tally> {
    let mut counting = Counting::new(profile);
    let mut source: Box<dyn Read> = match file {
        "-" => Box::new(io::stdin().lock()),
        path => Box::new(File::open(path).with_context(|| format!("open {path}"))?),
    };
    let mut piece = vec![0; PIECE];
    loop {
        match source.read(&mut piece) {
            Ok(0) => return Ok(counting.finish()),
            Ok(length) => counting.push(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).with_context(|| format!("read {file}")),
        }
    }
}

fn show(tally: &Tally) -> Result<()> {
    for (name, number) in [
        ("lines", tally.lines),
        ("  of them blank", tally.blank_lines),
        ("  of them not readable, or not as a whole", tally.unparsed_lines),
        ("records", tally.records),
        ("  of them counted by more than their level", tally.interesting),
    ] {
        print::line(&format!("{name:<44}{number:>12}"))?;
    }
    print::line("")?;
    for counter in Counter::ALL {
        print::line(&format!("{:<44}{:>12}", counter.name(), tally.counts.get(counter)))?;
    }
    for map in Served::ALL {
        print::line("")?;
        print::line(map.name())?;
        for (address, times) in tally.counts.served(map) {
            print::line(&format!("  {address:<42}{times:>12}"))?;
        }
    }
    if tally.counts.crowded > 0 {
        print::line(&format!(
            "\n{:<44}{:>12}",
            "addresses that found no room in a map", tally.counts.crowded
        ))?;
    }
    Ok(())
}
