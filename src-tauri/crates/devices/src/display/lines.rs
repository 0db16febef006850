//! Lines to the display. Pure.
//!
//! The display reads a line into 2048 bytes, terminator included; what is longer is cut and shown as nothing. Its integers are
//! 32 bits wide, its font is ASCII, and a line break inside a text would begin another command. So everything that goes out
//! is made here, and cannot be too long.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// The display's buffer without its terminator and without `status:`.
pub const LONGEST_STATUS: usize = 2040;
/// Of a log line, without `log:`; the panel is 80 characters wide.
pub const LONGEST_LOG: usize = 80;
/// Characters between the name's place and the icon beside it.
const LONGEST_NAME: usize = 14;
/// Characters from the step's place to the panel's edge.
const LONGEST_STEP: usize = 18;

/// Said once the line is open. The first picture comes with the next status.
pub const READY: &str = "boss:ready\n";
/// Said before the host goes: the display tells that power may be cut.
pub const SHUTDOWN: &str = "boss:shutdown\n";

/// The owner's counters, in the order in which the display is told them.
pub const COUNTERS: [&str; 27] = [
    "NumMessages",
    "NumEmergencyMessages",
    "NumAlertMessages",
    "NumCriticalMessages",
    "NumErrorMessages",
    "NumWarnMessages",
    "NumNoticeMessages",
    "NumInfoMessages",
    "NumDebugMessages",
    "NumDHCPDiscover",
    "NumDHCPLeased",
    "NumDNSQueries",
    "NumDNSLocal",
    "NumDNSRecursions",
    "NumDNSCached",
    "NumCertChecks",
    "NumCertOK",
    "NumCertSigned",
    "NumCertRenewed",
    "NumFirewallWanInDrops",
    "NumFirewallWanOutDrops",
    "NumFirewallWanDrops",
    "NumFirewallLanInDrops",
    "NumFirewallLanOutDrops",
    "NumFirewallLanDrops",
    "NumPhysicalPXEBoots",
    "NumVirtualPXEBoots",
];
/// Maps that upstream's host sends empty.
const MAPS: [&str; 4] = ["DHCPServed", "ChainServed", "IPXEServed", "AssetsServed"];

/// How many of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    pub done: u64,
    pub of: u64,
}

/// Packets that the router counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Packets {
    pub wan_in: u64,
    pub wan_out: u64,
    pub lan_in: u64,
    pub lan_out: u64,
}

/// All that the display shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Picture {
    pub lab: String,
    /// What the run does now.
    pub step: String,
    /// A run that failed: the display has no place for it but the step's text.
    pub failed: bool,
    pub hypervisors: Share,
    pub nodes: Share,
    pub pods: Share,
    /// Outlets 1 to 8, and switch ports 1 to 8.
    pub power: [bool; 8],
    pub ports: [bool; 8],
    /// By the names of [`COUNTERS`].
    pub counters: [u64; COUNTERS.len()],
    pub packets: Packets,
}

/// `status:` and the picture as one JSON object, with its line end.
pub fn status(picture: &Picture) -> String {
    let json = serde_json::to_string(&Wire(picture)).unwrap_or_default();
    debug_assert!(json.len() <= LONGEST_STATUS);
    format!("status:{json}\n")
}

/// `log:`, node, level in brackets, service and message, cut to the panel's width.
pub fn log(node: &str, level: &str, service: &str, message: &str) -> String {
    let text = plain(&format!("{node} [{level}] {service}: {message}"), LONGEST_LOG);
    format!("log:{text}\n")
}

/// ASCII that can be drawn, at most so many characters; what has no likeness in ASCII becomes a question mark.
fn plain(text: &str, most: usize) -> String {
    let drawn = deunicode::deunicode_with_tofu(text, "?");
    let shown = drawn.chars().map(|c| if (' '..='~').contains(&c) { c } else { ' ' });
    shown.take(most).collect::<String>().trim_end().to_owned()
}

/// The display reads a larger number as 0.
fn clamped(value: u64) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

struct Wire<'a>(&'a Picture);

/// An object with its keys in this order.
struct Object<T>(Vec<(String, T)>);

