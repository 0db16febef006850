//! `logs`: records out of the store, and as they come.

use anyhow::{Context, Result};
use api::wire::{RecordWire, RecordsWire};
use clap::Args;
use lab::log::Level;

use super::{Common, Exit, client::Client, print, sse};

#[derive(Args)]
pub(super) struct ShowOptions {
    /// Go on as records come, until interrupted.
    #[arg(long, short)]
    follow: bool,
    /// Only of these machines or nodes.
    #[arg(long, short, value_name = "NAME", value_delimiter = ',')]
    machine: Vec<String>,
    /// Only of this service.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Only of this input: collector, otlp, syslog-udp, syslog-tcp, talos, boot-log.
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// This level or worse.
    #[arg(long, short, value_name = "LEVEL", value_parser = level)]
    level: Option<Level>,
    /// Records with all these words; the beginning of a word will do.
    #[arg(long, short, value_name = "WORDS")]
    grep: Option<String>,
    /// Not older than this: a time (RFC 3339), or so long ago (90s, 15m, 2h, 3d).
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<jiff::Timestamp>,
    /// Not newer than this.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    until: Option<jiff::Timestamp>,
    /// How many of the newest.
    #[arg(long, short = 'n', default_value_t = 50, value_name = "COUNT")]
    count: usize,
}

fn level(word: &str) -> Result<Level, String> {
    let known = || Level::ALL.map(Level::word).join(", ");
    Level::parse(word).ok_or_else(|| format!("one of {}", known()))
}

/// A time, or so long before now.
fn moment(text: &str) -> Result<jiff::Timestamp, String> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(at);
    }
    let words = || format!("{text:?} is neither a time (2026-11-22T14:00:00Z) nor an age (90s, 15m, 2h, 3d)");
    let unit = text.chars().last().ok_or_else(words)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(words()),
    };
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| words())?;
    let ago = number.checked_mul(seconds).filter(|ago| *ago >= 0).ok_or_else(words)?;
    jiff::Timestamp::now().checked_sub(jiff::SignedDuration::from_secs(ago)).map_err(|_| words())
}

/// Records asked for at once.
const PAGE: usize = 1000;

pub(super) async fn run(common: &Common, options: &ShowOptions) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    let query = query(options)?;
    if options.follow {
        return follow(common, &client, &query).await;
    }
    let (mut records, mut before) = (Vec::new(), None);
    while records.len() < options.count {
        let limit = (options.count - records.len()).min(PAGE);
        let before_this = before.map(|id: i64| format!("&before={id}")).unwrap_or_default();
        let page: RecordsWire =
            client.get(&format!("/api/v1/logs/records?limit={limit}{before_this}{query}")).await?;
        records.extend(page.records);
        before = page.more;
        if before.is_none() {
            break;
        }
    }
    for record in records.iter().rev() {
        show(common, record)?;
    }
    Ok(Exit::Done)
}

/// What both routes take, each part with `&` before it.
fn query(options: &ShowOptions) -> Result<String> {
    let pairs = [
        ("node", (!options.machine.is_empty()).then(|| options.machine.join(","))),
        ("service", options.service.clone()),
        ("stream", options.stream.clone()),
        ("level", options.level.map(|level| level.word().to_owned())),
        ("grep", options.grep.clone()),
        ("since", options.since.map(|at| at.to_string())),
        ("until", options.until.map(|at| at.to_string())),
    ];
    let given = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let url = reqwest::Url::parse_with_params("http://localhost/", given).context("write the question")?;
    Ok(url.query().filter(|query| !query.is_empty()).map(|query| format!("&{query}")).unwrap_or_default())
}

async fn follow(common: &Common, client: &Client, query: &str) -> Result<Exit> {
    let answer = client.stream(&format!("/api/v1/logs/stream?{}", query.trim_start_matches('&'))).await?;
    sse::each(answer, |kind, data| match kind {
        "record" => show(common, &serde_json::from_str(data).context("read a record")?),
        "lagged" => {
            tracing::warn!(data, "records were skipped: they come faster than they are printed");
            Ok(())
        }
        _ => Ok(()),
    })
    .await?;
    Ok(Exit::Done)
}

fn show(common: &Common, record: &RecordWire) -> Result<()> {
    if common.json {
        return print::json(record);
    }
    let at = record.time.as_ref().unwrap_or(&record.seen);
    let node = if record.node.is_empty() { "–" } else { &record.node };
    print::line(&format!(
        "{} {:<8} {:<9} {}: {}",
        print::clock(at),
        node,
        record.level,
        record.service,
        record.message
    ))
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn a_moment_is_a_time_or_an_age() {
        assert_eq!(moment("2026-11-22T14:00:00Z").unwrap().as_second(), 1_795_356_000);
        let ago = jiff::Timestamp::now().as_second() - moment("2h").unwrap().as_second();
        assert!((7199..=7201).contains(&ago), "{ago}");
        for bad in ["", "2", "h", "2w", "-3m", "99999999999999999999s", "9223372036854775807d", "ä"] {
            assert!(moment(bad).is_err(), "{bad:?}");
        }
    }
}
