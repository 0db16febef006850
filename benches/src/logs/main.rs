//! `bench-logs`: log lines into counters, ours and what others use, side by side, in one run. Started by
//! `scripts/bench-logs.sh`.
//!
//! Code 0 only when every row was measured; an aim that was missed is said, and is no failure.

mod bench;
mod rows;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use benches::machine;
use benches::turns::{self, Turns};
use clap::Parser;

use bench::Bench;

#[derive(Debug, Parser)]
#[command(about = "Log lines, ours and others', measured side by side")]
struct Options {
    /// Runs of each side.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Only these rows.
    #[arg(long = "row")]
    rows: Vec<String>,
    /// The program.
    #[arg(long, default_value = "target/release/statusinator")]
    program: PathBuf,
    /// benches/reader, built.
    #[arg(long, default_value = "target/bench/reader")]
    reader: PathBuf,
    /// The lines that are repeated.
    #[arg(long, default_value = "src-tauri/crates/logs/tests/data/otelcol-sample.jsonl")]
    sample: PathBuf,
    /// Folder for large files.
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
    let bench = Bench::up(options.program, options.reader, &options.sample, &options.scratch)?;
    let turns = Turns {
        title: "Logs side by side",
        says: "By `make bench-logs`. Rates are megabytes for each second of processor time that the whole process used, in \
               user and kernel, so that what runs beside does not count.",
        runs: options.runs,
        write: options.write.as_deref(),
    };
    turns.run(rows, &machine, &bench).await
}
