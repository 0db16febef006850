//! What a DHCP configuration promises to machines.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::dhcp::{BootNames, DhcpConfig};
use crate::http::tls::Identity;
use crate::syslog::LoopBack;

/// Everything to be tried, and from where.
#[derive(Debug, Clone)]
pub struct Promises {
    /// Our own address, as machines know it.
    pub from: Ipv4Addr,
    /// Where TFTP is served, and which files.
    pub tftp: (SocketAddrV4, BTreeSet<String>),
    /// URLs of loaders, scripts and whatever else machines are sent to.
    pub http: BTreeSet<String>,
    /// The same server by TLS: where, by which name, whom to trust, and one path to fetch.
    pub https: Option<(SocketAddrV4, String, Identity, String)>,
    /// Name servers (option 6) and what they must know.
    pub names: Option<NamesPromised>,
    /// Time servers (option 42).
    pub time: Vec<SocketAddrV4>,
    /// Log server (option 7), and our own ears where it is us.
    pub log: Option<(SocketAddrV4, Option<LoopBack>)>,
}

/// Names that every lab needs.
#[derive(Debug, Clone)]
pub struct NamesPromised {
    /// Who is asked.
    pub servers: Vec<SocketAddrV4>,
    /// Whether that is somebody else, whose records a person has to add.
    pub external: bool,
    /// Name → the addresses it must have.
    pub records: Vec<(String, Vec<Ipv4Addr>)>,
}

impl Promises {
    /// Files and URLs of all machines; `tftp_port` is where TFTP really is.
    pub fn of_boot_files(config: &DhcpConfig, tftp_port: u16) -> Promises {
        let mut promises = Promises {
            from: config.server_id,
            tftp: (SocketAddrV4::new(config.next_server, tftp_port), BTreeSet::new()),
            http: BTreeSet::new(),
            https: None,
            names: None,
            time: Vec::new(),
            log: None,
        };
        promises.take_boot_files(config);
        promises
    }

    /// Takes over what another configuration says of boot files; `true` where that differs.
    pub fn take_boot_files(&mut self, config: &DhcpConfig) -> bool {
        let mut files = BTreeSet::new();
        let mut urls = BTreeSet::new();
        let own = config.reservations.values().filter_map(|reservation| reservation.boot.as_ref());
        // Who is told that there is nothing to boot is promised nothing.
        for names in own.chain([&config.boot]).filter(|names| names.missing.is_none()) {
            let BootNames { bios, efi32, efi64, efi64_url, script_url, .. } = names;
            files.extend([bios.clone(), efi64.clone()]);
            files.extend(efi32.clone());
            urls.extend([efi64_url.clone(), script_url.clone()]);
        }
        let differs = files != self.tftp.1 || urls != self.http;
        (self.tftp.1, self.http) = (files, urls);
        differs
    }
}
