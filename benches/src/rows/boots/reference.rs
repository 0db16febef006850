//! The other side: dnsmasq for DHCP and TFTP, nginx for the rest, chained as in the reference lab. Firmware gets
//! `ipxe.efi` by TFTP (PXE: architectures 6, 7 and 9); iPXE is known by its user class and gets `chain-boot.ipxe` by HTTP,
//! which chains to the machine's own script below the link `lab`, and that loads kernel and initrd.
//!
//! In three things it is kinder to that side than the lab is. Servers are named by address, so that no name has to be
//! looked up. The chain script has no `console` line: Debian's iPXE knows no such command, and a script ends at a line
//! that fails. And the machines are switched on all at once.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{BufReader, Lines};
use tokio::process::{ChildStderr, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::machine::{self, Machine, mac, tap};
use super::times::{self, Boot};
use crate::bench::Bench;
use crate::process::{Port, Running};
use crate::rows::nginx::{self, Site};

const BRIDGE: &str = "lab0";
/// Not the bench's other wire, and like it in this namespace only.
const NET: &str = "10.78.0";
const BOSS: &str = "10.78.0.3";
const PORT: u16 = 8080;

/// Debian's, the same file that the program hands out where it hands out one.
const LOADER: &str = "/usr/lib/ipxe/ipxe.efi";

/// Between two looks at the log.
const PAUSE: Duration = Duration::from_millis(200);

/// Boots all machines once.
pub(super) async fn run(bench: &Bench, machines: u8, longest: Duration) -> Result<Vec<Boot>> {
    let folder = tempfile::tempdir_in(bench.folder()).context("make a folder for the reference lab")?;
    let folder = folder.path();
    let site = lay_out(bench, folder, machines).await?;
    let log = folder.join("requests");
    wire(bench, machines).await?;

    let listen = format!("{BOSS}:{PORT}");
    let answer = "location /probe/ { default_type text/plain; return 200 \"received\\n\"; }";
    let served = Site { listen: &listen, root: &site, log: Some(&log), more: answer };
    let mut nginx = Running::start(&mut nginx::command(&folder.join("nginx"), &served)?, "nginx")?;
    nginx.listens(Port::Tcp(PORT)).await?;
    let (mut dnsmasq, said) = Running::start_heard(&mut dnsmasq(folder, &site, machines), "dnsmasq")?;
    let heard = Heard::listen(said);
    dnsmasq.listens(Port::Udp(67)).await?;

    let mut on: Vec<Machine> =
        (1..=machines).map(|number| machine::switch_on(number, folder)).collect::<Result<_>>()?;
    let outcome = watch(&mut on, &log, &site, &heard, longest).await;
    // Ended whatever came of it: two of them would share the taps with the next run's.
    for machine in on {
        machine.process.stop().await?;
    }
    dnsmasq.stop().await?;
    nginx.stop().await?;
    outcome
}

/// Waits until all have reported, and reads off when they did what.
async fn watch(
    on: &mut [Machine],
    log: &Path,
    site: &Path,
    heard: &Heard,
    longest: Duration,
) -> Result<Vec<Boot>> {
    let initrd = fs::metadata(site.join("assets/initrd")).context("the initrd is there")?.len();
    let end = Instant::now() + longest;
    loop {
        let text = fs::read_to_string(log).context("read nginx's log")?;
        let boots: Vec<_> = (1..)
            .zip(on.iter())
            .filter_map(|(number, machine)| {
                let handed = heard.first(&mac(number))?;
                boot(&text, &address(number), machine.power_on, handed, initrd)
            })
            .collect();
        if boots.len() == on.len() {
            return Ok(boots);
        }
        for machine in on.iter_mut() {
            machine.process.ensure_running()?;
        }
        if Instant::now() >= end {
            let last = text.lines().last().unwrap_or("nothing");
            bail!(
                "{} of {} machines reported within {} s; the last request was {last}",
                boots.len(),
                on.len(),
                longest.as_secs()
            );
        }
        sleep(PAUSE).await;
    }
}

/// One machine's boot, once it has reported.
fn boot(log: &str, who: &str, power_on: f64, handed: f64, initrd: u64) -> Option<Boot> {
    let mut own = times::requests(log).filter(|request| request.who == who && request.status == 200);
    let loaded = own.find(|request| request.path == "/assets/initrd" && request.bytes == initrd)?.ended;
    let reported = own.find(|request| request.method == "POST" && request.path == "/probe/report")?.ended;
    Some(Boot { power_on, handed, loaded, reported })
}

/// What dnsmasq says, read as it says it: when each machine was first given its address. It tells no time finer than seconds itself.
struct Heard {
    first: Arc<Mutex<HashMap<String, f64>>>,
    reader: JoinHandle<()>,
}

impl Heard {
    fn listen(mut said: Lines<BufReader<ChildStderr>>) -> Heard {
        let first = Arc::new(Mutex::new(HashMap::new()));
        let kept = Arc::clone(&first);
        // Ends with dnsmasq, at the latest with us.
        let reader = tokio::spawn(async move {
            while let Ok(Some(line)) = said.next_line().await {
                let now = machine::now();
                if let Some(mac) = times::given(&line) {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).entry(mac.to_owned()).or_insert(now);
                }
            }
        });
        Heard { first, reader }
    }

    fn first(&self, mac: &str) -> Option<f64> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).get(mac).copied()
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// The reservation of a machine.
fn address(number: u8) -> String {
    format!("{NET}.{}", 10 + number)
}