impl<T: Serialize> Serialize for Object<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let picture = self.0;
        let number = |value: u64| Value::from(clamped(value));
        let step = if picture.failed { format!("FAILED {}", picture.step) } else { picture.step.clone() };
        let pair = |key: &str, value| (key.to_owned(), value);
        let initializer = Object(vec![
            pair("LabName", Value::from(plain(&picture.lab, LONGEST_NAME))),
            pair("NumHypervisors", number(picture.hypervisors.of)),
            pair("InitializedHypervisors", number(picture.hypervisors.done)),
            pair("NumNodes", number(picture.nodes.of)),
            pair("InitializedNodes", number(picture.nodes.done)),
            pair("NumPods", number(picture.pods.of)),
            pair("InitializedPods", number(picture.pods.done)),
            pair("CurrentStep", Value::from(plain(&step, LONGEST_STEP))),
            pair("Failed", Value::from(picture.failed)),
            pair("TimeSpent", Value::Null),
        ]);
        let eight = |name: &str, states: &[bool; 8]| {
            Object((1..).zip(states).map(|(n, on)| (format!("{name}{n}"), *on)).collect())
        };
        let counters = COUNTERS.iter().zip(picture.counters).map(|(name, count)| pair(name, number(count)));
        let logs = Object(counters.chain(MAPS.map(|name| pair(name, Value::Null))).collect());
        let packets = picture.packets;
        let router = Object(vec![
            pair("NumWanIn", number(packets.wan_in)),
            pair("NumWanOut", number(packets.wan_out)),
            pair("NumLanIn", number(packets.lan_in)),
            pair("NumLanOut", number(packets.lan_out)),
        ]);
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("initializer", &initializer)?;
        map.serialize_entry("power", &eight("P", &picture.power))?;
        map.serialize_entry("logs", &logs)?;
        map.serialize_entry("switch", &eight("Port", &picture.ports))?;
        map.serialize_entry("openwrt", &router)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SAMPLE: &str = include_str!("samples/stream.txt");

    fn counters(pairs: &[(&str, u64)]) -> [u64; COUNTERS.len()] {
        COUNTERS.map(|name| pairs.iter().find(|(key, _)| *key == name).map_or(0, |(_, count)| *count))
    }

    /// The sample's own figures, read from it.
    fn sampled(status: &str) -> Picture {
        let json: Value = serde_json::from_str(status.strip_prefix("status:").unwrap()).unwrap();
        let number = |object: &str, key: &str| json[object][key].as_u64().unwrap();
        let share = |what: &str| Share {
            done: number("initializer", &format!("Initialized{what}")),
            of: number("initializer", &format!("Num{what}")),
        };
        let eight = |object: &str, name: &str| {
            std::array::from_fn(|n| json[object][format!("{name}{}", n + 1)].as_bool().unwrap())
        };
        Picture {
            lab: json["initializer"]["LabName"].as_str().unwrap().into(),
            step: json["initializer"]["CurrentStep"].as_str().unwrap().into(),
            failed: json["initializer"]["Failed"].as_bool().unwrap(),
            hypervisors: share("Hypervisors"),
            nodes: share("Nodes"),
            pods: share("Pods"),
            power: eight("power", "P"),
            ports: eight("switch", "Port"),
            counters: COUNTERS.map(|name| number("logs", name)),
            packets: Packets {
                wan_in: number("openwrt", "NumWanIn"),
                wan_out: number("openwrt", "NumWanOut"),
                lan_in: number("openwrt", "NumLanIn"),
                lan_out: number("openwrt", "NumLanOut"),
            },
        }
    }

    #[test]
    fn the_sample_is_written_byte_for_byte() {
        let lines: Vec<&str> = SAMPLE.lines().collect();
        assert_eq!(lines[0], READY.trim_end());
        assert_eq!(lines[lines.len() - 1], SHUTDOWN.trim_end());
        assert_eq!(status(&sampled(lines[1])).trim_end(), lines[1]);
        for line in &lines[2..lines.len() - 1] {
            let (node, rest) = line.strip_prefix("log:").unwrap().split_once(" [").unwrap();
            let (level, rest) = rest.split_once("] ").unwrap();
            let (service, message) = rest.split_once(": ").unwrap();
            // What was cut there goes on here, and is cut again.
            let more = if line.len() == "log:".len() + LONGEST_LOG { " and more" } else { "" };
            assert_eq!(log(node, level, service, &format!("{message}{more}")).trim_end(), *line);
        }
    }

    #[test]
    fn a_failure_stands_where_it_can_be_seen() {
        let picture = Picture { step: "booting-hypervisors".into(), failed: true, ..Picture::default() };
        assert!(status(&picture).contains(r#""CurrentStep":"FAILED booting-hyp""#), "{}", status(&picture));
    }

    #[test]
    fn numbers_that_the_display_cannot_read_are_shown_as_the_largest_it_can() {
        let picture = Picture { counters: counters(&[("NumDNSQueries", u64::MAX)]), ..Picture::default() };
        assert!(status(&picture).contains(r#""NumDNSQueries":2147483647,"#));
    }

    #[test]
    fn a_text_cannot_become_a_command() {
        assert_eq!(log("a", "info", "b", "c\nboss:shutdown\r"), "log:a [info] b: c boss:shutdown\n");
        assert_eq!(log("für", "info", "b", "→ 5 °C"), "log:fur [info] b: - 5 degC\n");
    }

    proptest! {
        #[test]
        fn every_line_fits(
            lab in ".*", step in ".*", message in ".*", failed: bool,
            count in prop::array::uniform27(any::<u64>()), power in prop::array::uniform8(any::<bool>()),
        ) {
            let shares = Share { done: count[0], of: count[1] };
            let packets = Packets { wan_in: count[2], wan_out: count[3], lan_in: count[4], lan_out: count[5] };
            let picture = Picture {
                lab, step, failed, hypervisors: shares, nodes: shares, pods: shares, power, ports: power,
                counters: count, packets,
            };
            let line = status(&picture);
            prop_assert!(line.len() <= "status:".len() + LONGEST_STATUS + 1 && line.is_ascii());
            prop_assert_eq!(line.matches('\n').count(), 1);
            let json: Value = serde_json::from_str(&line["status:".len()..]).unwrap();
            prop_assert_eq!(json["power"]["P8"].as_bool(), Some(power[7]));
            let line = log("node", "error", "service", &message);
            prop_assert!(line.len() <= "log:".len() + LONGEST_LOG + 1 && line.is_ascii());
            prop_assert!(line.matches('\n').count() == 1 && !line.contains('\r'));
        }
    }
}
