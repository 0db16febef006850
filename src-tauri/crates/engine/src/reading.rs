//! From an observation to events: boots move on, power is seen, strangers are remembered.

use lab::{
    BoardKind, Body, BootState, Draft, Failure, Mac, PowerState, Stamp,
    live::{GOODBYE, Heard, UnknownMachine},
    ports::{Nature, OWN_CONTROL, OutletReading, PortError, PowerReading, WireCounters},
    sign::{self, Sign, Step},
    stream,
};
use serde_json::json;

use crate::{observation::Observation, turn::Engine};

/// Name of the power device in events and on screens.
pub(crate) const POWER_DEVICE: &str = "power";
/// Strangers kept in memory, as many as on disk.
const STRANGERS_KEPT: usize = 256;

impl Engine {
    pub(crate) async fn observe(&mut self, observation: Observation) {
        match observation {
            Observation::Sign { machine, stamp, sign, says } => {
                let ours =
                    matches!(sign, Sign::Answered { .. } | Sign::FileSent { .. } | Sign::Refused { .. });
                let from_machine = !ours && !matches!(sign, Sign::OtherServer { .. });
                if from_machine {
                    self.heard(&machine, &stamp, says, None);
                }
                self.read_sign(&machine, &stamp, &sign).await;
            }
            Observation::Report { machine, stamp, facts, heartbeat_ms } => {
                self.heard(&machine, &stamp, "its report".into(), heartbeat_ms);
                self.record_at(&machine, &stamp, None, Body::FactsReported { facts });
                self.read_sign(&machine, &stamp, &Sign::Reported).await;
                // What the boot before was told and did not confirm is no longer under way.
                self.arming_over(&machine);
                self.arm_ahead(&machine);
            }
            Observation::EfiWritten { machine, stamp, name, refused } => {
                self.heard(&machine, &stamp, "its agent".into(), None);
                self.efi_written(&machine, &name, refused);
            }
            Observation::Heartbeat { machine, stamp } => {
                self.heard(&machine, &stamp, "heartbeat".into(), None)
            }
            Observation::Goodbye { machine, stamp } => {
                self.heard(&machine, &stamp, GOODBYE.into(), None);
            }
            Observation::WipeAsked { machine, stamp, ask } => {
                self.heard(&machine, &stamp, "its wiper".into(), None);
                self.wipe_asked(&machine, &stamp, &ask);
            }
            Observation::Wiped { machine, stamp, report } => {
                self.heard(&machine, &stamp, "its wiper's report".into(), None);
                self.wiped(&machine, &stamp, &report);
            }
            Observation::Stranger { mac, code, stamp } => self.stranger(mac, code, stamp),
            Observation::Packet(mut packet) => {
                packet.boot =
                    self.core.ahead.machines.get(&packet.machine).and_then(|m| m.boot.as_ref()).map(|b| b.id);
                self.core.packet(packet);
            }
            Observation::Transfer { machine, transfer } => {
                self.explaining.transfer(&machine, transfer.as_ref(), self.core.now());
                match transfer {
                    Some(transfer) => self.core.live.transfers.insert(machine, transfer),
                    None => self.core.live.transfers.remove(&machine),
                };
            }
            Observation::Link { machine, stamp, link } => self.link_seen(&machine, &stamp, link),
            Observation::Switch { stamp, reading } => {
                self.looked_at(stream::SWITCH, "looks at the switch");
                self.switch_read(stamp, reading);
            }
            Observation::Router { stamp, reading } => {
                self.looked_at(stream::ROUTER, "looks at the router");
                self.router_read(stamp, reading);
            }
            Observation::Device { device, stamp, failure } => self.device_seen(&device, &stamp, failure),
            Observation::Script { machine, text } => self.explaining.script(&machine, text),
            Observation::Fact { subject, stamp, body } => self.fact(&subject, &stamp, *body),
            Observation::Power { stamp, reading } => {
                self.looked_at(stream::POWER, "looks at the power board");
                match reading {
                    Ok(reading) => self.power_read(&stamp, &reading),
                    Err(error) => self.power_lost(&stamp, error),
                }
            }
            Observation::Streams { stamp, readings } => self.streams(stamp, readings),
            Observation::Certificates { stamp, reading } => self.certificates(stamp, *reading),
            Observation::CertificateRenewed { stamp, certificate, by, not_after_us, seconds } => {
                self.certificate_renewed(&stamp, certificate, by, not_after_us, seconds);
            }
            Observation::Gate { stamp, gate } => self.gate(&stamp, gate),
            Observation::Clock { stamp, readings } => self.clock(stamp, readings),
            Observation::Health { stamp, health } => self.health(stamp, health),
            Observation::TouchPanels(panels) => self.core.live.touch_panels = panels,
            Observation::Counter { name, value } => {
                self.core.live.counters.insert(name, value);
            }
            Observation::Image { role, name, version, digest } => {
                let known = self.core.ahead.images.get(&role);
                if !known.is_some_and(|i| i.name == name && i.version == version && i.digest == digest) {
                    let now = self.core.now();
                    self.record_at("board", &now, None, Body::ImageChosen { role, name, version, digest });
                }
            }
            Observation::Trouble { service, failure } => self.trouble(service, failure),
            Observation::Service(service) => {
                self.service_changed(&service);
                let services = &mut self.core.live.services;
                match services.iter_mut().find(|s| s.name == service.name) {
                    Some(known) => *known = service,
                    None => services.push(service),
                }
            }
        }
    }