/// The folder that dnsmasq and nginx share, as in the lab.
async fn lay_out(bench: &Bench, folder: &Path, machines: u8) -> Result<PathBuf> {
    let site = folder.join("html");
    let (assets, scripts) = (site.join("assets"), site.join("nodes-ipxe/rehearsal"));
    for folder in [&assets, &scripts] {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    symlink(&scripts, site.join("nodes-ipxe/lab")).context("link the lab")?;
    fs::copy(LOADER, site.join("ipxe.efi")).with_context(|| format!("copy {LOADER}"))?;
    let base = format!("http://{BOSS}:{PORT}");

    let mut image = bench.ours("probe_image")?;
    image.arg("--folder").arg(&assets).args(["--report", &format!("{base}/probe")]);
    let lines = bench.done(image.args(["--machines", &machines.to_string()])).await?;
    for (number, cmdline) in (1..=machines).zip(lines.lines()) {
        // The last word is what the virtual board adds: an emulated timer may be starved, and the kernel then panics.
        let script = format!(
            "#!ipxe\nkernel {base}/assets/kernel initrd=initrd {cmdline} no_timer_check\ninitrd {base}/assets/initrd\nboot\n"
        );
        let name = format!("{}.ipxe", mac(number).replace(':', "-"));
        fs::write(scripts.join(name), script).context("write a machine's script")?;
    }
    let chain = format!("chain {base}/nodes-ipxe/lab/${{mac:hexhyp}}.ipxe\n").repeat(3);
    fs::write(site.join("chain-boot.ipxe"), format!("#!ipxe\nset syslog {BOSS}\nsync\n{chain}"))
        .context("write the chain script")?;
    Ok(site)
}

/// A bridge with the boss's address and a tap for each machine, in place of those of the run before.
async fn wire(bench: &Bench, machines: u8) -> Result<()> {
    let ip = |words: String| async move {
        let mut command = Command::new("ip");
        bench.done(command.args(words.split(' '))).await
    };
    for name in (1..=machines).map(tap).chain([BRIDGE.to_owned()]) {
        // Code 1: there is none.
        let mut delete = Command::new("ip");
        bench.said(delete.args(["link", "delete", &name]), &[0, 1]).await?;
    }
    // As the program's virtual board does it: no port swallows the first packets of a machine.
    ip(format!("link add {BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0")).await?;
    ip(format!("address add {BOSS}/24 dev {BRIDGE}")).await?;
    ip(format!("link set {BRIDGE} up")).await?;
    for tap in (1..=machines).map(tap) {
        ip(format!("tuntap add dev {tap} mode tap")).await?;
        ip(format!("link set {tap} addrgenmode none")).await?;
        ip(format!("link set {tap} master {BRIDGE} up")).await?;
    }
    Ok(())
}

/// As the lab starts it: everything on the command line, names and addresses and files in one process, all of it logged.
fn dnsmasq(folder: &Path, site: &Path, machines: u8) -> Command {
    let mut command = Command::new("dnsmasq");
    command.args(["--conf-file=/dev/null", "--pid-file=", "--no-daemon", "--log-facility=-"]);
    command.args(["--log-queries", "--log-dhcp", "--no-resolv", "--no-hosts"]);
    command.arg("--bind-interfaces").arg(format!("--interface={BRIDGE}")).arg("--except-interface=lo");
    command.arg(format!("--host-record=boss.local,{BOSS}"));
    command.arg("--enable-tftp").arg(format!("--tftp-root={}", site.display()));
    command.arg(format!("--dhcp-leasefile={}", folder.join("leases").display()));
    command.arg(format!("--dhcp-range={NET}.200,{NET}.254,255.255.255.0,24h"));
    for number in 1..=machines {
        command.arg(format!("--dhcp-host={},{}", mac(number), address(number)));
    }
    command.arg(format!("--dhcp-option=option:router,{NET}.1"));
    for option in ["dns-server", "log-server", "ntp-server"] {
        command.arg(format!("--dhcp-option=option:{option},{BOSS}"));
    }
    command.args(["--domain=local", "--dhcp-option=option:domain-search,local"]);
    command.args(["--dhcp-match=set:bios,option:client-arch,0", "--dhcp-boot=tag:bios,undionly.kpxe"]);
    for architecture in [6, 7, 9] {
        command.arg(format!("--dhcp-match=set:efi,option:client-arch,{architecture}"));
    }
    command.args(["--dhcp-boot=tag:efi,ipxe.efi", "--dhcp-userclass=set:ipxe,iPXE"]);
    // The last one wins.
    command.arg(format!("--dhcp-boot=tag:ipxe,http://{BOSS}:{PORT}/chain-boot.ipxe"));
    command
}
