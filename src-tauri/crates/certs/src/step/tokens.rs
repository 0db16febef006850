//! The two tokens (JWT, RFC 7519) that step-ca takes: a provisioner's for one signature, a certificate's own for one renewal
//! after it has expired.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::{SystemRandom, fill},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use lab::{Code, Failure, Secret};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData,
    SigningKey,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::jwe::{self, Closed};
use crate::{MICROS, read::Key};

/// The CA takes it once, and for five minutes.
const LIFE_S: i64 = 300;

/// A provisioner with its key in clear. It has no `Debug`.
pub(super) struct Provisioner {
    name: String,
    kid: String,
    key: EcdsaKeyPair,
}

/// Why a provisioner's key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Shut {
    #[error(transparent)]
    Closed(#[from] Closed),
    #[error("it is not of the kind P-256")]
    NotP256,
}

impl Shut {
    pub(super) fn failure(self, ca: &str, provisioner: &str) -> Failure {
        let (why, remedy) = match self {
            Self::Closed(Closed::Password) => (
                format!("the password of its provisioner {provisioner} is wrong"),
                "say it again: statusinator secrets set, with the name that [ca] secret has in the board file",
            ),
            other => (
                format!("the key of its provisioner {provisioner} cannot be opened: {other}"),
                "make a JWK provisioner with a password: step ca provisioner add NAME --create",
            ),
        };
        Failure::new(Code::DeviceRefused, format!("sign at {ca}"), why, remedy)
    }
}

#[derive(Deserialize)]
struct Jwk {
    crv: String,
    x: String,
    y: String,
    d: String,
}

impl Provisioner {
    pub(super) fn open(name: &str, kid: &str, sealed: &str, password: &Secret) -> Result<Self, Shut> {
        let jwk: Jwk = serde_json::from_slice(&jwe::open(sealed, password)?).map_err(|_| Shut::NotP256)?;
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| Shut::NotP256);
        if jwk.crv != "P-256" {
            return Err(Shut::NotP256);
        }
        let public = [vec![4], part(&jwk.x)?, part(&jwk.y)?].concat();
        let key = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &part(&jwk.d)?,
            &public,
        )
        .map_err(|_| Shut::NotP256)?;
        Ok(Self { name: name.to_owned(), kid: kid.to_owned(), key })
    }

    /// For one `/sign` of these names.
    pub(super) fn token(
        &self,
        names: &[String],
        root: &str,
        audience: &str,
        now_us: i64,
    ) -> Result<String, String> {
        let header = json!({ "alg": "ES256", "kid": self.kid, "typ": "JWT" });
        let mut claims = dated(now_us)?;
        claims["aud"] = audience.into();
        claims["iss"] = self.name.as_str().into();
        claims["sub"] = names.first().map_or("", String::as_str).into();
        claims["sans"] = json!(names);
        claims["sha"] = root.into();
        let text = unsigned(&header, &claims);
        let signature = self.key.sign(&SystemRandom::new(), text.as_bytes());
        let signature = signature.map_err(|_| "the token could not be signed".to_owned())?;
        Ok(format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// For one `/renew` of a certificate that has expired: signed by its key, with its chain in the header.
pub(super) fn after_expiry(
    chain: &[Vec<u8>],
    key: &Key,
    subject: &str,
    audience: &str,
    now_us: i64,
) -> Result<String, String> {
    let (alg, half) = algorithm(&key.pair)?;
    let chain: Vec<String> = chain.iter().map(|der| BASE64_STANDARD.encode(der)).collect();
    let header = json!({ "alg": alg, "kid": thumbprint(key), "typ": "JWT", "x5cInsecure": chain });
    let mut claims = dated(now_us)?;
    claims["aud"] = audience.into();
    claims["iss"] = "step-ca-client/1.0".into();
    claims["sub"] = subject.into();
    let text = unsigned(&header, &claims);
    let signature = key.pair.sign(text.as_bytes()).map_err(|error| error.to_string())?;
    let signature = match half {
        Some(half) => fixed(&signature, half).ok_or("a signature has no form")?,
        None => signature,
    };
    Ok(format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}

fn dated(now_us: i64) -> Result<Value, String> {
    let now = now_us / MICROS;
    let mut id = [0_u8; 32];
    fill(&mut id).map_err(|_| "no random numbers".to_owned())?;
    Ok(json!({ "iat": now, "nbf": now, "exp": now + LIFE_S, "jti": hex::encode(id) }))
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// Its name (RFC 7518, 3.1; RFC 8037) and, of ECDSA, the length of each half of a signature.
fn algorithm(pair: &KeyPair) -> Result<(&'static str, Option<usize>), String> {
    let known = [
        (&PKCS_ECDSA_P256_SHA256, "ES256", Some(32)),
        (&PKCS_ECDSA_P384_SHA384, "ES384", Some(48)),
        (&PKCS_ED25519, "EdDSA", None),
        (&PKCS_RSA_SHA256, "RS256", None),
    ];
    let found = known.into_iter().find(|(algorithm, ..)| pair.algorithm() == *algorithm);
    found
        .map(|(_, name, half)| (name, half))
        .ok_or_else(|| "its key is of a kind that signs no tokens".to_owned())
}

/// From ASN.1 (two integers in a sequence) to two halves of one length (RFC 7518, 3.4).
fn fixed(der: &[u8], half: usize) -> Option<Vec<u8>> {
    let integer = |rest: &'_ [u8]| -> Option<(Vec<u8>, usize)> {
        let (&2, &length) = (rest.first()?, rest.get(1)?) else { return None };
        let bytes = rest.get(2..2 + usize::from(length))?;
        let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
        let mut padded = vec![0; half.checked_sub(bytes.len())?];
        padded.extend_from_slice(bytes);
        Some((padded, 2 + usize::from(length)))
    };
    // A sequence of two 49-byte integers still has its length in one byte.
    let body = der.get(2..)?;
    let (r, used) = integer(body)?;
    let (s, _) = integer(body.get(used..)?)?;
    Some([r, s].concat())
}

/// RFC 7638 of an EC key; of others the CA wants any name.
fn thumbprint(key: &Key) -> String {
    let point = key.pair.der_bytes();
    let text = match point.split_first() {
        Some((4, point)) if point.len() == 64 || point.len() == 96 => {
            let (x, y) = point.split_at(point.len() / 2);
            let curve = if x.len() == 32 { "P-256" } else { "P-384" };
            let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
            format!(r#"{{"crv":"{curve}","kty":"EC","x":"{}","y":"{}"}}"#, part(x), part(y))
        }
        _ => hex::encode(point),
    };
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}
