//! What the DHCP server is told.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::Mac;

/// Everything an answer is made of.
#[derive(Debug, Clone)]
pub struct DhcpConfig {
    /// Our own address, by which clients tell servers apart (option 54).
    pub server_id: Ipv4Addr,
    /// Option 1.
    pub netmask: Ipv4Addr,
    /// Option 3.
    pub router: Option<Ipv4Addr>,
    /// Option 6.
    pub dns: Vec<Ipv4Addr>,
    /// Option 42.
    pub ntp: Vec<Ipv4Addr>,
    /// Option 7.
    pub log_server: Option<Ipv4Addr>,
    /// Options 15 and 119.
    pub domain: Option<String>,
    /// Option 51; renewal is at half of it.
    pub lease: Duration,
    /// First and last address for machines without a reservation.
    pub pool: (Ipv4Addr, Ipv4Addr),
    /// Machines that always get the same address.
    pub reservations: HashMap<Mac, Reservation>,
    /// What to boot.
    pub boot: BootNames,
    /// Where TFTP is served (the BOOTP field siaddr, and option 66).
    pub next_server: Ipv4Addr,
    /// Where answers go.
    pub replies: Replies,
    /// Whether we are the network's server, a helper beside it, or silent.
    pub mode: Mode,
}

/// Our part on the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// We give addresses, as long as no other server does.
    Serve,
    /// Another server gives addresses; we only tell firmware what to boot (ProxyDHCP, PXE 2.1 section 2.2.3).
    Proxy,
    /// We give addresses although another server answers, and speak with authority where RFC 2131 would have a server
    /// among several keep silent.
    Takeover,
    /// We say nothing.
    Off,
}

impl Mode {
    /// The word in files.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Serve => "serve",
            Mode::Proxy => "proxy",
            Mode::Takeover => "takeover",
            Mode::Off => "off",
        }
    }
}

/// An address that belongs to one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Its address.
    pub address: Ipv4Addr,
    /// Option 12.
    pub host_name: String,
    /// What this machine boots, where that differs from the rest; [`BootNames::nothing`] when it shall boot nothing.
    pub boot: Option<BootNames>,
}

/// Boot files by what asks for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootNames {
    /// Architecture 0, by TFTP.
    pub bios: String,
    /// Architecture 6, by TFTP. The 64-bit loader cannot run there, so without one of its own such firmware gets none.
    pub efi32: Option<String>,
    /// Architectures 7 and 9, by TFTP.
    pub efi64: String,
    /// Architecture 16: the same loader as a URL, for firmware that boots by HTTP.
    pub efi64_url: String,
    /// The script for iPXE, as a URL with an address in it: without IPv6, AAAA answers break iPXE's name look-ups.
    pub script_url: String,
    /// Why there is nothing to boot, in words for people. Then no file is named, whatever stands above: the client
    /// gets its address and no more.
    pub missing: Option<&'static str>,
    /// Without what is added here for speed (option 175): what other servers answer, to be measured against.
    pub plain: bool,
}

impl BootNames {
    /// No file for any kind of client, and why.
    pub fn nothing(why: &'static str) -> BootNames {
        BootNames {
            bios: String::new(),
            efi32: None,
            efi64: String::new(),
            efi64_url: String::new(),
            script_url: String::new(),
            missing: Some(why),
            plain: false,
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.missing.is_some() {
            return Ok(());
        }
        // The BOOTP field has 128 bytes with its NUL; a URL may be longer because option 67 carries it as well.
        text("the BIOS loader's name", &self.bios, 127)?;
        text("the 64-bit UEFI loader's name", &self.efi64, 127)?;
        if let Some(name) = &self.efi32 {
            text("the 32-bit UEFI loader's name", name, 127)?;
        }
        text("the UEFI loader's URL", &self.efi64_url, 255)?;
        text("the script's URL", &self.script_url, 255)
    }
}

/// Where answers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replies {
    /// To 255.255.255.255:68, or to the client's own address when it already uses it: a real network.
    Broadcast,
    /// To where the packet came from, and never outside 127.0.0.0/8: the simulated board.
    ToSource,
}

