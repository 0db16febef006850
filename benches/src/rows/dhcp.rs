//! Addresses by DHCP, asked for by perfdhcp: the most exchanges of four packets that a server keeps up with, and how long
//! it takes over its part of one.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;

use super::dnsmasq;
use crate::bench::{Bench, CLIENT_END, SERVER, SERVER_END};
use crate::process::{Port, Running};
use benches::row::{Aim, Measure, Row, Side};

/// As many different machines ask, each with a MAC that begins so.
const MACHINES: u16 = 1000;
const MAC: &str = "02:77:00:00";

/// Where reserved addresses begin, and the pool. Both lie in 10.77.0.0/16, apart.
const RESERVED: u8 = 32;
const POOL: (&str, &str) = ("10.77.16.1", "10.77.31.254");

/// Exchanges offered per second, one after the other until too many are lost.
const RATES: [u32; 12] = [250, 500, 750, 1000, 1500, 2000, 3000, 4000, 6000, 8000, 12_000, 16_000];

/// A server that loses more than one exchange in a hundred does not keep up.
const LOST: f64 = 0.01;

/// Each rate for this long.
const SECONDS: u32 = 2;

/// Delays are read at a rate that loads neither side: six machines make one exchange a second.
const EASY: u32 = 200;

pub(crate) struct Dhcp {
    reserved: bool,
}

impl Dhcp {
    pub(crate) fn reservations() -> Dhcp {
        Dhcp { reserved: true }
    }

    pub(crate) fn pool() -> Dhcp {
        Dhcp { reserved: false }
    }
}

#[async_trait]
impl Row<Bench> for Dhcp {
    fn word(&self) -> &'static str {
        if self.reserved { "dhcp-reservations" } else { "dhcp-pool" }
    }

    fn title(&self) -> String {
        let whence = if self.reserved { "reserved" } else { "from the pool" };
        format!("DHCP, {MACHINES} machines, addresses {whence}")
    }

    fn theirs(&self) -> &'static str {
        if self.reserved { "dnsmasq" } else { "dnsmasq, no ping" }
    }

    fn measures(&self) -> Vec<Measure> {
        let rate = Measure {
            name: "exchanges",
            unit: "per second",
            aim: Some(Aim::TimesAtLeast(1.0)),
            why: "perfdhcp offers in steps, so that one step is the least difference; it takes one of the processors.",
        };
        let late = Measure {
            name: "p99 of an answer",
            unit: "ms",
            aim: self.reserved.then_some(Aim::AtMost(2.0)),
            why: "Clients, server and whatever else runs here share the processors: this is mostly waiting for one.",
        };
        vec![rate, late]
    }

    async fn run(&mut self, side: Side, bench: &Bench) -> Result<Vec<f64>> {
        let macs = machines(bench)?;
        let mut server = self.start(side, bench)?;
        server.listens(Port::Udp(67)).await?;
        let said = perfdhcp(bench, &macs, EASY, true).await?;
        let late = percentile(delays(&said), 99).context("perfdhcp printed no times of packets")?;
        let mut best = 0.0;
        for rate in RATES {
            let said = perfdhcp(bench, &macs, rate, false).await?;
            let Tally { completed, offered } = tally(&said).context("perfdhcp printed no counts")?;
            best = f64::max(best, completed / f64::from(SECONDS));
            if completed < offered * (1.0 - LOST) {
                break;
            }
        }
        server.stop().await?;
        ensure!(best > 0.0, "no exchange came to its end");
        Ok(vec![best, late])
    }
}

impl Dhcp {
    fn start(&self, side: Side, bench: &Bench) -> Result<Running> {
        let (first, last) = POOL;
        match side {
            Side::Ours => {
                let mut command = bench.ours("dhcp_serve")?;
                command.args(["--interface", SERVER_END, "--address", &format!("{SERVER}/16")]);
                command.args(["--pool", &format!("{first}-{last}")]);
                // Written and synced before each ACK, which dnsmasq does not wait for.
                command.arg("--leases").arg(bench.folder().join("our.leases"));
                if self.reserved {
                    command.args(["--reserve-base", &format!("{MACHINES}")]);
                }
                Running::start(&mut command, "dhcp_serve")
            }
            Side::Theirs => {
                let mut command = dnsmasq::command();
                let leases = bench.folder().join("dnsmasq.leases");
                // A run must not begin with the leases of the one before.
                let _ = fs::remove_file(&leases);
                command.arg(format!("--dhcp-leasefile={}", leases.display()));
                command.arg(format!("--dhcp-range={first},{last},255.255.0.0,1h"));
                command.args(["--dhcp-lease-max=5000", "--quiet-dhcp"]);
                // Otherwise it stops for three seconds at each of the first new addresses.
                command.arg("--no-ping");
                if self.reserved {
                    command.arg(format!("--dhcp-hostsfile={}", hosts(bench)?.display()));
                }
                Running::start(&mut command, "dnsmasq")
            }
        }
    }
}

