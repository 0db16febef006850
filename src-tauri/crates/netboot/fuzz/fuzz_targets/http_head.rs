#![no_main]
//! The start of a connection on port 80, up to the question which file and which part of it.

use libfuzzer_sys::fuzz_target;
use netboot::http::{head, range};
use netboot::path::{clean, percent_decode};

fuzz_target!(|bytes: &[u8]| {
    let Ok(Some((head, length))) = head::parse(bytes) else { return };
    assert!(length <= bytes.len() && length <= head::LARGEST_HEAD);
    if let Ok(path) = percent_decode(&head.path).and_then(|path| clean(&path)) {
        assert!(!path.starts_with('/') && path.split('/').all(|part| part != ".."));
    }
    if let range::Part::Range(first, last) = range::part(head.range.as_deref(), head.if_range.as_deref(), "t", 100) {
        assert!(first <= last && last < 100);
    }
    range::is_known(head.if_none_match.as_deref(), "t");
});
