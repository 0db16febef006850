//! The packet filter's rules for what is dropped, in nft's words. Pure.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use lab::fault::Fault;

use super::frame::{CHOSEN_FROM, DHCP_PORTS, HTTP_PORTS, NO_TRANSFER, TFTP_PORT};

/// Our own table in the bridge family; nothing else in this namespace has rules.
const TABLE: &str = "faults";
/// Blocks that pass before acknowledgements are lost, so that the transfer stands still in the middle of a file.
const BLOCKS_THAT_PASS: u16 = 64;

/// One machine's side of the bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Its port of the bridge; with a relay between, the relay's.
    pub(super) ports: [String; 2],
    pub(super) faults: BTreeSet<Fault>,
}

/// The whole table anew, in one transaction: nft applies a file as a whole or not at all.
pub(super) fn ruleset(places: &[Place], boss: Ipv4Addr) -> String {
    let mut lines: Vec<(Way, String)> = Vec::new();
    for Place { ports, faults } in places {
        let ports = format!("{{ \"{}\", \"{}\" }}", ports[0], ports[1]);
        for (way, what) in faults.iter().flat_map(|fault| dropped(*fault, boss)) {
            let side = if way == Way::From { "iifname" } else { "oifname" };
            lines.push((way, format!("    {side} {ports} {what} counter drop\n")));
        }
    }
    let of = |wanted| -> String {
        lines.iter().filter(|(way, _)| *way == wanted).map(|(_, line)| line.as_str()).collect()
    };
    let (from, to) = (of(Way::From), of(Way::To));
    // The first line makes the second possible where there is no table yet.
    format!(
        "table bridge {TABLE}\ndelete table bridge {TABLE}\ntable bridge {TABLE} {{\n  chain from {{\n    type filter hook \
         prerouting priority 0; policy accept;\n{from}  }}\n  chain to {{\n    type filter hook postrouting priority 0; \
         policy accept;\n{to}  }}\n}}\n"
    )
}

/// Seen from the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    From,
    To,
}

/// What a fault takes off the wire.
fn dropped(fault: Fault, boss: Ipv4Addr) -> Vec<(Way, String)> {
    let both = |what: String| [(Way::From, what.clone()), (Way::To, what)];
    let ports = |protocol: &str, ports: &[u16]| {
        let at = |end: &str| both(format!("{protocol} {end} {}", set(ports)));
        [at("sport"), at("dport")].concat()
    };
    match fault {
        Fault::DropDhcp => ports("udp", &DHCP_PORTS),
        Fault::DropTftp => [both(format!("udp dport {TFTP_PORT}")), both(transfer())].concat(),
        Fault::DropHttp => ports("tcp", &HTTP_PORTS),
        Fault::LostTftpAcks => {
            // Four bytes after the UDP header: opcode 4, number of the block (RFC 1350 section 5).
            let block = format!("udp length 12 @th,64,16 4 @th,80,16 >= {BLOCKS_THAT_PASS}");
            vec![(Way::From, format!("{} {block}", transfer()))]
        }
        // The other server is the one that is heard: ours answers too late, as on a slow controller.
        Fault::SecondDhcp => vec![(Way::To, format!("ip saddr {boss} udp sport 67"))],
        _ => Vec::new(),
    }
}

fn transfer() -> String {
    let others = set(&NO_TRANSFER);
    format!(
        "udp sport >= {CHOSEN_FROM} udp dport >= {CHOSEN_FROM} udp sport != {others} udp dport != {others}"
    )
}

fn set(ports: &[u16]) -> String {
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    format!("{{ {} }}", ports.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOSS: Ipv4Addr = Ipv4Addr::new(192, 168, 122, 3);

    #[test]
    fn no_fault_is_an_empty_table() {
        let text = ruleset(&[], BOSS);
        assert!(!text.contains("drop") && text.contains("delete table bridge faults"), "{text}");
    }

    #[test]
    fn what_is_dropped_is_dropped_for_that_machine_alone() {
        let place = |fault| Place { ports: ["tap1".into(), "lag1".into()], faults: [fault].into() };
        let table = [
            (Fault::DropDhcp, "iifname { \"tap1\", \"lag1\" } udp dport { 67, 68, 4011 } counter drop"),
            (Fault::DropTftp, "oifname { \"tap1\", \"lag1\" } udp dport 69 counter drop"),
            (Fault::DropHttp, "oifname { \"tap1\", \"lag1\" } tcp sport { 80, 443 } counter drop"),
            (Fault::LostTftpAcks, "udp length 12 @th,64,16 4 @th,80,16 >= 64 counter drop"),
            (
                Fault::SecondDhcp,
                "oifname { \"tap1\", \"lag1\" } ip saddr 192.168.122.3 udp sport 67 counter drop",
            ),
        ];
        for (fault, expected) in table {
            let text = ruleset(&[place(fault)], BOSS);
            assert!(text.contains(expected), "{}: {text}", fault.word());
            let rules = text.lines().filter(|line| line.contains("counter drop"));
            assert!(rules.clone().all(|line| line.contains("\"tap1\"")), "{text}");
        }
        let text = ruleset(&[place(Fault::DelayTftp)], BOSS);
        assert!(!text.contains("counter drop"), "delays are the relay's: {text}");
    }
}
