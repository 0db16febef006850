//! Events in words: one line for people.

use serde_json::Value;

use super::Body;
use crate::{
    boot::Cause,
    ports::{OWN_CONTROL, Outlet, Uplink},
    power::PowerState,
};

impl Body {
    /// One line for people.
    pub fn says(&self) -> String {
        let step = |step: &String| step.replace('-', " ");
        match self {
            Self::EngineStarted { version, board, speed } if *speed > 1 => {
                format!("engine {version} started, {board} board at speed {speed}")
            }
            Self::EngineStarted { version, board, .. } => format!("engine {version} started, {board} board"),
            Self::EngineStopped { reason } => format!("engine stopped: {reason}"),
            Self::RunStarted { lab, machines, .. } => format!("lab {lab} started on {} PCs", machines.len()),
            Self::TaskStarted { step: id, attempt: 1 } => format!("{} begins", step(id)),
            Self::TaskStarted { step: id, attempt } => {
                format!("{} begins again, attempt {attempt}", step(id))
            }
            Self::TaskFinished { step: id, .. } => format!("{} finished", step(id)),
            Self::TaskFailed { step: id, failure } => format!("{} failed: {failure}", step(id)),
            Self::TaskUndone { step: id, why } => format!("{} undone: {why}", step(id)),
            Self::CancelRequested { why } => format!("cancel asked for: {why}"),
            Self::RunEnded { state, why } => format!("run {}: {why}", state.word()),
            Self::BootStarted { cause: Cause::Press } => "boot begins with our press".into(),
            Self::BootStarted { cause: Cause::FirstSign } => "boot begins, nobody pressed".into(),
            Self::PhaseEntered { phase } => format!("phase {}", phase.word()),
            Self::Marked { mark, .. } => mark.replace('-', " "),
            Self::BootEnded { state, why } => format!("boot {}: {why}", state.word()),
            Self::PowerCommanded { outlet, to, .. } => match to {
                PowerState::Unknown => format!("{} pressed", outlet_words(*outlet)),
                _ => format!("{} pressed for {}", outlet_words(*outlet), to.word()),
            },
            Self::PowerConfirmed { outlet, to, .. } => {
                format!("{} says {}", outlet_words(*outlet), to.word())
            }
            Self::PowerFailed { outlet, failure, .. } => format!("{}: {failure}", outlet_words(*outlet)),
            Self::PowerRead { outlet, commanded } => {
                format!("{} reads {}", outlet_words(*outlet), commanded.word())
            }
            Self::PowerResynced { outlet, to, evidence } => {
                format!("{} taken for {} without a press: {evidence}", outlet_words(*outlet), to.word())
            }
            Self::PowerForgotten { .. } => "the power board restarted and has forgotten all states".into(),
            Self::PowerObserved { state, evidence } => format!("power {}: {evidence}", state.word()),
            Self::FactsReported { .. } => "hardware reported".into(),
            Self::LinkChanged { up: true, speed: Some(speed) } => format!("link up at {speed} Mbit/s"),
            Self::LinkChanged { up: true, .. } => "link up".into(),
            Self::LinkChanged { up: false, .. } => "link down".into(),
            Self::PortSet { port, enabled } => format!("switch port {port} {}", switched(*enabled)),
            Self::PortChanged { port, enabled } => format!("switch port {port} found {}", switched(*enabled)),
            Self::WifiJoined { ssid, failure: None } => format!("joined the Wi-Fi network {ssid}"),
            Self::WifiJoined { ssid, failure: Some(failure) } => {
                format!("did not join the Wi-Fi network {ssid}: {failure}")
            }
            Self::UplinkChanged { uplink } => uplink_says(uplink),
            Self::Explained { verdict } => verdict.says.clone(),
            Self::ExplanationWithdrawn { code, why } => format!("no longer {}: {why}", code.words()),
            Self::ScreenAnswered { answer } => format!("a person looked: {}", answer.says()),
            Self::LoopStopped { why, rearm } => format!("held back: {why}. Goes on when {rearm}"),
            Self::LoopRearmed { why } => format!("may boot again: {why}"),
            Self::WayChosen { way, why } => format!("boots by {}: {why}", way.words()),
            Self::WayDropped { way, why } => format!("no longer boots by {}: {why}", way.words()),
            Self::WaysRetried { why } => format!("may try all its ways again: {why}"),
            Self::BootOrderArmed { way, .. } => format!("firmware told to boot by {} once", way.words()),
            Self::BootOrderRestored { why } => format!("firmware's boot order put back: {why}"),
            Self::WipeArmed { disks } if disks.is_empty() => {
                "armed to erase its disks at the next boot".into()
            }
            Self::WipeArmed { disks } => format!("armed to erase {} at the next boot", disks.join(", ")),
            Self::WipeDisarmed { why } => format!("will not be erased: {why}"),
            Self::WipeBegan { disks, .. } => format!("erases {}", disks.join(", ")),
            Self::DiskWiped { report } => wiped(report),
            Self::FaultSet { fault, on: true } => format!("fault put in: {}", fault.words()),
            Self::FaultSet { fault, on: false } => format!("fault taken out: {}", fault.words()),
            Self::RivalHeard { service, address, says } => {
                format!("another {service} server, {address}: {says}")
            }
            Self::RivalGone { service, address } => format!("the other {service} server {address} is silent"),
            Self::ServiceTroubled { service, failure } => format!("{service}: {failure}"),
            Self::ServiceRecovered { service } => format!("{service} is well again"),
            Self::ImageChosen { role, name, version, .. } => format!("{role} is now {name} {version}"),
            Self::WayAsked { way: Some(way) } => format!("asked to boot by {}", way.words()),
            Self::WayAsked { way: None } => "its way is the program's choice again".into(),
            Self::BootMeasured { way, whole_s: Some(s), .. } => format!("measured boot by {way}: {s:.1} s"),
            Self::BootMeasured { way, .. } => format!("measured boot by {way}: it did not arrive"),
            Self::MachineReplaced { from, to } => {
                format!("a new PC stands in its place: {to} instead of {from}")
            }
            Self::LabEnding { restart: true } => "the lab is switched off, to start anew".into(),
            Self::LabEnding { restart: false } => "the lab is switched off".into(),
            Self::LabEnded { left_on, host, .. } => {
                let left = if left_on.is_empty() {
                    "all PCs are off".to_owned()
                } else {
                    format!("still on: {}", left_on.join(", "))
                };
                match host {
                    Some(failure) => format!("{left}; the controller stays on: {failure}"),
                    None => format!("{left}; the controller goes too"),
                }
            }
            Self::DeviceFound { device } => format!("{device} answers"),
            Self::DeviceLost { device, failure } => format!("{device} lost: {failure}"),
            Self::CommandRefused { command, failure } => format!("{command} refused: {failure}"),
            Self::StreamSilent { stream, silence } => {
                format!("{stream} is silent: {}", silence.failure.why)
            }
            Self::StreamHeard { stream, silent_s: Some(s) } => format!("{stream} again, after {s:.0} s"),
            Self::StreamHeard { stream, silent_s: None } => format!("{stream} again"),
            Self::CertificateTurned { certificate, state, says, .. } => {
                format!("certificate {certificate} is {}: {says}", state.word())
            }
            Self::CertificateRenewed { certificate, by, seconds, .. } => {
                format!("certificate {certificate} renewed by {by} in {seconds:.1} s")
            }
            Self::CertificateRefused { certificate, failure } => {
                format!("certificate {certificate} not renewed: {failure}")
            }
            Self::CertificateGone { certificate } => {
                format!("certificate {certificate} is no longer watched")
            }
            Self::GateOpened { gate } => {
                let failed = if gate.failed.is_empty() {
                    String::new()
                } else {
                    format!(", not good: {}", gate.failed.join(", "))
                };
                format!(
                    "{} certificates good, {} renewed in {:.1} s{failed}",
                    gate.good, gate.renewed, gate.seconds
                )
            }
            Self::ClockJudged { clock } => format!("the clock: {}", clock.says),
            Self::StorageFailed { why } => format!("events cannot be written: {why}"),
            Self::StorageRecovered { waited } => format!("events written again, {waited} had waited"),
        }
    }
}

