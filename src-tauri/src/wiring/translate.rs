//! From what the boot services saw to the engine's words.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use engine::{Observation, ObservationSink};
use lab::{
    Stamp,
    journal::Packet,
    live::Transfer,
    log::{Level, Record},
    sign::{FileRole, Sign, Speaker},
};
use netboot::{
    Mac, Proto,
    dhcp::{Client, Kind, Refusal},
    files::Asker,
    seen::{Method, Seen, SeenSink, What},
};
use tokio::{sync::mpsc, time::interval};
use tokio_util::sync::CancellationToken;

use super::{
    agents::EfiWritten,
    boot_files::role,
    facts::fact,
    own_counts::OwnCounts,
    site::{BootSite, Said, code},
};
use crate::clock;

/// Pace of showing how far transfers are, and the counters.
const PROGRESS: Duration = Duration::from_millis(250);

/// Reads sightings until told to stop.
pub(super) async fn run(
    site: Arc<BootSite>,
    mut seen: mpsc::Receiver<Seen>,
    services: SeenSink,
    engine: ObservationSink,
    own: OwnCounts,
    stop: CancellationToken,
) {
    let translator = Translator { site, services, engine, own, asked: Mutex::default() };
    let mut progress = interval(PROGRESS);
    let mut moving = Vec::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Some(sighting) = seen.recv() => translator.sighting(&sighting),
            _ = progress.tick() => moving = translator.progress(moving),
        }
    }
}

struct Translator {
    site: Arc<BootSite>,
    services: SeenSink,
    engine: ObservationSink,
    own: OwnCounts,
    /// Names asked for, by machine of the board.
    asked: Mutex<BTreeMap<String, u64>>,
}

impl Translator {
    fn sighting(&self, seen: &Seen) {
        let stamp = clock::stamp(netboot::clock::Stamp { mono_us: seen.mono_us, wall_us: seen.wall_us });
        if matches!(seen.what, What::Posted { .. }) {
            self.said();
        }
        if let Some(body) = fact(&seen.what) {
            let (subject, stamp) = (lab::status::BOARD.to_owned(), stamp.clone());
            self.engine.put(Observation::Fact { subject, stamp, body: Box::new(body) });
        }
        // What we ask ourselves, to see whether we keep our promises, is nobody's boot.
        if self.site.written(seen.peer.ip()) != IpAddr::V4(self.site.boss()) {
            self.own.saw(seen, |address| self.site.written(address));
        }
        if let What::LogLine { proto, severity, text } = &seen.what {
            let who = self.site.machine(seen.peer.ip(), seen.mac).map(|m| m.name.clone());
            self.own.record(boot_log(who, *proto, *severity, text, &stamp));
        }
        let Some(machine) = self.site.machine(seen.peer.ip(), seen.mac).map(|m| m.name.clone()) else {
            self.stranger(seen, stamp);
            return;
        };
        if matches!(seen.what, What::NameAsked { .. }) {
            *self.asked.lock().unwrap_or_else(PoisonError::into_inner).entry(machine.clone()).or_default() +=
                1;
        }
        if let Some(packet) = packet(&machine, seen, &stamp) {
            self.engine.put(Observation::Packet(packet));
        }
        if let What::FileSent { path, .. } = &seen.what
            && role(path) == FileRole::Script
        {
            self.script(seen, &machine);
        }
        if let Some((sign, says)) = sign(&seen.what) {
            self.engine.put(Observation::Sign { machine, stamp, sign, says });
        }
    }

    /// The script as this machine is served it: evidence, should it stop there.
    fn script(&self, seen: &Seen, machine: &str) {
        let asker = Asker { peer: seen.peer.ip(), mac: seen.mac };
        let text = self.site.script_text(&asker);
        self.engine.put(Observation::Script { machine: machine.to_owned(), text });
    }

