use proptest::prelude::*;

use super::*;

/// An object of one record, as the collector writes it.
fn good(message: &str) -> String {
    let message = serde_json::to_string(message).unwrap();
    format!(
        r#"{{"resourceLogs":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"s"}}}},{{"key":"host.name","value":{{"stringValue":"boss"}}}}]}},"scopeLogs":[{{"scope":{{}},"logRecords":[{{"timeUnixNano":"1759233600115654000","severityNumber":9,"severityText":"Info","body":{{"stringValue":{message}}},"traceId":"","spanId":""}}]}}]}}]}}"#
    )
}

fn read(line: impl AsRef<[u8]>) -> (Vec<String>, LineOutcome) {
    let mut messages = Vec::new();
    let outcome = read_line(line.as_ref(), &mut |view| messages.push(view.message.to_owned()));
    assert_eq!(outcome.records, messages.len() as u64);
    (messages, outcome)
}

/// One record of this shape: message, what was said, time, severity.
fn record(record: &str) -> (String, Option<String>, Option<i64>, Option<u8>) {
    let line = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{record}]}}]}}]}}"#);
    let mut got = None;
    let outcome = read_line(line.as_bytes(), &mut |view| {
        got = Some((view.message.into(), view.said.map(Into::into), view.time_us, view.severity));
    });
    assert_eq!(outcome, LineOutcome { records: 1, ..outcome }, "{record}");
    assert_eq!(outcome.fault, None, "{record}");
    got.unwrap()
}

#[test]
fn a_record_is_told_with_its_resource() {
    let mut got = 0;
    read_line(good("hello").as_bytes(), &mut |view| {
        got += 1;
        let expected = View {
            node: "boss",
            service: "s",
            level: "info",
            severity: Some(9),
            message: "hello",
            time_us: Some(1_759_233_600_115_654),
            ..View::default()
        };
        assert_eq!(view, expected);
    });
    assert_eq!(got, 1);
}

