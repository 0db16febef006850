//! The whole picture on the wire: what the screen paints from, in one piece.

use std::collections::BTreeMap;

use lab::{
    Board, BoardKind,
    board::Mode,
    face,
    live::{Heard, Live, Snapshot},
    replace::replacements,
    status::{BootTimes, MachineStatus, Status, at_speed, median},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    BootWire, CertificatesWire, ClockWire, DeviceWire, DueWire, EndingWire, ErasedWire, FailureWire,
    HealthWire, HeldBackWire, PowerWire, ReplacementWire, RivalWire, RouterWire, RunWire, StreamWire,
    SwitchWire, TroubleWire, UplinkWire, VerdictWire, WipingWire, seconds, time,
};

/// Everything a screen needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatusWire {
    /// Number of the last event in this picture.
    pub seq: u64,
    /// The engine's clock when the picture was taken; ages are told against it.
    pub now: String,
    pub board: BoardWire,
    pub engine: EngineWire,
    pub machines: Vec<MachineWire>,
    /// The latest run, ended or not.
    pub run: Option<RunWire>,
    pub labs: Vec<LabWire>,
    pub devices: Vec<DeviceWire>,
    /// Where there is a switch that answers.
    pub switch: Option<SwitchWire>,
    /// Where there is a router that answers.
    pub router: Option<RouterWire>,
    /// Strangers that can only be new PCs in places of the board.
    pub replacements: Vec<ReplacementWire>,
    /// The lab as a whole is being switched off, or was.
    pub ending: Option<EndingWire>,
    /// The way to the world, as it was last told.
    pub uplink: Option<UplinkWire>,
    /// Machines on the lab network that the board file does not know.
    pub unknown: Vec<UnknownWire>,
    pub counters: BTreeMap<String, u64>,
    /// What several faults have in common, while it holds. The machines it names have no verdict of their own.
    pub common: Option<VerdictWire>,
    /// Services of ours that are in trouble.
    pub troubles: Vec<TroubleWire>,
    /// Other servers heard where ours answer.
    pub rivals: Vec<RivalWire>,
    /// What should keep coming: log inputs, watchers, the controller's health.
    pub streams: Vec<StreamWire>,
    /// Where certificates are watched.
    pub certificates: Option<CertificatesWire>,
    /// How far the clock is believed; `null` until it was compared.
    pub clock: Option<ClockWire>,
    /// The controller's own health.
    pub health: Option<HealthWire>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BoardWire {
    pub name: String,
    /// `simulated`, `virtual`, `labinator`.
    pub kind: String,
    /// Shown hatched on every screen; `null` on the real board.
    pub badge: Option<String>,
    /// Box numbers row by row, as they stand on the shelf.
    pub shelf: Vec<Vec<u32>>,
    /// By how much a simulation's delays are divided; 1 elsewhere.
    pub speed: u32,
    /// Other programs drive this board; this one only looks on.
    pub watch_only: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EngineWire {
    pub version: String,
    pub started: Option<String>,
    /// Set while events cannot be written.
    pub storage: Option<StorageWire>,
    pub services: Vec<ServiceWire>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StorageWire {
    pub why: String,
    pub since: String,
    /// Events that wait in memory.
    pub waiting: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceWire {
    pub name: String,
    pub ready: bool,
    pub says: String,
}

/// One machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MachineWire {
    pub r#box: u32,
    pub name: String,
    pub mac: String,
    pub address: String,
    pub outlet: u8,
    pub port: Option<u32>,
    pub group: Option<String>,
    /// `off`, `boot`, `up`, `warn`, `fault`, `unknown`: colour and shape.
    pub state: String,
    /// The state word for the screen.
    pub word: String,
    /// A sentence, where the word needs one.
    pub says: Option<String>,
    pub power: PowerWire,
    pub heard: Option<HeardWire>,
    /// The latest boot, ended or not.
    pub boot: Option<BootWire>,
    pub usual: Option<UsualWire>,
    pub transfer: Option<TransferWire>,
    #[schema(value_type = Object, nullable)]
    pub facts: Option<serde_json::Value>,
    pub facts_at: Option<String>,
    /// Why its latest boot does not go on; `about` says whether that is its own fault or the board's.
    pub verdict: Option<VerdictWire>,
    /// Whether its network port has a link; `null` where that cannot be seen.
    pub link: Option<bool>,
    /// Mbit/s, where that can be seen.
    pub link_speed: Option<u32>,
    /// How often the link was lost since the engine started.
    pub link_losses: u64,
    /// Whether its switch port is switched on; `null` where that cannot be seen.
    pub port_enabled: Option<bool>,
    /// Set while it began again too often and gets nothing to boot.
    pub held_back: Option<HeldBackWire>,
    /// The phase of the running boot against what is usual.
    pub due: Option<DueWire>,
    /// How it is offered to boot.
    pub way: Option<String>,
    /// Faults put in on purpose.
    pub faults: Vec<String>,
    /// Disks that its next boot erases; empty means all, `null` none.
    pub wipe: Option<Vec<String>>,
    /// Told to erase its disks, and no report yet.
    pub wiping: Option<WipingWire>,
    /// How its last wipe ended.
    pub erased: Option<ErasedWire>,
}

/// The last sign of life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeardWire {
    pub at: String,
    pub what: String,
    /// After this many milliseconds of silence the value is stale.
    pub patience_ms: u64,
}

/// What is usual for this machine at this speed: medians of its good boots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsualWire {
    /// Of how many boots.
    pub boots: u32,
    pub seconds: f64,
    /// Shortest and longest.
    pub spread: (f64, f64),
    /// The six phases in order.
    pub phases: Vec<f64>,
    /// Shortest and longest of each.
    pub phase_spread: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TransferWire {
    pub path: String,
    pub sent: u64,
    pub total: u64,
}

/// A lab that this board has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LabWire {
    pub name: String,
    pub title: String,
    pub words: String,
    pub procedure: String,
    /// Box numbers.
    pub machines: Vec<u32>,
    pub good: u32,
    pub total: u32,
    pub usual_seconds: Option<f64>,
    pub spread: Option<(f64, f64)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UnknownWire {
    pub mac: String,
    /// The same code as on the machine's own screen.
    pub code: String,
    pub first: String,
    pub last: String,
    pub times: u64,
}

impl StatusWire {
    pub fn new(board: &Board, snapshot: &Snapshot) -> Self {
        let (status, live) = (&snapshot.status, &snapshot.live);
        let machine = |m| MachineWire::new(m, board, status, live, snapshot);
        Self {
            seq: status.seq,
            now: time(snapshot.now.wall_us),
            board: BoardWire::new(board, status),
            engine: EngineWire::new(status, live),
            machines: board.machines.iter().map(machine).collect(),
            run: status.run.as_ref().map(|run| RunWire::new(run, board, status)),
            labs: board.labs.iter().map(|lab| LabWire::new(lab, board, status)).collect(),
            devices: DeviceWire::all(status),
            switch: SwitchWire::of(board, live),
            router: RouterWire::of(live),
            replacements: replacements(board, snapshot).into_iter().map(ReplacementWire::from).collect(),
            ending: EndingWire::of(status),
            uplink: status.uplink.as_ref().map(UplinkWire::from),
            unknown: live
                .unknown
                .iter()
                .map(|u| UnknownWire {
                    mac: u.mac.to_string(),
                    code: u.code.clone(),
                    first: time(u.first.wall_us),
                    last: time(u.last.wall_us),
                    times: u.times,
                })
                .collect(),
            counters: live.counters.clone(),
            common: status.common.as_ref().map(|verdict| VerdictWire::new(verdict, lab::status::BOARD)),
            troubles: status
                .troubles
                .iter()
                .map(|(service, failure)| TroubleWire {
                    service: service.clone(),
                    failure: FailureWire::from(failure),
                    since: status.troubled.get(service).map(|moment| time(moment.stamp.wall_us)),
                })
                .collect(),
            streams: StreamWire::all(status, live),
            certificates: CertificatesWire::of(status, live),
            clock: ClockWire::of(status, live),
            health: HealthWire::of(live),
            rivals: status
                .rivals
                .values()
                .map(|rival| RivalWire {
                    service: rival.service.clone(),
                    address: rival.address.clone(),
                    says: rival.says.clone(),
                    since: time(rival.since.wall_us),
                })
                .collect(),
        }
    }
}

impl BoardWire {
    fn new(board: &Board, status: &Status) -> Self {
        let kind = board.board.kind;
        let watch_only = board.board.mode == Mode::Watch;
        Self {
            name: board.board.name.clone(),
            kind: kind.word().to_owned(),
            badge: match (kind, watch_only) {
                (_, true) => Some("WATCH ONLY".to_owned()),
                (BoardKind::Labinator, false) => None,
                (BoardKind::Simulated | BoardKind::Virtual, false) => Some(kind.word().to_uppercase()),
            },
            watch_only,
            shelf: board.board.shelf.clone(),
            speed: status.engine.speed.max(1),
        }
    }
}

impl EngineWire {
    fn new(status: &Status, live: &Live) -> Self {
        Self {
            version: status.engine.version.clone(),
            started: status.engine.started.as_ref().map(|s| time(s.wall_us)),
            storage: live.storage.as_ref().map(|trouble| StorageWire {
                why: trouble.why.clone(),
                since: time(trouble.since.wall_us),
                waiting: trouble.waiting as u64,
            }),
            services: live
                .services
                .iter()
                .map(|s| ServiceWire { name: s.name.clone(), ready: s.ready, says: s.says.clone() })
                .collect(),
        }
    }
}

impl MachineWire {
    fn new(machine: &lab::Machine, board: &Board, status: &Status, live: &Live, snapshot: &Snapshot) -> Self {
        let nothing = MachineStatus::default();
        let known = status.machines.get(&machine.name).unwrap_or(&nothing);
        let heard = live.heard.get(&machine.name);
        let face = face::of(known, heard, &snapshot.now);
        let usual = status.boots.get(&at_speed(&machine.name, status.engine.speed));
        Self {
            r#box: machine.box_number,
            name: machine.name.clone(),
            mac: machine.mac.to_string(),
            address: machine.address.to_string(),
            outlet: machine.outlet,
            port: machine.port,
            group: machine.group.clone(),
            state: face.state.word().to_owned(),
            word: face.word,
            says: face.says,
            power: PowerWire::new(machine, known, board, &snapshot.now),
            heard: heard.map(HeardWire::from),
            boot: known.boot.as_ref().map(|boot| BootWire::new(boot, status)),
            usual: usual.and_then(|boots| UsualWire::new(boots)),
            transfer: live.transfers.get(&machine.name).map(|t| TransferWire {
                path: t.path.clone(),
                sent: t.sent,
                total: t.total,
            }),
            facts: known.facts.as_ref().and_then(|facts| serde_json::to_value(facts).ok()),
            facts_at: known.facts_at.as_ref().map(|s| time(s.wall_us)),
            verdict: VerdictWire::of(&machine.name, known, status),
            link: known.link,
            link_speed: known.link_speed,
            link_losses: known.link_losses,
            port_enabled: known.port_enabled,
            held_back: known.held_back.as_ref().map(HeldBackWire::from),
            due: known
                .boot
                .as_ref()
                .and_then(|boot| DueWire::new(boot, usual.map_or(&[], Vec::as_slice), &board.limits)),
            way: known.way.map(|way| way.word().to_owned()),
            faults: known.faults.iter().map(|fault| fault.word().to_owned()).collect(),
            wipe: known.wipe.clone(),
            wiping: WipingWire::of(known),
            erased: known.erased.as_ref().map(ErasedWire::from),
        }
    }
}

impl From<&Heard> for HeardWire {
    fn from(heard: &Heard) -> Self {
        Self {
            at: time(heard.stamp.wall_us),
            what: heard.what.clone(),
            patience_ms: face::patience_ms(heard),
        }
    }
}

impl UsualWire {
    fn new(boots: &[BootTimes]) -> Option<Self> {
        let all = || boots.iter().map(|b| b.seconds);
        let lengths = |phase: lab::Phase| lab::explain::lengths(boots, phase);
        Some(Self {
            boots: boots.len() as u32,
            seconds: seconds(median(all()))?,
            spread: spread(all()),
            phases: lab::Phase::ALL.map(|phase| median(lengths(phase)).unwrap_or_default()).to_vec(),
            phase_spread: lab::Phase::ALL.map(|phase| spread(lengths(phase))).to_vec(),
        })
    }
}

/// Shortest and longest; zero without any.
fn spread(figures: impl Iterator<Item = f64>) -> (f64, f64) {
    let mut spread: Option<(f64, f64)> = None;
    for figure in figures {
        let (low, high) = spread.unwrap_or((figure, figure));
        spread = Some((low.min(figure), high.max(figure)));
    }
    spread.unwrap_or_default()
}

impl LabWire {
    fn new(lab: &lab::Lab, board: &Board, status: &Status) -> Self {
        let history = status.labs.get(&at_speed(&lab.name, status.engine.speed)).cloned().unwrap_or_default();
        let all = || history.seconds.iter().copied();
        let spread = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
        Self {
            name: lab.name.clone(),
            title: lab.title.clone(),
            words: lab.words.clone(),
            procedure: super::word(&lab.procedure),
            machines: board.machines_of(lab).iter().map(|m| m.box_number).collect(),
            good: history.good,
            total: history.total,
            usual_seconds: seconds(median(all())),
            spread: (!history.seconds.is_empty()).then_some(spread),
        }
    }
}
