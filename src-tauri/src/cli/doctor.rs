//! `doctor`: what keeps the program from working on this machine, each finding with its remedy.

use std::{env, fs, net::TcpListener, path::Path, time::Duration};

use anyhow::Result;
use clap::Args;
use devices::qemu::{Firmware, Tools};

use super::{
    Common, Exit,
    client::Client,
    finding::{self, Finding},
    takeover,
};
use crate::{config::DataDir, ports};

/// What `doctor` may look at beyond this machine.
#[derive(Args)]
pub(super) struct DoctorOptions {
    /// The lab's interface: ask there, once, whether a DHCP server answers. Without it no packet is sent anywhere.
    #[arg(long, value_name = "IF")]
    interface: Option<String>,
    /// Say which programs hold the ports and devices of a real board now, what of ours replaces them, and the commands there
    /// and back. Only reads; run it with sudo to see everybody's programs.
    #[arg(long)]
    takeover: bool,
    /// The board to take over: built in (labinator) or a board file.
    #[arg(long, value_name = "NAME|FILE", default_value = "labinator", requires = "takeover")]
    board: String,
}

/// Time for another DHCP server to answer; some ping an address for three seconds before they offer it.
const OTHERS: Duration = Duration::from_secs(4);

/// Port of `serve` unless told otherwise.
const LISTEN: u16 = 7122;
/// Receive buffer below which bursts of log records and boot requests were lost on the owner's board, in bytes.
const RECEIVE_BUFFER: u64 = 8 << 20;

pub(super) async fn run(common: &Common, options: &DoctorOptions) -> Result<Exit> {
    if options.takeover {
        return takeover::run(common, &options.board);
    }
    let data = common.data()?;
    let mut findings = vec![data_folder(&data), engine(&data).await, listen_port()];
    findings.extend(services(&data).await);
    findings.extend([display(), virtual_tools(), probe_inputs(), images(), namespaces(), receive_buffer()]);
    if let Some(interface) = &options.interface {
        findings.extend(dhcp_servers(interface).await);
    }
    finding::print_all(common, &findings)?;
    Ok(if finding::any_bad(&findings) { Exit::Failed } else { Exit::Done })
}

/// What can be found out without asking anybody, a line of JSON each.
pub(crate) fn local_findings(data: &DataDir) -> Vec<String> {
    let findings = [
        data_folder(data),
        listen_port(),
        display(),
        virtual_tools(),
        probe_inputs(),
        images(),
        namespaces(),
        receive_buffer(),
    ];
    findings.iter().filter_map(|finding| serde_json::to_string(finding).ok()).collect()
}

/// Who gives addresses on the lab's network. Needs CAP_NET_RAW, as serving DHCP there does.
async fn dhcp_servers(interface: &str) -> Vec<Finding> {
    let what = "DHCP servers";
    match netboot::dhcp::listen_for_others(interface, OTHERS).await {
        Ok(servers) if servers.is_empty() => {
            vec![Finding::ok(what, format!("nobody answered on {interface} within {} s", OTHERS.as_secs()))]
        }
        Ok(servers) => {
            let remedy = "right if that is this board's engine; else switch it off, or write dhcp = \"proxy\" (leave \
                          addresses to it) or \"takeover\" under [network] of the board file";
            servers
                .iter()
                .map(|server| Finding::note(what, format!("on {interface}: {server}"), remedy))
                .collect()
        }
        Err(error) => {
            let says = format!("cannot be asked on {interface}: {error}");
            vec![Finding::bad(
                what,
                says,
                "name an Ethernet interface that is there, and run as root (CAP_NET_RAW)",
            )]
        }
    }
}

fn data_folder(data: &DataDir) -> Finding {
    let path = data.path().display().to_string();
    if let Err(error) = data.create() {
        return Finding::bad("data folder", format!("{error:#}"), "name another folder with --data DIR");
    }
    let probe = data.path().join(".doctor");
    match fs::write(&probe, b"writable?").and_then(|()| fs::remove_file(&probe)) {
        Ok(()) => Finding::ok("data folder", format!("{path} can be written")),
        Err(error) => Finding::bad(
            "data folder",
            format!("{path}: {error}"),
            "free space, or make it writable for this user",
        ),
    }
}

