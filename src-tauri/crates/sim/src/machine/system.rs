//! The running system: the probe's side of reports, heartbeats and the orders it gets back.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::conditions::Conditions;
use super::dhcp::{self, Identity};
use super::http;
use super::lane::Protocol;
use super::life::End;
use super::wiper::Wiper;
use super::{MachineState, causes, hardware};
use crate::config::{Fault, SimMachine};
use crate::pace::{Dice, Profile};

/// Between heartbeats when the command line does not say.
const USUAL_HEARTBEAT_MS: u64 = 5000;
/// Never faster, so that six machines at speed 100 stay a bearable load.
const FASTEST_HEARTBEAT_MS: u64 = 50;
/// Seconds until a report that was not received is sent again, and never sooner than the floor.
const REPORT_AGAIN: f64 = 2.0;
const REPORT_FLOOR: Duration = Duration::from_millis(100);

/// What the kernel's command line asks of the system.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Orders {
    pub(super) box_number: Option<u32>,
    pub(super) name: Option<String>,
    /// Where to report, without a slash at its end.
    pub(super) report: Option<String>,
    heartbeat_ms: u64,
    /// A program to begin with that no initrd has: the kernel panics on it.
    pub(super) missing_init: Option<String>,
    /// Seconds after a panic at which it restarts by itself.
    pub(super) restart_s: Option<f64>,
    /// It is to erase disks before it reports.
    wipe: bool,
}

impl Orders {
    pub(super) fn parse(cmdline: &str) -> Orders {
        // The last word of a kind counts, as everywhere on the kernel's command line.
        let value = |key: &str| {
            let words = cmdline.split_ascii_whitespace().rev();
            words.filter_map(|word| word.strip_prefix(key)?.strip_prefix('=')).find(|value| !value.is_empty())
        };
        Orders {
            box_number: value("statusinator.box").and_then(|text| text.parse().ok()),
            name: value("statusinator.name").map(str::to_owned),
            report: value("statusinator.report").map(|url| url.trim_end_matches('/').to_owned()),
            heartbeat_ms: value("statusinator.heartbeat_ms")
                .and_then(|text| text.parse().ok())
                .filter(|ms| *ms > 0)
                .unwrap_or(USUAL_HEARTBEAT_MS),
            wipe: value("statusinator.mode") == Some("wipe"),
            restart_s: value("panic")
                .and_then(|text| text.parse().ok())
                .filter(|seconds| (0.0..=3600.0).contains(seconds) && *seconds > 0.0),
            missing_init: value("rdinit").filter(|init| *init != "/init").map(str::to_owned),
        }
    }
}

pub(super) struct System<'a> {
    pub(super) spec: &'a SimMachine,
    pub(super) seed: u64,
    pub(super) orders: Orders,
    pub(super) cmdline: String,
    pub(super) conditions: &'a Conditions,
    pub(super) profile: &'a Profile,
    pub(super) dhcp: &'a dhcp::Client,
    pub(super) dice: &'a mut Dice,
    pub(super) asked_down: &'a Notify,
}

/// What an answer to a heartbeat asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    None,
    PowerOff,
    Reboot,
}

fn order(text: &[u8]) -> Order {
    let text = String::from_utf8_lossy(text);
    if text.contains("poweroff") {
        Order::PowerOff
    } else if text.contains("reboot") {
        Order::Reboot
    } else {
        Order::None
    }
}

