//! The certificates of a board, for the engine and for the command line alike: where its files lie, who signs, who may judge.

use std::{os::unix::fs::DirBuilderExt, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use certs::{LabCaConfig, ShelfConfig};
use lab::{
    Board, BoardKind, Failure, Secret,
    board::Mode,
    clock::Trust,
    dial::Dial,
    gear::{CaGear, CertificateGear},
};

use crate::{
    clock,
    config::{BadBoard, DataDir},
    secrets::Secrets,
};

/// Name of the certificate of this program's own pages.
pub const OWN: &str = "statusinator";

/// What a shelf is made from. `trust` says how far the clock is believed.
pub fn shelf(
    board: &Board,
    data: &DataDir,
    folder: &Path,
    dial: &Dial,
    trust: Arc<dyn Fn() -> Trust + Send + Sync>,
) -> ShelfConfig {
    let mut gear: Vec<CertificateGear> =
        board.certificates.iter().map(|written| placed(written, board, folder, dial)).collect();
    gear.extend(own(board, data));
    make_folders(board, folder);
    let data = data.clone();
    ShelfConfig {
        gear,
        ca: ca(&board.ca, folder),
        lab: LabCaConfig::of_board(board),
        folder: folder.join("certs"),
        secrets: Arc::new(move |name: &str| secret(&data, name)),
        clock: Arc::new(|| clock::now().wall_us),
        trust,
    }
}

/// Folders inside the board's own folder are ours to make; any other must be there.
fn make_folders(board: &Board, folder: &Path) {
    let written =
        board.certificates.iter().filter(|gear| gear.renew).flat_map(|gear| [&gear.cert, &gear.key]);
    let inside = written.flatten().filter(|path| path.is_relative());
    for parent in inside.filter_map(|path| folder.join(path).parent().map(Path::to_owned)) {
        // Without it the certificate's own renewal says what is missing.
        if let Err(error) = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&parent) {
            tracing::warn!(%error, folder = %parent.display(), "a folder for certificates could not be made");
        }
    }
}

/// Read anew each time: a password that was corrected is used at once.
fn secret(data: &DataDir, name: &str) -> Option<Secret> {
    match Secrets::load(data) {
        Ok(secrets) => secrets.get(name),
        Err(error) => {
            tracing::warn!(%error, "secrets cannot be read");
            None
        }
    }
}

/// Paths as they are opened, addresses as they are dialled. What others drive is looked at and left alone.
fn placed(written: &CertificateGear, board: &Board, folder: &Path, dial: &Dial) -> CertificateGear {
    let path = |written: &Option<std::path::PathBuf>| written.as_ref().map(|path| folder.join(path));
    CertificateGear {
        cert: path(&written.cert),
        key: path(&written.key),
        kubeconfig: path(&written.kubeconfig),
        talosconfig: path(&written.talosconfig),
        secrets: path(&written.secrets),
        endpoint: written.endpoint.as_ref().map(|endpoint| dialled(endpoint, dial)),
        renew: written.renew && board.board.mode == Mode::Drive,
        ..written.clone()
    }
}

fn dialled(endpoint: &str, dial: &Dial) -> String {
    match endpoint.parse::<std::net::SocketAddrV4>() {
        Ok(at) => dial.socket(*at.ip(), at.port()).to_string(),
        Err(_) => endpoint.to_owned(),
    }
}

fn ca(written: &CaGear, folder: &Path) -> CaGear {
    match written.clone() {
        CaGear::Step { url, root, fingerprint, provisioner, secret, leaf_hours } => {
            CaGear::Step { url, root: folder.join(root), fingerprint, provisioner, secret, leaf_hours }
        }
        lab => lab,
    }
}

/// The certificate of our own pages, where they are reached from other computers. It is kept once it was made.
fn own(board: &Board, data: &DataDir) -> Option<CertificateGear> {
    data.api_pair().certificate.exists().then(|| own_gear(board, data))
}

/// What it is made for: the names by which the controller is known.
pub fn own_gear(board: &Board, data: &DataDir) -> CertificateGear {
    let pair = data.api_pair();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    let host = host.filter(|host| {
        LabCaConfig::of_board(board)
            .domains
            .iter()
            .any(|domain| host == domain || host.ends_with(&format!(".{domain}")))
    });
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    if let Some(domain) = &board.network.domain {
        names.push(format!("boss.{domain}"));
    }
    if board.board.kind == BoardKind::Labinator {
        names.push(board.network.boss.to_string());
    }
    names.extend(host.filter(|host| !names.contains(host)));
    CertificateGear {
        name: OWN.to_owned(),
        used_by: "this program's pages".to_owned(),
        cert: Some(pair.certificate),
        key: Some(pair.key),
        endpoint: None,
        kubeconfig: None,
        talosconfig: None,
        secrets: None,
        names,
        renew: true,
        reload: Vec::new(),
        owner: None,
        note: None,
    }
}

/// For the CA to sign: the one in this program takes a moment, another may be about to start.
const OWN_WITHIN: Duration = Duration::from_secs(20);

/// The gate of our own pages: their certificate is good before anything listens with it. Runs before any thread exists, and
/// leaves none.
///
/// # Errors
/// When it could not be made, in words.
pub fn ensure_own(board: &Board, data: &DataDir) -> Result<()> {
    data.create()?;
    let folder = data.board(board)?;
    let gear = own_gear(board, data);
    if let Some(parent) = gear.cert.as_ref().and_then(|cert| cert.parent()) {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent);
        made.with_context(|| format!("make the folder {} for a certificate", parent.display()))
            .context(BadBoard { remedy: OWN_PAIR.into() })?;
    }
    let dial = Dial::new(board.board.kind);
    let trust = Arc::new(|| Trust::Unconfirmed);
    let config = ShelfConfig { gear: vec![gear], ..shelf(board, data, &folder, &dial, trust) };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    let (each, _) = runtime
        .block_on(async { certs::gate::ensure(&certs::Shelf::new(config), &[], OWN_WITHIN).await })
        .map_err(in_words)?;
    each.into_iter().try_for_each(|one| one.outcome.map(drop).map_err(in_words))
}

/// Who has a certificate needs none of ours.
const OWN_PAIR: &str =
    "make room and rights for it, or name a certificate with --tls-cert FILE --tls-key FILE";

fn in_words(failure: Failure) -> anyhow::Error {
    let remedy = format!("{}; or name a certificate with --tls-cert FILE --tls-key FILE", failure.remedy);
    anyhow::Error::new(failure).context(BadBoard { remedy })
}
