//! A clock that is days behind is named, by the real program, before anything that is dated.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::time::Duration;

use serde_json::Value;
use support::{Served, text, until};

/// Five days.
const BEHIND: &str = "-432000";

#[test]
fn a_clock_five_days_behind_is_named_first() {
    let dir = tempfile::tempdir().unwrap();
    Served::start(dir.path(), &["--board", "simulated"]).stop();
    let served = Served::start(dir.path(), &["--board", "simulated", "--clock-offset", BEHIND]);
    let clock = until("the clock to be judged", Duration::from_secs(20), || {
        let status = served.json(&["status"]);
        status["clock"]["trust"].is_string().then(|| status["clock"].clone())
    });
    assert_eq!(clock["trust"], "behind", "{clock}");
    assert!(clock["says"].as_str().unwrap().contains("d behind the newest event ("), "{clock}");
    assert!(clock["remedy"].as_str().unwrap().contains("certificates are judged again"), "{clock}");
    // Nothing is judged before it: the engine's own start alone precedes it.
    let events = served.lines(&["events"]);
    let position = |kind: &str| events.iter().rposition(|event| event["kind"] == kind);
    assert_eq!(position("clock-judged"), position("engine-started").map(|at| at + 1), "{events:?}");
    let judged: Vec<&Value> = events[position("engine-started").unwrap()..]
        .iter()
        .filter(|event| event["kind"] == "certificate-turned" && event["data"]["state"] != "unknown")
        .collect();
    assert!(judged.is_empty(), "judged by a clock that is not believed: {judged:?}");
    served.stop();

    let output = support::ask(dir.path(), &["serve", "--board", "virtual", "--clock-offset", "5"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("simulated boards"), "{}", text(&output.stderr));
}
