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
    fn a_name_cannot_bring_its_own_parameters() {
        let line = plan("http://a", 1, "pc init=/bin/sh\n\"x", 0);
        assert!(line.contains("statusinator.name=pc-init=/bin/sh--x "), "{line}");
        assert!(line.contains("heartbeat_ms=100 "), "{line}");
    }
}
