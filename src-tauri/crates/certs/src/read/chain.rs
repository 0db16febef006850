//! From a certificate up to a root: every signature is verified, every CA on the way must be one and be valid.

use std::cell::Cell;

use x509_parser::{certificate::X509Certificate, prelude::FromDer, time::ASN1Time};

use super::facts::Certificate;
use crate::MICROS;

/// Longer ways exist nowhere; a crafted set of certificates must not make us walk for ever.
const DEEPEST: usize = 6;
/// A few dozen CAs of one name would otherwise cost millions of verifications.
const MOST_VERIFIED: u32 = 64;

/// Where a chain has to end.
#[derive(Debug, Clone, Copy)]
pub enum Anchors<'a> {
    /// At one of these roots (DER).
    These(&'a [Vec<u8>]),
    /// Wherever it does: of certificates that others made for themselves, only what is beside them can be verified.
    Any,
}

/// Why its chain is broken, in words; `None` when it leads where it should. `beside` are the certificates found with it.
pub fn chain_broken(
    leaf: &Certificate,
    beside: &[Vec<u8>],
    anchors: Anchors<'_>,
    now_us: i64,
) -> Option<String> {
    let Ok(now) = ASN1Time::from_timestamp(now_us.div_euclid(MICROS)) else {
        return Some("the clock shows no time that a certificate can have".to_owned());
    };
    let Ok((_, parsed)) = X509Certificate::from_der(&leaf.der) else {
        return Some("it cannot be read again".to_owned());
    };
    let roots: &[Vec<u8>] = match anchors {
        Anchors::These(roots) => roots,
        Anchors::Any => &[],
    };
    let beside: Vec<X509Certificate<'_>> =
        beside.iter().filter_map(|der| X509Certificate::from_der(der).ok()).map(|(_, one)| one).collect();
    let roots_read: Vec<X509Certificate<'_>> =
        roots.iter().filter_map(|der| X509Certificate::from_der(der).ok()).map(|(_, one)| one).collect();
    let walk = Walk {
        beside: &beside,
        roots: &roots_read,
        any: matches!(anchors, Anchors::Any),
        now,
        left: Cell::new(MOST_VERIFIED),
    };
    walk.from(&parsed, 0).err()
}

struct Walk<'a> {
    beside: &'a [X509Certificate<'a>],
    roots: &'a [X509Certificate<'a>],
    any: bool,
    now: ASN1Time,
    left: Cell<u32>,
}

impl Walk<'_> {
    fn from(&self, one: &X509Certificate<'_>, depth: usize) -> Result<(), String> {
        if self.roots.iter().any(|root| root.as_raw() == one.as_raw()) {
            return Ok(());
        }
        if depth == DEEPEST {
            return Err(format!("its chain is longer than {DEEPEST} certificates"));
        }
        let mut problem = None;
        let issuers =
            self.roots.iter().map(|root| (root, true)).chain(self.beside.iter().map(|ca| (ca, false)));
        for (issuer, root) in issuers.filter(|(issuer, _)| issuer.subject().as_raw() == one.issuer().as_raw())
        {
            if issuer.as_raw() == one.as_raw() {
                continue;
            }
            let found = self.signed(one, issuer);
            let found = match (found, root) {
                (Ok(()), true) => Ok(()),
                (Ok(()), false) => self.from(issuer, depth + 1),
                (Err(why), _) => Err(why),
            };
            match found {
                Ok(()) => return Ok(()),
                Err(why) => problem = problem.or(Some(why)),
            }
        }
        match problem {
            Some(why) => Err(why),
            None if self.any => Ok(()),
            None => Err(format!(
                "it does not lead to the CA's root: the certificate of its issuer ({}) is neither beside it nor the root",
                super::facts::called(one.issuer())
            )),
        }
    }

    fn signed(&self, one: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> Result<(), String> {
        let name = super::facts::called(issuer.subject());
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err("there are too many certificates beside it".to_owned());
        };
        self.left.set(left);
        if one.verify_signature(Some(issuer.public_key())).is_err() {
            return Err(format!("its signature is not that of {name}, which it names as its issuer"));
        }
        let signs = issuer.key_usage().ok().flatten().is_none_or(|usage| usage.value.key_cert_sign());
        if !issuer.is_ca() || !signs {
            return Err(format!("its issuer {name} is no CA"));
        }
        let validity = issuer.validity();
        if self.now > validity.not_after {
            return Err(format!("its issuer {name} has expired"));
        }
        if self.now < validity.not_before {
            return Err(format!("its issuer {name} is not yet valid"));
        }
        Ok(())
    }
}
