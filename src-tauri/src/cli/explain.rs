//! `explain`, `answer` and `rearm`: why a machine does not boot, and what a person says about it.

use anyhow::Result;
use api::wire::{ExplanationWire, ReasonWire, ScreenWire, StatusWire, VerdictWire};
use clap::{Args, builder::PossibleValuesParser};
use lab::verdict::ScreenAnswer;

use super::{Common, Exit, client::Client, print};

#[derive(Args)]
pub(super) struct ExplainOptions {
    /// Box number or name; every machine with an explanation, and what they have in common, when left out.
    machine: Option<String>,
}

#[derive(Args)]
pub(super) struct AnswerOptions {
    /// Box number or name.
    machine: String,
    /// What its own screen shows.
    #[arg(value_parser = PossibleValuesParser::new(ScreenAnswer::ALL.map(ScreenAnswer::word)))]
    answer: String,
}

#[derive(Args)]
pub(super) struct RearmOptions {
    /// Box number or name.
    machine: String,
    /// Kept with the event.
    #[arg(long)]
    reason: Option<String>,
}

pub(super) async fn explain(common: &Common, options: &ExplainOptions) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    match &options.machine {
        Some(machine) => one(common, &client.get(&path(machine, "explanation")).await?),
        None => all(common, &client).await,
    }
}

pub(super) async fn answer(common: &Common, options: &AnswerOptions) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    let body = ScreenWire { answer: options.answer.clone() };
    one(common, &client.post(&path(&options.machine, "screen"), &body).await?)
}

pub(super) async fn rearm(common: &Common, options: &RearmOptions) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    let body = ReasonWire { reason: options.reason.clone() };
    one(common, &client.post(&path(&options.machine, "rearm"), &body).await?)
}

fn path(machine: &str, what: &str) -> String {
    format!("/api/v1/machines/{}/{what}", super::labs::escape(machine))
}

fn one(common: &Common, explanation: &ExplanationWire) -> Result<Exit> {
    if common.json {
        print::json(explanation)?;
        return Ok(Exit::Done);
    }
    match &explanation.verdict {
        Some(verdict) => tell(&explanation.machine, verdict)?,
        None => print::line(&format!("{}: nothing is known to be wrong", explanation.machine))?,
    }
    Ok(Exit::Done)
}

/// The common cause first, as `about` says, then each machine with a verdict of its own.
async fn all(common: &Common, client: &Client) -> Result<Exit> {
    let status: StatusWire = client.get("/api/v1/status").await?;
    let mut told = 0;
    if let Some(verdict) = &status.common {
        told += 1;
        let explanation = ExplanationWire {
            machine: verdict.about.clone(),
            boot: None,
            ruled_out: verdict.ruled_out.clone(),
            verdict: Some(verdict.clone()),
        };
        one(common, &explanation)?;
    }
    for machine in &status.machines {
        let Some(verdict) = machine.verdict.as_ref().filter(|verdict| verdict.about == machine.name) else {
            continue;
        };
        told += 1;
        let explanation = ExplanationWire {
            machine: machine.name.clone(),
            boot: machine.boot.as_ref().map(|boot| boot.id),
            ruled_out: verdict.ruled_out.clone(),
            verdict: Some(verdict.clone()),
        };
        one(common, &explanation)?;
    }
    if told == 0 && !common.json {
        print::line("nothing is known to be wrong")?;
    }
    Ok(Exit::Done)
}

fn tell(who: &str, verdict: &VerdictWire) -> Result<()> {
    print::line(&format!(
        "{who}: {} ({}), since {}",
        verdict.title,
        verdict.code,
        print::clock(&verdict.since)
    ))?;
    print::line(&format!("  {}", verdict.says.replace('\n', "\n  ")))?;
    if !verdict.machines.is_empty() && verdict.about != who {
        print::line(&format!("  It is one of {} with the same cause.", verdict.machines.len()))?;
    }
    print::line(&format!("  Do this: {}", verdict.remedy))?;
    for cause in &verdict.causes {
        print::line(&format!("   · {cause}"))?;
    }
    if verdict.asks_screen {
        let answers = ScreenAnswer::ALL.map(ScreenAnswer::word).join("|");
        print::line(&format!("  Say what its screen shows: statusinator answer {who} {answers}"))?;
    }
    for ruled in &verdict.ruled_out {
        print::line(&format!("   not: {} ({}; events {:?})", ruled.title, ruled.says, ruled.by))?;
    }
    print::line(&format!("  rests on events {:?}", verdict.evidence))
}
