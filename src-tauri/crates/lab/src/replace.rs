//! A PC that broke and was replaced has another hardware address: which stranger stands in whose place. Pure.

use crate::{Board, Mac, PowerState, event::Stamp, live::Snapshot};

/// A stranger that was heard after somebody's button was pressed, and that somebody was not.
#[derive(Debug, Clone, PartialEq)]
pub struct Replacement {
    pub machine: String,
    pub box_number: u32,
    pub mac: Mac,
    /// The code on the stranger's own screen.
    pub code: String,
    pub since: Stamp,
}

/// Firmware takes up to two minutes on slow PCs; who comes later has another reason.
const AFTER_PRESS_S: f64 = 180.0;

/// Each stranger that can stand in one place only.
pub fn replacements(board: &Board, snapshot: &Snapshot) -> Vec<Replacement> {
    let pressed = |machine: &&crate::Machine| {
        let known = snapshot.status.machines.get(&machine.name)?;
        let press =
            known.press.as_ref().filter(|press| press.to == PowerState::On && press.failure.is_none())?;
        let heard = snapshot.live.heard.get(&machine.name);
        let silent = heard.is_none_or(|heard| heard.stamp.mono_us < press.stamp.mono_us);
        silent.then(|| press.stamp.clone())
    };
    let waiting: Vec<(&crate::Machine, Stamp)> =
        board.machines.iter().filter_map(|machine| Some((machine, pressed(&machine)?))).collect();
    let mut found = Vec::new();
    for stranger in &snapshot.live.unknown {
        let after = |(_, press): &&(&crate::Machine, Stamp)| {
            stranger.first.seconds_since(press).is_some_and(|later| (0.0..=AFTER_PRESS_S).contains(&later))
        };
        let mut places = waiting.iter().filter(after);
        // Two silent machines and one stranger: nobody can tell whose place it is.
        if let (Some((machine, _)), None) = (places.next(), places.next()) {
            found.push(Replacement {
                machine: machine.name.clone(),
                box_number: machine.box_number,
                mac: stranger.mac,
                code: stranger.code.clone(),
                since: stranger.first.clone(),
            });
        }
    }
    // Two strangers for one place are no answer either.
    let alone = |one: &Replacement| found.iter().filter(|other| other.machine == one.machine).count() == 1;
    found.iter().filter(|one| alone(one)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        MachineStatus, Status,
        live::{Heard, Live, UnknownMachine},
        status::Press,
    };

    fn at(seconds: i64) -> Stamp {
        Stamp { wall_us: seconds * 1_000_000, mono_us: seconds * 1_000_000, host_boot: "b".into() }
    }

    fn stranger(last: u8, first: i64) -> UnknownMachine {
        let mac = Mac([2, 0, 0, 0, 0, last]);
        UnknownMachine { mac, code: format!("00{last}"), first: at(first), last: at(first), times: 1 }
    }

    fn found(pressed: &[(&str, i64)], heard: &[(&str, i64)], strangers: Vec<UnknownMachine>) -> Vec<String> {
        let board = Board::parse("b", include_str!("../../../../boards/simulated.toml")).unwrap();
        let mut status = Status::default();
        for (name, when) in pressed {
            let press =
                Press { to: PowerState::On, stamp: at(*when), seq: 1, ended: Some(at(*when)), failure: None };
            let machine = MachineStatus { press: Some(press), ..MachineStatus::default() };
            status.machines.insert((*name).to_owned(), machine);
        }
        let heard = heard.iter().map(|(name, when)| {
            ((*name).to_owned(), Heard { stamp: at(*when), what: "DHCP".into(), heartbeat_ms: None })
        });
        let live = Live { unknown: strangers, heard: heard.collect(), ..Live::default() };
        let snapshot = Snapshot { status: Arc::new(status), live, now: at(1000) };
        replacements(&board, &snapshot)
            .into_iter()
            .map(|one| format!("{} {}", one.machine, one.code))
            .collect()
    }

    #[test]
    fn a_stranger_stands_where_one_press_was_not_answered() {
        assert_eq!(found(&[("node4", 100)], &[], vec![stranger(9, 130)]), ["node4 009"]);
        assert_eq!(
            found(&[("node4", 100), ("node5", 90)], &[("node5", 120)], vec![stranger(9, 130)]),
            ["node4 009"]
        );
    }

    #[test]
    fn what_can_be_told_two_ways_is_not_told() {
        let none: [String; 0] = [];
        assert_eq!(found(&[("node4", 100), ("node5", 90)], &[], vec![stranger(9, 130)]), none, "two places");
        assert_eq!(
            found(&[("node4", 100)], &[], vec![stranger(8, 120), stranger(9, 130)]),
            none,
            "two strangers"
        );
        assert_eq!(found(&[("node4", 100)], &[("node4", 110)], vec![stranger(9, 130)]), none, "it was heard");
        assert_eq!(found(&[("node4", 100)], &[], vec![stranger(9, 90)]), none, "before the press");
        assert_eq!(found(&[("node4", 100)], &[], vec![stranger(9, 400)]), none, "long after");
    }
}
