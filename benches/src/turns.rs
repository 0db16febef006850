//! A program of rows: the two sides of each take turns, and what came of it is printed and written.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::row::{Row, Side};
use crate::table::{self, Measured};

/// What a program measures, and how its table is introduced.
pub struct Turns<'a> {
    pub title: &'a str,
    /// Sentences below the title.
    pub says: &'a str,
    pub runs: usize,
    /// Where the table goes as well.
    pub write: Option<&'a Path>,
}

/// The rows that were asked for, and no unknown one.
pub fn chosen<P: Sync>(rows: &mut Vec<Box<dyn Row<P>>>, only: &[String]) -> Result<()> {
    if let Some(unknown) = only.iter().find(|word| !rows.iter().any(|row| row.word() == *word)) {
        let words: Vec<_> = rows.iter().map(|row| row.word()).collect();
        bail!("there is no row {unknown}; there are {}", words.join(", "));
    }
    rows.retain(|row| only.is_empty() || only.iter().any(|word| word == row.word()));
    Ok(())
}

impl Turns<'_> {
    /// Measures all rows. Code 0 only when every one was measured.
    pub async fn run<P: Sync>(
        &self,
        mut rows: Vec<Box<dyn Row<P>>>,
        machine: &str,
        place: &P,
    ) -> Result<ExitCode> {
        let mut measured = Vec::new();
        for row in &mut rows {
            measured.push(measure(row.as_mut(), self.runs, place).await?);
        }
        let text = self.report(&measured, machine);
        io::stdout().lock().write_all(text.as_bytes())?;
        if let Some(path) = self.write {
            std::fs::write(path, &text).with_context(|| format!("write {}", path.display()))?;
        }
        let whole = measured.iter().all(|row| row.failed.is_none());
        Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn report(&self, rows: &[Measured], machine: &str) -> String {
        let mut text = format!(
            "# {}\n\n{} {} runs of each side, taken in turn; median (least–most). The ratio is ours divided by theirs.\n\n\
             Measured on: {machine}.\n\n{}",
            self.title,
            self.says,
            self.runs,
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
}

async fn measure<P: Sync>(row: &mut dyn Row<P>, runs: usize, place: &P) -> Result<Measured> {
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
            match row.run(side, place).await {
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

/// What happens while it runs.
fn note(line: &str) -> io::Result<()> {
    writeln!(io::stderr().lock(), "{line}")
}