/// A configuration that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The pool's ends are swapped, or it is larger than a board needs.
    #[error("the address pool {first}-{last} must run upwards and hold at most {most} addresses", most = DhcpConfig::LARGEST_POOL)]
    Pool {
        /// Its first address.
        first: Ipv4Addr,
        /// Its last address.
        last: Ipv4Addr,
    },
    /// An address that clients could not reach.
    #[error("{what} {address} is not in the network of {server_id} with netmask {netmask}")]
    Outside {
        /// Which setting.
        what: &'static str,
        /// Its value.
        address: Ipv4Addr,
        /// Our own address.
        server_id: Ipv4Addr,
        /// Our own netmask.
        netmask: Ipv4Addr,
    },
    /// Two machines, one address.
    #[error("address {address} is reserved for {one} and for {other}")]
    Twice {
        /// The address.
        address: Ipv4Addr,
        /// One machine.
        one: Mac,
        /// The other.
        other: Mac,
    },
    /// Text that does not fit into its option or field.
    #[error("{what} is empty, longer than {most} bytes or not plain ASCII: \"{text}\"")]
    Text {
        /// Which setting.
        what: &'static str,
        /// Its value.
        text: String,
        /// The limit.
        most: usize,
    },
}

impl DhcpConfig {
    /// Leases are kept in memory, one for each address of the pool.
    pub const LARGEST_POOL: u32 = 16_384;

    /// Whether it can work. Call it before serving.
    pub fn check(&self) -> Result<(), ConfigError> {
        let (first, last) = self.pool;
        let size = u32::from(last).checked_sub(u32::from(first));
        if size.is_none_or(|size| size >= Self::LARGEST_POOL) {
            return Err(ConfigError::Pool { first, last });
        }
        let reserved =
            self.reservations.values().map(|reservation| ("reserved address", reservation.address));
        let places = [("pool start", first), ("pool end", last)].into_iter();
        for (what, address) in places.chain(self.router.map(|router| ("router", router))).chain(reserved) {
            if !self.is_inside(address) {
                let (server_id, netmask) = (self.server_id, self.netmask);
                return Err(ConfigError::Outside { what, address, server_id, netmask });
            }
        }
        let mut owners = HashMap::new();
        for (&mac, reservation) in &self.reservations {
            if let Some(other) = owners.insert(reservation.address, mac) {
                let (one, other) = (mac.min(other), mac.max(other));
                return Err(ConfigError::Twice { address: reservation.address, one, other });
            }
            text("a host name", &reservation.host_name, 63)?;
        }
        if let Some(domain) = &self.domain {
            text("the domain", domain, 200)?;
            if domain.split('.').any(|label| label.is_empty() || label.len() > 63) {
                return Err(ConfigError::Text { what: "the domain", text: domain.clone(), most: 63 });
            }
        }
        for names in self.reservations.values().filter_map(|reservation| reservation.boot.as_ref()) {
            names.check()?;
        }
        self.boot.check()
    }

    /// Whether an address belongs to a machine.
    pub fn is_reserved(&self, address: Ipv4Addr) -> bool {
        self.reservations.values().any(|reservation| reservation.address == address)
    }

    /// What a machine boots.
    pub fn boot_of(&self, mac: Mac) -> &BootNames {
        self.reservations.get(&mac).and_then(|reservation| reservation.boot.as_ref()).unwrap_or(&self.boot)
    }

    /// The addresses that may be given to machines without a reservation, in order.
    pub fn pool_addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        let mut kept: HashSet<Ipv4Addr> = self.reservations.values().map(|one| one.address).collect();
        kept.extend([self.server_id, self.next_server, self.network(), self.broadcast()]);
        kept.extend(self.router);
        (u32::from(self.pool.0)..=u32::from(self.pool.1))
            .map(Ipv4Addr::from)
            .filter(move |address| !kept.contains(address))
    }

    /// Whether an address is in our network.
    pub fn is_inside(&self, address: Ipv4Addr) -> bool {
        let mask = u32::from(self.netmask);
        u32::from(address) & mask == u32::from(self.server_id) & mask
    }

    /// The network's own address, which no machine may have.
    pub fn network(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.server_id) & u32::from(self.netmask))
    }

    /// Option 28.
    pub fn broadcast(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.server_id) | !u32::from(self.netmask))
    }
}