/// One MAC a line, for perfdhcp.
fn machines(bench: &Bench) -> Result<PathBuf> {
    let path = bench.folder().join("machines");
    let lines: String = (0..MACHINES).map(|nth| mac(nth) + "\n").collect();
    fs::write(&path, lines).context("write the list of machines")?;
    Ok(path)
}

/// The reservations, as dnsmasq reads them.
fn hosts(bench: &Bench) -> Result<PathBuf> {
    let path = bench.folder().join("hosts");
    let mut lines = String::new();
    for nth in 0..MACHINES {
        // Writing to a String cannot fail. No address ends in 0 or 255.
        let _ = writeln!(lines, "{},10.77.{}.{}", mac(nth), u16::from(RESERVED) + nth / 250, 1 + nth % 250);
    }
    fs::write(&path, lines).context("write the reservations")?;
    Ok(path)
}

fn mac(nth: u16) -> String {
    let [high, low] = nth.to_be_bytes();
    format!("{MAC}:{high:02x}:{low:02x}")
}

async fn perfdhcp(bench: &Bench, macs: &std::path::Path, rate: u32, times: bool) -> Result<String> {
    let mut client = bench.client("perfdhcp");
    client.args(["-4", "-l", CLIENT_END, "-r", &rate.to_string(), "-p", &SECONDS.to_string()]);
    client.args(["-R", &MACHINES.to_string(), "-M"]).arg(macs);
    // For the last answers, in microseconds.
    client.args(["-W", "300000"]);
    if times {
        client.args(["-x", "t"]);
    }
    client.arg(SERVER);
    // Code 3 says that not every exchange came to its end, which is what we are about to count.
    bench.said(&mut client, &[0, 3]).await
}

#[derive(Debug, PartialEq)]
struct Tally {
    offered: f64,
    completed: f64,
}

/// DISCOVERs sent, ACKs received.
fn tally(said: &str) -> Option<Tally> {
    let (first, second) = said.split_once("***Statistics for: REQUEST-ACK***")?;
    let number = |text: &str, name: &str| -> Option<f64> {
        text.lines().find_map(|line| line.trim().strip_prefix(name)?.trim().parse().ok())
    };
    Some(Tally { offered: number(first, "sent packets:")?, completed: number(second, "received packets:")? })
}

/// Milliseconds between a packet and its answer, of both halves of an exchange.
fn delays(said: &str) -> Vec<f64> {
    let of = |line: &str| {
        let (sent, received) = line.strip_prefix("sent / received: ")?.split_once(" / ")?;
        Some((received.trim().parse::<f64>().ok()? - sent.trim().parse::<f64>().ok()?) * 1000.0)
    };
    said.lines().filter_map(of).collect()
}

fn percentile(mut values: Vec<f64>, percent: usize) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\
***Rate statistics***
Rate: 62.9146 4-way exchanges/second, expected rate: 500

***Statistics for: DISCOVER-OFFER***
sent packets: 1999
received packets: 253
***Statistics for: REQUEST-ACK***
sent packets: 253
received packets: 252
***Timestamps for packets: DISCOVER-OFFER***
sent / received: 000000.000100 / 000000.000698
sent / received: 000000.004153 / 000000.006153
";

    #[test]
    fn what_perfdhcp_prints_is_read() {
        assert_eq!(tally(SAID), Some(Tally { offered: 1999.0, completed: 252.0 }));
        assert_eq!(tally("nothing"), None);
        let rounded: Vec<_> = delays(SAID).iter().map(|delay| (delay * 1000.0).round()).collect();
        assert_eq!(rounded, [598.0, 2000.0]);
    }

    #[test]
    fn the_99th_percentile_has_one_in_a_hundred_above_it() {
        let values: Vec<_> = (1..=200).map(f64::from).rev().collect();
        assert_eq!(percentile(values, 99), Some(198.0));
        assert_eq!(percentile(vec![5.0], 99), Some(5.0));
        assert_eq!(percentile(Vec::new(), 99), None);
    }

    #[test]
    fn machines_have_macs_of_their_own() {
        assert_eq!(mac(0), "02:77:00:00:00:00");
        assert_eq!(mac(999), "02:77:00:00:03:e7");
    }
}
