//! What a lab says all day. Pure: the same seed, the same words.
//!
//! Nothing of dnsmasq: on a simulated board our own services give addresses and names, and count that themselves.

use std::time::Duration;

use super::encode::{Record, Said};
use crate::pace::Dice;

/// Units that have certificates (reference 10).
const CERTIFIED: [&str; 6] = ["apache2", "registry", "loki", "prometheus", "otelcol", "grafana-server"];
/// Seconds between two rounds of the certificate renewer: much shorter than the real quarter of an hour, so that a person who
/// looks on sees one.
const RENEWER_S: f64 = 20.0;

/// Unit, program, severity, words; `#` becomes a number.
const JOURNAL: [(&str, &str, u8, &str); 14] = [
    ("init.scope", "systemd", 6, "Started session-#.scope - Session # of User boss."),
    ("init.scope", "systemd", 6, "logrotate.service: Deactivated successfully."),
    ("cron.service", "CRON", 6, "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"),
    ("chrony.service", "chronyd", 6, "Selected source 192.168.122.1"),
    ("chrony.service", "chronyd", 5, "System clock wrong by 0.#### seconds"),
    ("ssh.service", "sshd", 6, "Connection closed by 192.168.122.20 port #####"),
    ("prometheus.service", "prometheus", 6, "level=INFO msg=\"Head GC completed\" duration=#ms"),
    (
        "prometheus.service",
        "prometheus",
        4,
        "level=WARN msg=\"Error on ingesting out-of-order samples\" num_dropped=#",
    ),
    (
        "grafana-server.service",
        "grafana",
        6,
        "logger=cleanup level=info msg=\"Completed cleanup jobs\" duration=#ms",
    ),
    (
        "registry.service",
        "registry",
        6,
        "response completed http.request.uri=/v2/pause/manifests/3.# http.response.status=200",
    ),
    ("registry.service", "registry", 3, "response completed with error err.code=\"manifest unknown\""),
    ("step-ca.service", "step-ca", 6, "duration=#ms method=GET path=/health status=200"),
    ("kernel", "kernel", 6, "usb 1-1: new full-speed USB device number # using xhci_hcd"),
    ("kernel", "kernel", 4, "thermal thermal_zone0: failed to read out thermal zone (-61)"),
];

/// Service, severity, words.
const TALOS: [(&str, u8, &str); 10] = [
    ("machined", 6, "service[kubelet](Running): Health check successful"),
    ("machined", 6, "task updateBootloader (#/#): done"),
    ("kubelet", 6, "\"SyncLoop (PLEG): event for pod\" pod=\"load/client-#\""),
    ("kubelet", 4, "\"Back-off restarting failed container\" pod=\"load/client-#\""),
    ("etcd", 6, "compacted raft log compact-index=####"),
    ("etcd", 4, "apply request took too long took=###ms expected-duration=100ms"),
    ("etcd", 3, "failed to publish local member to cluster through raft: request timed out"),
    ("containerd", 6, "StopContainer for pod load/client-# returns successfully"),
    ("apid", 7, "request from 192.168.122.3 to /machine.MachineService/Version took #ms"),
    ("kernel", 5, "[talos] controller runtime: reconciled network.LinkStatus"),
];

/// Program, facility, severity, words.
const ROUTER: [(&str, u8, u8, &str); 4] = [
    ("netifd", 3, 5, "Interface 'wan' is now up"),
    ("hostapd", 3, 6, "phy0-ap0: STA 02:00:5e:00:00:## IEEE 802.11: authenticated"),
    ("uhttpd", 3, 6, "luci: accepted login on / for root from 192.168.122.3"),
    ("odhcpd", 3, 4, "No default route present, setting ra_lifetime to 0!"),
];

/// Zone and direction as the firewall writes them, and how often. The Wi-Fi uplink is the third zone (reference 4.4).
const DROPS: [(&str, f64); 5] =
    [("wan in", 0.55), ("wan out", 0.1), ("lan in", 0.15), ("lan out", 0.08), ("wwan in", 0.12)];

/// Makes up what is said.
pub(super) struct Chatter {
    dice: Dice,
    /// Since 1970.
    next_round: Option<Duration>,
    round: usize,
}

