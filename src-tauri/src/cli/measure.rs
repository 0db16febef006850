//! `measure boot`: real boots by one way after the other, kept in history, one table at the end.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use api::wire::{KeepMeasureWire, MeasuredWire};
use clap::{Args, Subcommand};
use lab::{Way, status::median};

use super::{
    Common, Exit,
    client::Client,
    labs::{ended, escape, start},
    print, ways,
};

#[derive(Subcommand)]
pub(super) enum MeasureCommand {
    /// Boot a machine by each way in turn, several times, and compare.
    Boot(MeasureOptions),
    /// Boots that were measured before.
    List,
}

#[derive(Args)]
pub(super) struct MeasureOptions {
    /// Box number or name.
    machine: String,
    /// Ways to compare, separated by commas: owner, ipxe, http, http-ipxe, bios, secure, local.
    #[arg(long, value_delimiter = ',', default_value = "owner,ipxe,http")]
    ways: Vec<String>,
    /// Boots by each way.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    times: u32,
}

/// The lab whose boots touch no disk.
const LAB: &str = "rehearsal";

pub(super) async fn run(common: &Common, command: MeasureCommand) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    match command {
        MeasureCommand::Boot(options) => boot(common, &client, &options).await,
        MeasureCommand::List => {
            let all: Vec<MeasuredWire> = client.get("/api/v1/measured").await?;
            for one in &all {
                line(common, one)?;
            }
            Ok(Exit::Done)
        }
    }
}

async fn boot(common: &Common, client: &Client, options: &MeasureOptions) -> Result<Exit> {
    for way in &options.ways {
        ensure!(
            Way::parse(way).is_some(),
            "{way:?} is no way to boot; there are {}",
            Way::ALL.map(Way::word).join(", ")
        );
    }
    let measured = measure(common, client, options).await;
    // Whatever happened, the choice is the program's again.
    let given_back = ways::ask(client, &options.machine, None).await;
    let measured = measured?;
    given_back?;
    if !common.json {
        table(&options.ways, &measured)?;
    }
    let whole = measured.iter().all(|(asked, one)| one.whole_s.is_some() && one.way == *asked);
    Ok(if whole { Exit::Done } else { Exit::Failed })
}

/// The ways take turns, so that whatever else the machine does meanwhile meets all of them.
async fn measure(
    common: &Common,
    client: &Client,
    options: &MeasureOptions,
) -> Result<Vec<(String, MeasuredWire)>> {
    let mut measured = Vec::new();
    let mut measurement = None;
    for _ in 0..options.times {
        for way in &options.ways {
            ways::ask(client, &options.machine, Some(way)).await?;
            let mut one = once(common, client, &options.machine, way, &mut measurement).await?;
            // On a machine whose boot order only its probe can write, the boot before must have been told of this way.
            if one.way != *way && one.whole_s.is_some() {
                one = once(common, client, &options.machine, way, &mut measurement).await?;
            }
            measured.push((way.clone(), one));
        }
    }
    Ok(measured)
}

async fn once(
    common: &Common,
    client: &Client,
    machine: &str,
    way: &str,
    measurement: &mut Option<u64>,
) -> Result<MeasuredWire> {
    let reason = Some(format!("measured boot by {way}"));
    let started = start(client, LAB, vec![machine.to_owned()], reason).await?;
    let measurement = *measurement.get_or_insert(started.run);
    ended(client, started.run).await?;
    let path = format!("/api/v1/machines/{}/measured", escape(machine));
    let one: MeasuredWire = client.post(&path, &KeepMeasureWire { measurement }).await?;
    line(common, &one)?;
    Ok(one)
}

fn line(common: &Common, one: &MeasuredWire) -> Result<()> {
    if common.json {
        return print::json(one);
    }
    let boot = one.boot.map_or_else(String::new, |boot| format!("boot {boot}"));
    print::line(&format!(
        "{:<10} {:<8} {:<9} network {:>8}  whole {:>8}",
        one.way,
        one.machine,
        boot,
        print::seconds(one.network_s),
        print::seconds(one.whole_s)
    ))
}

/// Medians with their spread, and each way against the first.
fn table(asked: &[String], measured: &[(String, MeasuredWire)]) -> Result<()> {
    let mut by_way: BTreeMap<&str, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for (way, one) in measured.iter().filter(|(way, one)| one.way == *way) {
        let (network, whole) = by_way.entry(way.as_str()).or_default();
        network.extend(one.network_s);
        whole.extend(one.whole_s);
    }
    let first = asked.first().and_then(|way| by_way.get(way.as_str()));
    let base = first.and_then(|(network, whole)| Some((middle(network)?, middle(whole)?)));
    print::line("")?;
    print::line(&format!(
        "{:<10} {:>26} {:>7}   {:>26} {:>7}",
        "way", "network phase", "", "whole boot", ""
    ))?;
    for way in asked {
        let Some((network, whole)) = by_way.get(way.as_str()) else {
            print::line(&format!("{way:<10} did not arrive by this way"))?;
            continue;
        };
        let ratio = |figures: &[f64], base: Option<f64>| match (middle(figures), base) {
            (Some(now), Some(base)) if base > 0.0 => format!("{:.2} ×", now / base),
            _ => String::new(),
        };
        print::line(&format!(
            "{way:<10} {:>26} {:>7}   {:>26} {:>7}",
            spread(network),
            ratio(network, base.map(|b| b.0)),
            spread(whole),
            ratio(whole, base.map(|b| b.1)),
        ))?;
    }
    Ok(())
}

fn middle(figures: &[f64]) -> Option<f64> {
    median(figures.iter().copied())
}

fn spread(figures: &[f64]) -> String {
    let low = figures.iter().copied().fold(f64::INFINITY, f64::min);
    let high = figures.iter().copied().fold(0.0, f64::max);
    middle(figures).map_or_else(|| "none".into(), |middle| format!("{middle:.2} s ({low:.2} to {high:.2})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_names_the_median_and_both_ends() {
        assert_eq!(spread(&[3.0, 1.0, 2.0]), "2.00 s (1.00 to 3.00)");
        assert_eq!(spread(&[]), "none");
    }
}
