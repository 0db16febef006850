//! What loaders are told, as text: iPXE scripts, and GRUB configuration for those that have GRUB.
//!
//! iPXE ends a script at its first failing line unless the line carries `||`; a screen that a build cannot draw would
//! be enough. So nothing here may fail unnoticed: what is optional ends in `||`, what is not jumps to a label, and every
//! loop counts. Addresses stand where names could, because AAAA answers break iPXE's look-ups without IPv6.
//!
//! Every script first says on the machine's own screen whose box this is: its number, or the code under which an unknown
//! machine appears on our screens, in figures that can be read from across the room.

mod grub;
mod known;
pub mod large;
mod refused;
mod screen;

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::Mac;

pub use grub::{grub_refused, grub_screen};
pub use known::{ScriptError, ScriptMachine, known};
pub use refused::{Refusal, refused};

/// What stands on every screen of a machine, whoever draws it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plate {
    /// The number on its box; shown first and large, because it is what a person sees.
    pub box_number: Option<u8>,
    /// Its name.
    pub name: String,
    /// What it is to be: `probe`, `wiper`, …
    pub role: Option<String>,
    /// The lab it is in.
    pub lab: Option<String>,
}

impl Plate {
    /// `Box 3 node3`, or the name alone.
    pub fn title(&self) -> String {
        match self.box_number {
            Some(number) => format!("Box {number} {}", shown(&self.name)),
            None => shown(&self.name),
        }
    }

    /// `probe for lab rehearsal`, as far as it is known.
    pub fn duty(&self) -> Option<String> {
        let role = self.role.as_deref().map(shown);
        let lab = self.lab.as_deref().map(|lab| format!("lab {}", shown(lab)));
        match (role, lab) {
            (Some(role), Some(lab)) => Some(format!("{role} for {lab}")),
            (role, lab) => role.or(lab),
        }
    }
}

/// `http://ADDRESS/path`, without a port where it is HTTP's own.
pub(crate) fn url(base: SocketAddrV4, path: &str) -> String {
    let mut url = format!("http://{}", base.ip());
    if base.port() != 80 {
        let _ = write!(url, ":{}", base.port());
    }
    url.push('/');
    for byte in path.trim_start_matches('/').bytes() {
        // What RFC 3986 leaves alone, and no more: a space, a dollar or a bar would mean something to iPXE.
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

/// Text for a screen, free of what a script would act on.
fn shown(text: &str) -> String {
    let plain = |c: char| match c {
        // An apostrophe would end GRUB's quotes.
        '\'' => '`',
        _ if c.is_ascii_alphanumeric() || " .,:;_-+()/`".contains(c) => c,
        _ => '?',
    };
    text.chars().map(plain).collect()
}

/// Words broken into lines of a text screen.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Loaders send their log lines there as they go on: iPXE by this setting, where its build has syslog.
fn syslog(to: Option<Ipv4Addr>) -> String {
    to.map(|to| format!("set syslog {to} ||\n")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
