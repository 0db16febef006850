//! Machines and their events, driven by signs as the engine drives them, with a clock that is told the time.

#![allow(unreachable_pub, clippy::unwrap_used)] // shared by test binaries, which have no public face

use lab::{
    Body, Code, Draft, Event, Failure, Mac, PowerState, Stamp, Status, Verdict,
    board::Limits,
    event::SCHEMA,
    explain::{self, Case, Faulty, GoesRound, Lead, Moving},
    live::{GOODBYE, Heard, Live, UnknownMachine},
    sign::{self, FileRole, Sign, Speaker, Step},
    status::BootTimes,
};

pub struct Bench {
    pub status: Status,
    pub live: Live,
    pub moving: Option<Moving>,
    limits: Limits,
    clock_s: f64,
}

impl Bench {
    /// node1 was pressed at second 0.
    pub fn pressed() -> Self {
        let mut bench = Self {
            status: Status::default(),
            live: Live::default(),
            moving: None,
            limits: Limits::default(),
            clock_s: 0.0,
        };
        bench.press("node1");
        bench
    }

    pub fn press(&mut self, name: &str) {
        let body = Body::PowerCommanded { outlet: 1, to: PowerState::On, evidence: "test".into() };
        self.tell(name, body);
        self.see(name, &Sign::Pressed { outlet: 1 });
    }

    pub fn now(&self) -> f64 {
        self.clock_s
    }

    pub fn advance(&mut self, to: f64) {
        self.clock_s = self.clock_s.max(to);
    }

    pub fn stamp(&self, at: f64) -> Stamp {
        let us = (at * 1e6).round() as i64;
        Stamp { wall_us: 1_700_000_000_000_000 + us, mono_us: us, host_boot: "test".into() }
    }

    /// One sign of node1, a second after what was before it.
    pub fn step(&mut self, sign: &Sign) {
        self.step_of("node1", sign);
    }

    pub fn step_of(&mut self, name: &str, sign: &Sign) {
        self.clock_s += 1.0;
        self.see(name, sign);
    }

    fn see(&mut self, name: &str, sign: &Sign) {
        let boot = self.status.machines.get(name).and_then(|m| m.boot.as_ref());
        for step in sign::read(boot, sign) {
            let body = match step {
                Step::Begin(cause) => Body::BootStarted { cause },
                Step::Enter(phase) => Body::PhaseEntered { phase },
                Step::Mark(mark, detail) => Body::Marked { mark, detail },
                Step::End(state, why) => Body::BootEnded { state, why },
            };
            self.tell(name, body);
        }
    }

    pub fn tell(&mut self, subject: &str, body: Body) {
        let latest = self.status.machines.get(subject).and_then(|m| m.boot.as_ref()).map(|b| b.id);
        let boot = match body {
            Body::BootStarted { .. } => Some(self.status.last_boot + 1),
            _ => latest,
        };
        let draft = Draft {
            stamp: self.stamp(self.clock_s),
            run: None,
            boot,
            actor: "test".into(),
            reason: None,
            subject: subject.into(),
            body,
        };
        let event = Event { seq: self.status.seq + 1, draft, schema: SCHEMA };
        self.status.apply(&event).unwrap();
    }

    pub fn link(&mut self, up: bool) {
        self.clock_s += 1.0;
        self.tell("node1", Body::LinkChanged { up, speed: None });
    }

    pub fn trouble(&mut self, service: &str, why: &str) {
        let failure = Failure::new(Code::Internal, "serve", why, "look at it");
        self.tell("board", Body::ServiceTroubled { service: service.into(), failure });
    }

    pub fn history(&mut self, firmware: f64, boots: usize) {
        let times = BootTimes {
            boot: 1,
            pressed: true,
            phases: vec![firmware, 1.0, 1.0, 1.0, 1.0, 1.0],
            seconds: firmware + 5.0,
        };
        self.status.boots.entry("node1".into()).or_default().extend(vec![times; boots]);
    }

    pub fn stranger(&mut self, at: f64) {
        let (first, mac) = (self.stamp(at), Mac([2, 0, 0, 0, 0, at as u8]));
        let stranger = UnknownMachine { mac, code: "ABCD".into(), last: first.clone(), first, times: 1 };
        self.live.unknown.push(stranger);
    }

