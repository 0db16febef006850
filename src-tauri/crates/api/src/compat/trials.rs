//! `/reliabilitytest`: starts the same lab over and over, and keeps the ledger.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json,
    extract::{FromRequestParts, Query, Request, State},
    response::{IntoResponse, Response},
};
use engine::{Command, Order};
use futures::stream::{self, Stream};
use lab::{Board, RunState};
use serde::Deserialize;
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    door::{self, Asker},
    labs,
    no::No,
    picture,
    site::Site,
    socket, steps,
    streams::{Upgrade, text},
    trial::{End, INTERVAL_S, Trial},
};

/// The lab that is repeated there, and the one that every board has.
const LABS: [&str; 2] = ["virtual-2", "rehearsal"];
/// A night of six-minute tests has about a hundred. Nobody wears out buttons for longer by forgetting.
const TESTS_MOST: u64 = 200;
/// After a lab that could not even be started.
const AGAIN: Duration = Duration::from_secs(10);
/// A running step's time is counted by the page itself; this is for what else it shows.
const TOLD_EVERY: Duration = Duration::from_secs(1);
const WHAT: &str = "test the board";

pub(super) struct Trials {
    lab: Option<String>,
    ledger: watch::Sender<Trial>,
    running: Mutex<Option<CancellationToken>>,
}

impl Trials {
    pub(super) fn new(board: &Board) -> Self {
        let lab = LABS.iter().find(|name| board.lab(name).is_some()).map(|name| (*name).to_owned());
        Self { lab, ledger: watch::Sender::new(Trial::default()), running: Mutex::default() }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<CancellationToken>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct Asked {
    action: Option<String>,
    #[serde(default, rename = "abortOnFailure")]
    abort: String,
}

pub(super) async fn page(State(site): State<Arc<Site>>, request: Request) -> Result<Response, No> {
    let (mut parts, _) = request.into_parts();
    let asked = Query::<Asked>::from_request_parts(&mut parts, &()).await;
    let Query(asked) = asked.map_err(|slip| No::bad(WHAT, slip.body_text(), "say action=start or stop"))?;
    let Some(action) = asked.action else {
        let Ok(upgrade) =
            Upgrade::from_request_parts(&mut parts, &()).await.unwrap_or_else(|never| match never {})
        else {
            return Ok(Json(site.trials.ledger.borrow().clone()).into_response());
        };
        return socket::tell(&site, upgrade, &parts.headers, ledger(&site));
    };
    let asker = door::admit(&site, &parts.method, &parts.headers, &parts.extensions)?;
    match action.as_str() {
        "start" => start(&site, asker, asked.abort == "true"),
        "stop" => stop(&site),
        other => Err(No::bad(WHAT, format!("{other:?} is no action"), "say action=start or stop")),
    }
}

fn ledger(site: &Site) -> impl Stream<Item = String> + use<> {
    stream::unfold((site.trials.ledger.subscribe(), true), async |(mut ledger, first)| {
        if !first && let Ok(changed) = timeout(TOLD_EVERY, ledger.changed()).await {
            changed.ok()?;
        }
        let now = text(&*ledger.borrow_and_update());
        Some((now, (ledger, false)))
    })
}

fn start(site: &Arc<Site>, asker: Asker, abort: bool) -> Result<Response, No> {
    let Some(lab) = site.trials.lab.clone() else {
        return Err(No::bad(
            WHAT,
            format!("this board has none of {}", LABS.join(", ")),
            "add one to its file",
        ));
    };
    let mut running = site.trials.running();
    if running.is_some() {
        return Err(No::bad(WHAT, "a test is running already", "say action=stop first"));
    }
    let stop = site.shutdown.child_token();
    *running = Some(stop.clone());
    site.trials.ledger.send_replace(Trial::running());
    let own = site.clone();
    site.tasks.spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {
                let now = (own.state.clock)();
                own.trials.ledger.send_modify(|trial| trial.ends(End::Stopped, &now));
            }
            () = repeat(&own, &lab, &asker, abort) => {}
        }
        own.trials.ledger.send_modify(|trial| trial.is_running = false);
        *own.trials.running() = None;
    });
    Ok("Test started".into_response())
}

/// The run under way goes on; who wants it ended cancels it.
fn stop(site: &Site) -> Result<Response, No> {
    match site.trials.running().as_ref().filter(|stop| !stop.is_cancelled()) {
        Some(stop) => stop.cancel(),
        None => return Err(No::bad(WHAT, "no test is running", "say action=start first")),
    }
    Ok("Test stopped".into_response())
}

async fn repeat(site: &Site, lab: &str, asker: &Asker, abort: bool) {
    for _ in 0..TESTS_MOST {
        let now = || (site.state.clock)();
        let ledger = |change: &dyn Fn(&mut Trial)| site.trials.ledger.send_modify(|trial| change(trial));
        ledger(&|trial| trial.begins(&now()));
        let begun = labs::begin(site, lab, asker, "/reliabilitytest").await;
        let end = match &begun {
            Ok(run) => one(site, asker, *run).await,
            Err(failure) => {
                tracing::warn!(%failure, "the reliability test could not start its lab");
                End::Failed
            }
        };
        ledger(&|trial| trial.ends(end, &now()));
        // A person who cancels a run wants no next one.
        if end == End::Stopped || (abort && end != End::Good) {
            return;
        }
        sleep(if begun.is_ok() { Duration::from_secs(INTERVAL_S) } else { AGAIN }).await;
    }
}

/// Follows one run to its end, or to the end of a step's time. The picture may show the run before it for a while.
async fn one(site: &Site, asker: &Asker, id: u64) -> End {
    let mut pictures = site.state.engine.snapshots();
    let mut deadline: Option<Instant> = None;
    loop {
        let run = pictures.borrow_and_update().status.run.clone();
        if run.as_ref().is_some_and(|run| run.id > id) {
            return End::Stopped;
        }
        if let Some(run) = run.as_ref().filter(|run| run.id == id) {
            let now = (site.state.clock)();
            let seen = picture::initializer(run);
            let mut entered = false;
            site.trials.ledger.send_if_modified(|trial| {
                entered = trial.enters(&seen.current_step, &now);
                entered
            });
            match run.state {
                RunState::Done => return End::Good,
                RunState::Failed => return End::Failed,
                RunState::Cancelled | RunState::Cancelling => return End::Stopped,
                RunState::Running => {}
            }
            if entered {
                let limit = steps::limit_s(&seen.current_step);
                deadline = limit.map(|seconds| Instant::now() + Duration::from_secs(seconds));
            }
        }
        tokio::select! {
            changed = pictures.changed() => if changed.is_err() { return End::Stopped },
            () = late(deadline) => {
                let command = Command::CancelRun { run: Some(id) };
                let reason = Some("a step of the reliability test took too long".to_owned());
                let order = Order { command, actor: asker.actor.clone(), reason };
                if let Err(failure) = site.state.engine.order(order).await {
                    tracing::warn!(%failure, "a test that took too long could not be cancelled");
                }
                return End::TimedOut;
            }
        }
    }
}

/// Steps without a limit of their own have the engine's.
async fn late(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
