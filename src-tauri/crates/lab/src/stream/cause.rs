//! Why a stream is silent: the clues of all who looked, in the order in which one fault hides another.

use super::{CauseKind, Clue};
use crate::failure::{Code, Failure};

/// A wrong clock breaks certificates, those stop a program, a stopped program frees its port and leaves its file alone, and
/// only when all of these are fine is it the network.
const ORDER: [CauseKind; 6] = [
    CauseKind::Clock,
    CauseKind::Certificate,
    CauseKind::Process,
    CauseKind::Port,
    CauseKind::File,
    CauseKind::Network,
];

/// The likely cause of a silence. `title` is the stream's, as in "the collector's file".
pub fn cause(stream: &str, title: &str, clues: &[Clue]) -> (CauseKind, Failure) {
    let said = |bad: bool, kind: Option<CauseKind>| -> Vec<&str> {
        let fits = |clue: &&Clue| clue.bad == bad && kind.is_none_or(|kind| clue.kind == kind);
        clues.iter().filter(fits).map(|clue| clue.says.as_str()).collect()
    };
    let found = ORDER.into_iter().find(|kind| clues.iter().any(|clue| clue.bad && clue.kind == *kind));
    let kind = found.unwrap_or(CauseKind::Unknown);
    let fine = said(false, None);
    let why = match (found, fine.is_empty()) {
        (Some(kind), _) => said(true, Some(kind)).join("; "),
        (None, true) => "nothing is known that could be looked at".to_owned(),
        (None, false) => format!("nothing wrong was found: {}", fine.join("; ")),
    };
    (kind, Failure::new(code(kind), format!("hear {title}"), why, remedy(kind, stream)))
}

fn code(kind: CauseKind) -> Code {
    match kind {
        CauseKind::Network | CauseKind::Process => Code::DeviceAbsent,
        CauseKind::Port => Code::Busy,
        CauseKind::File => Code::NotFound,
        CauseKind::Clock | CauseKind::Certificate => Code::DeviceRefused,
        CauseKind::Unknown => Code::TimedOut,
    }
}

fn remedy(kind: CauseKind, stream: &str) -> String {
    let collector = matches!(stream, super::COLLECTOR | super::OTLP);
    match kind {
        CauseKind::Clock => {
            "set the controller's clock right first; System shows what it was compared with".into()
        }
        CauseKind::Certificate => {
            "renew the certificate (Observe › Certificates), then restart its user".into()
        }
        CauseKind::Process if collector => {
            "start the collector: sudo systemctl restart otelcol; `journalctl -u otelcol` says why it ended"
                .into()
        }
        CauseKind::Process => {
            "restart this program: sudo systemctl restart statusinator; keep its log".into()
        }
        CauseKind::Port => {
            "look who holds that port with `ss -lntup`, end it, or change [logs] in the board file".into()
        }
        CauseKind::File => {
            "look at the folder and its disk; restart who writes the file: sudo systemctl restart otelcol"
                .into()
        }
        CauseKind::Network => "look at the sender's power and cable, and whether it still sends here".into(),
        CauseKind::Unknown if collector => "look at the collector's own log: journalctl -u otelcol".into(),
        CauseKind::Unknown => "look at the sender's own log; it may have nothing to say".into(),
    }
}

/// The kind of a failure that an input names by itself: its place is gone, or taken.
pub fn named_by_itself(stream: &str) -> CauseKind {
    match stream {
        super::COLLECTOR => CauseKind::File,
        super::OTLP | super::SYSLOG_UDP | super::SYSLOG_TCP | super::TALOS | super::BOOT_LOG => {
            CauseKind::Port
        }
        _ => CauseKind::Unknown,
    }
}

/// Whether a certificate of this name and use lies on the stream's way.
pub fn on_the_way(stream: &str, certificate: &str, used_by: &str) -> bool {
    let words: &[&str] = match stream {
        super::COLLECTOR | super::OTLP => &["otelcol", "collector", "log stream"],
        _ => return certificate == stream,
    };
    let used_by = used_by.to_lowercase();
    words.iter().any(|word| certificate.contains(word) || used_by.contains(word))
}

#[cfg(test)]
#[path = "cause_tests.rs"]
mod tests;
