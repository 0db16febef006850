//! The kernel command line with which a machine gets its instructions. Pure.

use std::fmt::Write;

/// DHCP option 60 of the image's own DHCP client: how the engine tells the running system from firmware and loaders.
pub const VENDOR_CLASS: &str = "statusinator-probe";

/// Slower, and a dead machine stays unnoticed; faster, and six of them load the controller for nothing.
pub const HEARTBEAT_MS_MIN: u32 = 100;
pub const HEARTBEAT_MS_MAX: u32 = 60_000;

/// The command line for one machine. `report_url` is the common start of the image's addresses, as in
/// `http://192.168.122.3:8080/probe`. Blanks and quotes would end or join words of the command line, so they, and all
/// that is not printable ASCII, become `-`.
///
/// The last console is the one that the first process writes to; the image writes to all of them anyway.
pub fn plan(report_url: &str, machine: u8, name: &str, heartbeat_ms: u32) -> String {
    let heartbeat_ms = heartbeat_ms.clamp(HEARTBEAT_MS_MIN, HEARTBEAT_MS_MAX);
    let mut line = String::new();
    // Writing into a String does not fail.
    let _ = write!(
        line,
        "statusinator.box={machine} statusinator.name={} statusinator.report={} statusinator.heartbeat_ms={heartbeat_ms} \
         console=tty0 console=ttyS0,115200",
        word(name),
        word(report_url),
    );
    line
}

/// What the image is to do beyond reporting, and what its screen says it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Duty {
    /// `probe`, `wiper`.
    pub role: Option<String>,
    /// The lab it boots for.
    pub lab: Option<String>,
    /// To erase these disks, once the engine agrees; none named are all that are fixed.
    pub wipe: Option<Vec<String>>,
}

impl Duty {
    /// Words for the kernel command line, to stand beside those of [`plan`].
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        for (key, value) in [("role", &self.role), ("lab", &self.lab)] {
            words.extend(value.as_ref().map(|value| format!("statusinator.{key}={}", word(value))));
        }
        if let Some(disks) = &self.wipe {
            words.push("statusinator.mode=wipe".to_owned());
            if !disks.is_empty() {
                words.push(format!("statusinator.disks={}", word(&disks.join(","))));
            }
        }
        words.join(" ")
    }
}

fn word(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\'') { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_the_image_expects_it() {
        assert_eq!(
            plan("http://192.168.122.3:8080/probe", 3, "pc3", 1000),
            "statusinator.box=3 statusinator.name=pc3 statusinator.report=http://192.168.122.3:8080/probe \
             statusinator.heartbeat_ms=1000 console=tty0 console=ttyS0,115200"
        );
    }

    #[test]
    fn a_wiper_is_told_apart_by_its_mode() {
        let duty = Duty { role: Some("a b".into()), lab: Some("rehearsal".into()), wipe: None };
        assert_eq!(duty.words(), "statusinator.role=a-b statusinator.lab=rehearsal");
        let wipe = |disks: &[&str]| Duty {
            wipe: Some(disks.iter().map(|disk| (*disk).to_owned()).collect()),
            ..Duty::default()
        };
        assert_eq!(wipe(&[]).words(), "statusinator.mode=wipe");
        assert_eq!(wipe(&["vda", "sd b"]).words(), "statusinator.mode=wipe statusinator.disks=vda,sd-b");
    }

    #[test]
    fn a_name_cannot_bring_its_own_parameters() {
        let line = plan("http://a", 1, "pc init=/bin/sh\n\"x", 0);
        assert!(line.contains("statusinator.name=pc-init=/bin/sh--x "), "{line}");
        assert!(line.contains("heartbeat_ms=100 "), "{line}");
    }
}
