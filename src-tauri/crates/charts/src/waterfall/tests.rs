//! Boots of every kind, drawn. The snapshots are what people see; look at them as pictures when they change.

use lab::{Body, Draft, Event, Phase, Stamp, boot::Cause, event::SCHEMA};
use serde_json::{Value, json};

use super::*;

/// A boot from its events: what happened and at which second.
fn boot(cause: Cause, story: &[(f64, Body)]) -> Boot {
    let at = |seconds: f64| Stamp {
        wall_us: 1_795_356_358_000_000 + (seconds * 1e6) as i64,
        mono_us: 77_000_000 + (seconds * 1e6) as i64,
        host_boot: "host".into(),
    };
    let event = |seconds: f64, body: Body| Event {
        seq: 1,
        draft: Draft {
            stamp: at(seconds),
            run: None,
            boot: Some(214),
            actor: "engine".into(),
            reason: None,
            subject: "node6".into(),
            body,
        },
        schema: SCHEMA,
    };
    let mut boot = Boot::begin(&event(0.0, Body::BootStarted { cause })).unwrap();
    for (seconds, body) in story {
        boot.apply(&event(*seconds, body.clone())).unwrap();
    }
    boot
}

fn enter(phase: Phase) -> Body {
    Body::PhaseEntered { phase }
}

fn mark(name: &str) -> Body {
    Body::Marked { mark: name.into(), detail: Value::Null }
}

fn sent(name: &str, bytes: u64) -> Body {
    Body::Marked { mark: name.into(), detail: json!({ "bytes": bytes }) }
}

fn end(state: BootState, why: &str) -> Body {
    Body::BootEnded { state, why: why.into() }
}

fn good() -> Boot {
    boot(
        Cause::Press,
        &[
            (0.0, mark("pressed")),
            (11.2, enter(Phase::Address)),
            (11.2, mark("discover")),
            (11.21, mark("address-offered")),
            (13.3, mark("request")),
            (13.31, mark("address-given")),
            (13.6, enter(Phase::Loader)),
            (13.6, mark("loader-asked")),
            (14.1, sent("loader-sent", 1_012_224)),
            (15.8, mark("ipxe-discover")),
            (15.81, mark("address-offered-again")),
            (16.9, mark("ipxe-request")),
            (16.91, mark("address-given-again")),
            (17.1, mark("script-asked")),
            (17.12, sent("script-sent", 412)),
            (17.3, enter(Phase::Kernel)),
            (17.3, mark("kernel-asked")),
            (18.2, sent("kernel-sent", 8_123_456)),
            (18.21, mark("initrd-asked")),
            (23.9, sent("initrd-sent", 61_400_000)),
            (23.9, enter(Phase::Os)),
            (36.4, enter(Phase::Service)),
            (36.4, mark("system-dhcp")),
            (36.42, mark("address-given-again")),
            (41.24, end(BootState::Good, "the machine reported")),
        ],
    )
}

const USUAL: [f64; 6] = [9.1, 2.2, 3.9, 6.4, 12.8, 3.1];

fn look(badge: Option<&str>) -> Look<'_> {
    Look { badge, ..Look::default() }
}

#[test]
fn a_good_boot_beside_the_usual_one() {
    insta::assert_snapshot!(boot_waterfall(&good(), Some(&USUAL), &look(Some("SIMULATED"))).unwrap());
}

fn failed() -> Boot {
    boot(
        Cause::FirstSign,
        &[
            (0.0, enter(Phase::Address)),
            (0.0, mark("discover")),
            (0.01, mark("address-offered")),
            (30.0, end(BootState::Failed, "no request for a boot file within 30 s")),
        ],
    )
}

#[test]
fn a_failed_boot_that_nobody_pressed() {
    let svg = boot_waterfall(&failed(), None, &look(None)).unwrap();
    for words in ["not seen", "not reached", "no request for a boot file", "failed in address after 30.0 s"] {
        assert!(svg.contains(words), "{words} is missing");
    }
    assert!(!svg.contains("usual"), "no history, no claim");
    assert!(svg.contains("#FF6B5E"), "what failed is crossed");
}

