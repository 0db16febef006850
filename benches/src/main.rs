//! `bench-netboot`: our boot servers and what others use, side by side, in one run. Started by `scripts/bench-netboot.sh`,
//! which gives it a network namespace of its own.
//!
//! For each row the two sides take turns; the first turn changes from round to round. Code 0 only when every row was
//! measured; an aim that was missed is said, and is no failure.

mod bench;
mod process;
mod rows;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use benches::{
    machine,
    turns::{self, Turns},
};
use clap::Parser;

use bench::Bench;

#[derive(Debug, Parser)]
#[command(about = "Boot servers, ours and others', measured side by side")]
struct Options {
    /// Runs of each side.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Only these rows.
    #[arg(long = "row")]
    rows: Vec<String>,
    /// Folder of our servers.
    #[arg(long, default_value = "target/release/examples")]
    servers: PathBuf,
    /// The program as a whole, for the rows that boot machines.
    #[arg(long, default_value = "target/release/statusinator")]
    program: PathBuf,
    /// Folder on a disk, for files that are served.
    #[arg(long, default_value = "target")]
    scratch: PathBuf,
    /// Where the table goes as well.
    #[arg(long)]
    write: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let mut rows = rows::all();
    turns::chosen(&mut rows, &options.rows)?;
    let machine = machine::words();
    let bench = Bench::up(options.servers, options.program, &options.scratch).await?;
    let turns = Turns {
        title: "Boot servers side by side",
        says: "By `make bench-netboot`. A boot's network phase begins when firmware is given its address, and ends with the \
               last byte of kernel and initrd.",
        runs: options.runs,
        write: options.write.as_deref(),
    };
    let code = turns.run(rows, &machine, &bench).await?;
    bench.down().await?;
    Ok(code)
}
