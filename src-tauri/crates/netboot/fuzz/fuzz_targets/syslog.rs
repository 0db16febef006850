#![no_main]
//! A datagram on port 514 or 6666. What is shown is printable, one line each, and bounded.

use libfuzzer_sys::fuzz_target;
use netboot::syslog::{line::LONGEST, netconsole, syslog};

fuzz_target!(|datagram: &[u8]| {
    for line in syslog(datagram).into_iter().chain(netconsole(datagram)) {
        assert!(!line.text.is_empty() && !line.text.chars().any(char::is_control));
        assert!(line.text.chars().count() <= LONGEST + 1);
        assert!(line.severity.is_none_or(|severity| severity < 8));
    }
});
