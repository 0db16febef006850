//! `p1` to `p8`, `all` and groups: which machine or port is meant, and which is nobody's to switch.

use lab::{
    Board, Code, Failure, Machine,
    ports::{OWN_CONTROL, Outlet},
    power::BOSS_OUTLET,
};

use super::no::No;

/// The controller's and the router's ports on the owner's switch. Without them nothing could be switched on again.
const NEVER: [u32; 2] = [7, 8];
/// The spare relay.
const SPARE: Outlet = 8;

/// The machine whose power the number stands for. One that hangs on no relay is known by its box.
pub(super) fn machine_at(board: &Board, number: Outlet) -> Option<&Machine> {
    let own = |machine: &&Machine| machine.outlet >= OWN_CONTROL && machine.box_number == u32::from(number);
    board.machine_by_outlet(number).or_else(|| board.machines.iter().find(own))
}

/// `p3` as 3; `None` for `all`.
fn number(what: &str, port: &str) -> Result<Option<u8>, No> {
    let port = port.to_ascii_lowercase();
    if port == "all" {
        return Ok(None);
    }
    let number = port.strip_prefix('p').and_then(|n| n.parse::<u8>().ok()).filter(|n| (1..=8).contains(n));
    // `p03` is nobody's spelling of a port.
    let number = number.filter(|n| port == format!("p{n}"));
    number
        .map(Some)
        .ok_or_else(|| No::bad(what, format!("{port:?} is no port"), "say port=p1 to p6, or port=all"))
}

/// The outlets of a power call, with the names of what hangs on them.
pub(super) fn outlets(board: &Board, port: &str) -> Result<Vec<(Outlet, String)>, No> {
    let what = "switch power";
    let Some(number) = number(what, port)? else {
        let boxes = (1..=6).filter_map(|number| machine_at(board, number));
        return Ok(boxes.map(|machine| (machine.outlet, machine.name.clone())).collect());
    };
    if number == BOSS_OUTLET {
        let why = "outlet 7 is the controller's own power button: holding it ends this program";
        let remedy = "to restart the controller, use /system or System on the screens";
        return Err(Failure::new(Code::BossOutlet, what, why, remedy).into());
    }
    if let Some(machine) = machine_at(board, number) {
        return Ok(vec![(machine.outlet, machine.name.clone())]);
    }
    let allowed = board.relay.as_ref().is_some_and(|relay| relay.allow_8);
    if number == SPARE && !allowed {
        let why = "outlet 8 is the spare one, and the board file does not allow it";
        let remedy = "set `allow_8 = true` below [relay] in the board file if something hangs on it";
        return Err(Failure::new(Code::Forbidden, what, why, remedy).into());
    }
    Ok(vec![(number, format!("outlet{number}"))])
}

/// The switch ports of a switch call, in the order in which they are switched.
pub(super) fn ports(board: &Board, port: &str) -> Result<Vec<u32>, No> {
    let what = "switch a port";
    let protected = |port: u32| {
        NEVER.contains(&port) || board.switch.as_ref().is_some_and(|gear| gear.protected().contains(&port))
    };
    let of = |wanted: &dyn Fn(&Machine) -> bool| -> Vec<u32> {
        let machines = board.machines.iter().filter(|machine| wanted(machine));
        machines.filter_map(|machine| machine.port).filter(|port| !protected(*port)).collect()
    };
    let group = of(&|machine| machine.group.as_deref().is_some_and(|g| g.eq_ignore_ascii_case(port)));
    if !group.is_empty() {
        return Ok(group);
    }
    let Some(number) = number(what, port)? else { return Ok(of(&|_| true)) };
    if protected(number.into()) {
        let why = format!("port {number} is the controller's or the router's");
        let remedy = "nothing: without them this program could not switch it on again";
        return Err(Failure::new(Code::Forbidden, what, why, remedy).into());
    }
    Ok(vec![number.into()])
}
