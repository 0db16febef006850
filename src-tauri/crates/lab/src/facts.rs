//! What a machine said about itself. Values are as read; what could not be read is absent, never invented.

use serde::{Deserialize, Serialize};

/// The result of a report, kept for the machine and for the run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    pub firmware: FirmwareFacts,
    pub kernel: KernelFacts,
    pub cpu: CpuFacts,
    pub memory: MemoryFacts,
    pub disks: Vec<DiskFacts>,
    pub nics: Vec<NicFacts>,
    pub product: ProductFacts,
    pub clock: ClockFacts,
    pub address: Option<String>,
    /// Variables of its UEFI firmware that decide what it boots; absent on BIOS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub efi: Option<EfiFacts>,
    /// The machine is a simulation and says so.
    pub simulated: bool,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FirmwareFacts {
    /// As SMBIOS type 0 says, word for word.
    pub vendor: Option<String>,
    pub version: Option<String>,
    pub date: Option<String>,
    /// `uefi` or `bios`.
    pub mode: Option<String>,
    pub secure_boot: Option<bool>,
}

/// `BootCurrent`, `BootNext`, `BootOrder`, `Timeout` and every `Boot####` of the EFI global vendor, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EfiFacts {
    pub variables: Vec<EfiVariable>,
}

/// One variable as efivarfs shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EfiVariable {
    /// As in `Boot0003`.
    pub name: String,
    /// Four bytes of attributes, little endian, then the value (UEFI 2.10, sections 3.3 and 8.2).
    pub hex: String,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KernelFacts {
    pub release: Option<String>,
    pub cmdline: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CpuFacts {
    pub model: Option<String>,
    pub cores: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryFacts {
    /// Installed, by SMBIOS type 17.
    pub bytes: Option<u64>,
    /// What the kernel can use, by /proc/meminfo.
    pub usable_bytes: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskFacts {
    pub name: String,
    pub bytes: Option<u64>,
    pub model: Option<String>,
    pub rotational: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NicFacts {
    pub name: String,
    pub mac: Option<String>,
    pub driver: Option<String>,
    pub speed_mbit: Option<i64>,
    pub link: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProductFacts {
    pub vendor: Option<String>,
    pub name: Option<String>,
    pub serial_known: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClockFacts {
    /// The machine's clock minus the engine's, in whole seconds as the machine reports whole seconds.
    pub offset_s: Option<i64>,
}

/// A report as it arrives: the facts, plus what only the engine can interpret.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Report {
    #[serde(flatten)]
    pub facts: Facts,
    #[serde(rename = "box")]
    pub box_number: Option<u32>,
    pub heartbeat_ms: Option<u64>,
    /// SMBIOS structure table as hex; read by whoever knows SMBIOS.
    pub smbios_hex: Option<String>,
    #[serde(skip)]
    pub epoch_s: Option<i64>,
}

/// A report larger than this is refused: the largest honest one is below 40 kB.
pub const REPORT_LIMIT: usize = 128 * 1024;

impl Report {
    /// Reads a report; `now_s` is the engine's clock, so that the offset can be told.
    pub fn parse(body: &[u8], now_s: i64) -> Result<Self, serde_json::Error> {
        let value: serde_json::Value = serde_json::from_slice(body)?;
        let epoch = value.pointer("/clock/epoch_s").and_then(serde_json::Value::as_i64);
        let mut report: Self = serde_json::from_value(value)?;
        report.epoch_s = epoch;
        report.facts.clock.offset_s = epoch.map(|machine| machine - now_s);
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_report_and_tells_the_clock_apart() {
        let body = br#"{"box":1,"kernel":{"release":"6.1.0"},"memory":{"usable_bytes":42},
            "firmware":{"vendor":"EFI Development Kit II / OVMF","secure_boot":null},"clock":{"epoch_s":90},"heartbeat_ms":1000}"#;
        let report = Report::parse(body, 100).unwrap();
        assert_eq!(report.facts.firmware.vendor.as_deref(), Some("EFI Development Kit II / OVMF"));
        assert_eq!(report.facts.clock.offset_s, Some(-10));
        assert_eq!(report.box_number, Some(1));
        assert_eq!(report.facts.cpu.model, None, "what was not read stays unknown");
    }

    #[test]
    fn refuses_what_is_no_report() {
        assert!(Report::parse(b"received", 0).is_err());
        assert!(Report::parse(br#"{"memory":"much"}"#, 0).is_err());
    }
}