/// What the wiper's report comes to. Its fields are read one by one: old reports have to stay readable.
pub(crate) fn wiped(report: &Value) -> String {
    let all = report.get("disks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let erased = |disk: &&Value| disk.get("ok").and_then(Value::as_bool) == Some(true);
    let name = |disk: &Value| disk.get("name").and_then(Value::as_str).unwrap_or("?").to_owned();
    let (good, bad): (Vec<&Value>, Vec<&Value>) = all.iter().partition(erased);
    let name = |disk: &&Value| match disk.get("why").and_then(Value::as_str) {
        Some(why) => format!("{} ({why})", name(disk)),
        None => name(disk),
    };
    let names = |disks: &[&Value]| disks.iter().map(name).collect::<Vec<_>>().join(", ");
    match (good.is_empty(), bad.is_empty()) {
        (true, true) => "the wiper erased nothing".into(),
        (false, true) => format!("erased {}", names(&good)),
        (true, false) => format!("not erased: {}", names(&bad)),
        (false, false) => format!("erased {}; not erased: {}", names(&good), names(&bad)),
    }
}

/// The words for an outlet: machines with a control of their own have no number that stands on a board.
pub fn outlet_words(outlet: Outlet) -> String {
    if outlet >= OWN_CONTROL { "its power control".to_owned() } else { format!("outlet {outlet}") }
}

fn switched(enabled: bool) -> &'static str {
    if enabled { "switched on" } else { "switched off" }
}

fn uplink_says(uplink: &Uplink) -> String {
    let by = uplink.ssid.as_ref().map_or_else(|| uplink.interface.clone(), |ssid| format!("Wi-Fi {ssid}"));
    match (uplink.up, &uplink.address) {
        (true, Some(address)) => format!("uplink by {by}, {address}"),
        (true, None) => format!("uplink by {by}"),
        (false, _) => "no uplink".to_owned(),
    }
}