    pub fn goodbye(&mut self, name: &str) {
        let heard = Heard { stamp: self.stamp(self.clock_s), what: GOODBYE.into(), heartbeat_ms: None };
        self.live.heard.insert(name.into(), heard);
    }

    pub fn verdict_at(&self, at: f64) -> Option<Verdict> {
        let now = self.stamp(at);
        let case = self.case("node1", &now)?;
        explain::explain(&case).lead.map(|lead| lead.verdict(&case))
    }

    /// The second at which more may be known.
    pub fn next(&self) -> Option<f64> {
        let now = self.stamp(self.clock_s);
        let case = self.case("node1", &now)?;
        explain::explain(&case).next.map(|next| next.mono_us as f64 / 1e6)
    }

    fn case<'a>(&'a self, name: &'a str, now: &'a Stamp) -> Option<Case<'a>> {
        Case::of(name, &self.limits, &self.status, &self.live, self.moving.as_ref(), now)
    }

    pub fn goes_round(&self) -> Option<GoesRound> {
        let now = self.stamp(self.clock_s);
        explain::goes_round(&self.status.machines["node1"], &self.limits, &now)
    }

    pub fn common_at(&self, at: f64) -> Option<(Lead, Vec<String>)> {
        let now = self.stamp(at);
        let faulty = |name: &'_ String| {
            let case = self.case(name, &now)?;
            let lead = explain::explain(&case).lead?;
            Some(lead)
        };
        let faults: Vec<Faulty<'_>> = self
            .status
            .machines
            .keys()
            .filter_map(|name| Some(Faulty { lead: faulty(name)?, case: self.case(name, &now)? }))
            .collect();
        let goodbyes = explain::goodbyes(&self.live);
        explain::common(&self.status, &goodbyes, &faults, &now).map(|common| (common.lead, common.machines))
    }

    /// Words in every part, and every number that of an event that happened.
    pub fn is_sound(&self, row: &str, verdict: &Verdict) {
        assert!(!verdict.says.is_empty() && !verdict.remedy.is_empty(), "{row}: {verdict:?}");
        assert!(!verdict.causes.is_empty(), "{row}: no cause");
        assert!(!verdict.evidence.is_empty(), "{row}: no evidence");
        let cited = verdict.evidence.iter().chain(verdict.ruled_out.iter().flat_map(|ruled| &ruled.by));
        for seq in cited {
            assert!((1..=self.status.seq).contains(seq), "{row}: event {seq} never happened");
        }
        for ruled in &verdict.ruled_out {
            assert_ne!(ruled.code, verdict.code, "{row}: it speaks against itself");
            assert!(!ruled.by.is_empty(), "{row}: nothing speaks against {}", ruled.code.word());
        }
        assert!(verdict.since.mono_us <= verdict.knowable.mono_us, "{row}");
    }
}

pub fn dhcp(speaker: Speaker) -> Sign {
    Sign::Dhcp { speaker, discover: true, arch: Some(7) }
}

pub fn offered() -> Sign {
    Sign::Answered { address: "192.168.122.11".into(), boot_file: Some("ipxe.efi".into()), ack: false }
}

pub fn given() -> Sign {
    Sign::Answered { address: "192.168.122.11".into(), boot_file: Some("ipxe.efi".into()), ack: true }
}

pub fn asked(role: FileRole) -> Sign {
    Sign::FileAsked { role, path: path(role).into(), proto: "http", body: true, found: true }
}

pub fn sent(role: FileRole) -> Sign {
    ended(role, "http", true)
}

pub fn broken(role: FileRole, proto: &'static str) -> Sign {
    ended(role, proto, false)
}

fn ended(role: FileRole, proto: &'static str, complete: bool) -> Sign {
    Sign::FileSent {
        role,
        path: path(role).into(),
        proto,
        bytes: 900_000,
        total: 1_000_000,
        packets: 700,
        resent: 6,
        seconds: 0.4,
        complete,
        why: (!complete).then(|| "it went away".into()),
    }
}

fn path(role: FileRole) -> &'static str {
    match role {
        FileRole::Loader => "ipxe.efi",
        FileRole::Script => "boot/script",
        FileRole::Kernel => "boot/kernel",
        FileRole::Initrd => "boot/initrd",
        FileRole::Image => "boot/uki/16-09-01-1a-f4-30.efi",
        FileRole::Other => "x",
    }
}
