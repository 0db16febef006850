//! The board's network inside the namespace: a bridge that carries the engine's address, and one tap a machine.
//!
//! It needs no taking down: it ends with the namespace.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use lab::ports::{Link, Wire, WireCounters};
use nix::net::if_::InterfaceFlags;
use tokio::io::AsyncWriteExt;

/// The bridge, in place of the board's switch.
pub const BRIDGE: &str = "lab0";

/// The bridge's own hardware address. Left alone it would take over the lowest one among its ports and change when a
/// port comes or goes, and machines would speak to a tap.
pub const BRIDGE_MAC: &str = "02:6c:61:62:30:03";

/// Making a dozen interfaces takes some 50 ms.
const LIMIT: Duration = Duration::from_secs(10);

/// Routers are advertised from a link-local address (RFC 4861, section 4.2). This one is there at once: one that the kernel
/// makes comes only when the first machine is switched on, and after a second of detecting duplicates.
const LINK_LOCAL: &str = "addr add fe80::3/64 dev lab0 nodad\n";

/// What is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkPlan {
    /// The engine's own address, on the bridge.
    pub address: Ipv4Addr,
    pub prefix: u8,
    /// Machine → tap.
    pub taps: BTreeMap<String, String>,
}

/// Why there is no network.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    #[error("run ip to make the board's network")]
    Start { source: std::io::Error },
    #[error("make the board's network: {said}")]
    Refused { said: String },
    #[error("make the board's network: ip did not end within {} s", LIMIT.as_secs())]
    Late,
}

impl NetworkError {
    /// What the person at the bench should do.
    pub fn remedy(&self) -> String {
        match self {
            Self::Start { .. } => "install the package iproute2".to_owned(),
            Self::Refused { said } if said.contains("tun") => {
                "load the kernel module tun (`modprobe tun`) and let this user open /dev/net/tun".to_owned()
            }
            Self::Refused { .. } => "load the kernel module bridge (`modprobe bridge`)".to_owned(),
            Self::Late => "start the program again when the machine is less busy".to_owned(),
        }
    }
}

/// The board's network, made.
#[derive(Debug)]
pub struct Network {
    taps: BTreeMap<String, String>,
}

impl Network {
    /// Make bridge and taps. To be called once, within namespaces of one's own.
    pub async fn make(plan: &NetworkPlan) -> Result<Self, NetworkError> {
        ip(&commands(plan)).await?;
        // IPv6 speeds machines up and is needed by none.
        if let Err(error) = ip(LINK_LOCAL).await {
            tracing::warn!(%error, "no IPv6 on {BRIDGE}: loaders that wait for a router will wait in vain");
        }
        Ok(Self { taps: plan.taps.clone() })
    }
}

/// What `ip -batch` is given. Pure.
fn commands(plan: &NetworkPlan) -> String {
    let mut out = String::new();
    // A port of a bridge with spanning tree, or with the usual forward delay of 15 s, swallows the first packets of a
    // machine. Without snooping no packet depends on what the bridge thinks of multicast.
    let lines = [
        "link set lo up".to_owned(),
        format!(
            "link add {BRIDGE} address {BRIDGE_MAC} type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
        ),
        format!("link set {BRIDGE} addrgenmode none"),
        format!("addr add {}/{} dev {BRIDGE}", plan.address, plan.prefix),
        format!("link set {BRIDGE} up"),
    ];
    for line in lines {
        // Writing into a String does not fail.
        let _ = writeln!(out, "{line}");
    }
    for tap in plan.taps.values() {
        let _ = writeln!(out, "tuntap add dev {tap} mode tap");
        // The host's own IPv6 chatter on a machine's wire would be counted as the machine's.
        let _ = writeln!(out, "link set {tap} addrgenmode none");
        let _ = writeln!(out, "link set {tap} master {BRIDGE} up");
    }
    out
}

async fn ip(commands: &str) -> Result<(), NetworkError> {
    let start = |source| NetworkError::Start { source };
    let mut child = tokio::process::Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(start)?;
    let mut stdin = child.stdin.take();
    let work = async {
        if let Some(stdin) = &mut stdin {
            // A broken pipe means that ip ended early; its own words say why.
            let _ = stdin.write_all(commands.as_bytes()).await;
        }
        drop(stdin);
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(LIMIT, work).await.map_err(|_| NetworkError::Late)?.map_err(start)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().chars().take(300).collect();
    Err(NetworkError::Refused { said })
}

#[async_trait]
impl Wire for Network {
    /// A tap receives what its machine sends: `from` is the tap's receive side.
    ///
    /// Read from /proc, whose `net` is that of the reader; /sys shows the network it was mounted in.
    async fn counters(&self, machine: &str) -> Option<WireCounters> {
        let tap = self.taps.get(machine)?;
        let table = tokio::fs::read_to_string("/proc/self/net/dev").await.ok()?;
        counters_of(&table, tap)
    }

    /// A tap runs while a machine has it open and nobody has set it down: the other end of a cable.
    async fn link(&self, machine: &str) -> Option<Link> {
        let tap = self.taps.get(machine)?;
        let mut interfaces = nix::ifaddrs::getifaddrs().ok()?;
        let flags = interfaces.find(|interface| interface.interface_name == *tap)?.flags;
        let up = flags.contains(InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING);
        Some(Link { up, speed: None })
    }
}

/// One line of /proc/net/dev: name, eight receive fields (bytes, packets, …), eight transmit fields (proc(5)). Pure.
fn counters_of(table: &str, interface: &str) -> Option<WireCounters> {
    let line = table.lines().find_map(|line| line.trim_start().strip_prefix(interface)?.strip_prefix(':'))?;
    let fields: Vec<u64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
    Some(WireCounters {
        from_bytes: *fields.first()?,
        from_packets: *fields.get(1)?,
        to_bytes: *fields.get(8)?,
        to_packets: *fields.get(9)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_in_ips_words() {
        let taps =
            [("pc1", "tap1"), ("pc2", "tap2")].map(|(machine, tap)| (machine.to_owned(), tap.to_owned()));
        let plan = NetworkPlan { address: Ipv4Addr::new(192, 168, 122, 3), prefix: 24, taps: taps.into() };
        assert_eq!(
            commands(&plan),
            "link set lo up\n\
             link add lab0 address 02:6c:61:62:30:03 type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n\
             link set lab0 addrgenmode none\n\
             addr add 192.168.122.3/24 dev lab0\n\
             link set lab0 up\n\
             tuntap add dev tap1 mode tap\n\
             link set tap1 addrgenmode none\n\
             link set tap1 master lab0 up\n\
             tuntap add dev tap2 mode tap\n\
             link set tap2 addrgenmode none\n\
             link set tap2 master lab0 up\n"
        );
    }

    #[test]
    fn counts_are_seen_from_the_machine() {
        let table = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
 tap10:      10      11    0    0    0     0          0         0       20      21    0    0    0     0       0          0
  tap1:  304500    2000    0    5    0     0          0         0 11800000    8000    0    0    0     0       0          0
";
        let expected =
            WireCounters { from_bytes: 304_500, from_packets: 2000, to_bytes: 11_800_000, to_packets: 8000 };
        assert_eq!(counters_of(table, "tap1"), Some(expected));
        assert_eq!(counters_of(table, "tap2"), None);
        assert_eq!(counters_of("tap1: 1 2 3", "tap1"), None, "a short line is no measurement");
    }
}
