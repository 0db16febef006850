//! The little of QEMU's machine protocol that is needed: greeting, `quit`, and why a machine ended. Pure.

use serde_json::Value;

/// Leaves the negotiation mode, in which nothing else is accepted.
pub(super) const CAPABILITIES: &str = "{\"execute\":\"qmp_capabilities\"}\n";
/// Ends QEMU at once, like pulling the plug.
pub(super) const QUIT: &str = "{\"execute\":\"quit\"}\n";

/// Plugs or pulls the network card's cable; the guest's driver sees it at once.
pub(super) fn set_link(up: bool) -> String {
    format!("{{\"execute\":\"set_link\",\"arguments\":{{\"name\":\"card\",\"up\":{up}}}}}\n")
}

/// Tells the answer to a question from all other answers.
const PICTURE: &str = "picture";

/// Asks for a picture of the display (QEMU 7.1 and newer know PNG).
pub(super) fn screendump(file: &str) -> String {
    let arguments = serde_json::json!({ "filename": file, "format": "png" });
    format!("{}\n", serde_json::json!({ "execute": "screendump", "id": PICTURE, "arguments": arguments }))
}

/// What a line says, as far as we care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// QEMU has started and listens; its version.
    Greeting(String),
    /// The machine is about to end, and why: `guest-shutdown`, `host-qmp-quit`, …
    Shutdown(String),
    /// The machine restarts.
    Reset(String),
    /// A command failed.
    Refused(String),
    /// The picture is taken, or why not.
    Picture(Result<(), String>),
    /// Anything else.
    Other,
}

pub(super) fn read(line: &str) -> Said {
    let Ok(value) = serde_json::from_str::<Value>(line) else { return Said::Other };
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or("unknown").to_owned();
    if let Some(version) = value.pointer("/QMP/version/qemu") {
        let part = |name: &str| version.get(name).and_then(Value::as_u64).unwrap_or(0);
        return Said::Greeting(format!("{}.{}.{}", part("major"), part("minor"), part("micro")));
    }
    if value.get("id").and_then(Value::as_str) == Some(PICTURE) {
        let failed = value.get("error").map(|_| text("/error/desc"));
        return Said::Picture(failed.map_or(Ok(()), Err));
    }
    if value.get("error").is_some() {
        return Said::Refused(text("/error/desc"));
    }
    match value.get("event").and_then(Value::as_str) {
        Some("SHUTDOWN") => Said::Shutdown(text("/data/reason")),
        Some("RESET") => Said::Reset(text("/data/reason")),
        _ => Said::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_matter() {
        let greeting = r#"{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}}"#;
        let shutdown = r#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}"#;
        let reset = r#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "RESET", "data": {"guest": true, "reason": "guest-reset"}}"#;
        let refused =
            r#"{"error": {"class": "CommandNotFound", "desc": "The command quti has not been found"}}"#;
        for (line, expected) in [
            (greeting, Said::Greeting("7.2.22".into())),
            (shutdown, Said::Shutdown("guest-shutdown".into())),
            (reset, Said::Reset("guest-reset".into())),
            (refused, Said::Refused("The command quti has not been found".into())),
            (r#"{"return": {}}"#, Said::Other),
            (r#"{"return": {}, "id": "picture"}"#, Said::Picture(Ok(()))),
            (
                r#"{"error": {"class": "GenericError", "desc": "no"}, "id": "picture"}"#,
                Said::Picture(Err("no".into())),
            ),
            ("not json", Said::Other),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }
}