impl Chatter {
    pub(super) fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed, &[u64::from(b'l')]), next_round: None, round: 0 }
    }

    /// One line's worth. Machines that are on are named in `on`.
    pub(super) fn records(&mut self, on: &[&str], now: Duration) -> Vec<Record> {
        let due = *self.next_round.get_or_insert(now);
        if now >= due {
            self.next_round = Some(now + Duration::from_secs_f64(self.dice.between(0.8, 1.2) * RENEWER_S));
            return self.renewer(now);
        }
        let count = 1 + self.below(4);
        (0..count).map(|_| self.record(on, now)).collect()
    }

    fn record(&mut self, on: &[&str], time: Duration) -> Record {
        let kind = self.dice.unit();
        let (said, severity, words) = if kind < 0.45 && !on.is_empty() {
            let node = on[self.below(on.len())].to_owned();
            let (service, severity, words) = TALOS[self.below(TALOS.len())];
            (Said::Talos { node, service }, severity, words.to_owned())
        } else if kind < 0.6 {
            (Said::Router { program: "kernel", facility: 0 }, 4, self.drop())
        } else if kind < 0.65 {
            let (program, facility, severity, words) = ROUTER[self.below(ROUTER.len())];
            (Said::Router { program, facility }, severity, words.to_owned())
        } else {
            let (unit, program, severity, words) = JOURNAL[self.below(JOURNAL.len())];
            (Said::Journal { unit: unit.to_owned(), program }, severity, words.to_owned())
        };
        Record { said, severity, text: self.numbered(&words), time }
    }

    /// The renewer looks at one certificate and finds it good.
    fn renewer(&mut self, time: Duration) -> Vec<Record> {
        let unit = CERTIFIED[self.round % CERTIFIED.len()];
        self.round += 1;
        let says = |of: &str, program, text: String| Record {
            said: Said::Journal { unit: of.to_owned(), program },
            severity: 6,
            text,
            time,
        };
        let renewer = format!("cert-renewer@{unit}.service");
        vec![
            says("init.scope", "systemd", format!("Starting {renewer} - Certificate renewer for {unit}...")),
            says(&renewer, "step", "certificate does not need renewal".to_owned()),
            says("init.scope", "systemd", format!("{renewer}: Skipped due to 'exec-condition'.")),
        ]
    }

    /// As netfilter writes it, with addresses of RFC 5737.
    fn drop(&mut self) -> String {
        let mut left = self.dice.unit();
        let zone = DROPS.iter().find(|(_, share)| {
            left -= share;
            left < 0.0
        });
        let (zone, (from, to)) = (zone.unwrap_or(&DROPS[0]).0, ("203.0.113", "198.51.100"));
        let (uptime, source, ttl) =
            (self.dice.between(100.0, 99_999.0), self.below(254) + 1, 40 + self.below(24));
        let port = [22, 23, 80, 445, 3389, 8080][self.below(6)];
        format!(
            "[{uptime:12.6}] drop {zone}: IN=eth0 OUT= MAC=02:00:5e:00:00:01:02:00:5e:00:00:02:08:00 SRC={from}.{source} \
             DST={to}.7 LEN=40 TOS=0x00 PREC=0x00 TTL={ttl} ID={} PROTO=TCP SPT={} DPT={port} LEN=40",
            self.below(65_536),
            1024 + self.below(60_000),
        )
    }

    /// Each `#` becomes a digit that is not zero.
    fn numbered(&mut self, words: &str) -> String {
        words.chars().map(|c| if c == '#' { char::from(b'1' + self.below(9) as u8) } else { c }).collect()
    }

    fn below(&mut self, end: usize) -> usize {
        (self.dice.unit() * end as f64) as usize
    }
}

/// A line that is none, without its end.
pub(super) fn noise(dice: &mut Dice) -> Vec<u8> {
    match (dice.unit() * 4.0) as u8 {
        0 => b"panic: runtime error: index out of range [4] with length 4".to_vec(),
        1 => br#"{"resourceLogs":[{"resource":{"attributes":[{"key":"serv"#.to_vec(),
        2 => "[".repeat(5000).into_bytes(),
        // No line end among them.
        _ => (0..300).map(|_| (dice.next() as u8) | 0x80).collect(),
    }
}