    /// Agents' words, in the order in which they came and after everything the wire showed before them.
    fn said(&self) {
        for (stamp, machine, said) in self.site.take_said() {
            self.engine.put(match said {
                Said::Report(report) => Observation::Report {
                    machine,
                    stamp,
                    facts: Box::new(report.facts),
                    heartbeat_ms: report.heartbeat_ms,
                },
                Said::Efi(EfiWritten { name, ok, why }) => {
                    let refused = (!ok).then(|| why.unwrap_or_else(|| "it gave no reason".into()));
                    Observation::EfiWritten { machine, stamp, name, refused }
                }
                Said::Heartbeat => Observation::Heartbeat { machine, stamp },
                Said::Goodbye => Observation::Goodbye { machine, stamp },
                Said::WipeAsked(ask) => Observation::WipeAsked { machine, stamp, ask },
                Said::Wiped(report) => Observation::Wiped { machine, stamp, report },
            });
        }
    }

    fn stranger(&self, seen: &Seen, stamp: Stamp) {
        if let (What::Dhcp { .. }, Some(Mac(mac))) = (&seen.what, seen.mac) {
            let mac = lab::Mac(mac);
            self.engine.put(Observation::Stranger { mac, code: code(mac), stamp });
        }
    }

    /// Shows running transfers, and takes back those that ended since the last look.
    fn progress(&self, before: Vec<String>) -> Vec<String> {
        let mut now = Vec::new();
        for running in self.services.progress().running() {
            let peer: IpAddr = running.peer.ip();
            if let Some(machine) = self.site.machine(peer, running.mac).map(|m| m.name.clone()) {
                let transfer =
                    Some(Transfer { path: running.path, sent: running.sent, total: running.total });
                self.engine.put(Observation::Transfer { machine: machine.clone(), transfer });
                now.push(machine);
            }
        }
        for machine in before.into_iter().filter(|machine| !now.contains(machine)) {
            self.engine.put(Observation::Transfer { machine, transfer: None });
        }
        for count in self.services.counters().snapshot() {
            let name = format!("{} {}", count.proto, count.kind).to_lowercase().replace(' ', "-");
            self.engine.put(Observation::Counter { name, value: count.count });
        }
        for (machine, value) in self.asked.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            self.engine.put(Observation::Counter { name: format!("dns-asked-by-{machine}"), value: *value });
        }
        let dropped = self.services.dropped();
        if dropped > 0 {
            self.engine.put(Observation::Counter { name: "sightings-dropped".into(), value: dropped });
        }
        now
    }
}

/// A line that a machine wrote while it booted, as a log record.
fn boot_log(who: Option<String>, proto: Proto, severity: Option<u8>, text: &str, stamp: &Stamp) -> Record {
    Record {
        stream: lab::stream::BOOT_LOG.to_owned(),
        time_us: None,
        seen_us: stamp.wall_us,
        // The owner's collector calls whoever speaks before an operating system does "ipxe".
        node: who.unwrap_or_else(|| "ipxe".to_owned()),
        service: word(proto).to_owned(),
        level: severity.map_or(Level::Unknown, Level::from_number),
        message: text.to_owned(),
    }
}

