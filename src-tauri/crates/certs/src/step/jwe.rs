//! A JWE in compact form whose key comes from a password (RFC 7516; PBES2 of RFC 7518, 4.8): how step-ca keeps the key of a
//! provisioner.

use std::num::NonZeroU32;

use aws_lc_rs::{
    aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    key_wrap::{AES_128, AesKek, KeyWrap},
    pbkdf2,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use lab::Secret;
use serde::Deserialize;

/// step-ca uses 600,000; a made-up number must not keep a processor busy for hours.
const MOST_ROUNDS: u32 = 10_000_000;

/// Why it stays closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Closed {
    #[error("the password is wrong")]
    Password,
    #[error("it is sealed in a way that is not known here")]
    Kind,
    #[error("it is damaged")]
    Damaged,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    enc: String,
    p2c: u32,
    p2s: String,
}

pub(super) fn open(compact: &str, password: &Secret) -> Result<Vec<u8>, Closed> {
    let parts: Vec<&str> = compact.split('.').collect();
    let [protected, wrapped, iv, sealed, tag] = parts[..] else { return Err(Closed::Damaged) };
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| Closed::Damaged);
    let header: Header = serde_json::from_slice(&decode(protected)?).map_err(|_| Closed::Kind)?;
    if header.alg != "PBES2-HS256+A128KW" || header.p2c > MOST_ROUNDS {
        return Err(Closed::Kind);
    }
    let algorithm = match header.enc.as_str() {
        "A256GCM" => &AES_256_GCM,
        "A128GCM" => &AES_128_GCM,
        _ => return Err(Closed::Kind),
    };
    let rounds = NonZeroU32::new(header.p2c).ok_or(Closed::Kind)?;
    let salt = [header.alg.as_bytes(), &[0], &decode(&header.p2s)?].concat();
    let mut kek = [0_u8; 16];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password.reveal().as_bytes(), &mut kek);
    let kek = AesKek::new(&AES_128, &kek).map_err(|_| Closed::Damaged)?;
    let wrapped = decode(wrapped)?;
    let mut room = [0_u8; 64];
    if wrapped.len() > room.len() {
        return Err(Closed::Damaged);
    }
    // The wrapping proves itself: a wrong password shows here.
    let key = kek.unwrap(&wrapped, &mut room).map_err(|_| Closed::Password)?;
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).map_err(|_| Closed::Damaged)?);
    let nonce = Nonce::try_assume_unique_for_key(&decode(iv)?).map_err(|_| Closed::Damaged)?;
    let mut text = [decode(sealed)?, decode(tag)?].concat();
    let plain =
        key.open_in_place(nonce, Aad::from(protected.as_bytes()), &mut text).map_err(|_| Closed::Damaged)?;
    Ok(plain.to_vec())
}
