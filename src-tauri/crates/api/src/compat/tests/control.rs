//! What the control calls ask of the engine.

use std::sync::Arc;

use engine::{Command, Outcome, PowerAct};
use lab::{
    Code, Failure, MachineStatus, PowerState,
    event::Stamp,
    ports::{OWN_CONTROL, Outlet},
    status::Press,
};

use super::{Asked, HERE, Publish, World, ask, labinator, show};
use crate::testing::stamp;

fn power(outlet: Outlet, act: PowerAct) -> Command {
    Command::Power { outlet, act }
}

fn took(asked: &Asked) -> Vec<Command> {
    std::mem::take(&mut *asked.lock().unwrap())
}

fn observed(publish: &Publish, machine: &str, state: PowerState, ended: Option<Stamp>) {
    show(publish, |status| {
        let press = Press { to: PowerState::Off, stamp: stamp(99), seq: 1, ended, failure: None };
        let known = MachineStatus { observed: state, press: Some(press), ..MachineStatus::default() };
        status.machines.insert(machine.into(), known);
    });
}

#[tokio::test]
async fn all_means_the_six_machines_and_goes_past_what_is_on_or_fails() {
    let mut world = World::new();
    observed(&world.publish, "node2", PowerState::On, Some(stamp(99)));
    let asked = world.played(|order, _| match order.command {
        Command::Power { outlet: 3, .. } => Err(Failure::new(
            Code::DeviceAbsent,
            "switch node3 on",
            "the board is silent",
            "look at its cable",
        )),
        _ => Ok(Outcome::Pressing { presses: 1 }),
    });
    let router = world.router();
    let answer = ask(&router, HERE, "/power?action=turnon&port=all").await;
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("node3") && answer.body.contains("silent"), "{}", answer.body);
    let expected: Vec<Command> = [1, 3, 4, 5, 6].map(|outlet| power(outlet, PowerAct::On)).into();
    assert_eq!(took(&asked), expected, "never 7 or 8");
    let single = ask(&router, HERE, "/power?action=turnon&port=p2").await;
    assert_eq!(single.status, 200, "one that is on is asked for all the same, and the engine decides");
    assert_eq!(took(&asked), [power(2, PowerAct::On)]);
}

#[tokio::test]
async fn a_refusal_to_press_is_said() {
    let mut world = World::new();
    world.played(|_, _| {
        Err(Failure::new(Code::PowerMismatch, "switch node1 on", "it is on", "switch it off first"))
    });
    let answer = ask(&world.router(), HERE, "/power?action=turnon&port=p1").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (500, "switch node1 on: it is on. What to do: switch it off first\n")
    );
}

#[tokio::test(start_paused = true)]
async fn a_restart_waits_until_it_is_seen_off_and_its_press_has_ended() {
    let mut world = World::new();
    observed(&world.publish, "node4", PowerState::On, Some(stamp(1)));
    let asked = world.played(|order, publish| {
        if let Command::Power { outlet: 4, act: PowerAct::Off } = order.command {
            let publish = publish.clone();
            tokio::spawn(async move {
                tokio::time::sleep(std::time::Duration::from_secs(3)).await;
                observed(&publish, "node4", PowerState::Off, None);
                tokio::time::sleep(std::time::Duration::from_secs(2)).await;
                observed(&publish, "node4", PowerState::Off, Some(stamp(100)));
            });
        }
        Ok(Outcome::Pressing { presses: 1 })
    });
    let began = tokio::time::Instant::now();
    let answer = ask(&world.router(), HERE, "/power?action=restart&port=p4").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(took(&asked), [power(4, PowerAct::Off), power(4, PowerAct::On)]);
    let took = began.elapsed().as_secs_f64();
    assert!((6.0..8.0).contains(&took), "press, and a rest: {took}");
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_one_that_never_goes_off_ends_with_words() {
    let mut world = World::on(&labinator().replace("power_down_s = 60", "power_down_s = 10"));
    observed(&world.publish, "node4", PowerState::On, Some(stamp(1)));
    let asked = world.obedient();
    let answer = ask(&world.router(), HERE, "/power?action=restart&port=p4").await;
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("not seen to be off within 10 s"), "{}", answer.body);
    assert_eq!(took(&asked), [power(4, PowerAct::Off)], "and it is not pressed again");
}

#[tokio::test]
async fn outlet_8_is_for_those_who_allow_it_and_7_for_nobody() {
    let mut world = World::on(&labinator().replace("allow_8 = false", "allow_8 = true"));
    let asked = world.obedient();
    let router = world.router();
    for action in ["turnon", "turnoff", "restart"] {
        assert_eq!(
            ask(&router, HERE, &format!("/power?action={action}&port=p7")).await.status,
            403,
            "{action}"
        );
    }
    assert!(took(&asked).is_empty());
    assert_eq!(ask(&router, HERE, "/power?action=turnon&port=p8").await.status, 200);
    assert_eq!(took(&asked), [power(8, PowerAct::On)]);
    ask(&router, HERE, "/power?action=turnoff&port=all").await;
    assert_eq!(took(&asked).len(), 6, "all are the machines, not the spare one");
}

#[tokio::test]
async fn a_machine_with_a_control_of_its_own_is_known_by_its_box() {
    let mut world = World::new();
    let board = Arc::get_mut(&mut world.state.board).unwrap();
    board.machines[2].outlet = OWN_CONTROL + 2;
    let asked = world.obedient();
    let answer = ask(&world.router(), HERE, "/power?action=turnon&port=p3").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(took(&asked), [power(103, PowerAct::On)]);
}

#[tokio::test]
async fn groups_and_all_are_the_machines_ports_in_their_order() {
    let mut world = World::new();
    let asked = world.obedient();
    let router = world.router();
    let table: [(&str, &[u32]); 6] = [
        ("p6", &[6]),
        ("group1", &[6, 5]),
        ("GROUP2", &[4, 3]),
        ("group3", &[1, 2]),
        ("all", &[6, 5, 4, 3, 1, 2]),
        ("p2", &[2]),
    ];
    for (port, ports) in table {
        for (action, enabled) in [("enable", true), ("disable", false)] {
            let answer = ask(&router, HERE, &format!("/switch?action={action}&port={port}")).await;
            assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{port}");
            let expected: Vec<Command> =
                ports.iter().map(|port| Command::SetPort { port: *port, enabled }).collect();
            assert_eq!(took(&asked), expected, "{port} {action}");
        }
    }
}

#[tokio::test]
async fn a_port_that_could_not_be_switched_is_the_last_that_was_tried() {
    let mut world = World::new();
    let asked = world.played(|order, _| match order.command {
        Command::SetPort { port: 5, .. } => {
            Err(Failure::new(Code::DeviceRefused, "switch port 5 off", "it read back on", "look at its page"))
        }
        _ => Ok(Outcome::Recorded),
    });
    let answer = ask(&world.router(), HERE, "/switch?action=disable&port=all").await;
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("read back"), "{}", answer.body);
    assert_eq!(took(&asked).len(), 2);
}
