#![no_main]
//! A file of certificates and keys, PEM or DER: what is read can be shown, and chains end.

use certs::read::{Anchors, blocks, certificate, chain_broken, key, missing};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(all) = blocks(bytes) else { return };
    for der in &all.certificates {
        let Ok(one) = certificate(der) else { continue };
        let texts = one.facts.names.iter().chain([&one.facts.subject, &one.facts.issuer]);
        for text in texts {
            assert!(text.chars().count() <= 200 && !text.chars().any(char::is_control));
        }
        assert!(missing(&one.facts.names, &one.facts.names).len() <= one.facts.names.len());
        for now_us in [0, one.facts.not_before_us, one.facts.not_after_us] {
            let _ = chain_broken(&one, &all.certificates, Anchors::These(&all.certificates), now_us);
            let _ = chain_broken(&one, &all.certificates, Anchors::Any, now_us);
        }
        if let Ok(key) = key(&all) {
            let _ = key.belongs_to(&one.public);
        }
    }
});
