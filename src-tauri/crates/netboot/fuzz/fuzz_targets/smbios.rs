#![no_main]
//! The SMBIOS table in a probe's report, as hexadecimal digits and as bytes.

use libfuzzer_sys::fuzz_target;
use netboot::smbios;

fuzz_target!(|table: &[u8]| {
    let read = smbios::parse(table);
    for text in [&read.firmware_vendor, &read.firmware_version, &read.firmware_date, &read.manufacturer, &read.product] {
        assert!(text.as_ref().is_none_or(|text| !text.is_empty() && !text.chars().any(char::is_control)));
    }
    if let Ok(digits) = std::str::from_utf8(table) {
        let _ = smbios::parse_hex(digits);
    }
});
