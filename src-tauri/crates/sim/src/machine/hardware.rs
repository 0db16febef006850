//! What a simulated PC says it is made of. Plausible, a little different from box to box, and unmistakably simulated.

use std::net::Ipv4Addr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::system::Orders;
use crate::config::SimMachine;
use crate::pace::Dice;

/// Memory sold as eight gigabytes; the graphics and the firmware keep some of it.
const INSTALLED: u64 = 8 << 30;

/// A report, to which each sending adds what changes.
pub(super) struct Report {
    body: Value,
    /// The machine's clock runs this many seconds ahead of the host's.
    skew_s: i64,
}

/// The GUID of a machine's mainboard (a version 4 one, RFC 9562).
pub(super) fn uuid(seed: u64, box_number: u8) -> [u8; 16] {
    let mut dice = Dice::new(seed, &[u64::from(box_number), 0x7575_6964]);
    let mut uuid = [0; 16];
    uuid[..8].copy_from_slice(&dice.next().to_be_bytes());
    uuid[8..].copy_from_slice(&dice.next().to_be_bytes());
    uuid[6] = uuid[6] & 0x0f | 0x40;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}

/// The machine's one disk.
pub(super) fn disk(seed: u64, box_number: u8) -> Value {
    let size = if dice(seed, box_number).unit() < 0.8 { 128_035_676_160u64 } else { 256_060_514_304 };
    json!({ "name": "sda", "bytes": size, "model": "Simulated SSD" })
}

fn dice(seed: u64, box_number: u8) -> Dice {
    Dice::new(seed, &[u64::from(box_number), 0x6861_7264])
}

pub(super) fn report(seed: u64, spec: &SimMachine, orders: &Orders, cmdline: &str) -> Report {
    let mut disk = disk(seed, spec.box_number);
    disk["rotational"] = json!(false);
    let mut dice = dice(seed, spec.box_number);
    // The first throw is the disk's.
    dice.next();
    let mac: Vec<String> = spec.mac.iter().map(|byte| format!("{byte:02x}")).collect();
    let reserved = (dice.between(280.0, 420.0) * 1024.0) as u64 * 1024;
    let firmware_version = format!("SIM1.{:02}", 10 + dice.next() % 5);
    let body = json!({
        "box": orders.box_number,
        "kernel": { "release": "6.1.0-simulated-amd64", "cmdline": cmdline },
        "cpu": { "model": "Celeron J3710 (simulated)", "cores": 4 },
        "memory": { "usable_bytes": INSTALLED - reserved },
        "disks": [disk],
        "nics": [
            { "name": "enp1s0", "mac": mac.join(":"), "driver": "r8169", "speed_mbit": 1000, "link": true },
        ],
        "firmware": {
            "vendor": "Simulated firmware",
            "version": firmware_version,
            "date": "03/14/2017",
            "mode": "uefi",
            "secure_boot": false,
        },
        "product": { "vendor": "Simulated", "name": "Mini PC (simulated)", "serial_known": false },
        "clock": { "epoch_s": 0 },
        "heartbeat_ms": 0,
        "address": "",
        "simulated": true,
        "smbios_hex": null,
    });
    // Batteries of old PCs are weak, but the network sets the clock soon after boot.
    Report { body, skew_s: dice.between(-1.5, 1.5) as i64 }
}

impl Report {
    pub(super) fn sent(mut self, heartbeat_ms: u64, address: Ipv4Addr) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.body["clock"]["epoch_s"] = json!(now.saturating_add_signed(self.skew_s));
        self.body["heartbeat_ms"] = json!(heartbeat_ms);
        self.body["address"] = json!(address.to_string());
        self.body.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_says_that_it_is_simulated_and_is_the_same_for_a_seed() {
        let spec = SimMachine {
            box_number: 2,
            name: "node2".into(),
            mac: [0x16, 9, 1, 0x1a, 0xf1, 0xa3],
            source: Ipv4Addr::LOCALHOST,
            outlet: 2,
            port: None,
        };
        let orders = Orders::parse("statusinator.box=2");
        let body = |seed| {
            let text = report(seed, &spec, &orders, "a b").sent(250, Ipv4Addr::new(127, 122, 122, 12));
            serde_json::from_str::<Value>(&text).unwrap()
        };
        let mut one = body(1);
        assert_eq!(one["box"], 2);
        assert_eq!(one["nics"][0]["mac"], "16:09:01:1a:f1:a3");
        assert_eq!(one["address"], "127.122.122.12");
        assert_eq!(one["heartbeat_ms"], 250);
        assert_eq!(one["kernel"]["cmdline"], "a b");
        assert_eq!(one["simulated"], true);
        assert!(one["firmware"]["vendor"].as_str().unwrap().contains("Simulated"));
        assert!(one["clock"]["epoch_s"].as_u64().unwrap() > 1_700_000_000);
        one["clock"] = Value::Null;
        let mut again = body(1);
        again["clock"] = Value::Null;
        assert_eq!(one, again);
        assert_ne!(body(1)["memory"], body(2)["memory"], "seeds differ");
        assert_ne!(uuid(1, 1), uuid(1, 2));
    }
}
