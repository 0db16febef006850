//! When what happened, read from what programs write. Pure.

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::Value;

/// One machine's boot. All in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Boot {
    pub(super) power_on: f64,
    /// The firmware's first DHCPACK: it has an address, and hands over to what it fetches. UEFI firmware waits four seconds
    /// for more offers before that, whoever answers and however fast: no server can change it.
    pub(super) handed: f64,
    /// The last byte of the last boot file was sent.
    pub(super) loaded: f64,
    pub(super) reported: f64,
}

impl Boot {
    /// From the firmware's hand-over to the network until kernel and initrd are there.
    pub(super) fn network(&self) -> f64 {
        self.loaded - self.handed
    }
}

/// From the first machine's power-on to the last one's report.
pub(super) fn all(boots: &[Boot]) -> f64 {
    let first = boots.iter().map(|boot| boot.power_on).fold(f64::INFINITY, f64::min);
    boots.iter().map(|boot| boot.reported - first).fold(0.0, f64::max)
}

/// A line of `statusinator boots --json`. A boot that was not good, or went another way than it should, is no measurement
/// and an error.
pub(super) fn of_program(line: &str, way: &str) -> Result<Boot> {
    let boot: Value = serde_json::from_str(line).with_context(|| format!("read the boot {line}"))?;
    anyhow::ensure!(
        boot["state"] == "good",
        "the boot of {} is {}: {}",
        boot["machine"],
        boot["state"],
        boot["reason"]
    );
    let started: Timestamp = boot["started"].as_str().context("a boot has a start")?.parse()?;
    let power_on = started.as_microsecond() as f64 / 1e6;
    let phases = boot["phases"].as_array().context("a boot has phases")?;
    let length = |name: &str| -> Result<f64> {
        let phase = phases.iter().find(|phase| phase["phase"] == name);
        phase
            .and_then(|phase| phase["seconds"].as_f64())
            .with_context(|| format!("the phase {name} has no length"))
    };
    let marks = phases.iter().filter_map(|phase| phase["marks"].as_array()).flatten();
    let mark = |name: &str| marks.clone().find(|mark| mark["mark"] == name);
    let went = match (mark("loader-asked"), mark("kernel-asked")) {
        (None, Some(kernel))
            if kernel["detail"]["path"].as_str().is_some_and(|path| path.ends_with(".efi")) =>
        {
            "http"
        }
        (Some(loader), _) if loader["detail"]["proto"] == "tftp" => "ipxe",
        _ => "another one",
    };
    anyhow::ensure!(went == way, "{} was to boot by {way} and went {went}", boot["machine"]);
    let handed = mark("address-given").and_then(|mark| mark["at"].as_f64());
    let handed = power_on + handed.context("a boot is given an address")?;
    let loaded = power_on + length("firmware")? + length("address")? + length("loader")? + length("kernel")?;
    let reported = power_on + boot["seconds"].as_f64().context("a boot that ended has a length")?;
    Ok(Boot { power_on, handed, loaded, reported })
}

/// The MAC in dnsmasq's word of an address that it gave: `dnsmasq-dhcp: 42 DHCPACK(lab0) 10.78.0.11 52:54:00:77:00:01 `.
pub(super) fn given(line: &str) -> Option<&str> {
    line.split_once("DHCPACK(")?.1.split_whitespace().find(|word| word.split(':').count() == 6)
}

/// A line of nginx's log in the form of [`super::super::nginx`].
#[derive(Debug, PartialEq)]
pub(super) struct Request<'a> {
    pub(super) ended: f64,
    pub(super) who: &'a str,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) status: u16,
    pub(super) bytes: u64,
}

/// What is cut off at the end of the file is no request yet.
pub(super) fn requests(log: &str) -> impl Iterator<Item = Request<'_>> {
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    whole.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let ended = words.next()?.parse().ok()?;
        let (who, method, path) = (words.next()?, words.next()?, words.next()?);
        let (status, bytes) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Request { ended, who, method, path, status, bytes })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_phase_of_the_program_begins_with_the_address_that_firmware_is_given() {
        let line = r#"{"machine":"node1","state":"good","reason":null,"started":"1970-01-01T00:01:40.500000Z",
            "seconds":40.0,"phases":[{"phase":"firmware","seconds":10.0,"marks":[]},
            {"phase":"address","seconds":4.5,"marks":[{"mark":"address-given","at":14.25}]},
            {"phase":"loader","seconds":0.25,"marks":[]},
            {"phase":"kernel","seconds":3.0,"marks":[{"mark":"kernel-asked","detail":{"path":"boot/uki/x.efi"}}]},
            {"phase":"os","seconds":20.0,"marks":[]}]}"#;
        let boot = of_program(line, "http").unwrap();
        assert_eq!(boot, Boot { power_on: 100.5, handed: 114.75, loaded: 118.25, reported: 140.5 });
        assert_eq!(boot.network(), 3.5);
        let said = of_program(&line.replace("good", "failed"), "http").unwrap_err().to_string();
        assert!(said.contains("failed"), "{said}");
        let said = of_program(line, "ipxe").unwrap_err().to_string();
        assert!(said.contains("was to boot by ipxe and went http"), "{said}");
        assert!(
            of_program(&line.replace("loader", "other"), "http").is_err(),
            "a phase that is missing is not 0 s long"
        );
    }

    #[test]
    fn six_machines_take_from_the_first_power_on_to_the_last_report() {
        let boot = |power_on, reported| Boot { power_on, handed: 0.0, loaded: 0.0, reported };
        assert_eq!(all(&[boot(10.0, 50.0), boot(12.0, 70.0), boot(11.0, 60.0)]), 60.0);
    }

    #[test]
    fn dnsmasq_names_who_was_given_an_address() {
        let said = "dnsmasq-dhcp: 4051310711 DHCPACK(lab0) 10.78.0.11 52:54:00:77:00:01 ";
        assert_eq!(given(said), Some("52:54:00:77:00:01"));
        assert_eq!(
            given("dnsmasq-dhcp: 4051310711 DHCPACK(lab0) 10.78.0.11 52:54:00:77:00:01 node1"),
            given(said)
        );
        assert_eq!(given("dnsmasq-dhcp: 1 DHCPREQUEST(lab0) 10.78.0.11 52:54:00:77:00:01"), None);
    }

    #[test]
    fn a_request_counts_once_its_line_is_whole() {
        let log = "1700000000.250 10.78.0.11 GET /assets/initrd 200 5000000\n1700000001.500 10.78.0.11 POST /probe/rep";
        let seen: Vec<_> = requests(log).collect();
        assert_eq!(seen.len(), 1);
        assert_eq!(
            (seen[0].ended, seen[0].path, seen[0].bytes),
            (1_700_000_000.25, "/assets/initrd", 5_000_000)
        );
    }
}