#[test]
fn a_boot_that_runs_has_an_open_end() {
    let running = boot(Cause::Press, &[(11.0, enter(Phase::Address)), (11.5, mark("discover"))]);
    let svg = boot_waterfall(&running, Some(&USUAL), &look(Some("VIRTUAL"))).unwrap();
    assert!(svg.contains("running, in address") && svg.contains("not ended") && svg.contains("VIRTUAL"));
}

#[test]
fn a_clock_that_began_anew_is_said_and_not_subtracted() {
    let mut across = good();
    for span in &mut across.phases[4..] {
        span.started.host_boot = "another".into();
        span.ended.as_mut().unwrap().host_boot = "another".into();
    }
    across.phases[3].ended.as_mut().unwrap().host_boot = "another".into();
    across.ended.as_mut().unwrap().host_boot = "another".into();
    let svg = boot_waterfall(&across, None, &look(None)).unwrap();
    assert_eq!(svg.matches("\nunknown\n").count() + svg.matches(">unknown").count(), 3, "{svg}");
    assert!(svg.contains("has no known length, the host restarted meanwhile"));
}

#[test]
fn the_description_says_what_is_seen() {
    let svg = boot_waterfall(&good(), Some(&USUAL), &look(None)).unwrap();
    let description = svg.split("<desc>").nth(1).unwrap().split("</desc>").next().unwrap();
    assert!(
        description.starts_with(
            "node6, boot 214 · 2026-11-22 14:05:58 UTC · good after 41.2 s · usual 37.5 s. \
         Phase firmware took 11.2 s from 0 s (usual 9.1 s): pressed at 0 s."
        ),
        "{description}"
    );
    assert!(description.contains("initrd sent, 61 MB at 23.9 s"), "{description}");
}

#[test]
fn hostile_names_stay_text() {
    let mut boot = good();
    boot.machine = "<script>alert(\"&\")</script>\u{1}".into();
    boot.phases[0].marks[0].name = "</text><a href='x'>".into();
    let svg = boot_waterfall(&boot, None, &look(Some("<b>"))).unwrap();
    assert!(
        !svg.contains("<script") && !svg.contains("<a ") && !svg.contains("<b>") && !svg.contains('\u{1}')
    );
    assert!(svg.contains("&lt;script&gt;"), "it is shown as what it is");
}

#[test]
fn a_drawing_too_small_to_read_is_refused() {
    let tiny = Look { size: (300, 200), ..Look::default() };
    assert_eq!(
        boot_waterfall(&good(), None, &tiny),
        Err(ChartError::TooSmall(300, 200, SMALLEST.0, SMALLEST.1))
    );
    for size in [SMALLEST, (1920, 1080)] {
        assert!(boot_waterfall(&good(), Some(&USUAL), &Look { size, ..Look::default() }).is_ok());
    }
}

#[test]
fn history_that_is_no_figure_is_no_claim() {
    let svg = boot_waterfall(&good(), Some(&[f64::NAN, 1.0]), &look(None)).unwrap();
    assert!(!svg.contains("usual"), "nothing is known before the first figure");
}

/// Pictures to look at: `WATERFALLS=DIR cargo test -p charts -- --ignored pictures`.
#[test]
#[ignore = "writes files for people"]
fn pictures() {
    let dir = std::env::var("WATERFALLS").expect("name a folder in WATERFALLS");
    let running = boot(
        Cause::Press,
        &[(0.0, mark("pressed")), (11.0, enter(Phase::Address)), (11.5, mark("discover"))],
    );
    let size = |width, height| Look { size: (width, height), badge: Some("VIRTUAL"), ..Look::default() };
    for (name, svg) in [
        ("good", boot_waterfall(&good(), Some(&USUAL), &look(Some("SIMULATED")))),
        ("failed", boot_waterfall(&failed(), None, &look(None))),
        ("running", boot_waterfall(&running, Some(&USUAL), &look(Some("VIRTUAL")))),
        ("small", boot_waterfall(&good(), Some(&USUAL), &size(SMALLEST.0, SMALLEST.1))),
        ("large", boot_waterfall(&good(), Some(&USUAL), &size(1600, 900))),
    ] {
        std::fs::write(format!("{dir}/{name}.svg"), svg.unwrap()).unwrap();
    }
}
