//! Real firmware that does not try the network: explained as soon as it can be, decided by a look.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use support::{Served, until};

#[test]
fn silence_after_the_link_is_told_when_it_can_be_known() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), &["--board", "virtual", "--machines", "1"]);
    until("the board to be built", Duration::from_secs(60), || {
        served.ask(&["fault", "no-network-boot", "1"]).status.success().then_some(())
    });
    served.ask(&["lab", "start", "rehearsal"]);
    let told = until("a verdict", Duration::from_secs(120), || {
        let told = served.json(&["explain", "1"]);
        (told["verdict"] != Value::Null).then_some(told)
    });
    let verdict = &told["verdict"];
    assert_eq!(verdict["code"], "silent-after-link", "{told}");
    let events = served.lines(&["events"]);
    let explained = events.iter().find(|event| event["kind"] == "explained").unwrap();
    let time = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
    let late = time(&explained["at"]).duration_since(time(&verdict["knowable"]));
    assert!(late.as_secs_f64() < 10.0, "told {late} after it could be known");
    let decided = served.json(&["answer", "1", "shows-system"]);
    assert_eq!(decided["verdict"]["code"], "network-boot-not-first", "{decided}");
    served.json(&["lab", "cancel", "--wait"]);
    served.stop();
}
