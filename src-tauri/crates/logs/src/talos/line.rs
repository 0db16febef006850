//! One line of `json_lines`. Pure.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// Members that name the machine: the tag that the lab's machine configuration adds, and its usual other spellings.
const HOSTS: [&str; 4] = ["hostname", "host", "node", "host.name"];

/// What a machine says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TalosLine {
    /// Kernel lines carry no name.
    pub host: Option<String>,
    /// `machined`, `kubelet`, …; none for the kernel.
    pub service: Option<String>,
    /// In lower case, as sent: debug, info, warn, error, …
    pub level: String,
    pub message: String,
    pub time_us: Option<i64>,
}

impl TalosLine {
    /// `None` for what is no JSON object, or has nothing of Talos's.
    pub fn read(line: &str) -> Option<Self> {
        // serde_json refuses what is nested more than 128 deep.
        let members: Map<String, Value> = serde_json::from_str(line).ok()?;
        let text = |name: &str| members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let message = text("msg").or_else(|| text("message"));
        if message.is_none() && text("talos-level").is_none() && text("talos-service").is_none() {
            return None;
        }
        let time = text("talos-time").and_then(|time| time.parse::<Timestamp>().ok());
        let host = HOSTS.iter().find_map(|name| text(name));
        Some(Self {
            host: host.map(|host| host.strip_suffix(".local").unwrap_or(host).to_owned()),
            service: text("talos-service").map(str::to_owned),
            level: text("talos-level").unwrap_or_default().to_lowercase(),
            message: message.unwrap_or_default().trim_end().to_owned(),
            time_us: time.map(|time| time.as_microsecond()),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_service_s_line() {
        let line = r#"{"hostname":"node1.local","msg":"bootstrap request received","talos-level":"INFO","talos-service":"machined","talos-time":"2026-11-22T13:49:17.5Z"}"#;
        let read = TalosLine::read(line).unwrap();
        assert_eq!((read.host.as_deref(), read.service.as_deref()), (Some("node1"), Some("machined")));
        assert_eq!((read.level.as_str(), read.message.as_str()), ("info", "bootstrap request received"));
        assert_eq!(read.time_us, Some(1_795_355_357_500_000));
    }

    #[test]
    fn a_line_of_the_kernel_names_nobody() {
        let line = r#"{"clock":6252819,"facility":"user","msg":"[talos] task startAllServices\n","priority":"warning","seq":711,"talos-level":"warn","talos-time":"no time"}"#;
        let read = TalosLine::read(line).unwrap();
        assert_eq!((read.host, read.service, read.time_us), (None, None, None));
        assert_eq!((read.level.as_str(), read.message.as_str()), ("warn", "[talos] task startAllServices"));
    }

    #[test]
    fn what_is_not_from_a_talos_machine_is_refused() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        for line in ["", "text", "[]", "{}", r#"{"a":1}"#, r#"{"msg":5}"#, r#"{"msg":"a""#, &deep] {
            assert_eq!(TalosLine::read(line), None, "{line:.20}");
        }
    }

    proptest! {
        #[test]
        fn noise_is_survived(line in ".{0,200}") {
            TalosLine::read(&line);
        }
    }
}
