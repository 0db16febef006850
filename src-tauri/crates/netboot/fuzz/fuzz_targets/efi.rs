#![no_main]
//! What a probe reports of its firmware, and a file of variables: boot entries, device paths, the store itself. What was read is
//! written and read again as the same, and arming any of it leaves a store that can be read.

use libfuzzer_sys::fuzz_target;
use netboot::Mac;
use netboot::efi::option::LoadOption;
use netboot::efi::store::VariableStore;
use netboot::efi::{Variable, device_path, next};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(option) = LoadOption::parse(bytes) {
        let again = LoadOption::parse(&option.encode()).expect("what was written can be read");
        assert_eq!(again, option);
        let _ = device_path::card(&option.path);
    }
    let card = Mac([2, 0, 0, 0, 0, 1]);
    let variables = [Variable::boot("Boot0001", bytes.to_vec()), Variable::boot("BootOrder", bytes.to_vec())];
    let arming = next::over_http(&variables, card, "http://192.168.122.3/x.efi");
    assert_eq!(arming.write.last().map(|last| last.name.as_str()), Some("BootNext"));
    if let Ok(mut store) = VariableStore::parse(bytes.to_vec()) {
        let arming = next::over_http(&store.variables(), card, "http://192.168.122.3/x.efi");
        // A full store refuses, and stays as it was.
        if arming.write.iter().all(|variable| store.set(variable).is_ok()) {
            let read = VariableStore::parse(store.into_bytes()).expect("a changed store can be read");
            assert!(!next::leftovers(&read.variables()).is_empty());
        }
    }
});
