//! The keys a board file may have, table by table, and the nearest one to a slip of the pen.

use toml_edit::{Item, Table, TableLike, Value};

/// Keys of one request of a power control.
const CALL: &[&str] = &["method", "url", "body", "content_type"];

/// Known keys by table. `[[machine]]` and `[[lab]]` are arrays of tables.
const KEYS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "board",
            "network",
            "limits",
            "boot",
            "relay",
            "switch",
            "router",
            "display",
            "compat",
            "watch",
            "logs",
            "ca",
            "certificate",
            "notify",
            "telemetry",
            "machine",
            "lab",
        ],
    ),
    ("board", &["name", "kind", "shelf", "mode"]),
    ("relay", &["path", "allow_8"]),
    ("switch", &["kind", "url", "user", "secret", "protected", "address", "port"]),
    ("router", &["kind", "url", "user", "secret", "fingerprint", "metrics", "wan", "lan", "radio", "wifi"]),
    ("display", &["path"]),
    ("compat", &["listen"]),
    ("watch", &["status"]),
    ("logs", &["profile", "collector", "otlp", "syslog_udp", "syslog_tcp", "talos", "keep_mb", "keep_days"]),
    ("ca", &["kind", "url", "root", "fingerprint", "provisioner", "secret", "leaf_hours"]),
    (
        "certificate",
        &[
            "name",
            "used_by",
            "cert",
            "key",
            "endpoint",
            "kubeconfig",
            "talosconfig",
            "secrets",
            "names",
            "renew",
            "reload",
            "owner",
            "note",
        ],
    ),
    ("notify", &["url", "secret"]),
    ("telemetry", &["otlp"]),
    (
        "network",
        &[
            "address",
            "prefix",
            "boss",
            "gateway",
            "dns",
            "ntp",
            "syslog",
            "domain",
            "names",
            "dns_forward",
            "pool",
            "interface",
            "dhcp",
        ],
    ),
    (
        "limits",
        &[
            "check_s",
            "power_up_s",
            "boot_s",
            "report_s",
            "power_down_s",
            "stagger_ms",
            "link_s",
            "firmware_silent_s",
            "address_s",
            "loader_s",
            "kernel_s",
            "os_s",
            "service_s",
            "stall_s",
            "loop_boots",
            "loop_wipes",
            "loop_window_s",
        ],
    ),
    ("boot", &["matchbox"]),
    (
        "machine",
        &["box", "name", "mac", "address", "outlet", "port", "group", "memory_mib", "disabled", "power"],
    ),
    (
        "machine.power",
        &[
            "kind",
            "broadcast",
            "port",
            "host",
            "user",
            "secret",
            "cipher",
            "url",
            "system",
            "fingerprint",
            "relay",
            "name",
            "on",
            "off",
            "read",
            "auth",
            "switches_supply",
        ],
    ),
    ("machine.power.on", CALL),
    ("machine.power.off", CALL),
    ("machine.power.read", &["method", "url", "body", "content_type", "pointer", "on", "off"]),
    ("lab", &["name", "title", "words", "procedure", "machines"]),
];

/// A key that no board file has.
pub(super) struct Unknown {
    pub(super) table: String,
    pub(super) key: String,
    pub(super) at: Option<usize>,
    pub(super) nearest: Option<&'static str>,
    pub(super) known: &'static [&'static str],
}

/// The first unknown key of a document, if any.
pub(super) fn first_unknown(root: &Table) -> Option<Unknown> {
    unknown_in("", root)
}

/// In a table and everything below it that has keys of its own.
fn unknown_in(name: &str, table: &dyn TableLike) -> Option<Unknown> {
    let known = KEYS.iter().find(|(table, _)| *table == name).map_or(&[][..], |(_, keys)| keys);
    let here = table.iter().find(|(key, _)| !known.contains(key)).map(|(key, item)| {
        let at = table.key(key).and_then(toml_edit::Key::span).or_else(|| item.span()).map(|span| span.start);
        Unknown { table: name.to_owned(), key: key.to_owned(), at, nearest: nearest(key, known), known }
    });
    here.or_else(|| {
        table.iter().find_map(|(key, item)| {
            let below = if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
            unknown_below(&below, item)
        })
    })
}

fn unknown_below(name: &str, item: &Item) -> Option<Unknown> {
    match item {
        Item::Table(table) => unknown_in(name, table),
        Item::ArrayOfTables(tables) => tables.iter().find_map(|table| unknown_in(name, table)),
        Item::Value(Value::InlineTable(table)) => unknown_in(name, table),
        Item::None | Item::Value(_) => None,
    }
}

/// The known key that differs least, if it differs little enough to be meant.
fn nearest(key: &str, known: &'static [&'static str]) -> Option<&'static str> {
    known
        .iter()
        .map(|candidate| (distance(key, candidate), *candidate))
        .filter(|(steps, candidate)| *steps <= candidate.len().max(key.len()).div_ceil(2))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance: single-letter changes from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let cost = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let known = |table| KEYS.iter().find(|(name, _)| *name == table).unwrap().1;
        assert_eq!(nearest("adress", known("machine")), Some("address"));
        assert_eq!(nearest("outlets", known("machine")), Some("outlet"));
        assert_eq!(nearest("zzzzzzzz", known("machine")), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