fn text(what: &'static str, text: &str, most: usize) -> Result<(), ConfigError> {
    if text.is_empty() || text.len() > most || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ConfigError::Text { what, text: text.to_owned(), most });
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const KNOWN: Mac = Mac([0x16, 0x09, 0x01, 0x1a, 0xf4, 0x30]);
    pub(crate) const STRANGER: Mac = Mac([0x52, 0x54, 0, 0, 0, 9]);

    /// The reference lab's network, with one machine.
    pub(crate) fn board() -> DhcpConfig {
        let node1 =
            Reservation { address: Ipv4Addr::new(192, 168, 122, 11), host_name: "node1".into(), boot: None };
        DhcpConfig {
            server_id: Ipv4Addr::new(192, 168, 122, 3),
            netmask: Ipv4Addr::new(255, 255, 255, 0),
            router: Some(Ipv4Addr::new(192, 168, 122, 1)),
            dns: vec![Ipv4Addr::new(192, 168, 122, 3)],
            ntp: vec![Ipv4Addr::new(192, 168, 122, 3)],
            log_server: Some(Ipv4Addr::new(192, 168, 122, 3)),
            domain: Some("local".into()),
            lease: Duration::from_secs(24 * 3600),
            pool: (Ipv4Addr::new(192, 168, 122, 200), Ipv4Addr::new(192, 168, 122, 203)),
            reservations: HashMap::from([(KNOWN, node1)]),
            boot: BootNames {
                bios: "undionly.kpxe".into(),
                efi32: None,
                efi64: "ipxe.efi".into(),
                efi64_url: "http://192.168.122.3/ipxe.efi".into(),
                script_url: "http://192.168.122.3/boot.ipxe".into(),
                missing: None,
                plain: false,
            },
            next_server: Ipv4Addr::new(192, 168, 122, 3),
            replies: Replies::Broadcast,
            mode: Mode::Serve,
        }
    }

    #[test]
    fn a_board_as_it_is_can_work() {
        assert_eq!(board().check(), Ok(()));
        assert_eq!(board().broadcast(), Ipv4Addr::new(192, 168, 122, 255));
    }

    #[test]
    fn a_machine_boots_what_is_its_own_and_nothing_is_no_mistake() {
        let mut config = board();
        let own = BootNames::nothing("it is disabled");
        config.reservations.entry(KNOWN).and_modify(|node1| node1.boot = Some(own.clone()));
        assert_eq!(config.check(), Ok(()));
        assert_eq!(config.boot_of(KNOWN), &own);
        assert_eq!(config.boot_of(STRANGER), &config.boot);
    }

    #[test]
    fn no_address_with_an_owner_is_in_the_pool() {
        let mut config = board();
        config.pool = (Ipv4Addr::new(192, 168, 122, 0), Ipv4Addr::new(192, 168, 122, 255));
        let pool: Vec<_> = config.pool_addresses().map(|address| address.octets()[3]).collect();
        assert_eq!(pool.len(), 256 - 5, "network, router, server, node1 and broadcast are left out");
        assert!([0, 1, 3, 11, 255].iter().all(|owned| !pool.contains(owned)));
    }

    #[test]
    fn what_cannot_work_is_named() {
        type Spoil = fn(&mut DhcpConfig);
        let cases: [(&str, Spoil); 8] = [
            ("pool", |c| c.pool = (c.pool.1, c.pool.0)),
            ("pool", |c| c.pool = (Ipv4Addr::new(192, 168, 0, 0), Ipv4Addr::new(192, 168, 255, 0))),
            ("router 10.0.0.1", |c| c.router = Some(Ipv4Addr::new(10, 0, 0, 1))),
            ("reserved for", |c| {
                let twin = c.reservations[&KNOWN].clone();
                c.reservations.insert(STRANGER, twin);
            }),
            ("domain", |c| c.domain = Some("a..b".into())),
            ("BIOS loader", |c| c.boot.bios = "x".repeat(128)),
            ("script", |c| c.boot.script_url = String::new()),
            ("BIOS loader", |c| {
                let own = BootNames { bios: "ü".into(), ..c.boot.clone() };
                c.reservations.entry(KNOWN).and_modify(|node1| node1.boot = Some(own));
            }),
        ];
        for (word, spoil) in cases {
            let mut config = board();
            spoil(&mut config);
            let error = config.check().expect_err(word).to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
