#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

use serde_json::Value;

use super::*;

const NOW: Duration = Duration::from_micros(1_795_355_357_123_456);

fn lines(seed: u64, count: usize) -> Vec<String> {
    let mut chatter = Chatter::new(seed);
    (0..count)
        .map(|n| encode::line(&chatter.records(&["node1"], NOW + Duration::from_millis(100) * n as u32)))
        .collect()
}

#[test]
fn a_seed_gives_the_same_words() {
    assert_eq!(lines(1, 50), lines(1, 50));
    assert_ne!(lines(1, 50), lines(2, 50));
}

#[test]
fn lines_are_as_the_reference_describes_them() {
    let all = lines(1, 2000).join("\n");
    // Bodies and attributes of each pipeline.
    for part in [
        r#"{"key":"service.name","value":{"stringValue":"init.scope"}},{"key":"host.name","value":{"stringValue":"boss"}}"#,
        r#"{"key":"message","value":{"stringValue":"certificate does not need renewal"}}]}},"attributes":[{"key":"level","value":{"stringValue":"info"}}],"traceId":"","spanId":""}"#,
        r#""timeUnixNano":"1795355357000000000","observedTimeUnixNano":"1795355357"#,
        r#"{"key":"host.name","value":{"stringValue":"wally"}},{"key":"service.name","value":{"stringValue":"kernel"}}"#,
        r#"{"key":"PRIORITY","value":{"intValue":"4"}}]}},"traceId""#,
        r#""body":{"stringValue":"{\"hostname\":\"node1\",\"msg\":\""#,
        "drop wan in: ",
        "drop wwan in: ",
        "drop lan out: ",
        "Starting cert-renewer@registry.service",
    ] {
        assert!(all.contains(part), "{part}");
    }
    assert!(!all.contains("dnsmasq"));
    let mut records = 0;
    for line in all.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        records += line["resourceLogs"].as_array().unwrap().len();
    }
    assert!((4000..6000).contains(&records), "{records}");
}

#[test]
fn machines_that_are_off_say_nothing() {
    let mut chatter = Chatter::new(3);
    for n in 0..500 {
        let line = encode::line(&chatter.records(&[], NOW + Duration::from_millis(10) * n));
        assert!(!line.contains("hostname"), "{line}");
    }
}

#[test]
fn noise_is_never_a_line_of_the_collector() {
    let mut dice = Dice::new(1, &[]);
    for _ in 0..200 {
        let noise = chatter::noise(&mut dice);
        assert!(!noise.contains(&b'\n') && serde_json::from_slice::<Value>(&noise).is_err());
    }
}

#[test]
fn rotation_keeps_one_file_and_loses_no_line_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs/otelcol.jsonl");
    let config = CollectorSim { path: path.clone(), rotate_at: 20_000 };
    let mut collector = Collector::new(config, Vec::new(), Pace::new(1.0), 1);
    for _ in 0..200 {
        collector.line().unwrap();
    }
    let names: Vec<String> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let rotated: Vec<&String> = names.iter().filter(|name| name.ends_with("-size.jsonl")).collect();
    assert_eq!(rotated.len(), 1, "{names:?}");
    let whole = fs::read_to_string(path.with_file_name(rotated[0])).unwrap();
    assert!(whole.len() >= 20_000 && whole.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

#[tokio::test(start_paused = true)]
async fn silence_stops_it_and_noise_is_written_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("otelcol.jsonl");
    fs::write(&path, "of an earlier start\n").unwrap();
    let config = CollectorSim { path: path.clone(), rotate_at: 10_000_000 };
    let collector = Collector::new(config, Vec::new(), Pace::new(1.0), 1);
    let (knobs, turned) = mpsc::channel(4);
    let stop = CancellationToken::new();
    let task = tokio::spawn(collector.run(turned, stop.clone()));
    let pass = || sleep(Duration::from_secs(5));
    let text = || fs::read(&path).unwrap_or_default();
    pass().await;
    let spoken = text();
    assert!(spoken.starts_with(b"{\"resourceLogs\"") && spoken.ends_with(b"}\n"), "the old file is gone");
    knobs.send(CollectorKnob::Silence(true)).await.unwrap();
    pass().await;
    let silent = text().len();
    pass().await;
    assert_eq!(text().len(), silent);
    knobs.send(CollectorKnob::Silence(false)).await.unwrap();
    knobs.send(CollectorKnob::Garbage(true)).await.unwrap();
    pass().await;
    let noise = &text()[silent..];
    let bad = noise
        .split(|byte| *byte == b'\n')
        .filter(|line| serde_json::from_slice::<Value>(line).is_err())
        .count();
    assert!(bad > 10, "{bad}");
    knobs.send(CollectorKnob::Garbage(false)).await.unwrap();
    knobs.send(CollectorKnob::Kill).await.unwrap();
    pass().await;
    assert!(text().windows(17).any(|bytes| bytes == b"}{\"resourceLogs\":"), "two objects on one line");
    stop.cancel();
    task.await.unwrap();
}
