//! Everything was fetched, and the system does not call back.

use super::{
    case::{CONSOLE_TAIL, Case, Lead, Want, word},
    words::{seconds, usually},
};
use crate::{
    boot::{Mark, Phase},
    verdict::VerdictCode,
};

/// A machine that panics may start again at once; what it said just before tells more.
const SETTLES_S: f64 = 5.0;
/// Characters of a console line that a verdict shows.
const LINE_SHOWN: usize = 160;
/// What kernels write when they cannot go on (Linux: kernel/panic.c, init/do_mounts.c, arch/x86 oops).
const LAST_WORDS: [&str; 4] = ["Kernel panic", "Unable to mount root fs", "Oops:", "BUG: "];

pub(super) fn silent(case: &Case<'_>) -> Option<Lead> {
    let phase = case.phase();
    // A wiper reports when it is done, and a large disk takes its time.
    if !matches!(phase, Phase::Os | Phase::Service) || case.machine.erasing().is_some() {
        return None;
    }
    let (since, limit) = (case.started(phase), case.limit(phase));
    let seen = match phase {
        Phase::Os => "Everything was fetched, and its system was not heard",
        _ => "Its system asked for an address, and did not report",
    };
    let (line, spoke_at) = match last_words(case) {
        Some((mark, line)) => (Some((mark, line)), Some(&mark.stamp)),
        None => (None, None),
    };
    // Last words end the wait: nothing will come after a panic.
    let knowable = match spoke_at.filter(|_| line.as_ref().is_some_and(|(mark, _)| mark.name == "log-line")) {
        Some(spoke) => spoke.after(SETTLES_S),
        None => since.after(limit.seconds),
    };
    let console = case.last(CONSOLE_TAIL);
    let quoted = match (&line, console.and_then(|mark| word(mark, "text")).and_then(last_line)) {
        (Some((_, line)), _) => format!(" Its last words: {}", cut(line)),
        (None, Some(line)) => format!(" The last line on its console: {}", cut(line)),
        (None, None) => String::new(),
    };
    let says = match spoke_at {
        Some(_) if line.as_ref().is_some_and(|(mark, _)| mark.name == "log-line") => {
            format!("Its kernel cannot go on.{quoted}")
        }
        _ => format!("{seen} within {} ({}).{quoted}", seconds(limit.seconds), usually(&limit)),
    };
    let panicked = line.is_some().then_some("its kernel panicked: a damaged initrd, or no root file system");
    let files = ["kernel-sent", "initrd-sent"].iter().filter_map(|name| Some(case.mark(name)?.seq));
    let lead = Lead::new(VerdictCode::SystemSilent, since, knowable, says)
        .by(case.entered(phase))
        .by(files)
        .by(line.as_ref().map(|(mark, _)| mark.seq))
        .by(console.map(|mark| mark.seq))
        .causes(panicked)
        .causes(line.is_none().then_some("its kernel panicked"))
        .causes(["it has no driver for its network adapter", "it hangs, or it was switched off"])
        .remedy(format!(
            "Look at the console or the screen of {}. After a panic: verify its boot files, then start it again.",
            case.name
        ));
    Some(if console.is_some() { lead } else { lead.wants(Want::Console) })
}

/// The newest line that says that the kernel cannot go on, from its log or its console.
fn last_words<'a>(case: &Case<'a>) -> Option<(&'a Mark, &'a str)> {
    let marks = case.boot.marks().rev().filter(|mark| mark.name == "log-line" || mark.name == CONSOLE_TAIL);
    marks
        .filter_map(|mark| Some((mark, word(mark, "text")?)))
        .find_map(|(mark, text)| text.lines().rev().find(|line| is_last_word(line)).map(|line| (mark, line)))
}

/// Whether a kernel that writes this cannot go on.
pub fn is_last_word(line: &str) -> bool {
    LAST_WORDS.iter().any(|word| line.contains(word))
}

fn last_line(text: &str) -> Option<&str> {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty())
}

fn cut(line: &str) -> String {
    line.trim().chars().filter(|c| !c.is_control()).take(LINE_SHOWN).collect()
}
