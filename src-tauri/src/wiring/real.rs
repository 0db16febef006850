//! The real board behind the ports: its own network interface, and its gear by the drivers that the board file names.
//!
//! Any device may be missing; the board is built all the same, and each is looked for again and again.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result, anyhow};
use engine::Observation;
use lab::{BoardKind, board::Mode, dial::Dial, live::ServiceState};

use super::{
    BOARD_SERVICE, Site, boot_files::BootFiles, boot_services, capture, gear::GearSite, trust::KnownDevices,
    watching,
};
use crate::secrets::Secrets;

/// A network adapter on USB may be plugged in later, or take its time at the start of the computer.
const PLUGGED: Duration = Duration::from_secs(2);
/// Pace of the agents.
const HEARTBEAT_MS: u32 = 1000;

pub(super) async fn run(site: Site) -> Result<()> {
    let secrets = Secrets::load(&site.options.data).context("read the secrets")?;
    let known = |name: &str| secrets.get(name);
    let dial = Dial::new(BoardKind::Labinator);
    let trust = Arc::new(KnownDevices::open(site.options.data.path()));
    let folder = site.folder.clone();
    let drivers = GearSite { board: &site.board, dial: &dial, folder: &folder, secrets: &known, trust };
    site.keep_certificates(&dial);
    if site.board.board.mode == Mode::Watch {
        return watching::run(&site, &drivers).await;
    }
    // First: an interface that is missing must not keep anybody from the power buttons.
    site.fill(&drivers)?;
    let interface = site.board.network.interface.clone().ok_or_else(|| {
        anyhow!("the board file names no interface. What to do: write [network] interface = \"…\", as `ip link` lists it")
    })?;
    if !plugged(&site, &interface).await {
        return Ok(());
    }
    let images = site.images.clone();
    let files = tokio::task::spawn_blocking(move || BootFiles::real(&images))
        .await
        .context("make the boot files")??;
    let bound = boot_services::bind(&site.board, Some(&interface)).await?;
    let mut services = boot_services::spawn(bound, &site, files, HEARTBEAT_MS)?;
    capture::spawn(&mut services, &site, &interface);
    site.ready(BOARD_SERVICE, format!("{} PCs on {interface}", site.board.machines.len()));
    site.stop.cancelled().await;
    while services.join_next().await.is_some() {}
    Ok(())
}

/// Waits for the lab's network interface and says so meanwhile; `false` when the program ends first.
async fn plugged(site: &Site, interface: &str) -> bool {
    let there = || Path::new("/sys/class/net").join(interface).exists();
    if !there() {
        let says = format!(
            "waits for the network interface {interface}: plug its adapter in, or correct [network] interface in the \
             board file; `ip link` lists those there are"
        );
        tracing::warn!(interface, "the lab's network interface is not there");
        site.sink.put(Observation::Service(ServiceState { name: BOARD_SERVICE.into(), ready: false, says }));
    }
    while !there() {
        tokio::select! {
            () = site.stop.cancelled() => return false,
            () = tokio::time::sleep(PLUGGED) => {}
        }
    }
    true
}
