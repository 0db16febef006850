//! The names of a board, from its file: the boss, the way out, every machine, and each lab.

use lab::{Board, dial::Dial};
use netboot::dns::Names;

/// Label of the engine's own address.
const BOSS: &str = "boss";
/// Zone of a board whose file names none.
const DOMAIN: &str = "local";

/// The boss's whole name.
pub(in crate::wiring) fn boss(board: &Board) -> String {
    format!("{BOSS}.{}", domain(board))
}

fn domain(board: &Board) -> &str {
    board.network.domain.as_deref().unwrap_or(DOMAIN)
}

/// Hosts first: what stands first is what an address is called. A lab's name stands for its machines in turn, and so does
/// the name of its workers.
pub(in crate::wiring) fn of(board: &Board, dial: &Dial) -> Names {
    let network = &board.network;
    let at = |address| dial.address(address);
    let mut records = vec![(BOSS.to_owned(), vec![at(network.boss)])];
    records.extend(network.gateway.map(|gateway| ("firewall".to_owned(), vec![at(gateway)])));
    records.extend(board.machines.iter().map(|machine| (machine.name.clone(), vec![at(machine.address)])));
    for lab in &board.labs {
        let machines: Vec<_> = board.machines_of(lab).iter().map(|machine| at(machine.address)).collect();
        // A rehearsal gives nobody a role: its workers are all of them.
        records.push((lab.name.clone(), machines.clone()));
        records.push((format!("{}-workers", lab.name), machines));
    }
    Names {
        domain: domain(board).to_owned(),
        server: BOSS.to_owned(),
        network: (at(network.address), network.prefix),
        records,
    }
}

#[cfg(test)]
mod tests {
    use netboot::dns::Zone;

    use super::*;
    use crate::config::{BoardChoice, choose_board};

    #[test]
    fn every_lab_finds_what_it_needs() {
        let board = choose_board("virtual", BoardChoice::default()).unwrap();
        let zone = Zone::new(&of(&board, &Dial::new(board.board.kind))).unwrap();
        let known: Vec<(String, usize)> = zone.names().map(|(name, at)| (name, at.len())).collect();
        let machines = board.machines.len();
        for (name, count) in [
            ("boss.local", 1),
            ("firewall.local", 1),
            ("node1.local", 1),
            ("rehearsal.local", machines),
            ("rehearsal-workers.local", machines),
        ] {
            assert!(known.contains(&(name.to_owned(), count)), "{name} in {known:?}");
        }
    }
}
