//! Whether a certificate is for a name (RFC 9525: wildcards stand for one label on the left).

use std::net::IpAddr;

/// Those of the wanted names that none of the given ones covers.
pub fn missing(given: &[String], wanted: &[String]) -> Vec<String> {
    wanted.iter().filter(|name| !given.iter().any(|has| covers(has, name))).cloned().collect()
}

/// Whether a name of a certificate covers this one.
pub fn covers(given: &str, wanted: &str) -> bool {
    if let Ok(address) = wanted.parse::<IpAddr>() {
        return given.parse() == Ok(address);
    }
    let (given, wanted) = (bare(given), bare(wanted));
    match given.strip_prefix("*.") {
        Some(above) => wanted.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == above),
        None => given == wanted,
    }
}

fn bare(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}
