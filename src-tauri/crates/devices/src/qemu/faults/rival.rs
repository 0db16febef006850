//! A second DHCP server on the board's network: a real dnsmasq, in a network namespace of its own on the bridge.
//!
//! Beside ours it could not stand in one namespace: two servers cannot both have port 67. It gives addresses and nothing
//! to boot, as a router does that somebody plugged in, and only to the machines that are to suffer from it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;

use lab::ports::PortError;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::tool;
use crate::qemu::network::BRIDGE;
use crate::qemu::process;

/// On the bridge, and at dnsmasq's.
const NEAR: &str = "rival";
const FAR: &str = "rivalfar";
/// From start to "started"; a tenth of a second on an idle host.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RivalPlan {
    /// Its own address, on the board's network and nobody else's.
    pub address: Ipv4Addr,
    pub prefix: u8,
    /// What it hands out.
    pub range: (Ipv4Addr, Ipv4Addr),
}

/// It runs. Dropping it ends it, and with its namespace its interfaces.
#[derive(Debug)]
pub(super) struct Rival {
    child: Child,
    pub(super) macs: BTreeSet<String>,
}

impl Rival {
    pub(super) async fn start(plan: &RivalPlan, macs: BTreeSet<String>) -> Result<Self, PortError> {
        let what = "start a second DHCP server";
        let error = |why: String| PortError {
            what: what.to_owned(),
            why,
            remedy: "install the packages dnsmasq-base and util-linux".to_owned(),
            absent: false,
        };
        let mut command = std::process::Command::new("unshare");
        // It waits for its interface, then becomes dnsmasq: the process number stays.
        let script = format!(
            "read -r go && ip link set lo up && ip addr add {}/{} dev {FAR} && ip link set {FAR} up && exec dnsmasq \"$@\"",
            plan.address, plan.prefix
        );
        command.args(["--net", "--", "sh", "-c", &script, "dnsmasq"]).args(arguments(plan, &macs));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        // As in the power of machines: the first process of a PID namespace needs no death signal.
        if std::process::id() != 1 {
            process::die_with_parent(&mut command);
        }
        let mut child =
            Command::from(command).kill_on_drop(true).spawn().map_err(|source| error(source.to_string()))?;
        let id = child.id().ok_or_else(|| error("it ended at once".to_owned()))?;
        let (Some(mut stdin), Some(stderr)) = (child.stdin.take(), child.stderr.take()) else {
            return Err(error("it was started without pipes".to_owned()));
        };
        let link = format!(
            "link add {NEAR} type veth peer name {FAR} netns {id}\nlink set {NEAR} addrgenmode none\nlink set {NEAR} \
             master {BRIDGE} up\n"
        );
        own_namespace(id).await.map_err(|why| error(why.to_owned()))?;
        tool::run(what, "ip", &["-batch", "-"], "iproute2", &link).await?;
        stdin.write_all(b"go\n").await.map_err(|source| error(source.to_string()))?;
        let mut lines = BufReader::new(stderr).lines();
        let mut said = Vec::new();
        let started = async {
            while let Ok(Some(line)) = lines.next_line().await {
                if line.contains("started") {
                    return true;
                }
                said.push(line);
            }
            false
        };
        match timeout(START_LIMIT, started).await {
            Ok(true) => {}
            Ok(false) => return Err(error(said.join("; "))),
            Err(_) => return Err(error(format!("no word of it within {} s", START_LIMIT.as_secs()))),
        }
        // Its later words are read so that a full pipe does not stop it; it says little without --log-dhcp.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                tracing::debug!(line, "the second DHCP server");
            }
        });
        Ok(Self { child, macs })
    }

    /// Ends it and waits until its side of the bridge is gone.
    pub(super) async fn stop(mut self) -> Result<(), PortError> {
        if let Err(source) = self.child.kill().await {
            tracing::debug!(%source, "the second DHCP server had ended");
        }
        // The pair goes with the namespace, but when the kernel comes to it; a new one needs the name now.
        let gone = format!("link del {NEAR}\n");
        if let Err(error) =
            tool::run("take the second DHCP server away", "ip", &["-batch", "-"], "iproute2", &gone).await
            && !error.why.contains("Cannot find device")
        {
            return Err(error);
        }
        Ok(())
    }
}

/// `unshare` needs a moment; a pair made before it has would lead back to where we are.
async fn own_namespace(id: u32) -> Result<(), &'static str> {
    let ours = tokio::fs::read_link("/proc/self/ns/net").await.ok();
    let deadline = tokio::time::Instant::now() + START_LIMIT;
    while tokio::time::Instant::now() < deadline {
        match tokio::fs::read_link(format!("/proc/{id}/ns/net")).await {
            Ok(theirs) if Some(&theirs) != ours.as_ref() => return Ok(()),
            Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(_) => return Err("unshare ended: no network namespace can be made here"),
        }
    }
    Err("unshare did not make a network namespace in time")
}

/// What dnsmasq is told. Pure.
fn arguments(plan: &RivalPlan, macs: &BTreeSet<String>) -> Vec<String> {
    let (first, last) = plan.range;
    let mut out = vec![
        // In the foreground, without another user to become: a namespace of an ordinary user has none.
        "--no-daemon".to_owned(),
        "--conf-file=/dev/null".to_owned(),
        "--pid-file=".to_owned(),
        "--dhcp-leasefile=/dev/null".to_owned(),
        "--leasefile-ro".to_owned(),
        // No names, only addresses.
        "--port=0".to_owned(),
        format!("--interface={FAR}"),
        "--bind-interfaces".to_owned(),
        format!("--dhcp-range={first},{last},10m"),
        // Nobody else may have these addresses, so nothing is pinged before the first answer.
        "--no-ping".to_owned(),
        "--dhcp-ignore=tag:!chosen".to_owned(),
    ];
    out.extend(macs.iter().map(|mac| format!("--dhcp-mac=set:chosen,{mac}")));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_the_chosen_machines_and_gives_nothing_to_boot() {
        let plan = RivalPlan {
            address: Ipv4Addr::new(192, 168, 122, 190),
            prefix: 24,
            range: (Ipv4Addr::new(192, 168, 122, 191), Ipv4Addr::new(192, 168, 122, 199)),
        };
        let said = arguments(&plan, &["16:09:01:1a:f4:30".to_owned()].into()).join(" ");
        assert!(said.contains("--dhcp-range=192.168.122.191,192.168.122.199,10m"), "{said}");
        assert!(
            said.ends_with("--dhcp-ignore=tag:!chosen --dhcp-mac=set:chosen,16:09:01:1a:f4:30"),
            "{said}"
        );
        assert!(!said.contains("boot"), "{said}");
    }
}