impl System<'_> {
    pub(super) async fn run(&mut self) -> End {
        self.conditions.enter(MachineState::Service);
        let address = self.address().await;
        self.conditions.pause(self.profile.inventory).await;
        let Some(base) = self.orders.report.clone() else {
            // Some other system that nobody asked to report.
            self.conditions.enter(MachineState::Running);
            self.asked_down.notified().await;
            return self.go_down().await;
        };
        let source = if address.is_loopback() { address } else { self.spec.source };
        let (pace, lane) = (self.conditions.pace, self.conditions.lane(Protocol::Http));
        let http = http::Client { source, agent: "statusinator-probe (simulated)", pace, lane };
        if self.orders.wipe {
            let (spec, seed, conditions) = (self.spec, self.seed, self.conditions);
            Wiper { spec, seed, conditions, http: &http, base: &base }.run().await;
        }
        self.report(&http, &base, address).await;
        self.conditions.enter(MachineState::Running);
        match self.beat(&http, &base).await {
            Order::Reboot => End::Reboot,
            Order::None | Order::PowerOff => {
                self.conditions.enter(MachineState::ShuttingDown);
                if self.conditions.link() {
                    let goodbye =
                        serde_json::json!({ "box": self.orders.box_number, "name": self.orders.name });
                    if let Err(error) = http.post(&format!("{base}/goodbye"), &goodbye.to_string()).await {
                        tracing::debug!(machine = %self.spec.name, error = causes(&error), "goodbye not taken");
                    }
                }
                self.go_down().await
            }
        }
    }

    /// Asks until it gets an address, as udhcpc does in the background.
    async fn address(&mut self) -> Ipv4Addr {
        loop {
            if self.conditions.link() {
                match self.dhcp.acquire(Identity::System, self.dice).await {
                    Ok(lease) => return lease.address,
                    Err(error) => {
                        tracing::debug!(machine = %self.spec.name, error = causes(&error), "no address")
                    }
                }
            }
            tokio::time::sleep(self.conditions.pace.patience(REPORT_AGAIN, REPORT_FLOOR)).await;
        }
    }

    /// Reports the hardware until the answer says that it was received.
    async fn report(&self, http: &http::Client, base: &str, address: Ipv4Addr) {
        let url = format!("{base}/report");
        loop {
            let report = hardware::report(self.seed, self.spec, &self.orders, &self.cmdline)
                .sent(self.heartbeat_ms(), address);
            if self.conditions.link() {
                match http.post(&url, &report).await {
                    Ok(answer) if answer.text.windows(8).any(|word| word == b"received") => return,
                    Ok(_) => {
                        tracing::debug!(machine = %self.spec.name, "the report was answered, not received")
                    }
                    Err(error) => {
                        tracing::debug!(machine = %self.spec.name, error = causes(&error), "report not taken");
                    }
                }
            }
            tokio::time::sleep(self.conditions.pace.patience(REPORT_AGAIN, REPORT_FLOOR)).await;
        }
    }

    /// Heartbeats until the engine or the power button ends them.
    async fn beat(&self, http: &http::Client, base: &str) -> Order {
        let url = format!("{base}/heartbeat");
        let began = Instant::now();
        for sequence in 1u64.. {
            tokio::select! {
                () = self.asked_down.notified() => return Order::None,
                () = tokio::time::sleep(Duration::from_millis(self.heartbeat_ms())) => {}
            }
            if !self.conditions.link() || self.conditions.fault() == Fault::DropsHeartbeats {
                continue;
            }
            let beat = serde_json::json!({
                "box": self.orders.box_number,
                "sequence": sequence,
                "uptime_ms": began.elapsed().as_millis() as u64,
            });
            match http.post(&url, &beat.to_string()).await.map(|answer| order(&answer.text)) {
                Ok(Order::None) => {}
                Ok(order) => return order,
                Err(error) => {
                    tracing::debug!(machine = %self.spec.name, error = causes(&error), "heartbeat not taken");
                }
            }
        }
        Order::None
    }

    async fn go_down(&self) -> End {
        self.conditions.enter(MachineState::ShuttingDown);
        self.conditions.pause(self.profile.shutdown).await;
        End::Off
    }

    /// What is announced is what is kept.
    fn heartbeat_ms(&self) -> u64 {
        let scaled = self.conditions.pace.delay(self.orders.heartbeat_ms as f64 / 1000.0).as_millis() as u64;
        scaled.max(FASTEST_HEARTBEAT_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_gives_the_orders() {
        let line = "quiet statusinator.box=3 statusinator.name=node3 statusinator.report=http://127.0.0.1:9/boot/ \
                    statusinator.heartbeat_ms=2000 statusinator.box=4 statusinator.boxes=9";
        let expected = Orders {
            box_number: Some(4),
            name: Some("node3".into()),
            report: Some("http://127.0.0.1:9/boot".into()),
            heartbeat_ms: 2000,
            missing_init: None,
            restart_s: None,
            wipe: false,
        };
        assert_eq!(Orders::parse(line), expected);
        assert!(Orders::parse("statusinator.mode=wipe statusinator.disks=sda").wipe);
        assert_eq!(Orders::parse("rdinit=/gone panic=1").restart_s, Some(1.0));
        let none = Orders {
            box_number: None,
            name: None,
            report: None,
            heartbeat_ms: 5000,
            missing_init: None,
            restart_s: None,
            wipe: false,
        };
        assert_eq!(
            Orders::parse("statusinator.box=x statusinator.report= statusinator.heartbeat_ms=0"),
            none
        );
    }

    #[test]
    fn an_answer_may_carry_an_order() {
        assert_eq!(order(b"{\"status\":\"received\",\"order\":\"poweroff\"}"), Order::PowerOff);
        assert_eq!(order(b"reboot"), Order::Reboot);
        assert_eq!(order(b"received \xff"), Order::None);
    }

    proptest::proptest! {
        #[test]
        fn any_command_line_and_answer_are_read(line: String, answer: Vec<u8>) {
            Orders::parse(&line);
            order(&answer);
        }
    }
}
