#![no_main]
//! kubeconfig, talosconfig and Talos's secrets: found certificates, or words.

use std::path::Path;

use certs::{
    find::{kubeconfig, secrets, talosconfig},
    read::{blocks, certificate},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Files that they name are not there.
    let folder = Path::new("/nonexistent/folder");
    for read in [kubeconfig, talosconfig, secrets] {
        match read(bytes, folder) {
            Ok(entries) => {
                assert!(!entries.is_empty());
                for entry in entries {
                    let _ = blocks(&entry.cert)
                        .map(|all| all.certificates.iter().for_each(|der| drop(certificate(der))));
                }
            }
            Err(why) => assert!(!why.is_empty()),
        }
    }
});
