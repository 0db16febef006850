//! The virtual board behind the ports: QEMU machines on a bridge, inside namespaces that `serve` made.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result};
use devices::qemu::{
    Firmware, MachineSpec, Machines, Network, NetworkPlan, Tools, WireFaults, network::BRIDGE,
};
use lab::power::BOSS_OUTLET;
use lab::{Board, BoardKind, Way, dial::Dial, ports::Power};

use super::{
    BOARD_SERVICE, Site,
    boot_files::BootFiles,
    boot_services, bootmedia, capture,
    faults::{BoardFaults, rival},
};

/// Pace of the agents.
const HEARTBEAT_MS: u32 = 1000;
/// Memory of a machine that the board file gives none.
const MEMORY_MIB: u64 = 512;

pub(super) async fn run(site: Site) -> Result<()> {
    let path = std::env::var("PATH").unwrap_or_default();
    let tools = Tools::find(Path::new("/"), &path, site.options.firmware).map_err(|error| {
        let remedy = error.remedy();
        anyhow::Error::new(error).context(remedy)
    })?;
    // Variables with keys in them and variables without must not take each other's place.
    let folder = site.folder.join(match site.options.firmware {
        Firmware::Secure => "machines-secure",
        Firmware::Uefi | Firmware::Bios | Firmware::BiosPxe => "machines",
    });
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let local = site.options.way == Some(Way::Local);
    let spec = |m: &lab::Machine| MachineSpec {
        name: m.name.clone(),
        outlet: m.outlet,
        mac: m.mac.to_string(),
        memory_mib: u32::try_from(m.memory_mib.unwrap_or(MEMORY_MIB)).unwrap_or(u32::MAX),
        boot_disk: local.then(|| folder.join(format!("boot{}.img", m.outlet))),
        folder: folder.clone(),
    };
    let mut specs: Vec<MachineSpec> = site.board.machines.iter().map(spec).collect();
    let stranger = site.options.stranger.then(|| stranger(&site.board, &specs)).flatten();
    specs.extend(stranger.clone());
    let plan = NetworkPlan {
        address: site.board.network.boss,
        prefix: site.board.network.prefix,
        taps: specs.iter().map(|s| (s.name.clone(), s.tap())).collect(),
    };
    let network = Network::make(&plan).await.map_err(|error| {
        let remedy = error.remedy();
        anyhow::Error::new(error).context(remedy)
    })?;
    let images = site.images.clone();
    let files = tokio::task::spawn_blocking(move || BootFiles::real(&images))
        .await
        .context("make the boot files")??;
    if local {
        let (board, folder) = (site.board.clone(), folder.clone());
        tokio::task::spawn_blocking(move || boot_disks(&board, &folder))
            .await
            .context("make the boot disks")??;
    }
    let bound = boot_services::bind(&site.board, Some(BRIDGE)).await?;
    let mut services = boot_services::spawn(bound, &site, files, HEARTBEAT_MS)?;
    capture::spawn(&mut services, &site, BRIDGE);
    let machines = Arc::new(Machines::new(tools, specs.clone()));
    let wires = WireFaults::new(Some(machines.clone()), &specs, site.board.network.boss, rival(&site.board));
    site.faults.fill(BoardFaults::new(&site, Arc::new(wires)));
    site.wire.fill(Arc::new(network));
    site.console.fill(machines.clone());
    site.ways.fill(machines.clone());
    site.power.fill(machines.clone());
    site.keep_certificates(&Dial::new(BoardKind::Virtual));
    site.ready(BOARD_SERVICE, format!("{} QEMU machines on {BRIDGE}", site.board.machines.len()));
    if let Some(stranger) = stranger
        && let Err(error) = machines.on(stranger.outlet).await
    {
        tracing::warn!(%error, "the stranger was not switched on");
    }
    site.stop.cancelled().await;
    if let Err(error) = machines.shut_down().await {
        tracing::warn!(%error, "a machine was not switched off; it is killed");
    }
    while services.join_next().await.is_some() {}
    Ok(())
}

/// A boot disk for each machine that has none yet: what its probe wrote to an older one is kept.
fn boot_disks(board: &Board, folder: &Path) -> Result<()> {
    for machine in &board.machines {
        let path = folder.join(format!("boot{}.img", machine.outlet));
        if !path.exists() {
            bootmedia::write(board, Some(machine), &path)?;
        }
    }
    Ok(())
}

/// A machine that the board file does not know, on the first free outlet. Its address is one digit away from the last
/// machine's, as a slip of the pen would have it.
fn stranger(board: &lab::Board, specs: &[MachineSpec]) -> Option<MachineSpec> {
    let free = |outlet: &u8| *outlet != BOSS_OUTLET && specs.iter().all(|spec| spec.outlet != *outlet);
    let (outlet, like) = ((1..=8).find(free)?, specs.last()?);
    let last = board.machines.last()?.mac.0;
    let unknown = |digit: &u8| board.machine_by_mac(with_last(last, *digit)).is_none();
    let mac = with_last(last, (0..16).find(unknown)?);
    Some(MachineSpec { name: "stranger".to_owned(), outlet, mac: mac.to_string(), ..like.clone() })
}

/// The same address with another last digit.
fn with_last(mut mac: [u8; 6], digit: u8) -> lab::Mac {
    mac[5] = (mac[5] & 0xf0) | digit;
    lab::Mac(mac)
}