async fn engine(data: &DataDir) -> Finding {
    match Client::find(data).await {
        Ok(client) => Finding::ok("engine", format!("answers at {}", client.url("/"))),
        Err(error) => Finding::note("engine", format!("{error:#}"), "start it with `statusinator serve`"),
    }
}

/// What a running engine says of its own services and of what its DHCP promises.
async fn services(data: &DataDir) -> Vec<Finding> {
    let Ok(client) = Client::find(data).await else { return Vec::new() };
    let Ok(status) = client.get::<serde_json::Value>("/api/v1/status").await else { return Vec::new() };
    let finding = |service: &serde_json::Value| {
        let text = |key: &str| service[key].as_str().unwrap_or_default().to_owned();
        if service["ready"] == true {
            return Finding::ok(&text("name"), text("says"));
        }
        Finding::bad(&text("name"), text("says"), "what it says; System shows it too")
    };
    status["engine"]["services"].as_array().into_iter().flatten().map(finding).collect()
}

fn listen_port() -> Finding {
    match TcpListener::bind(("127.0.0.1", LISTEN)) {
        Ok(_) => Finding::ok("port 7122", "is free for `serve`"),
        Err(_) => {
            let holder = ports::holder(LISTEN).unwrap_or_else(|| "another program".into());
            Finding::note(
                "port 7122",
                format!("held by {holder}"),
                "fine if that is the engine; else use --listen",
            )
        }
    }
}

fn display() -> Finding {
    let found = ["WAYLAND_DISPLAY", "DISPLAY"]
        .into_iter()
        .find(|name| env::var_os(name).is_some_and(|v| !v.is_empty()));
    match found {
        Some(name) => Finding::ok("display", format!("{name} is set; windows can open")),
        None => Finding::note("display", "there is none; windows cannot open", "use `serve` and a browser"),
    }
}

fn virtual_tools() -> Finding {
    let path = env::var("PATH").unwrap_or_default();
    for firmware in [Firmware::Uefi, Firmware::Bios] {
        if let Err(error) = Tools::find(Path::new("/"), &path, firmware) {
            return Finding::note("virtual machines", error.to_string(), error.remedy());
        }
    }
    Finding::ok("virtual machines", "QEMU, OVMF and SeaBIOS with its network ROM are there")
}

fn probe_inputs() -> Finding {
    match netboot::probe::Inputs::find(Path::new("/")) {
        Ok(inputs) => Finding::ok("probe image", format!("can be made with kernel {}", inputs.release)),
        Err(error) => Finding::note("probe image", error.to_string(), error.remedy()),
    }
}

fn images() -> Finding {
    match netboot::uki::Ukis::find(Path::new("/")) {
        Ok(_) => Finding::ok("HTTP Boot", "one image of kernel and initrd can be made for each machine"),
        Err(error) => Finding::note("HTTP Boot", error.to_string(), error.remedy()),
    }
}

/// A virtual board needs a network of its own; an ordinary user gets one only with user namespaces.
fn namespaces() -> Finding {
    if nix::unistd::geteuid().is_root() {
        return Finding::ok("namespaces", "allowed for root");
    }
    let forbidden = ["/proc/sys/kernel/unprivileged_userns_clone", "/proc/sys/user/max_user_namespaces"]
        .into_iter()
        .find(|path| fs::read_to_string(path).is_ok_and(|value| value.trim() == "0"));
    match forbidden {
        None => Finding::ok("namespaces", "nothing forbids them to this user"),
        Some(path) => {
            let says = format!("{path} is 0: this user may not make them");
            Finding::note(
                "namespaces",
                says,
                format!("as root: write 1 to {path}, or start virtual boards as root"),
            )
        }
    }
}

fn receive_buffer() -> Finding {
    let path = "/proc/sys/net/core/rmem_max";
    let Some(bytes) = fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok()) else {
        return Finding::note("receive buffer", format!("{path} cannot be read"), "look at it as root");
    };
    let says = format!("sockets may ask for {} KiB", bytes >> 10);
    if bytes >= RECEIVE_BUFFER {
        return Finding::ok("receive buffer", says);
    }
    Finding::note(
        "receive buffer",
        says,
        "on the board: sysctl net.core.rmem_max=16777216, or bursts of packets are lost",
    )
}