    /// Only changes are events: the same trouble found again is not told again.
    fn trouble(&mut self, service: String, failure: Option<Failure>) {
        let body = match (self.core.ahead.troubles.get(&service), failure) {
            (None, None) => return,
            (Some(known), Some(failure)) if *known == failure => return,
            (Some(_), None) => Body::ServiceRecovered { service: service.clone() },
            (_, Some(failure)) => Body::ServiceTroubled { service: service.clone(), failure },
        };
        let draft = self.core.draft(&service, body);
        self.core.record(draft);
    }

    /// A machine that is heard is on; that is the only observation a board without sensing has.
    fn heard(&mut self, machine: &str, stamp: &Stamp, what: String, heartbeat_ms: Option<u64>) {
        let known = self.core.live.heard.get(machine).and_then(|heard| heard.heartbeat_ms);
        let heard = Heard { stamp: stamp.clone(), what: what.clone(), heartbeat_ms: heartbeat_ms.or(known) };
        self.core.live.heard.insert(machine.to_owned(), heard);
        let observed = self.core.ahead.machines.get(machine).map(|m| m.observed).unwrap_or_default();
        if observed != PowerState::On {
            let body = Body::PowerObserved { state: PowerState::On, evidence: format!("heard: {what}") };
            self.record_at(machine, stamp, None, body);
        }
    }

    /// Moves the machine's boot on by one sign.
    pub(crate) async fn read_sign(&mut self, machine: &str, stamp: &Stamp, sign: &Sign) {
        let steps = sign::read(self.core.ahead.machines.get(machine).and_then(|m| m.boot.as_ref()), sign);
        for step in steps {
            match step {
                Step::Begin(cause) => {
                    let boot = self.core.ahead.last_boot + 1;
                    self.wire_begins(machine).await;
                    self.record_at(machine, stamp, Some(boot), Body::BootStarted { cause });
                }
                Step::Enter(phase) => {
                    self.mark_wire(machine, stamp).await;
                    self.record_boot(machine, stamp, Body::PhaseEntered { phase });
                }
                Step::Mark(mark, detail) => self.record_boot(machine, stamp, Body::Marked { mark, detail }),
                Step::End(state, why) => {
                    self.mark_wire(machine, stamp).await;
                    self.record_boot(machine, stamp, Body::BootEnded { state, why });
                }
            }
        }
        self.count_repeats(machine, stamp, sign);
    }

    /// Counters of the machine's own wire when its boot began; later figures are told against them.
    async fn wire_begins(&mut self, machine: &str) {
        if let Some(wire) = &self.config.ports.wire
            && let Some(counters) = wire.counters(machine).await
        {
            self.wire_base.insert(machine.to_owned(), counters);
        }
    }

    /// Marks bytes and frames on the wire since the boot began, at the end of each phase.
    async fn mark_wire(&mut self, machine: &str, stamp: &Stamp) {
        let Some(wire) = &self.config.ports.wire else { return };
        let (Some(now), Some(base)) = (wire.counters(machine).await, self.wire_base.get(machine)) else {
            return;
        };
        let since = |pick: fn(&WireCounters) -> u64| pick(&now).saturating_sub(pick(base));
        let detail = json!({
            "from_bytes": since(|c| c.from_bytes),
            "from_packets": since(|c| c.from_packets),
            "to_bytes": since(|c| c.to_bytes),
            "to_packets": since(|c| c.to_packets),
        });
        self.record_boot(machine, stamp, Body::Marked { mark: "wire".into(), detail });
    }

    fn stranger(&mut self, mac: Mac, code: String, stamp: Stamp) {
        let strangers = &mut self.core.live.unknown;
        match strangers.iter_mut().find(|s| s.mac == mac) {
            Some(known) => {
                known.last = stamp;
                known.times += 1;
            }
            None => {
                if strangers.len() == STRANGERS_KEPT {
                    strangers.remove(0);
                }
                strangers.push(UnknownMachine { mac, code, first: stamp.clone(), last: stamp, times: 1 });
            }
        }
        self.strangers_changed = true;
    }

