//! Who tells each counter on this board: our own service where one serves, the log where another program does, nobody else.

use super::{Board, BoardKind, DhcpMode, Mode, NameService};
use crate::counts::{Source, Sources};

impl Board {
    /// Never two tellers for one counter: what our own services count is left out of the logs.
    pub fn counter_sources(&self) -> Sources {
        let logs = &self.logs;
        let any = logs.collector.is_some()
            || logs.otlp.is_some()
            || logs.syslog_udp.is_some()
            || logs.syslog_tcp.is_some()
            || logs.talos.is_some();
        let log = if any { Source::Log } else { Source::Absent };
        let drives = self.board.mode == Mode::Drive;
        let engine_or_log = |serves: bool| if serves && drives { Source::Engine } else { log };
        // On a virtual or simulated board nobody but this program gives addresses.
        let own_dhcp = self.board.kind != BoardKind::Labinator
            || (self.network.interface.is_some()
                && matches!(self.network.dhcp, DhcpMode::Serve | DhcpMode::Takeover));
        let own_certificates = self.certificates.iter().any(|certificate| certificate.renew);
        // Drops come by syslog, or through a collector that takes it.
        let drops = logs.collector.is_some()
            || logs.otlp.is_some()
            || logs.syslog_tcp.is_some()
            || logs.syslog_udp.is_some();
        Sources {
            levels: log,
            dhcp: engine_or_log(own_dhcp),
            dns: engine_or_log(self.network.names == NameService::Serve),
            certificates: engine_or_log(own_certificates),
            firewall: if drops { Source::Log } else { Source::Absent },
            boots: engine_or_log(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &str = r#"
[board]
name = "small"
kind = "labinator"
shelf = [[1]]

[network]
address = "192.168.122.0"
prefix = 24
boss = "192.168.122.3"
pool = ["192.168.122.200", "192.168.122.254"]
interface = "eth9"

[relay]
path = "/dev/null"

[[machine]]
box = 1
name = "node1"
mac = "16:09:01:1a:f4:30"
address = "192.168.122.11"
outlet = 1
"#;

    fn sources(changes: &[(&str, &str)], more: &str) -> Sources {
        let text = changes.iter().fold(REAL.to_owned(), |text, (from, to)| text.replace(from, to));
        Board::parse("b.toml", &format!("{text}\n{more}")).unwrap().counter_sources()
    }

    #[test]
    fn without_logs_only_our_own_services_tell() {
        let own = sources(&[], "");
        assert_eq!(
            (own.levels, own.firewall, own.certificates),
            (Source::Absent, Source::Absent, Source::Absent)
        );
        assert_eq!((own.dhcp, own.dns, own.boots), (Source::Engine, Source::Engine, Source::Engine));
    }

    #[test]
    fn what_another_program_serves_is_told_by_the_log() {
        let logs = "[logs]\ncollector = \"/var/log/otelcol.jsonl\"\n";
        let proxy = sources(&[("interface = \"eth9\"", "interface = \"eth9\"\ndhcp = \"proxy\"")], logs);
        assert_eq!((proxy.dhcp, proxy.dns, proxy.boots), (Source::Log, Source::Engine, Source::Engine));
        let watched = sources(&[("kind = \"labinator\"", "kind = \"labinator\"\nmode = \"watch\"")], logs);
        let all = [
            watched.levels,
            watched.dhcp,
            watched.dns,
            watched.certificates,
            watched.firewall,
            watched.boots,
        ];
        assert_eq!(all, [Source::Log; 6]);
    }

    #[test]
    fn certificates_that_are_renewed_here_are_told_here() {
        let mine = "[logs]\ncollector = \"/a\"\n[[certificate]]\nname = \"a\"\nused_by = \"a\"\ncert = \"/a.pem\"\nkey = \"/a.key\"\nnames = [\"a\"]\nrenew = ";
        assert_eq!(sources(&[], &format!("{mine}true")).certificates, Source::Engine);
        assert_eq!(sources(&[], &format!("{mine}false")).certificates, Source::Log);
    }
}
