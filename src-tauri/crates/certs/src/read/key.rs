//! Private keys in the forms that are met: PKCS#8, SEC1 and PKCS#1, and Talos's own label around PKCS#8.

use rcgen::{KeyPair, PublicKeyData};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

use super::blocks::{Blocks, Unreadable};

/// A private key. It has no `Debug`: nothing of it is for reading.
pub struct Key {
    pub(crate) pair: KeyPair,
    /// As its file had it: PKCS#8, SEC1 or PKCS#1.
    pub(crate) der: PrivateKeyDer<'static>,
}

impl Key {
    /// Whether this certificate is about this key.
    pub fn belongs_to(&self, public: &[u8]) -> bool {
        self.pair.der_bytes() == public
    }
}

/// The first private key of a file.
pub fn key(blocks: &Blocks) -> Result<Key, Unreadable> {
    let (label, der) = blocks.keys.first().ok_or(Unreadable::NoKey)?;
    let der = match label.as_str() {
        "EC PRIVATE KEY" => PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(der.as_slice())),
        "RSA PRIVATE KEY" => PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der.as_slice())),
        "ENCRYPTED PRIVATE KEY" => return Err(Unreadable::Encrypted),
        // `ED25519 PRIVATE KEY` is Talos's label for PKCS#8.
        _ => PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der.as_slice())),
    };
    let pair = KeyPair::try_from(&der).map_err(|_| Unreadable::Key(label.clone()))?;
    Ok(Key { pair, der: der.clone_key() })
}
