//! `/status`: names, types and values as the owner's pages read them.

use std::{collections::BTreeMap, sync::Arc};

use engine::{ROUTER_DEVICE, SWITCH_DEVICE};
use lab::{
    MachineStatus, PowerState, Run, RunState, Status,
    counts::{Counter, Served, Source, Sources},
    live::{Live, RouterLive, Snapshot, SwitchLive},
    ports::{RouterReading, SwitchPort, SwitchReading},
    run::{StepPlan, Task, TaskKey, TaskState},
    status::DeviceStatus,
};
use serde_json::{Value, json};

use super::{POD, World, ask, show};
use crate::{compat::picture, desks::CountersNow, testing::stamp};

/// A rehearsal on two machines of which these tasks (step, subject, seconds since the start) are done.
pub(super) fn run(state: RunState, done: &[(&str, &str, i64)], failed: &[(&str, &str)]) -> Run {
    let steps = ["check", "power-up", "boot", "report", "power-down"];
    let plan = |id: &&str| StepPlan {
        id: (*id).into(),
        words: (*id).into(),
        tells: String::new(),
        limit_s: 60,
        undo: None,
    };
    let keys = steps.iter().flat_map(|step| match *step {
        "check" => vec![TaskKey::new(step, "run")],
        _ => vec![TaskKey::new(step, "node1"), TaskKey::new(step, "node2")],
    });
    let tasks = keys.map(|key| {
        let is = |(step, subject): (&str, &str)| key.step == step && key.subject == subject;
        let ended = done.iter().find(|(step, subject, _)| is((step, subject))).map(|(.., s)| stamp(*s));
        let state = match (&ended, failed.iter().any(|pair| is(*pair))) {
            (Some(_), _) => TaskState::Done,
            (None, true) => TaskState::Failed,
            (None, false) => TaskState::Waiting,
        };
        let (output, started) = (Value::Null, Some(stamp(0)));
        Task { key, needs: Vec::new(), state, attempt: 1, started, ended, output, failure: None }
    });
    Run {
        id: 1,
        lab: "rehearsal".into(),
        actor: "control".into(),
        state,
        why: None,
        started: stamp(0),
        ended: None,
        machines: vec!["node1".into(), "node2".into()],
        steps: steps.iter().map(plan).collect(),
        tasks: tasks.collect(),
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn every_key_has_the_owner_s_name_and_place() {
    let status = ask(&World::new().router(), POD, "/status").await.json();
    let top =
        ["initializer", "kubernetes", "talos", "power", "switch", "openwrt", "ports", "callbacks", "logs"];
    assert_eq!(keys(&status), top);
    let inner = [
        (
            "initializer",
            "LabName NumHypervisors InitializedHypervisors NumNodes InitializedNodes NumPods InitializedPods \
             CurrentStep Failed TimeSpent",
        ),
        ("kubernetes", "pods nodes"),
        ("power", "P1 P2 P3 P4 P5 P6 P7 P8"),
        ("switch", "Port1 Port2 Port3 Port4 Port5 Port6 Port7 Port8"),
        ("openwrt", "NumWanIn NumWanOut NumLanIn NumLanOut"),
        ("callbacks", "KVPairs ClientCount"),
        (
            "logs",
            "NumMessages NumEmergencyMessages NumAlertMessages NumCriticalMessages NumErrorMessages \
             NumWarnMessages NumNoticeMessages NumInfoMessages NumDebugMessages NumDHCPDiscover NumDHCPLeased \
             NumDNSQueries NumDNSLocal NumDNSRecursions NumDNSCached NumCertChecks NumCertOK NumCertSigned \
             NumCertRenewed NumFirewallWanInDrops NumFirewallWanOutDrops NumFirewallWanDrops \
             NumFirewallLanInDrops NumFirewallLanOutDrops NumFirewallLanDrops NumPhysicalPXEBoots \
             NumVirtualPXEBoots DHCPServed ChainServed IPXEServed AssetsServed",
        ),
    ];
    for (name, expected) in inner {
        assert_eq!(keys(&status[name]).join(" "), expected, "{name}");
    }
    let nulls =
        [&status["talos"], &status["ports"], &status["kubernetes"]["pods"], &status["logs"]["DHCPServed"]];
    assert!(nulls.iter().all(|value| value.is_null()), "{status}");
    let untold = status["logs"].as_object().unwrap().values().filter(|value| value.is_null()).count();
    assert_eq!(untold, 31, "nobody counts here, and zero would say that nothing happened");
    assert_eq!(status["power"]["P7"], true, "the controller asks, so it is on");
}

#[test]
fn counters_are_told_where_somebody_counts() {
    let mut counters = CountersNow {
        sources: Sources { dns: Source::Engine, dhcp: Source::Log, ..Sources::default() },
        ..CountersNow::default()
    };
    counters.counts.add(Counter::DnsQueries, 7);
    counters.counts.add(Counter::CertOk, 3);
    counters.counts.serve(Served::Dhcp, "192.168.122.11");
    let stats = picture::log_stats(&counters);
    assert_eq!((&stats["NumDNSQueries"], &stats["NumDNSCached"]), (&json!(7), &json!(0)));
    assert_eq!((&stats["NumCertOK"], &stats["IPXEServed"]), (&Value::Null, &Value::Null));
    assert_eq!(stats["DHCPServed"], json!({"192.168.122.11": 1}));
}

const CHECKED: (&str, &str, i64) = ("check", "run", 2);

#[test]
fn a_run_is_told_in_the_owner_s_steps_and_only_goes_forward() {
    let up = [CHECKED, ("power-up", "node1", 4), ("power-up", "node2", 7)];
    let booted = [&up[..], &[("boot", "node1", 30), ("boot", "node2", 40)]].concat();
    let reported = [&booted[..], &[("report", "node1", 41), ("report", "node2", 43)]].concat();
    let off = [&reported[..], &[("power-down", "node1", 48), ("power-down", "node2", 50)]].concat();
    type Row<'a> = (&'a str, Run, &'a str, u64, bool, Value);
    let half = [&up[..], &[("boot", "node1", 30)]].concat();
    let table: [Row<'_>; 8] = [
        ("begun", run(RunState::Running, &[], &[]), "init", 0, false, json!(null)),
        ("checked", run(RunState::Running, &[CHECKED], &[]), "powerup", 0, false, json!({"init": 2})),
        (
            "half booted",
            run(RunState::Running, &half, &[]),
            "booting-nodes",
            1,
            false,
            json!({"init": 2, "powerup": 5}),
        ),
        (
            "booted",
            run(RunState::Running, &booted, &[]),
            "finalizing",
            2,
            false,
            json!({"booting-nodes": 33, "init": 2, "powerup": 5}),
        ),
        (
            "reported",
            run(RunState::Running, &reported, &[]),
            "finalizing",
            2,
            false,
            json!({"booting-nodes": 33, "finalizing": 3, "init": 2, "powerup": 5}),
        ),
        (
            "done",
            run(RunState::Done, &off, &[]),
            "done",
            2,
            false,
            json!({"booting-nodes": 33, "finalizing": 10, "init": 2, "powerup": 5}),
        ),
        (
            "failed",
            run(RunState::Failed, &half, &[("boot", "node2")]),
            "booting-nodes",
            1,
            true,
            json!({"init": 2, "powerup": 5}),
        ),
        ("cancelled", run(RunState::Cancelled, &[CHECKED], &[]), "", 0, false, json!({"init": 2})),
    ];
    for (what, run, step, nodes, failed, spent) in table {
        let said = serde_json::to_value(picture::initializer(&run)).unwrap();
        assert_eq!((said["CurrentStep"].as_str(), &said["Failed"]), (Some(step), &json!(failed)), "{what}");
        assert_eq!((&said["NumNodes"], &said["InitializedNodes"]), (&json!(2), &json!(nodes)), "{what}");
        assert_eq!((&said["LabName"], &said["TimeSpent"]), (&json!("rehearsal"), &spent), "{what}");
    }
}

#[tokio::test]
async fn power_is_what_was_observed_and_a_silent_device_shows_nothing() {
    let world = World::new();
    let machine = |observed, commanded| MachineStatus { observed, commanded, ..MachineStatus::default() };
    let (on, off, unknown) = (PowerState::On, PowerState::Off, PowerState::Unknown);
    show(&world.publish, |status| {
        let known = [("node1", on, off), ("node2", off, on), ("node3", unknown, on), ("node6", on, on)];
        status.machines =
            known.into_iter().map(|(name, seen, wanted)| (name.to_owned(), machine(seen, wanted))).collect();
        status.machines.insert("outlet8".into(), MachineStatus { memory: on, ..MachineStatus::default() });
    });
    let port = |enabled| SwitchPort { enabled, ..SwitchPort::default() };
    let ports = [(1, port(Some(true))), (2, port(Some(false))), (3, port(None)), (8, port(Some(true)))];
    let reading = SwitchReading { ports: ports.into_iter().collect() };
    let packets = RouterReading { wan_in: Some(u64::MAX), lan_out: Some(7), ..RouterReading::default() };
    let live = Live {
        switch: Some(SwitchLive { reading, stamp: stamp(99) }),
        router: Some(RouterLive { reading: packets, stamp: stamp(99), rates: None }),
        ..Live::default()
    };
    let seen = |present| {
        let device = DeviceStatus { present, since: stamp(1), failure: None, seq: 1, losses: 0 };
        BTreeMap::from([SWITCH_DEVICE, ROUTER_DEVICE].map(|name| (name.to_owned(), device.clone())))
    };
    let router = world.router();
    for present in [true, false] {
        let before = world.publish.borrow().status.clone();
        let status = Status { devices: seen(present), ..(*before).clone() };
        world.publish.send_replace(Arc::new(Snapshot {
            status: Arc::new(status),
            live: live.clone(),
            now: stamp(100),
        }));
        let said = ask(&router, POD, "/status").await.json();
        let on = |object: &str| -> Vec<String> {
            let pairs = said[object].as_object().unwrap().iter().filter(|(_, on)| **on == json!(true));
            pairs.map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(on("power"), ["P1", "P6", "P7", "P8"]);
        let expected: &[&str] = if present { &["Port1", "Port8"] } else { &[] };
        assert_eq!(on("switch"), expected);
        let wan_in = if present { u64::MAX } else { 0 };
        assert_eq!(
            (said["openwrt"]["NumWanIn"].as_u64(), &said["openwrt"]["NumWanOut"]),
            (Some(wan_in), &json!(0))
        );
    }
}
