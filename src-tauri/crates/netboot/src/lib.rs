//! Everything a machine needs to boot over the network: addresses (DHCP), boot files (TFTP, HTTP) and boot scripts.
//!
//! The crate depends on nothing of ours and decides nothing about labs. Its servers answer what they are configured to
//! answer and tell a [`seen::SeenSink`] what they saw; wiring turns that into the engine's words. Codecs and state
//! machines do no I/O; sockets live in `server.rs` files. Every port expects hostile input: what cannot be read is
//! counted and never answered.

pub mod mac;

pub mod clock;
pub mod counters;
pub mod neighbours;
pub mod progress;
pub mod seen;

mod apart;
mod cached;
pub mod capture;
pub mod files;
pub mod folder;
pub mod path;

mod datagrams;
pub mod gate;

pub mod dhcp;
pub mod dns;
pub mod http;
pub mod ntp;
pub mod ra;
pub mod syslog;
pub mod tftp;

pub mod images;
pub mod matchbox;
pub mod owner;
pub mod script;

pub mod efi;
pub mod grub;
pub mod media;
pub mod selfcheck;
pub mod uki;

pub mod probe;
pub mod smbios;

pub use datagrams::bind;
pub use mac::Mac;

/// The protocols spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proto {
    /// Addresses and the name of the first boot file.
    Dhcp,
    /// The first boot file, for firmware that knows nothing better.
    Tftp,
    /// Boot files, and reports.
    Http,
    /// The same, encrypted.
    Https,
    /// Answers beside somebody else's DHCP server (67 and 4011).
    ProxyDhcp,
    /// Names.
    Dns,
    /// Router advertisements (ICMPv6).
    Ndp,
    /// Time.
    Ntp,
    /// Log lines of loaders.
    Syslog,
    /// Log lines of kernels.
    Netconsole,
}

impl Proto {
    /// The word in lists and counters.
    pub fn word(self) -> &'static str {
        match self {
            Proto::Dhcp => "dhcp",
            Proto::Tftp => "tftp",
            Proto::Http => "http",
            Proto::Https => "https",
            Proto::ProxyDhcp => "proxydhcp",
            Proto::Dns => "dns",
            Proto::Ndp => "ndp",
            Proto::Ntp => "ntp",
            Proto::Syslog => "syslog",
            Proto::Netconsole => "netconsole",
        }
    }
}

impl std::fmt::Display for Proto {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Proto::Dhcp => "DHCP",
            Proto::Tftp => "TFTP",
            Proto::Http => "HTTP",
            Proto::Https => "HTTPS",
            Proto::ProxyDhcp => "ProxyDHCP",
            Proto::Dns => "DNS",
            Proto::Ndp => "NDP",
            Proto::Ntp => "NTP",
            Proto::Syslog => "syslog",
            Proto::Netconsole => "netconsole",
        })
    }
}

/// Bytes that are not what they should be. Counted by these words, reported, never answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed: {0}")]
pub struct Malformed(pub &'static str);