/// What a sighting means for a boot, and how it is told to people; `None` where it means nothing for one.
fn sign(what: &What) -> Option<(Sign, String)> {
    match what {
        What::Dhcp { kind, client, arch, .. } => {
            let speaker = match client {
                Client::Ipxe => Speaker::Ipxe,
                Client::Grub => Speaker::Grub,
                Client::System => Speaker::System,
                Client::Firmware | Client::HttpFirmware => Speaker::Firmware,
            };
            let sign = Sign::Dhcp { speaker, discover: *kind == Kind::Discover, arch: *arch };
            Some((sign, format!("DHCP {kind} by its {}", client_words(*client))))
        }
        What::DhcpAnswered { kind, address, boot_file, .. } if *kind != Kind::Nak => {
            let ack = *kind == Kind::Ack;
            let sign = Sign::Answered { address: address.to_string(), boot_file: boot_file.clone(), ack };
            Some((sign, format!("answered with {address}")))
        }
        What::FileAsked { proto, method, path, found, .. } => {
            let body = *method != Method::Head;
            let sign = Sign::FileAsked {
                role: role(path),
                path: path.clone(),
                proto: word(*proto),
                body,
                found: *found,
            };
            Some((sign, format!("asked for {path} by {proto}")))
        }
        What::FileSent { proto, path, total, bytes, packets, resent, micros, complete, why, .. } => {
            let (role, proto, seconds) = (role(path), word(*proto), *micros as f64 / 1e6);
            // Firmware asks TFTP for the size alone and breaks off before the first packet: no transfer ended there.
            let size_inquiry = !*complete && *packets == 0;
            if role == FileRole::Other || size_inquiry {
                return None;
            }
            let sign = Sign::FileSent {
                role,
                path: path.clone(),
                proto,
                bytes: *bytes,
                total: *total,
                packets: *packets,
                resent: *resent,
                seconds,
                complete: *complete,
                why: why.clone(),
            };
            Some((sign, format!("fetched {path}")))
        }
        What::DhcpRefused { why: Refusal::OtherServer(server) } | What::OtherServer { server, .. } => {
            Some((Sign::OtherServer { server: server.to_string() }, format!("turned to the server {server}")))
        }
        What::DhcpRefused { why } => {
            Some((Sign::Refused { kind: why.kind(), why: why.to_string() }, format!("refused: {why}")))
        }
        What::RouterSolicited => Some((Sign::RouterSolicited, "asked for a router".to_owned())),
        What::LogLine { proto, severity, text } => {
            let sign = Sign::LogLine { proto: word(*proto), severity: *severity, text: text.clone() };
            Some((sign, format!("a line by {proto}")))
        }
        What::DhcpAnswered { .. }
        | What::Posted { .. }
        | What::Malformed { .. }
        | What::OtherServerGone { .. }
        | What::PoolEmpty { .. }
        | What::PoolFree
        | What::LeaseStoreLost { .. }
        | What::LeaseStoreBack
        | What::AddressTaken { .. }
        | What::NameAsked { .. }
        | What::TimeAsked => None,
    }
}

fn client_words(client: Client) -> &'static str {
    match client {
        Client::Firmware => "firmware",
        Client::HttpFirmware => "firmware (HTTP boot)",
        Client::Ipxe => "loader",
        Client::Grub => "GRUB",
        Client::System => "system",
    }
}

/// As the protocol itself names it.
fn method_word(method: Method) -> &'static str {
    match method {
        Method::Rrq => "RRQ",
        Method::Get => "GET",
        Method::Head => "HEAD",
    }
}

fn word(proto: netboot::Proto) -> &'static str {
    proto.word()
}

