//! Who keeps this computer's clock, by their own word: chrony, ntpd, systemd-timesyncd, the kernel.

use std::{path::Path, process::Stdio, time::Duration};

use engine::{Observation, ObservationSink};
use lab::clock::{ClockReading, ClockSource};
use netboot::ntp::{Discipline, discipline};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::clock;

/// A clock that runs away does so slowly; one that is set is seen by the engine itself.
const PERIOD: Duration = Duration::from_secs(10);
/// These programs ask a daemon on this computer.
const LIMIT: Duration = Duration::from_secs(2);
/// systemd-timesyncd makes it with the first answer of a server since the start of the computer
/// (systemd-timesyncd.service(8)).
const TIMESYNCED: &str = "/run/systemd/timesync/synchronized";

/// Asks all of them until told to stop.
pub(super) async fn watch(sink: ObservationSink, stop: CancellationToken) {
    let mut pace = tokio::time::interval(PERIOD);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = pace.tick() => {}
        }
        let readings = tokio::select! {
            () = stop.cancelled() => return,
            readings = ask() => readings,
        };
        sink.put(Observation::Clock { stamp: clock::now(), readings });
    }
}

async fn ask() -> Vec<ClockReading> {
    let chrony = answer("chronyc", &["-n", "-c", "tracking"]).await.and_then(|text| chrony(&text));
    let ntpd = match &chrony {
        Some(_) => None,
        None => answer("ntpq", &["-n", "-c", "rv 0 leap,refid,offset"]).await.and_then(|text| ntpd(&text)),
    };
    let mut readings: Vec<ClockReading> = [chrony, ntpd].into_iter().flatten().collect();
    if readings.is_empty() {
        readings.push(by_kernel(discipline(), Path::new(TIMESYNCED).exists()));
    }
    // They speak of the computer's clock, which this program may have been told to see moved.
    for reading in &mut readings {
        reading.ahead_s = match (reading.ahead_s, clock::offset_s()) {
            (Some(ahead), offset) => Some(ahead + offset),
            (None, 0.0) => None,
            (None, offset) => Some(offset),
        };
    }
    readings
}

/// What a program on this computer prints, within the limit; `None` where it is not installed or says nothing.
async fn answer(program: &str, args: &[&str]) -> Option<String> {
    let child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, child).await.ok()?.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn ntp(name: &str, synced: bool, ahead_s: Option<f64>, says: String) -> ClockReading {
    ClockReading {
        source: ClockSource::Ntp,
        name: name.into(),
        ahead_s,
        synced: Some(synced),
        floor: false,
        says,
    }
}

/// `chronyc -c tracking`: reference in hexadecimal, its address, stratum, time of the last update, then by how much our clock
/// is slow of NTP time, in seconds; leap status is the last field.
fn chrony(text: &str) -> Option<ClockReading> {
    let fields: Vec<&str> = text.trim().split(',').collect();
    let [reference, address, stratum, _, slow, .., leap] = fields.as_slice() else { return None };
    let slow: f64 = slow.parse().ok()?;
    // 127.127.1.x is its own clock under another name, as `local` has it; 0 is nobody.
    let nobody = *reference == "00000000" || reference.starts_with("7F7F01");
    let synced = !nobody && *leap != "Not synchronised";
    let says = if synced {
        format!("follows {address}, stratum {stratum}")
    } else if nobody {
        "follows nobody".to_owned()
    } else {
        "not synchronised".to_owned()
    };
    Some(ntp("chrony", synced, synced.then_some(-slow), says))
}

/// `ntpq -c "rv 0 leap,refid,offset"`: `leap=00, refid=10.0.0.1, offset=0.123`, the offset in milliseconds that our clock is
/// behind.
fn ntpd(text: &str) -> Option<ClockReading> {
    let value = |name: &str| {
        let pairs = text.split([',', '\n']).filter_map(|pair| pair.trim().split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next()
    };
    let (leap, refid) = (value("leap")?, value("refid")?);
    let offset = value("offset").and_then(|ms| ms.parse::<f64>().ok());
    let own = refid.starts_with("LOCAL") || refid.starts_with("127.127.1.");
    let synced = !matches!(leap, "11" | "3") && !own && refid != "INIT";
    let says = match (synced, own) {
        (true, _) => format!("follows {refid}"),
        (false, true) => "follows its own clock".to_owned(),
        (false, false) => "not synchronised".to_owned(),
    };
    Some(ntp("ntpd", synced, offset.filter(|_| synced).map(|ms| -ms / 1000.0), says))
}

/// The kernel knows whether somebody disciplines its clock, and how well at worst, but not whom they follow.
fn by_kernel(discipline: Discipline, timesynced: bool) -> ClockReading {
    match (discipline, timesynced) {
        (Discipline::Synchronised { maximum_us, .. }, timesynced) => {
            let name = if timesynced { "systemd-timesyncd" } else { "a time service" };
            ntp(name, true, None, format!("at most {} ms off", maximum_us / 1000))
        }
        (Discipline::Free, true) => ntp("systemd-timesyncd", false, None, "it has lost its server".into()),
        (Discipline::Free, false) => ntp("the kernel", false, None, "nobody keeps this clock".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chrony_is_read() {
        let line = "C0A87A01,192.168.122.1,3,1795411200.123456789,-0.004512300,0.000001,0.000006523,-3.191,-0.000,0.010,\
                    0.012,0.001,64.2,Normal\n";
        let reading = chrony(line).unwrap();
        assert_eq!(
            (reading.synced, reading.ahead_s),
            (Some(true), Some(0.004_512_3)),
            "fast of NTP time is ahead"
        );
        assert_eq!(reading.says, "follows 192.168.122.1, stratum 3");
        let nobody = "00000000,,0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,1.0,0.0,Not synchronised";
        assert_eq!(chrony(nobody).unwrap().synced, Some(false));
        let own = "7F7F0101,127.127.1.1,10,1795411200.1,0.0,0.0,0.0,0.0,0.0,0.0,1.0,1.0,0.0,Normal";
        let own = chrony(own).unwrap();
        assert_eq!((own.synced, own.ahead_s, own.says.as_str()), (Some(false), None, "follows nobody"));
        assert_eq!(chrony("506 Cannot talk to daemon"), None);
    }

    #[test]
    fn ntpd_is_read() {
        let reading = ntpd("leap=00, refid=10.0.0.1, offset=-12.5\n").unwrap();
        assert_eq!((reading.synced, reading.ahead_s), (Some(true), Some(0.0125)));
        // Its own clock, to which it falls back without a network.
        let own = ntpd("leap=00, refid=LOCAL(0),\noffset=0.000").unwrap();
        assert_eq!((own.synced, own.says.as_str()), (Some(false), "follows its own clock"));
        assert_eq!(ntpd("leap=11, refid=INIT").unwrap().synced, Some(false));
        assert_eq!(ntpd("ntpq: read: Connection refused"), None);
    }

    #[test]
    fn the_kernel_knows_whether_but_not_whom() {
        let synced = by_kernel(Discipline::Synchronised { maximum_us: 4200, leap: 0 }, true);
        assert_eq!((synced.name.as_str(), synced.synced), ("systemd-timesyncd", Some(true)));
        assert_eq!(synced.says, "at most 4 ms off");
        assert_eq!(by_kernel(Discipline::Free, false).synced, Some(false));
    }
}
