//! iPXE's settings: what the network gave, what the machine is, and what the script has set.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Nested or self-naming settings are expanded at most this often in one word.
const EXPANSIONS: usize = 64;
/// A word never grows beyond this, whatever it is made of.
const LONGEST_WORD: usize = 64 * 1024;

/// What the machine and its last DHCP answer contribute.
#[derive(Debug, Clone, Default)]
pub(crate) struct Network {
    pub(crate) mac: [u8; 6],
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) netmask: Option<Ipv4Addr>,
    pub(crate) router: Option<Ipv4Addr>,
    pub(crate) dns: Option<Ipv4Addr>,
    pub(crate) dhcp_server: Option<Ipv4Addr>,
    pub(crate) next_server: Option<Ipv4Addr>,
    pub(crate) boot_file: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) network: Network,
    own: BTreeMap<String, String>,
}

impl Settings {
    pub(super) fn new(network: Network) -> Settings {
        Settings { network, own: BTreeMap::new() }
    }

    /// Sets or, with nothing, clears. Bytes given as hexadecimal are kept as what they are; other types are not stored.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let (name, kind) = split_type(name);
        let name = plain(name).to_owned();
        let bytes = (kind == "hex").then(|| from_hex(value)).flatten();
        let value = bytes.as_deref().unwrap_or(value);
        if value.is_empty() {
            self.own.remove(&name);
        } else {
            self.own.insert(name, value.to_owned());
        }
    }

    /// The value of `name[:type]`, empty when there is none.
    pub(super) fn get(&self, expression: &str) -> String {
        let (name, kind) = split_type(expression);
        let name = plain(name);
        if let Some(value) = self.own.get(name) {
            return shown(value.as_bytes(), Some(value), kind);
        }
        let network = &self.network;
        let address = |address: Option<Ipv4Addr>| {
            address.map(|a| shown(&a.octets(), Some(&a.to_string()), kind)).unwrap_or_default()
        };
        let text = |text: &str| shown(text.as_bytes(), Some(text), kind);
        match name {
            "mac" => shown(&network.mac, None, kind),
            "ip" => address(network.address),
            "netmask" => address(network.netmask),
            "gateway" => address(network.router),
            "dns" => address(network.dns),
            "dhcp-server" => address(network.dhcp_server),
            "next-server" => address(network.next_server),
            "filename" => text(network.boot_file.as_deref().unwrap_or_default()),
            "ifname" => text("net0"),
            "platform" => text("efi"),
            "buildarch" => text("x86_64"),
            "manufacturer" => text("Simulated"),
            "product" => text("Mini PC (simulated)"),
            "version" => text("1.21.1 (simulated)"),
            _ => String::new(),
        }
    }

    /// Replaces every `${...}`, innermost first.
    pub(super) fn expand(&self, word: &str) -> String {
        let mut word = word.to_owned();
        for _ in 0..EXPANSIONS {
            let Some((start, end)) = innermost(&word) else { break };
            let value = self.get(&word[start + 2..end]);
            word.replace_range(start..=end, &value);
            if word.len() > LONGEST_WORD {
                break;
            }
        }
        word
    }
}

/// The last `${` before the first `}` that follows one.
fn innermost(word: &str) -> Option<(usize, usize)> {
    let first = word.find("${")?;
    let end = first + word[first..].find('}')?;
    let start = word[..end].rfind("${")?;
    Some((start, end))
}

fn split_type(expression: &str) -> (&str, &str) {
    expression.split_once(':').unwrap_or((expression, ""))
}

/// There is one network card, so its scope says nothing.
fn plain(name: &str) -> &str {
    name.strip_prefix("net0/").or_else(|| name.strip_prefix("netX/")).unwrap_or(name)
}

/// A value as its type shows it: `text` is what it is without one, or the bytes as hexadecimal when it has no text.
fn shown(bytes: &[u8], text: Option<&str>, kind: &str) -> String {
    let hex =
        |separator: &str| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(separator);
    match kind {
        "hex" => hex(":"),
        "hexhyp" => hex("-"),
        "hexraw" => hex(""),
        "uristring" => text.map(percent_encoded).unwrap_or_else(|| hex("%3A")),
        _ => text.map(str::to_owned).unwrap_or_else(|| hex(":")),
    }
}

/// `20:20` → two blanks; nothing when it is not hexadecimal or no text.
fn from_hex(value: &str) -> Option<String> {
    let bytes =
        value.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok()
}

fn percent_encoded(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let network = Network {
            mac: [0x16, 0x09, 0x01, 0x1a, 0xf4, 0x30],
            address: Some(Ipv4Addr::new(127, 122, 122, 11)),
            ..Network::default()
        };
        let mut settings = Settings::new(network);
        settings.set("base", "http://127.0.0.1/boot");
        settings.set("which", "base");
        settings.set("loop", "${loop}x");
        settings.set("gap:hex", "20:20");
        settings.set("esc:hex", "1b");
        settings
    }

    #[test]
    fn words_are_expanded() {
        let table = [
            ("${mac}", "16:09:01:1a:f4:30"),
            ("${net0/mac}", "16:09:01:1a:f4:30"),
            ("${netX/mac:hexhyp}.ipxe", "16-09-01-1a-f4-30.ipxe"),
            ("${mac:hexraw}", "1609011af430"),
            ("${net0/ip}", "127.122.122.11"),
            ("${ip:hexraw}", "7f7a7a0b"),
            ("${base}/x?m=${mac:hexhyp}", "http://127.0.0.1/boot/x?m=16-09-01-1a-f4-30"),
            ("${base:uristring}", "http%3A%2F%2F127.0.0.1%2Fboot"),
            ("${${which}}/y", "http://127.0.0.1/boot/y"),
            ("${nothing}", ""),
            ("${gap:string}|${gap}|${gap:hex}", "  |  |20:20"),
            ("${esc:string}[2J", "\u{1b}[2J"),
            ("a${", "a${"),
            ("a}b", "a}b"),
            ("}${ip}", "}127.122.122.11"),
            ("${platform}", "efi"),
        ];
        for (word, expected) in table {
            assert_eq!(settings().expand(word), expected, "{word}");
        }
        assert!(settings().expand("${loop}").len() < LONGEST_WORD, "a setting that names itself ends");
    }

    #[test]
    fn setting_nothing_clears() {
        let mut settings = settings();
        settings.set("net0/base:string", "");
        assert_eq!(settings.get("base"), "");
    }

    proptest::proptest! {
        #[test]
        fn any_word_is_expanded(word in "[${}:a-z/]{0,60}", free: String) {
            settings().expand(&word);
            settings().expand(&free);
        }
    }
}
