//! Log inputs, certificates and notices that a board file names, looked at from outside: nothing is opened for writing,
//! nothing is sent.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path};

use lab::{
    Board,
    board::Mode,
    gear::{CaGear, CertificateGear},
};
use nix::unistd::{AccessFlags, eaccess};

use super::finding::Finding;

/// Bits of a key's mode that let others read it.
const OTHERS: u32 = 0o007;

pub(super) fn look(board: &Board) -> Vec<Finding> {
    let mut findings = logs(board);
    findings.extend(ca(board));
    findings.extend(board.certificates.iter().flat_map(|certificate| of(certificate, board.board.mode)));
    findings.extend(notices(board));
    findings
}

fn logs(board: &Board) -> Vec<Finding> {
    let logs = &board.logs;
    let file = logs.collector.as_ref().map(|path| readable("log file", path));
    let listens = [
        ("OTLP", logs.otlp),
        ("syslog datagrams", logs.syslog_udp),
        ("syslog over TCP", logs.syslog_tcp),
        ("Talos's logs", logs.talos),
    ];
    let listens = listens
        .into_iter()
        .filter_map(|(what, at)| Some(Finding::ok("logs", format!("{what} would be taken at {}", at?))));
    file.into_iter().chain(listens).collect()
}

/// What is made later (a file in a tmpfs, a certificate of a service that has not run) may be missing now.
fn readable(what: &str, path: &Path) -> Finding {
    match eaccess(path, AccessFlags::R_OK) {
        Ok(()) => Finding::ok(what, format!("{} can be read", path.display())),
        Err(nix::errno::Errno::ENOENT) => Finding::note(
            what,
            format!("there is no {} yet", path.display()),
            "right if its program has not run here; else correct the path",
        ),
        Err(error) => Finding::note(
            what,
            format!("{}: {}", path.display(), io::Error::from(error)),
            "let the program's user read it, as by a group of its own",
        ),
    }
}

fn ca(board: &Board) -> Option<Finding> {
    match &board.ca {
        CaGear::Lab { .. } => None,
        CaGear::Step { root, .. } => Some(readable("root of the CA", root)),
    }
}

fn of(certificate: &CertificateGear, mode: Mode) -> Vec<Finding> {
    let what = format!("certificate {}", certificate.name);
    let files = [&certificate.cert, &certificate.kubeconfig, &certificate.talosconfig, &certificate.secrets];
    let mut findings: Vec<Finding> = files.into_iter().flatten().map(|path| readable(&what, path)).collect();
    if let Some(endpoint) = &certificate.endpoint {
        findings.push(Finding::ok(&what, format!("{endpoint} would be asked for it")));
    }
    if let Some(key) = &certificate.key
        && let Ok(meta) = fs::metadata(key)
        && meta.permissions().mode() & OTHERS != 0
    {
        let says = format!("{} can be read by everybody on this computer", key.display());
        findings.push(Finding::note(&what, says, format!("chmod o-rwx {}", key.display())));
    }
    if certificate.renew && mode == Mode::Watch {
        let remedy = "right while the owner's own timers renew it; with mode = \"drive\" switch those off";
        findings.push(Finding::note(&what, "would not be renewed: this board is only watched", remedy));
    }
    findings
}

fn notices(board: &Board) -> Option<Finding> {
    let notify = board.notify.as_ref()?;
    let url = reqwest::Url::parse(&notify.url).ok();
    let scheme = url.as_ref().map(reqwest::Url::scheme);
    Some(match scheme {
        Some("https") => Finding::ok("notices", format!("would be sent to {}", notify.url)),
        Some("http") if notify.secret.is_some() => Finding::note(
            "notices",
            format!("the token would cross the network to {} where anybody can read it", notify.url),
            "use https, or a server on this computer without a token",
        ),
        Some("http") => Finding::ok("notices", format!("would be sent to {} in the clear", notify.url)),
        _ => Finding::note("notices", format!("{:?} is no address", notify.url), "write https://HOST/TOPIC"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_everybody_reads_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (cert, key) = (dir.path().join("a.pem"), dir.path().join("a.key"));
        fs::write(&cert, "x").unwrap();
        fs::write(&key, "x").unwrap();
        let mut board = crate::config::load_board("labinator").unwrap();
        let mut certificate = board.certificates.remove(0);
        (certificate.cert, certificate.key) = (Some(cert), Some(key.clone()));
        board.certificates = vec![certificate];
        let says = |mode: u32| {
            fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
            look(&board).iter().map(|finding| format!("{finding:?}")).collect::<String>()
        };
        assert!(says(0o644).contains("everybody"));
        assert!(!says(0o640).contains("everybody"));
    }
}
