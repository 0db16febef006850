//! The head of every iPXE script: what the machine's own screen shows first.
//!
//! iPXE joins the words of `echo` with one blank each, so that runs of blanks must be settings; their values are expanded
//! after the line has been split. A block is a `#` in the colour of its own background: solid on a display, and still a
//! figure on a serial line that keeps no colours.

use std::fmt::Write as _;

use super::large;

/// Columns left of everything that is shown.
pub(super) const MARGIN: &str = "${m}";

/// Clears the screen and draws `large` (a box number, a code) in blocks.
pub(super) fn head(text: &str) -> String {
    let (rows, columns) = large::cells(text);
    let mut out = String::new();
    let blanks = |count: usize| vec!["20"; count].join(":");
    let lines = [
        "set esc:hex 1b ||".to_owned(),
        format!("set gap:hex {} ||", blanks(columns)),
        "set gap ${gap:string} ||".to_owned(),
        "set m:hex 20:20 ||".to_owned(),
        "set m ${m:string} ||".to_owned(),
        format!("set block ${{esc:string}}[37;47m{}${{esc:string}}[0m ||", "#".repeat(columns)),
        // Control sequences that a console does not know are left out by it (iPXE's ansiesc).
        "echo ${esc:string}[2J${esc:string}[H ||".to_owned(),
    ];
    for line in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{line}");
    }
    for row in rows {
        let filled = row.iter().rposition(|cell| *cell).map_or(0, |last| last + 1);
        let cells = row.iter().take(filled).map(|cell| if *cell { "${block}" } else { "${gap}" });
        let _ = writeln!(out, "echo {MARGIN}{} ||", cells.collect::<String>());
    }
    out.push_str("echo ||\n");
    out
}

/// A line of text below the figures, bold where the console can.
pub(super) fn bold(text: &str) -> String {
    format!("echo {MARGIN}${{esc:string}}[1m{text}${{esc:string}}[0m ||\n")
}

/// A line of text. It begins with a setting, so that a `#` in front cannot make it a comment.
pub(super) fn line(text: &str) -> String {
    format!("echo {MARGIN}{text} ||\n")
}
