//! One machine, a few facts, and what they come to.

use super::*;
use crate::event::Moment;

fn at(seconds: f64) -> Stamp {
    let us = (seconds * 1e6) as i64;
    Stamp { wall_us: us, mono_us: us, host_boot: "b".into() }
}

fn moment(seconds: f64) -> Option<Moment> {
    Some(Moment { seq: 1, stamp: at(seconds) })
}

fn heard(seconds: f64) -> Heard {
    Heard { stamp: at(seconds), what: "heartbeat".into(), heartbeat_ms: Some(1000) }
}

fn pressed(to: PowerState, began: f64, ended: f64) -> Option<Press> {
    Some(Press { to, stamp: at(began), seq: 1, ended: Some(at(ended)), failure: None })
}

fn on() -> MachineStatus {
    let evidence = Some("heard".to_owned());
    MachineStatus {
        observed: PowerState::On,
        commanded: PowerState::On,
        evidence,
        ..MachineStatus::default()
    }
}

fn says(machine: &MachineStatus, last: Option<f64>, now: f64) -> Option<(PowerState, String)> {
    let heard = last.map(heard);
    judge(machine, heard.as_ref(), Nature::Button, &at(now)).map(|judged| (judged.state, judged.evidence))
}

#[test]
fn a_link_that_went_makes_unknown_and_not_off() {
    let cut = MachineStatus { link: Some(false), link_changed: moment(10.0), ..on() };
    assert_eq!(says(&cut, Some(9.5), 11.0), None, "adapters start anew");
    let (state, words) = says(&cut, Some(9.5), 13.5).unwrap();
    assert_eq!(state, PowerState::Unknown);
    assert!(words.contains("its cable"), "{words}");
    assert_eq!(says(&cut, Some(12.0), 13.5), None, "heard since, by another way");
}

#[test]
fn a_long_press_is_off_only_with_something_that_agrees() {
    let held = MachineStatus { press: pressed(PowerState::Off, 10.0, 15.5), ..on() };
    let state = |machine: &MachineStatus, last, now| says(machine, last, now).map(|(state, _)| state);
    // It spoke until it was held, and then no more.
    assert_eq!(state(&held, Some(9.8), 16.0), None, "its next heartbeat may still come");
    assert_eq!(state(&held, Some(9.8), 19.5), Some(PowerState::Off));
    assert_eq!(
        state(&held, Some(16.0), 30.0),
        Some(PowerState::Unknown),
        "it spoke after it, and then fell silent"
    );
    // It was silent before, and its link does not move: a stuck relay, or another PC.
    let deaf = MachineStatus { link: Some(true), link_changed: moment(1.0), ..held.clone() };
    let (now, words) = says(&deaf, Some(2.0), 19.5).unwrap();
    assert_eq!(now, PowerState::Unknown);
    assert!(words.contains("did not change"), "{words}");
    // Its link moved with the press.
    let moved = MachineStatus { link: Some(true), link_changed: moment(14.0), ..held.clone() };
    assert_eq!(state(&moved, Some(2.0), 19.5), Some(PowerState::Off));
    let down = MachineStatus { link: Some(false), link_changed: moment(14.0), ..held };
    assert_eq!(state(&down, Some(9.8), 15.6), Some(PowerState::Off), "no need to wait");
}

#[test]
fn a_slower_link_is_soft_off_and_a_link_alone_is_nothing() {
    let slow = MachineStatus {
        link: Some(true),
        link_speed: Some(100),
        running_speed: Some(1000),
        link_changed: moment(10.0),
        ..on()
    };
    assert_eq!(says(&slow, Some(9.0), 14.0).unwrap().0, PowerState::Off);
    assert_eq!(says(&slow, Some(13.0), 14.0), None, "it speaks");
    let pressed = MachineStatus { press: pressed(PowerState::On, 11.0, 11.3), ..slow };
    assert_eq!(says(&pressed, Some(9.0), 14.0), None, "it is just being switched on");
    let linked = MachineStatus { link: Some(true), link_changed: moment(1.0), ..MachineStatus::default() };
    assert_eq!(says(&linked, None, 600.0), None, "a PC in stand-by has one too");
}

#[test]
fn without_links_only_packets_count() {
    let blind = on();
    assert_eq!(says(&blind, Some(10.0), 12.5), None);
    assert_eq!(says(&blind, Some(10.0), 13.5).unwrap().0, PowerState::Unknown);
    assert_eq!(says(&MachineStatus::default(), None, 600.0), None, "unknown it stays until it is heard");
}

#[test]
fn an_outlet_that_was_told_off_and_no_link_is_off_unless_the_board_forgot() {
    let off = MachineStatus {
        link: Some(false),
        commanded: PowerState::Off,
        memory: PowerState::Off,
        ..MachineStatus::default()
    };
    assert_eq!(says(&off, None, 5.0).unwrap().0, PowerState::Off);
    let forgot = MachineStatus { forgotten: moment(1.0), ..off.clone() };
    assert_eq!(says(&forgot, None, 5.0), None);
    // Pressed, and nothing came of it.
    let dead = MachineStatus { press: pressed(PowerState::On, 10.0, 10.3), commanded: PowerState::On, ..off };
    assert_eq!(says(&dead, None, 20.0), None);
    let (state, words) = says(&dead, None, 26.0).unwrap();
    assert_eq!(state, PowerState::Unknown);
    assert!(words.contains("its supply"), "{words}");
}

#[test]
fn what_measures_itself_is_not_judged() {
    let machine = MachineStatus { link: Some(false), link_changed: moment(1.0), ..on() };
    assert_eq!(judge(&machine, None, Nature::Managed, &at(60.0)), None);
}
