//! What the lab CA may sign for: the lab and nothing else.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};

use lab::{Board, gear::CaGear};
use serde::{Deserialize, Serialize};

use super::issue::within;

/// What a lab CA is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabCaConfig {
    /// As in "labinator lab CA".
    pub name: String,
    /// Domains with all that is below them.
    pub domains: Vec<String>,
    pub networks: Vec<(IpAddr, u8)>,
    /// Life of a certificate.
    pub leaf_hours: u64,
    /// Where systemd puts credentials; a file `lab-ca-key` there opens the seal instead of the one beside the CA.
    pub credentials: Option<PathBuf>,
}

/// Subtrees in which names must lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Scope {
    pub(super) domains: Vec<String>,
    pub(super) networks: Vec<(IpAddr, u8)>,
}

impl LabCaConfig {
    pub(super) fn scope(&self) -> Scope {
        let domains: BTreeSet<String> = self.domains.iter().map(|name| name.to_ascii_lowercase()).collect();
        Scope { domains: domains.into_iter().collect(), networks: self.networks.clone() }
    }
}

impl Scope {
    pub(super) fn permits(&self, name: &str) -> bool {
        if let Ok(address) = name.parse::<IpAddr>() {
            return self.networks.iter().any(|network| within(address, *network));
        }
        let name = name.to_ascii_lowercase();
        let below = |domain: &String| {
            name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        self.domains.iter().any(below)
    }
}

pub(super) fn of_board(board: &Board) -> LabCaConfig {
    let mut domains: BTreeSet<String> =
        ["local", "localhost", "boss"].into_iter().map(str::to_owned).collect();
    domains.extend(board.network.domain.clone());
    domains.extend(board.machines.iter().map(|machine| machine.name.clone()));
    let mut networks = vec![
        (IpAddr::V4(board.network.address), board.network.prefix),
        (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
        (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
    ];
    // What the owner wrote into the board file is the lab.
    for name in board.certificates.iter().filter(|gear| gear.renew).flat_map(|gear| &gear.names) {
        match name.parse::<IpAddr>() {
            Ok(address) if networks.iter().any(|network| within(address, *network)) => {}
            Ok(address) => networks.push((address, if address.is_ipv4() { 32 } else { 128 })),
            Err(_) => {
                domains.insert(name.trim_start_matches("*.").to_ascii_lowercase());
            }
        }
    }
    let leaf_hours = match board.ca {
        CaGear::Lab { leaf_hours } | CaGear::Step { leaf_hours, .. } => leaf_hours,
    };
    LabCaConfig {
        name: format!("{} lab CA", board.board.name),
        domains: domains.into_iter().collect(),
        networks,
        leaf_hours,
        credentials: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
    }
}
