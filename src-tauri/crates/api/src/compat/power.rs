//! `/power`: switch machines on and off, or off and on again.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::{Query, State},
    http::StatusCode,
};
use engine::{Command, Order, PowerAct};
use lab::{Code, Failure, MachineStatus, PowerState, live::Snapshot, ports::Outlet};
use serde::Deserialize;
use tokio::time::{sleep, timeout};

use super::{door::Asker, no::No, site::Site, targets};

/// Some machines ignore a press right after another.
const REST: Duration = Duration::from_millis(1500);
/// The longest that anybody waits for "off"; the board's own limit counts where it is shorter.
const OFF_WITHIN: Duration = Duration::from_secs(100);
const WHAT: &str = "switch power";

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    action: String,
    #[serde(default)]
    port: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    On,
    Off,
    Restart,
}

pub(super) async fn power(
    State(site): State<Arc<Site>>,
    Extension(asker): Extension<Asker>,
    Query(asked): Query<Asked>,
) -> Result<StatusCode, No> {
    let action = match asked.action.to_ascii_lowercase().as_str() {
        "turnon" => Action::On,
        "turnoff" => Action::Off,
        "restart" => Action::Restart,
        other => {
            let remedy = "say action=turnon, turnoff or restart";
            return Err(No::bad(WHAT, format!("{other:?} is no action"), remedy));
        }
    };
    let outlets = targets::outlets(&site.state.board, &asked.port)?;
    let all = asked.port.eq_ignore_ascii_case("all");
    let own = site.clone();
    // A page that closes in the middle of a restart does not leave the machine off.
    let done = site.tasks.spawn(async move { carry_out(&own, &asker, action, &outlets, all).await });
    done.await.map_err(|_| No::cannot(WHAT, "the program made a mistake", "report this"))??;
    Ok(StatusCode::OK)
}

/// One machine's failure keeps no other from being switched; all of them are said at the end.
async fn carry_out(
    site: &Site,
    asker: &Asker,
    action: Action,
    outlets: &[(Outlet, String)],
    all: bool,
) -> Result<(), Failure> {
    let mut failures = Vec::new();
    let mut went_off = Vec::new();
    for (outlet, machine) in outlets {
        let known = look(&site.state.engine.snapshot(), machine);
        let already = action == Action::On && known.observed == PowerState::On;
        if all && already {
            continue;
        }
        let act = if action == Action::On { PowerAct::On } else { PowerAct::Off };
        match order(site, asker, *outlet, act).await {
            Ok(()) => went_off.push((*outlet, machine)),
            Err(failure) => failures.push(failure),
        }
    }
    if action == Action::Restart {
        for (outlet, machine) in went_off {
            let on = async {
                until_off(site, machine).await?;
                sleep(REST).await;
                order(site, asker, outlet, PowerAct::On).await
            };
            if let Err(failure) = on.await {
                failures.push(failure);
            }
        }
    }
    let mut failures = failures.into_iter();
    let Some(first) = failures.next() else { return Ok(()) };
    let why = failures.fold(first.why.clone(), |why, next| format!("{why}; {next}"));
    Err(Failure { why, ..first })
}

async fn order(site: &Site, asker: &Asker, outlet: Outlet, act: PowerAct) -> Result<(), Failure> {
    let command = Command::Power { outlet, act };
    let order = Order { command, actor: asker.actor.clone(), reason: asker.reason("/power") };
    site.state.engine.order(order).await.map(|_| ())
}

fn look(picture: &Snapshot, machine: &str) -> MachineStatus {
    picture.status.machines.get(machine).cloned().unwrap_or_default()
}

/// Seen off, and the press that did it has ended.
async fn until_off(site: &Site, machine: &str) -> Result<(), Failure> {
    let limit = Duration::from_secs(site.state.board.limits.power_down_s).min(OFF_WITHIN);
    let mut pictures = site.state.engine.snapshots();
    let off = pictures.wait_for(|picture| {
        let known = look(picture, machine);
        let pressing = known.press.is_some_and(|press| press.ended.is_none());
        known.observed == PowerState::Off && !pressing
    });
    match timeout(limit, off).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => {
            let what = format!("restart {machine}");
            Err(Failure::new(Code::EngineStopped, what, "the engine has stopped", "start the program again"))
        }
        Err(_) => Err(Failure::new(
            Code::TimedOut,
            format!("restart {machine}"),
            format!("it was not seen to be off within {} s", limit.as_secs()),
            "look at the PC; hold its own button for 5 s, then switch it on",
        )),
    }
}
