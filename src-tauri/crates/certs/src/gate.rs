//! The gate: nothing that uses a certificate is started before its own is good.
//!
//! It works without the engine, since it is needed before anything runs: `statusinator certs ensure NAME` in a unit that the
//! service requires and comes after. What came of it is left as a small file that the engine tells later.

mod reports;

use std::time::Duration;

use futures::{StreamExt, stream};
use lab::{
    Code, Failure,
    certificate::{CertificateState, CertificatesReading, Gate, judge},
    clock::Trust,
};
use tokio::time::{Instant, sleep};

pub(crate) use reports::{of_round, told};

use crate::{
    MICROS,
    shelf::{After, Renewed, Shelf, Want},
};

/// At the same time: what a small board has.
const AT_ONCE: usize = 8;
/// A CA that is being started is asked again soon, then less often.
const FIRST_REST: Duration = Duration::from_millis(200);
const LONGEST_REST: Duration = Duration::from_secs(2);
/// Clocks within a lab differ by seconds.
const AHEAD_US: i64 = 5 * 60 * MICROS;

/// What became of one of them.
#[derive(Debug, Clone)]
pub struct Ensured {
    pub name: String,
    /// `Ok(None)`: it was good already.
    pub outcome: Result<Option<Renewed>, Failure>,
    /// It is good, and yet its renewal did not come.
    pub late: Option<Failure>,
}

/// Makes these good, or all that are ours where none is named; waits for the CA until the deadline, and never reloads anything.
pub async fn ensure(
    shelf: &Shelf,
    names: &[String],
    deadline: Duration,
) -> Result<(Vec<Ensured>, Gate), Failure> {
    let began = Instant::now();
    let until = began + deadline;
    let chosen: Vec<String> =
        if names.is_empty() { shelf.ours().map(|gear| gear.name.clone()).collect() } else { names.to_vec() };
    for name in &chosen {
        shelf.gear(name)?;
    }
    let each: Vec<Ensured> =
        stream::iter(chosen).map(|name| ensure_one(shelf, name, until)).buffered(AT_ONCE).collect().await;
    let gate = Gate {
        good: count(each.iter().filter(|one| one.outcome.is_ok()).count()),
        renewed: count(each.iter().filter(|one| matches!(one.outcome, Ok(Some(_)))).count()),
        failed: each.iter().filter(|one| one.outcome.is_err()).map(|one| one.name.clone()).collect(),
        seconds: began.elapsed().as_secs_f64(),
        off_s: None,
        at_us: shelf.now_us(),
    };
    reports::leave(shelf.folder(), &gate).await;
    Ok((each, gate))
}

async fn ensure_one(shelf: &Shelf, name: String, until: Instant) -> Ensured {
    let mut rest = FIRST_REST;
    let failure = loop {
        let tried = match shelf.gear(&name).map(|gear| gear.renew) {
            Ok(true) => shelf.renew(&name, Want::Due, After::Nothing, until).await,
            Ok(false) => works(shelf, &name).await.map(|()| None),
            Err(failure) => Err(failure),
        };
        let failure = match tried {
            Ok(renewed) => return Ensured { name, outcome: Ok(renewed), late: None },
            Err(failure) => failure,
        };
        // A CA that says no says no; one that is silent may be about to start, and a clock about to be set.
        let waits = matches!(failure.code, Code::DeviceAbsent | Code::TimedOut) || !shelf.trust().usable();
        if !waits || Instant::now() + rest >= until {
            break failure;
        }
        sleep(rest).await;
        rest = (rest * 2).min(LONGEST_REST);
    };
    match works(shelf, &name).await {
        Ok(()) => Ensured { name, outcome: Ok(None), late: Some(failure) },
        Err(_) => Ensured { name, outcome: Err(failure), late: None },
    }
}

/// Whether a service that started now would work with it.
async fn works(shelf: &Shelf, name: &str) -> Result<(), Failure> {
    let reading = shelf.look_at(name).await?;
    let judged = judge(&reading, shelf.now_us(), shelf.trust());
    if judged.state.works() {
        return Ok(());
    }
    let silent = reading.failure.as_ref().is_some_and(|failure| failure.code == Code::DeviceAbsent);
    let code = if silent { Code::DeviceAbsent } else { Code::DeviceRefused };
    let remedy = reading.note.unwrap_or_else(|| "renew it where it was made".to_owned());
    let why = format!("it is {}: {}", judged.state.word(), judged.says);
    Err(Failure::new(code, format!("find {name} good"), why, remedy))
}

/// When the newest of our certificates began: time cannot be before that, unless the clock is wrong. For who has no better
/// source.
pub fn newest_us(reading: &CertificatesReading) -> Option<i64> {
    let ours = reading.list.iter().filter(|one| one.ours);
    ours.filter_map(|one| one.facts.as_ref().map(|facts| facts.not_before_us)).max()
}

/// What a moment that has passed says of the clock.
pub fn clock_by(passed_us: Option<i64>, now_us: i64) -> Trust {
    if passed_us.is_some_and(|passed| passed > now_us + AHEAD_US) {
        Trust::Behind
    } else {
        Trust::Unconfirmed
    }
}

/// For a gate's count of those that were good.
fn good(reading: &CertificatesReading, now_us: i64, trust: Trust) -> usize {
    let ours = reading.list.iter().filter(|one| one.ours);
    ours.filter(|one| {
        matches!(judge(one, now_us, trust).state, CertificateState::Good | CertificateState::Late)
    })
    .count()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "gate/gate_tests.rs"]
mod tests;