#[test]
fn the_body_becomes_text_by_the_rules() {
    for (body, message) in [
        (r#"{"stringValue":"plain"}"#, "plain"),
        (r#"{"intValue":"7"}"#, "7"),
        (r#"{"intValue":7}"#, "7"),
        (r#"{"doubleValue":1.5}"#, "1.500000"),
        (r#"{"doubleValue":0}"#, ""),
        (r#"{"boolValue":true}"#, "true"),
        (r#"{"boolValue":false}"#, ""),
        (
            r#"{"kvlistValue":{"values":[{"key":"A","value":{"stringValue":"x"}},{"key":"message","value":{"stringValue":"m"}},{"key":"message","value":{"stringValue":"n"}}]}}"#,
            "m",
        ),
        (r#"{"kvlistValue":{"values":[{"value":{"stringValue":"m"},"key":"message"}]}}"#, "m"),
        (
            r#"{"kvlistValue":{"values":[{"key":"message","value":{"stringValue":""}},{"key":"A","value":{"stringValue":"x"}}]}}"#,
            "",
        ),
        (
            r#"{"kvlistValue":{"values":[{"key":"A","value":{"stringValue":"x"}},{"key":"B","value":{"stringValue":""}},{"key":"C","value":{"intValue":"3"}}]}}"#,
            "A=x C=3",
        ),
        (r#"{"arrayValue":{"values":[{"stringValue":"a"},{"stringValue":""},{"intValue":"5"}]}}"#, "a 5"),
        (r#"{"arrayValue":{}}"#, ""),
        (r#"{"kvlistValue":null}"#, ""),
        (r#"{}"#, ""),
        ("null", ""),
        ("5", ""),
        (r#""text""#, ""),
    ] {
        let (got, ..) = record(&format!(r#"{{"body":{body}}}"#));
        assert_eq!(got, message, "{body}");
    }
}

/// journald's messages that are not text arrive as arrays of bytes.
#[test]
fn a_binary_message_is_shown_as_the_text_it_is() {
    let list = r#"{"arrayValue":{"values":[{"intValue":"104"},{"intValue":"105"}]}}"#;
    let map = format!(r#"{{"kvlistValue":{{"values":[{{"key":"message","value":{list}}}]}}}}"#);
    let (message, said, ..) = record(&format!(r#"{{"body":{map}}}"#));
    assert_eq!((message.as_str(), said.as_deref()), ("", Some("hi")), "by the rules it is empty");
    let (message, said, ..) = record(&format!(r#"{{"body":{list}}}"#));
    assert_eq!((message.as_str(), said.as_deref()), ("104 105", Some("hi")));
}

#[test]
fn fields_may_be_missing_unknown_null_or_of_the_other_kind() {
    let whole = (String::new(), None, Some(1_759_233_600_115_654), Some(17));
    for fields in [
        r#"{"timeUnixNano":1759233600115654000,"severityNumber":17}"#,
        r#"{"timeUnixNano":"1759233600115654000","severityNumber":"17","attributes":null,"body":null}"#,
        r#"{"timeUnixNano":"0","observedTimeUnixNano":"1759233600115654000","severityNumber":17,"droppedAttributesCount":0,"x":[{}]}"#,
        r#"{ "severityNumber" : 17 , "attributes" : [ null , 5 , {"key":"x"} ] , "timeUnixNano" : "1759233600115654000" }"#,
    ] {
        assert_eq!(record(fields), whole, "{fields}");
    }
    for fields in
        [r#"{"severityNumber":"SEVERITY_NUMBER_INFO","timeUnixNano":{}}"#, r#"{"severityNumber":1e9}"#, "{}"]
    {
        assert_eq!(record(fields), (String::new(), None, None, None), "{fields}");
    }
    for nothing in [
        "{}",
        "{\"resourceLogs\":null}",
        "{\"resourceLogs\":5}",
        "{\"resourceSpans\":[{}]}",
        "{\"resourceLogs\":[null,7,{}]}",
    ] {
        assert_eq!(read(nothing), (vec![], LineOutcome::default()), "{nothing}");
    }
}

#[test]
fn a_resource_may_stand_behind_its_records() {
    let line = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{}]}],"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"a"}}]}},{"scopeLogs":[{"logRecords":[{}]}]}]}"#;
    let mut nodes = Vec::new();
    read_line(line.as_bytes(), &mut |view| nodes.push(view.node.to_owned()));
    assert_eq!(nodes, ["a", "a", ""]);
}

#[test]
fn what_is_no_object_is_a_bad_line() {
    for bad in ["x", "5", "null", "[]", "\"{}\"", "{", "{\"resourceLogs\":[", "{}x", "{\"a\":1}}"] {
        assert_eq!(read(bad).1.fault, Some(Fault::NotJson), "{bad}");
    }
    assert_eq!(read("").1, LineOutcome { blank: true, ..LineOutcome::default() });
    assert_eq!(read(" \r\n").1, LineOutcome { blank: true, ..LineOutcome::default() });
    assert_eq!(read(b"{\"a\":\"\xff\"}").1.fault, Some(Fault::NotUtf8));
    assert_eq!(read("{\"a\":".to_owned() + &"[".repeat(100_000)).1.fault, Some(Fault::TooDeep));
    assert_eq!(read(vec![b' '; LINE_MAX + 1]).1.fault, Some(Fault::TooLong));
    let many = "{},".repeat(object::MOST_RECORDS);
    let many =
        format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{many}{{}}]}}]}}]}}{}"#, good("next"));
    assert_eq!(
        read(many),
        (vec!["next".into()], LineOutcome { records: 1, fault: Some(Fault::TooMany), blank: false })
    );
}

#[test]
fn two_objects_on_a_line_are_two_good_ones() {
    let (messages, outcome) = read(good("a") + &good("b"));
    assert_eq!((messages, outcome.fault), (vec!["a".into(), "b".into()], None));
}

/// Wherever a kill cut the first object, the second is read; whether the cut was inside a string, a name or between.
#[test]
fn behind_every_cut_the_next_object_is_read() {
    let (first, second) = (good("é first \" {\"resourceLogs\" quoted"), good("second"));
    for cut in 1..first.len() {
        let torn = [&first.as_bytes()[..cut], second.as_bytes()].concat();
        let (messages, outcome) = read(&torn);
        assert_eq!(messages, ["second"], "cut at {cut}");
        assert!(outcome.fault.is_some(), "cut at {cut}");
    }
    for cut in 1..first.len() {
        let headless = [&first.as_bytes()[cut..], second.as_bytes()].concat();
        assert_eq!(read(&headless).0, ["second"], "without its first {cut} bytes");
    }
}

/// Searching must not cost the square of a hostile line's length.
#[test]
fn a_line_of_a_million_beginnings_ends_soon() {
    let started = std::time::Instant::now();
    for hostile in [
        "{\"resourceLogs\":[".repeat(500_000),
        "{\"resourceLogs\":".repeat(500_000),
        "{\"resourceLogs\"".repeat(500_000),
        "{\"resourceLogs\":[".repeat(100) + &"{\"resourceLogs\":0},".repeat(400_000),
        "\u{e4}{\"resourceLogs\":\"".repeat(400_000),
    ] {
        let (messages, outcome) = read(&hostile);
        assert!(messages.is_empty() && outcome.fault.is_some());
    }
    let mut bad_bytes = b"{\"resourceLogs\"\xff".repeat(500_000);
    bad_bytes.extend_from_slice(good("z").as_bytes());
    read(&bad_bytes);
    // It takes a fraction of a second; the square would be minutes.
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        read(&bytes);
    }

    /// Good lines with bytes changed, taken out and put in.
    #[test]
    fn a_spoilt_line_harms_nobody_but_itself(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..5),
        cut: prop::sample::Index,
    ) {
        let mut line = (good("a") + &good("b")).into_bytes();
        for (at, byte, how) in changes {
            let at = at.index(line.len());
            match how {
                0 => line[at] = byte,
                1 => { line.remove(at); }
                _ => line.insert(at, byte),
            }
        }
        line.truncate(cut.index(line.len()) + 1);
        read(&line);
        line.retain(|byte| *byte != b'\n');
        line.push(b'\n');
        line.extend_from_slice(good("after").as_bytes());
        let mut last = None;
        let mut cutter = crate::tail::Cutter::new(LINE_MAX, 0);
        let mut each = |piece: crate::tail::Piece<'_>| {
            let crate::tail::Piece::Line(line) = piece else { return };
            read_line(line, &mut |view| last = Some(view.message.to_owned()));
        };
        cutter.push(&line, &mut each);
        cutter.flush(&mut each);
        prop_assert_eq!(last.as_deref(), Some("after"));
    }
}
