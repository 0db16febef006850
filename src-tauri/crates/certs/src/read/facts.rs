//! What one certificate says of itself (RFC 5280).

use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use lab::certificate::CertificateFacts;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer, x509::X509Name};

use super::blocks::Unreadable;
use crate::MICROS;

/// Names beyond these are no certificate of a lab.
const MOST_NAMES: usize = 256;
/// Of a text in a certificate, in characters: it ends up on a screen.
const LONGEST_TEXT: usize = 200;

/// A certificate and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    pub der: Vec<u8>,
    /// Bytes of its public key.
    pub public: Vec<u8>,
    /// Without judgement of chain, names and key.
    pub facts: CertificateFacts,
}

/// Reads one in DER.
pub fn certificate(der: &[u8]) -> Result<Certificate, Unreadable> {
    let (rest, parsed) = X509Certificate::from_der(der).map_err(|error| {
        let why = match error {
            x509_parser::nom::Err::Incomplete(_) => "it ends too early".to_owned(),
            x509_parser::nom::Err::Error(error) | x509_parser::nom::Err::Failure(error) => error.to_string(),
        };
        Unreadable::NotX509(why)
    })?;
    if !rest.is_empty() {
        return Err(Unreadable::NotX509("something follows it".to_owned()));
    }
    let fingerprint = hex::encode(digest(&SHA256, der));
    let facts = CertificateFacts {
        subject: called(parsed.subject()),
        names: names(&parsed),
        issuer: called(parsed.issuer()),
        serial: hex::encode(parsed.raw_serial()),
        fingerprint,
        not_before_us: parsed.validity().not_before.timestamp().saturating_mul(MICROS),
        not_after_us: parsed.validity().not_after.timestamp().saturating_mul(MICROS),
        is_ca: parsed.is_ca(),
        ..CertificateFacts::default()
    };
    let public = parsed.public_key().subject_public_key.data.to_vec();
    Ok(Certificate { der: der.to_vec(), public, facts })
}

/// Its common name, or the whole where there is none: Talos's client certificates have an organisation only.
pub(super) fn called(name: &X509Name<'_>) -> String {
    let common = name.iter_common_name().find_map(|part| part.as_str().ok()).map(str::to_owned);
    let whole = common.filter(|text| !text.is_empty()).unwrap_or_else(|| name.to_string());
    printable(&whole)
}

/// Texts of strangers end up on screens and terminals.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect()
}

fn names(parsed: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = parsed.subject_alternative_name() else { return Vec::new() };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) | GeneralName::URI(name) | GeneralName::RFC822Name(name) => {
            Some(printable(name))
        }
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    };
    extension.value.general_names.iter().filter_map(text).take(MOST_NAMES).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}
