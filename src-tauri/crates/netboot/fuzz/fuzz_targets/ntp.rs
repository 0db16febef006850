#![no_main]
//! A datagram on port 123. An answer repeats what was asked and is no longer than it: nobody can be flooded through us.

use libfuzzer_sys::fuzz_target;
use netboot::ntp::Discipline;
use netboot::ntp::message::{Time, decode, decode_answer, encode};

fuzz_target!(|datagram: &[u8]| {
    let _ = decode_answer(datagram);
    let Ok(question) = decode(datagram) else { return };
    let answer = encode(&question, &Discipline::Free.quality(), Time(1), Time(2));
    assert!(answer.len() <= datagram.len());
    assert_eq!(decode_answer(&answer).map(|answer| answer.origin), Ok(question.sent));
    assert!(decode(&answer).is_err());
});
