//! `switch`, `router`, `devices`: the gear around the machines.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, anyhow};
use api::wire::{
    DeviceTestWire, JoinWire, PortOrderWire, PortsSetWire, SavedPageWire, StatusWire, UplinkWire,
    WifiNetworkWire,
};
use clap::Subcommand;

use super::{Common, Exit, client::Client, print};

#[derive(Subcommand)]
pub(super) enum SwitchCommand {
    /// Its ports: switched on or off, link, speed, who hangs on it.
    Status,
    /// Switch a port, or the ports of a group, on.
    Enable {
        /// Number of a port, or name of a group of the board file.
        port: String,
    },
    /// Switch a port, or the ports of a group, off.
    Disable {
        /// Number of a port, or name of a group of the board file.
        port: String,
    },
    /// Save its pages as they came, without passwords, for whoever makes the next driver.
    Capture {
        /// Folder for the pages.
        folder: PathBuf,
    },
}

#[derive(Subcommand)]
pub(super) enum RouterCommand {
    /// Packets, rates, and its way to the world.
    Status,
    /// Wi-Fi networks that it hears now.
    Networks,
    /// Join a Wi-Fi network. The password is read from standard input.
    Join {
        /// Name of the network.
        ssid: String,
        /// It has no password.
        #[arg(long)]
        open: bool,
    },
}

#[derive(Subcommand)]
pub(super) enum DevicesCommand {
    /// Each device: there or not, since when, and what to do.
    List,
    /// Ask a device something harmless, and say what it answers.
    Test {
        /// As in the list.
        device: String,
    },
}

pub(super) async fn switch(common: &Common, command: SwitchCommand) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    let (port, enabled) = match command {
        SwitchCommand::Status => return ports(common, &client).await,
        SwitchCommand::Capture { folder } => return capture(common, &client, folder).await,
        SwitchCommand::Enable { port } => (port, true),
        SwitchCommand::Disable { port } => (port, false),
    };
    let kind = if port.parse::<u32>().is_ok() { "ports" } else { "groups" };
    let path = format!("/api/v1/switch/{kind}/{}", super::labs::escape(&port));
    let set: PortsSetWire = client.post(&path, &PortOrderWire { enabled, reason: None }).await?;
    if common.json {
        print::json(&set)?;
    } else {
        let numbers: Vec<String> = set.ports.iter().map(u32::to_string).collect();
        print::line(&format!("port {} {}", numbers.join(", "), if enabled { "on" } else { "off" }))?;
    }
    Ok(Exit::Done)
}

async fn ports(common: &Common, client: &Client) -> Result<Exit> {
    let status: StatusWire = client.get("/api/v1/status").await?;
    let switch = status
        .switch
        .ok_or_else(|| anyhow!("this board has no switch that answers; see `statusinator devices list`"))?;
    if common.json {
        print::json(&switch)?;
        return Ok(Exit::Done);
    }
    for port in &switch.ports {
        let known = |value: Option<bool>, yes: &'static str, no: &'static str| match value {
            Some(true) => yes,
            Some(false) => no,
            None => "unknown",
        };
        let speed = port.speed.map(|speed| format!(" at {speed} Mbit/s")).unwrap_or_default();
        let who = port.machine.as_deref().or(port.name.as_deref()).unwrap_or("");
        let protected = if switch.protected.contains(&port.port) { ", never switched" } else { "" };
        print::line(&format!(
            "port {}  {:<8} link {}{speed}{protected}  {who}",
            port.port,
            known(port.enabled, "on", "off"),
            known(port.link, "up", "down"),
        ))?;
    }
    Ok(Exit::Done)
}

pub(super) async fn capture(common: &Common, client: &Client, folder: PathBuf) -> Result<Exit> {
    let pages: Vec<SavedPageWire> = client.get("/api/v1/switch/capture").await?;
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    for page in &pages {
        // A name of the driver's own, but written to a disk: never a path.
        let name: String = page
            .name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' })
            .collect();
        let path = folder.join(name);
        fs::write(&path, &page.content).with_context(|| format!("write {}", path.display()))?;
        if !common.json {
            print::line(&format!("{}: {} bytes", path.display(), page.content.len()))?;
        }
    }
    if common.json {
        let names: Vec<&str> = pages.iter().map(|page| page.name.as_str()).collect();
        print::json(&serde_json::json!({ "folder": folder, "pages": names }))?;
    }
    Ok(Exit::Done)
}

