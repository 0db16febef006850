//! `bench-netboot`: our boot servers and what others use, side by side, in one run. Started by `scripts/bench-netboot.sh`,
//! which gives it a network namespace of its own.
//!
//! For each row the two sides take turns; the first turn changes from round to round. Code 0 only when every row was
//! measured; an aim that was missed is said, and is no failure.

mod bench;
mod machine;
mod process;
mod row;
mod rows;
mod table;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;

use bench::Bench;
use row::{Row, Side};
use table::Measured;

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
    if let Some(unknown) = options.rows.iter().find(|word| !rows.iter().any(|row| row.word() == *word)) {
        let words: Vec<_> = rows.iter().map(|row| row.word()).collect();
        bail!("there is no row {unknown}; there are {}", words.join(", "));
    }
    rows.retain(|row| options.rows.is_empty() || options.rows.iter().any(|word| word == row.word()));

    let machine = machine::words();
    let bench = Bench::up(options.servers, options.program, &options.scratch).await?;
    let mut measured = Vec::new();
    for row in &mut rows {
        measured.push(measure(row.as_mut(), options.runs, &bench).await?);
    }
    bench.down().await?;

    let text = report(&measured, &machine, options.runs);
    say(&text)?;
    if let Some(path) = options.write {
        std::fs::write(&path, &text).with_context(|| format!("write {}", path.display()))?;
    }
    let whole = measured.iter().all(|row| row.failed.is_none());
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(row: &mut dyn Row, runs: usize, bench: &Bench) -> Result<Measured> {
    let mut measured = Measured {
        title: row.title(),
        theirs: row.theirs(),
        measures: row.measures(),
        ours: Vec::new(),
        others: Vec::new(),
        failed: None,
    };
    for run in 0..runs {
        let mut sides = Side::BOTH;
        // Whoever comes second finds warmer caches.
        sides.rotate_left(run % 2);
        for side in sides {
            match row.run(side, bench).await {
                Ok(values) => {
                    let shown: Vec<_> = values.iter().map(|&value| table::figure(value)).collect();
                    note(&format!("{} {}/{runs} {side:?}: {}", row.word(), run + 1, shown.join(", ")))?;
                    measured.push(side, values);
                }
                Err(error) => {
                    measured.failed = Some(format!("{}, {side:?}: {error:#}", row.title()));
                    note(&format!("{} {side:?}: {error:#}", row.word()))?;
                    return Ok(measured);
                }
            }
        }
    }
    Ok(measured)
}

fn report(rows: &[Measured], machine: &str, runs: usize) -> String {
    let mut text = format!(
        "# Boot servers side by side\n\nBy `make bench-netboot`: {runs} runs of each side, taken in turn; median (least–most). \
         The ratio is ours divided by theirs. A boot's network phase begins when firmware is given its address, and ends \
         with the last byte of kernel and initrd.\n\nMeasured on: {machine}.\n\n{}",
        table::table(rows)
    );
    let mut list = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            text += &format!("\n## {title}\n\n");
            for line in lines {
                text += &format!("- {line}\n");
            }
        }
    };
    list("Aims not met", rows.iter().flat_map(Measured::missed).collect());
    list("Not measured", rows.iter().filter_map(|row| row.failed.clone()).collect());
    text
}

fn say(text: &str) -> io::Result<()> {
    io::stdout().lock().write_all(text.as_bytes())
}

/// What happens while it runs.
fn note(line: &str) -> io::Result<()> {
    writeln!(io::stderr().lock(), "{line}")
}