/// A line of the boot's packet list. Heartbeats are left out: there is one each second, and each says the same.
fn packet(machine: &str, seen: &Seen, stamp: &Stamp) -> Option<Packet> {
    let (direction, proto, bytes, says) = match &seen.what {
        What::Dhcp { kind, client, bytes, vendor_class, .. } => {
            let class = vendor_class.as_deref().map(|c| format!(", class {c}")).unwrap_or_default();
            ("in", "dhcp", *bytes as u64, format!("{kind} by its {}{class}", client_words(*client)))
        }
        What::DhcpAnswered { kind, address, boot_file, bytes, .. } => {
            let file = boot_file.as_deref().map(|f| format!(", boot file {f}")).unwrap_or_default();
            ("out", "dhcp", *bytes as u64, format!("{kind} {address}{file}"))
        }
        What::DhcpRefused { why } => ("out", "dhcp", 0, format!("refused: {why}")),
        What::FileAsked { proto, method, path, found, .. } => {
            let missing = if *found { "" } else { ", not here" };
            ("in", word(*proto), 0, format!("{} {path}{missing}", method_word(*method)))
        }
        What::FileSent { proto, path, bytes, packets, resent, complete, why, .. } => {
            let end = match (complete, why) {
                (true, _) => String::new(),
                (false, _) if *packets == 0 => ", only its size was asked".to_owned(),
                (false, why) => format!(", broken off: {}", why.as_deref().unwrap_or("no reason known")),
            };
            ("out", word(*proto), *bytes, format!("{path} in {packets} packets, {resent} sent again{end}"))
        }
        What::Posted { path, bytes } if !path.ends_with("heartbeat") => {
            ("in", "http", *bytes, format!("posted {path}"))
        }
        What::Posted { .. } => return None,
        What::Malformed { proto, why } => ("in", word(*proto), 0, format!("malformed: {why}")),
        What::OtherServer { server, says } => ("in", "dhcp", 0, format!("another server, {server}: {says}")),
        What::OtherServerGone { .. }
        | What::PoolEmpty { .. }
        | What::PoolFree
        | What::LeaseStoreLost { .. }
        | What::LeaseStoreBack => return None,
        What::AddressTaken { address } => ("in", "dhcp", 0, format!("{address} is in use already")),
        What::RouterSolicited => ("in", "ndp", 0, "router solicited, advertised at once".to_owned()),
        What::NameAsked { name, kind, answered, .. } => {
            let end = if *answered { "" } else { ", not here" };
            ("in", "dns", 0, format!("{kind} {name}{end}"))
        }
        What::TimeAsked => ("in", "ntp", 0, "asked for the time".to_owned()),
        What::LogLine { proto, text, .. } => ("in", word(*proto), text.len() as u64, text.clone()),
    };
    Some(Packet {
        machine: machine.to_owned(),
        boot: None,
        stamp: stamp.clone(),
        direction: direction.to_owned(),
        proto: proto.to_owned(),
        bytes,
        says,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(path: &str, packets: u64, complete: bool) -> What {
        What::FileSent {
            proto: netboot::Proto::Tftp,
            path: path.into(),
            total: 1000,
            bytes: packets * 500,
            packets,
            resent: 0,
            acked: packets * 500,
            micros: 10,
            complete,
            why: None,
        }
    }

    #[test]
    fn asking_for_a_size_is_no_broken_transfer() {
        assert_eq!(sign(&sent("ipxe.efi", 0, false)), None);
        assert!(matches!(
            sign(&sent("ipxe.efi", 1, false)),
            Some((Sign::FileSent { complete: false, .. }, _))
        ));
        assert!(matches!(sign(&sent("ipxe.efi", 2, true)), Some((Sign::FileSent { complete: true, .. }, _))));
    }

    #[test]
    fn files_without_a_part_in_the_boot_end_no_phase() {
        assert_eq!(sign(&sent("favicon.ico", 2, true)), None);
    }

    #[test]
    fn a_head_request_asks_for_no_body() {
        let asked = |method| What::FileAsked {
            proto: netboot::Proto::Http,
            method,
            path: "boot/kernel".into(),
            found: true,
            range: None,
        };
        for (method, wants) in [(Method::Head, false), (Method::Get, true), (Method::Rrq, true)] {
            let Some((Sign::FileAsked { role, body, .. }, _)) = sign(&asked(method)) else {
                panic!("{method:?}")
            };
            assert_eq!((role, body), (FileRole::Kernel, wants), "{method:?}");
        }
    }

    #[test]
    fn the_speaker_is_told_apart() {
        let dhcp = |client| What::Dhcp {
            kind: Kind::Discover,
            client,
            arch: Some(7),
            vendor_class: None,
            xid: 1,
            bytes: 300,
            server: None,
            requested: None,
        };
        let table = [
            (Client::Firmware, Speaker::Firmware),
            (Client::HttpFirmware, Speaker::Firmware),
            (Client::Ipxe, Speaker::Ipxe),
            (Client::Grub, Speaker::Grub),
            (Client::System, Speaker::System),
        ];
        for (client, expected) in table {
            let Some((Sign::Dhcp { speaker, discover, .. }, says)) = sign(&dhcp(client)) else {
                panic!("{client:?}")
            };
            assert!(discover && speaker == expected, "{client:?}: {says}");
        }
    }
}
