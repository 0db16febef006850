#![no_main]
//! A file of OTLP JSON lines. Whatever stands before it, a good line is read; what is kept is safe to show and bounded.

use lab::{counts::Counter, gear::Profile};
use libfuzzer_sys::fuzz_target;
use logs::{count::Counting, otlp, view::MESSAGE_KEPT};

const GOOD: &[u8] = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityText":"alert"}]}]}]}"#;

fuzz_target!(|bytes: &[u8]| {
    let mut counting = Counting::new(Profile::Corrected);
    counting.push(bytes);
    let before = counting.finish();

    let mut counting = Counting::new(Profile::Corrected);
    // In pieces, and with a good line behind.
    bytes.chunks(7).for_each(|piece| counting.push(piece));
    counting.push(b"\n");
    counting.push(GOOD);
    let after = counting.finish();
    assert_eq!(after.records, before.records + 1);
    assert_eq!(after.counts.get(Counter::Alert), before.counts.get(Counter::Alert) + 1);

    // Without a line end between them, as a killed writer leaves it.
    let mut glued = bytes.to_vec();
    glued.retain(|byte| *byte != b'\n');
    let records = otlp::read_line(&glued, &mut |view| {
        let record = view.to_record("otlp", 0);
        assert!(record.message.len() <= MESSAGE_KEPT * 3 + 64);
        assert!(!record.message.chars().any(|c| c.is_control() && c != '\n'));
    });
    assert!(records.records > 0 || records.fault.is_some() || records.blank || glued.starts_with(b"{"));
});