    fn power_read(&mut self, stamp: &Stamp, reading: &PowerReading) {
        self.power_seen = true;
        let board = self.config.board.clone();
        let alone = |outlet: u8| reading.failed.get(&outlet).filter(|_| outlet >= OWN_CONTROL);
        let relay = reading.failed.iter().find(|(outlet, _)| **outlet < OWN_CONTROL);
        if board.machines.iter().any(|machine| machine.outlet < OWN_CONTROL) {
            self.device_seen(POWER_DEVICE, stamp, relay.map(|(_, error)| Failure::from(error.clone())));
        }
        // Told before its new memory is read, which says nothing about the machines.
        if let Some(known) = self.power_incarnation.replace(reading.incarnation)
            && reading.incarnation > known
        {
            let body = Body::PowerForgotten { device: POWER_DEVICE.into() };
            self.record_at(POWER_DEVICE, stamp, None, body);
        }
        for machine in &board.machines {
            if machine.outlet >= OWN_CONTROL {
                let device = format!("{POWER_DEVICE} {}", machine.name);
                let failure = alone(machine.outlet).map(|error| Failure::from(error.clone()));
                self.device_seen(&device, stamp, failure);
            }
            if let Some(outlet) = reading.outlets.get(&machine.outlet) {
                self.outlet_read(&machine.name, machine.outlet, stamp, *outlet);
            }
        }
    }

    fn outlet_read(&mut self, machine: &str, outlet: u8, stamp: &Stamp, read: OutletReading) {
        let known = self.core.ahead.machines.get(machine);
        let (memory, observed) = known.map(|m| (m.memory, m.observed)).unwrap_or_default();
        // A look that began before the latest press ended tells of the time before it.
        let latest = known.and_then(|m| m.press.as_ref());
        let pressing =
            latest.is_some_and(|p| p.ended.as_ref().is_none_or(|end| stamp.mono_us <= end.mono_us));
        if pressing {
            return;
        }
        if memory != read.commanded && read.commanded != PowerState::Unknown {
            self.record_at(machine, stamp, None, Body::PowerRead { outlet, commanded: read.commanded });
        }
        let Some(seen) = read.observed.filter(|seen| *seen != observed) else { return };
        let (seen, evidence) = match (self.config.ports.power.nature(outlet), seen, observed) {
            // Current flows to it; whether it runs, others have to tell.
            (Nature::Supply, PowerState::On, PowerState::Off) => {
                (PowerState::Unknown, "its supply is on again".to_owned())
            }
            (Nature::Supply, PowerState::On, _) => return,
            (Nature::Supply, PowerState::Off, _) => (seen, "its supply is off".to_owned()),
            _ => {
                let kind = self.config.board.board.kind;
                let whose = if kind == BoardKind::Labinator { "its power control's" } else { "the board's" };
                (seen, format!("{whose} own reading"))
            }
        };
        self.power_observed(machine, stamp, seen, evidence);
    }

    pub(crate) fn power_observed(
        &mut self,
        machine: &str,
        stamp: &Stamp,
        state: PowerState,
        evidence: String,
    ) {
        self.record_at(machine, stamp, None, Body::PowerObserved { state, evidence });
        let booting = self
            .core
            .ahead
            .machines
            .get(machine)
            .and_then(|m| m.boot.as_ref())
            .is_some_and(lab::Boot::is_running);
        if state == PowerState::Off && booting {
            let why = "the machine went off before it reported".to_owned();
            self.record_boot(machine, stamp, Body::BootEnded { state: BootState::Failed, why });
        }
    }

    fn power_lost(&mut self, stamp: &Stamp, error: PortError) {
        self.device_seen(POWER_DEVICE, stamp, Some(Failure::from(error)));
    }

    /// An event of a machine at the moment it was seen, in the run under way if that run concerns it.
    pub(crate) fn record_at(&mut self, subject: &str, stamp: &Stamp, boot: Option<u64>, body: Body) {
        let run = self.run_of(subject);
        let draft = self.core.draft(subject, body);
        self.core.record(Draft { stamp: stamp.clone(), run, boot, ..draft });
    }

    pub(crate) fn record_boot(&mut self, machine: &str, stamp: &Stamp, body: Body) {
        let boot = self.core.ahead.machines.get(machine).and_then(|m| m.boot.as_ref()).map(|b| (b.id, b.run));
        if let Some((id, run)) = boot {
            let ended = matches!(body, Body::BootEnded { .. });
            let draft = self.core.draft(machine, body);
            self.core.record(Draft { stamp: stamp.clone(), run, boot: Some(id), ..draft });
            if ended {
                self.judge_way(machine);
            }
        }
    }

    fn run_of(&self, subject: &str) -> Option<u64> {
        let run = self.core.ahead.live_run()?;
        run.machines.iter().any(|m| m == subject).then_some(run.id)
    }
}
