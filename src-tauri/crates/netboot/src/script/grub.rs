//! The same screens for GRUB, as lines of its configuration. Its `echo` keeps blanks within quotes, and nothing within
//! single quotes is expanded.

use std::fmt::Write as _;

use super::refused::LONGEST_ASK;
use super::{Plate, Refusal, large, shown};

/// Lines that draw whose box this is and what happens; what boots it follows them.
pub fn grub_screen(plate: &Plate, state: &str) -> String {
    let figure = plate.box_number.map_or_else(|| "?".to_owned(), |number| number.to_string());
    let title = plate.title();
    let name = plate.duty().map_or_else(|| title.clone(), |duty| format!("{title}: {duty}"));
    let mut out = drawn(&figure);
    for text in [name, shown(state)] {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "echo '  {text}'");
    }
    out
}

/// A whole configuration for a machine that gets nothing to boot. GRUB has no loop that waits longer each time, so it
/// waits the longest time at once, then reads the configuration named `again` (as GRUB names files) anew.
pub fn grub_refused(refusal: &Refusal, again: &str) -> String {
    let mac = refusal.mac.map_or_else(|| "unknown".to_owned(), |mac| mac.to_string());
    let mut out = drawn(&refusal.figure());
    let title = refusal.plate.as_ref().map(Plate::title);
    for text in title.into_iter().chain(refusal.lines(&mac)) {
        let _ = writeln!(out, "echo '  {text}'");
    }
    let again: String = again.chars().filter(|c| c.is_ascii_graphic() && *c != '\'').collect();
    let _ = writeln!(out, "echo\necho '  asks again in {LONGEST_ASK} s'");
    let _ = writeln!(out, "sleep {LONGEST_ASK}\nconfigfile '{again}'\nsleep {LONGEST_ASK}\nreboot");
    out
}

fn drawn(figure: &str) -> String {
    let mut out = String::from("clear\necho\n");
    for line in large::lines(figure) {
        let _ = writeln!(out, "echo '  {line}'");
    }
    out.push_str("echo\n");
    out
}
