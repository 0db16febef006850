//! Configurations for GRUB, as text.
//!
//! GRUB is the loader where firmware starts only what is signed (shim, then Debian's signed GRUB, which reads
//! `grub/grub.cfg` from the server it came from), and on a small disk of the machine's own. A failing command does not end a configuration, so every step
//! says what follows when it fails.

use std::fmt::Write as _;

/// How often kernel and initrd are asked for before the machine restarts.
const TRIES: u32 = 5;
/// Seconds between two tries: a server that restarts is back by then.
const BETWEEN_TRIES: u32 = 3;

/// A machine with something to boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrubMachine {
    /// What is said on its screen before anything is fetched, as lines of a configuration.
    pub screen: String,
    /// Whose box it is, for the lines that follow.
    pub title: String,
    /// The kernel as GRUB names it: `/boot/kernel` on the server it came from, or with a device before it.
    pub kernel: String,
    /// The initrd likewise.
    pub initrd: String,
    /// The kernel's command line.
    pub cmdline: String,
}

/// The configuration that boots it.
///
/// GRUB has no counters; the tries are written out, which a file of 2 KB can bear.
pub fn known(machine: &GrubMachine) -> String {
    let title = shown(&machine.title);
    let mut out = machine.screen.clone();
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    let (kernel, initrd) = (word(&machine.kernel), word(&machine.initrd));
    let cmdline: Vec<String> = machine.cmdline.split_whitespace().map(word).collect();
    for attempt in 1..=TRIES {
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "echo '{title}: loading, try {attempt} of {TRIES}'\n\
             if linux {kernel} {cmdline}; then\n  if initrd {initrd}; then\n    boot\n  fi\nfi\n\
             sleep {BETWEEN_TRIES}\n",
            cmdline = cmdline.join(" "),
        );
    }
    let _ = write!(
        out,
        "echo '{title} could not load what it should boot, and tried {TRIES} times. Restarting in a minute.'\n\
         sleep 60\nreboot\n"
    );
    out
}

/// One word for GRUB's shell. Within single quotes nothing has a meaning but the quote that ends them.
fn word(text: &str) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    format!("'{}'", clean.replace('\'', r"'\''"))
}

/// Text within single quotes, on one line.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || c == '\'' { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node3() -> GrubMachine {
        GrubMachine {
            screen: String::new(),
            title: "Box 3 (node3)".into(),
            kernel: "/boot/kernel".into(),
            initrd: "/boot/initrd".into(),
            cmdline: "statusinator.box=3 console=ttyS0,115200".into(),
        }
    }

    #[test]
    fn a_machine_is_told_to_fetch_and_to_try_again() {
        let text = known(&node3());
        assert_eq!(
            text.matches("linux '/boot/kernel' 'statusinator.box=3' 'console=ttyS0,115200'").count(),
            5
        );
        assert_eq!(text.matches("if ").count(), text.lines().filter(|line| line.trim() == "fi").count());
        assert!(text.ends_with("reboot\n"));
    }

    /// GRUB's own reader of configurations takes them.
    #[test]
    fn grub_takes_them() {
        let mut odd = node3();
        odd.title = "it's $(halt); `reboot`".into();
        odd.cmdline = "a='b c' d=$x e;f && {g}".into();
        for text in [known(&node3()), known(&odd)] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("grub.cfg");
            std::fs::write(&path, &text).unwrap();
            let out = std::process::Command::new("grub-script-check").arg(&path).output();
            let out = out.expect("grub-script-check (package grub-common) is installed");
            assert!(out.status.success(), "{}\n{text}", String::from_utf8_lossy(&out.stderr));
        }
    }

    #[test]
    fn names_cannot_become_commands() {
        assert_eq!(word("a'; halt '"), r"'a'\''; halt '\'''");
    }
}