pub(super) async fn router(common: &Common, command: RouterCommand) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    match command {
        RouterCommand::Status => {
            let status: StatusWire = client.get("/api/v1/status").await?;
            let router = status.router.ok_or_else(|| {
                anyhow!("this board has no router that answers; see `statusinator devices list`")
            })?;
            if common.json {
                print::json(&router)?;
                return Ok(Exit::Done);
            }
            let count = |packets: Option<u64>, rate: Option<f64>| {
                let packets = packets.map_or("unknown".to_owned(), |n| n.to_string());
                rate.map_or(packets.clone(), |rate| format!("{packets} ({rate}/s)"))
            };
            print::line(&format!(
                "world: in {}, out {}",
                count(router.wan_in, router.wan_in_rate),
                count(router.wan_out, router.wan_out_rate)
            ))?;
            print::line(&format!(
                "lab: in {}, out {}",
                count(router.lan_in, router.lan_in_rate),
                count(router.lan_out, router.lan_out_rate)
            ))?;
            if let Some(uplink) = router.uplink {
                print::line(&uplink_says(&uplink))?;
            }
        }
        RouterCommand::Networks => {
            let networks: Vec<WifiNetworkWire> = client.get("/api/v1/router/networks").await?;
            for network in &networks {
                if common.json {
                    print::json(network)?;
                    continue;
                }
                let name = network.ssid.as_deref().unwrap_or("(hidden)");
                let secured = network.secured.as_deref().unwrap_or("open");
                print::line(&format!("{name:<24} {:>4} dBm  {secured}", network.signal))?;
            }
        }
        RouterCommand::Join { ssid, open } => {
            let password = if open { None } else { Some(password()?) };
            let uplink: UplinkWire =
                client.post_slowly("/api/v1/router/join", &JoinWire { ssid, password }).await?;
            if common.json {
                print::json(&uplink)?;
            } else {
                print::line(&uplink_says(&uplink))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// Never on the command line, where every user of the computer can read it.
fn password() -> Result<String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("read the password from standard input")?;
    let line = line.trim_end_matches(['\r', '\n']).to_owned();
    if line.is_empty() {
        return Err(anyhow!("no password came on standard input; say --open for a network without one"));
    }
    Ok(line)
}

fn uplink_says(uplink: &UplinkWire) -> String {
    let by = uplink.ssid.as_ref().map_or_else(|| uplink.interface.clone(), |ssid| format!("Wi-Fi {ssid}"));
    let address = uplink.address.as_deref().unwrap_or("no address");
    format!("uplink {} by {by}, {address}", if uplink.up { "up" } else { "down" })
}

pub(super) async fn devices(common: &Common, command: DevicesCommand) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    match command {
        DevicesCommand::List => {
            let status: StatusWire = client.get("/api/v1/status").await?;
            for device in &status.devices {
                if common.json {
                    print::json(device)?;
                    continue;
                }
                let state = if device.present { "answers" } else { "missing" };
                print::line(&format!("{:<14} {state} since {}", device.name, device.since))?;
                if let Some(failure) = &device.failure {
                    print::line(&format!(
                        "{:<14} {}: {}. {}",
                        "", failure.what, failure.why, failure.remedy
                    ))?;
                }
            }
        }
        DevicesCommand::Test { device } => {
            let path = format!("/api/v1/devices/{}/test", super::labs::escape(&device));
            let test: DeviceTestWire = client.post_slowly(&path, &serde_json::json!({})).await?;
            if common.json {
                print::json(&test)?;
            } else {
                print::line(&format!("{}: {} ({} s)", test.device, test.says, test.seconds))?;
            }
        }
    }
    Ok(Exit::Done)
}
