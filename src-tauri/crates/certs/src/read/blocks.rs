//! PEM, as people paste it: certificates and keys in any order, with notes between them (RFC 7468).

use x509_parser::pem::Pem;

/// A chain has three or four; a bundle of roots some hundred and fifty.
const MOST: usize = 512;

/// What a file holds, in the order in which it holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blocks {
    /// DER.
    pub certificates: Vec<Vec<u8>>,
    /// Label and DER: `EC PRIVATE KEY`, `PRIVATE KEY`, …
    pub keys: Vec<(String, Vec<u8>)>,
}

/// Bytes that are not what they should be. Never says what they are: they may be a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("it holds no certificate")]
    NoCertificate,
    #[error("it holds no private key")]
    NoKey,
    #[error("its PEM is damaged: {0}")]
    Pem(String),
    #[error("what it holds is no certificate (X.509): {0}")]
    NotX509(String),
    #[error("its private key needs a password")]
    Encrypted,
    #[error("its private key ({0}) is damaged or of a kind that is not known here")]
    Key(String),
}

/// PEM blocks, or one certificate in DER.
pub fn blocks(bytes: &[u8]) -> Result<Blocks, Unreadable> {
    let mut found = Blocks::default();
    if bytes.first() == Some(&0x30) {
        // An ASN.1 SEQUENCE: DER without armour.
        found.certificates.push(bytes.to_vec());
        return Ok(found);
    }
    for block in Pem::iter_from_buffer(bytes).take(MOST) {
        let block = block.map_err(|error| Unreadable::Pem(error.to_string()))?;
        match block.label.as_str() {
            "CERTIFICATE" | "TRUSTED CERTIFICATE" | "X509 CERTIFICATE" => {
                found.certificates.push(block.contents);
            }
            label if label.ends_with("PRIVATE KEY") => found.keys.push((block.label, block.contents)),
            _ => {}
        }
    }
    Ok(found)
}
