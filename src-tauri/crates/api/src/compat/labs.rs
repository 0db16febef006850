//! `/setlab`, `/getlab`, `/lastlab`, `/scenarios`: the labs of the board file in the owner's words.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{
    Extension,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use engine::{Command, Order, Outcome};
use lab::{Board, Code, Failure, Lab, Run, live::Snapshot};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::{door::Asker, no::No, site::Site, streams::text};

/// What was done is undone first: every machine switched off again.
const CANCEL_WITHIN: Duration = Duration::from_secs(90);
const SET: &str = "start a lab";

#[derive(Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    lab: String,
    #[serde(default)]
    adopt: String,
}

pub(super) async fn setlab(
    State(site): State<Arc<Site>>,
    Extension(asker): Extension<Asker>,
    Query(which): Query<Which>,
) -> Result<StatusCode, No> {
    let lab = named(&site.state.board, &which.lab)?;
    if site.state.board.machines_of(lab).is_empty() {
        return Err(No::cannot(SET, format!("{} has no machines", lab.name), "look at the board file"));
    }
    if which.adopt == "true" {
        // What the engine finds still running it has taken up already; only the name of the active lab is missing.
        if last(&site).is_none() {
            return Err(No::cannot(SET, "no lab was ever started, so none can be adopted", "start it"));
        }
        site.adopted.store(true, Ordering::Relaxed);
        site.reset();
        return Ok(StatusCode::OK);
    }
    let (name, own) = (lab.name.clone(), site.clone());
    // A page that closes in the middle does not leave the lab before it cancelled and nothing in its place.
    let begun = site.tasks.spawn(async move { begin(&own, &name, &asker, "/setlab").await });
    begun.await.map_err(|_| No::cannot(SET, "the program made a mistake", "report this"))??;
    Ok(StatusCode::OK)
}

/// Cancels what runs, waits until that is undone, and starts the lab. Answers the number of its run.
pub(super) async fn begin(site: &Site, lab: &str, asker: &Asker, path: &str) -> Result<u64, Failure> {
    let busy = |why: &str| Failure::new(Code::Busy, SET, why, "try again in a minute");
    let _turn = site.setting.try_lock().map_err(|_| busy("another lab is being set"))?;
    let engine = &site.state.engine;
    let order = |command| Order { command, actor: asker.actor.clone(), reason: asker.reason(path) };
    let live = |picture: &Snapshot| picture.status.live_run().map(|run| run.id);
    if let Some(run) = live(&engine.snapshot()) {
        match engine.order(order(Command::CancelRun { run: Some(run) })).await {
            // It has ended, or somebody else cancels it.
            Ok(_) => {}
            Err(failure) if matches!(failure.code, Code::NothingToCancel | Code::NotFound) => {}
            Err(failure) => return Err(failure),
        }
        let mut pictures = engine.snapshots();
        let over = pictures.wait_for(|picture| live(picture) != Some(run));
        match timeout(CANCEL_WITHIN, over).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => {
                return Err(Failure::new(
                    Code::EngineStopped,
                    SET,
                    "the engine has stopped",
                    "start it again",
                ));
            }
            Err(_) => return Err(busy(&format!("run {run} is still being cancelled"))),
        }
    }
    site.adopted.store(false, Ordering::Relaxed);
    site.reset();
    match engine.order(order(Command::StartLab { lab: lab.to_owned(), machines: Vec::new() })).await? {
        Outcome::Started { run } => Ok(run),
        _ => {
            let why = "the engine answered as if no run was meant";
            Err(Failure::new(Code::Internal, SET, why, "report this"))
        }
    }
}

fn named<'a>(board: &'a Board, given: &str) -> Result<&'a Lab, No> {
    let wanted = given.trim().to_lowercase();
    let known = board.labs.iter().find(|lab| lab.name.to_lowercase() == wanted);
    known.ok_or_else(|| {
        let why =
            if wanted.is_empty() { "no lab is named".to_owned() } else { format!("{wanted:?} is no lab") };
        let names: Vec<&str> = board.labs.iter().map(|lab| lab.name.as_str()).collect();
        No::bad("find a lab", why, format!("this board has {}", names.join(", ")))
    })
}

fn last(site: &Site) -> Option<String> {
    site.state.engine.snapshot().status.run.as_ref().map(|run| run.lab.clone())
}

/// The lab that was set last in the life of this engine, or adopted.
fn active(site: &Site) -> Option<String> {
    let picture = site.state.engine.snapshot();
    let status = &picture.status;
    let adopted = site.adopted.load(Ordering::Relaxed);
    let ours = |run: &&Run| {
        let begun = status.engine.started.as_ref();
        let since = begun.and_then(|begun| run.started.seconds_since(begun)).is_some_and(|s| s >= 0.0);
        adopted || since || !run.state.is_over()
    };
    status.run.as_ref().filter(ours).map(|run| run.lab.clone())
}

pub(super) async fn getlab(State(site): State<Arc<Site>>) -> String {
    active(&site).unwrap_or_default()
}

pub(super) async fn lastlab(State(site): State<Arc<Site>>) -> Result<String, No> {
    last(&site).ok_or_else(|| No::cannot("name the last lab", "no lab was ever started", "start one"))
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    name: Option<String>,
    #[serde(default)]
    current: String,
    #[serde(default)]
    last: String,
}

/// A lab as `configs.yaml` describes it.
#[derive(Debug, PartialEq, Serialize)]
struct Scenario<'a> {
    nodes: BTreeMap<&'a str, Node<'a>>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Node<'a> {
    ip: String,
    mac: String,
    name: &'a str,
    nodename: &'a str,
    role: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// The rehearsal runs each machine as itself; it is nobody's control plane, and no disk is installed on.
fn scenario<'a>(board: &'a Board, lab: &Lab) -> Scenario<'a> {
    let node = |machine: &'a lab::Machine| Node {
        ip: machine.address.to_string(),
        mac: machine.mac.to_string(),
        name: &machine.name,
        nodename: &machine.name,
        role: "worker",
        kind: "physical",
    };
    let machines = board.machines_of(lab).into_iter();
    Scenario { nodes: machines.map(|machine| (machine.name.as_str(), node(machine))).collect() }
}

pub(super) async fn scenarios(
    State(site): State<Arc<Site>>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, No> {
    let board = &site.state.board;
    let name = match &wanted {
        Wanted { name: Some(name), .. } => Some(name.clone()),
        Wanted { current, .. } if current == "true" => {
            Some(active(&site).or_else(|| last(&site)).unwrap_or_default())
        }
        Wanted { last: wanted, .. } if wanted == "true" => Some(last(&site).unwrap_or_default()),
        _ => None,
    };
    let json = match name {
        Some(name) => text(&scenario(board, named(board, &name)?)),
        None => {
            let all: BTreeMap<&str, Scenario<'_>> =
                board.labs.iter().map(|lab| (lab.name.as_str(), scenario(board, lab))).collect();
            text(&all)
        }
    };
    // Their server guesses this type, and their pages parse the text.
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], json).into_response())
}
