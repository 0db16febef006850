//! Who asks: tokens as step-ca judges them.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::Value;
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use super::{Core, authority::now, held};

/// The CA's leeway on dates of tokens, in seconds.
const LEEWAY: i64 = 60;

/// Header and claims of a token whose signature is good, or the status to refuse it with.
pub(super) struct Token {
    pub(super) claims: Value,
}

struct Raw<'a> {
    header: Value,
    claims: Value,
    signed: &'a str,
    signature: Vec<u8>,
}

fn raw(token: &str) -> Option<Raw<'_>> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let json = |part: &str| serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    Some(Raw {
        header: json(header)?,
        claims: json(claims)?,
        signed,
        signature: BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?,
    })
}

impl Core {
    /// Of the provisioner, for one certificate.
    pub(super) fn one_time(&self, token: &str) -> Result<Token, u16> {
        let raw = raw(token).ok_or(401_u16)?;
        if raw.header["alg"] != "ES256" || raw.header["kid"] != self.authority.kid.as_str() {
            return Err(401);
        }
        verify(&self.authority.point, &raw)?;
        if raw.claims["iss"] != self.authority.provisioner.as_str()
            || raw.claims["sha"] != self.authority.fingerprint().as_str()
        {
            return Err(401);
        }
        self.checked(raw.claims, "/sign")
    }

    /// Of a certificate that may have expired: DER of that certificate.
    pub(super) fn after_expiry(&self, token: &str) -> Result<Vec<u8>, u16> {
        let raw = raw(token).ok_or(401_u16)?;
        let chain = raw.header["x5cInsecure"].as_array().ok_or(401_u16)?;
        let ders: Vec<Vec<u8>> =
            chain.iter().filter_map(|one| BASE64_STANDARD.decode(one.as_str()?).ok()).collect();
        let [leaf, ..] = &ders[..] else { return Err(401) };
        let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| 401_u16)?;
        let (_, issuer) =
            X509Certificate::from_der(self.authority.intermediate().der()).map_err(|_| 401_u16)?;
        if ders.len() != chain.len() || parsed.verify_signature(Some(issuer.public_key())).is_err() {
            return Err(401);
        }
        verify(&parsed.public_key().subject_public_key.data, &raw)?;
        let common = parsed.subject().iter_common_name().next().and_then(|part| part.as_str().ok());
        if raw.claims["iss"] != "step-ca-client/1.0" || raw.claims["sub"].as_str() != common {
            return Err(401);
        }
        self.checked(raw.claims, "/renew")?;
        let expired = parsed.validity().not_after.timestamp() < self.now();
        if expired && !held(&self.manners).after_expiry {
            return Err(401);
        }
        Ok(leaf.clone())
    }

    /// Its clock.
    pub(super) fn now(&self) -> i64 {
        now() + held(&self.manners).ahead_s
    }

    fn checked(&self, claims: Value, path: &str) -> Result<Token, u16> {
        let now = self.now();
        let time = |name: &str| claims[name].as_i64().ok_or(401_u16);
        if time("nbf")? > now + LEEWAY || time("iat")? > now + LEEWAY || time("exp")? < now - LEEWAY {
            return Err(401);
        }
        // Which of its names was dialled does not matter, the port and the path do.
        let audience = claims["aud"].as_str().unwrap_or_default();
        if !audience.starts_with("https://") || !audience.ends_with(&format!(":{}{path}", self.port)) {
            return Err(401);
        }
        let id = claims["jti"].as_str().filter(|id| !id.is_empty()).ok_or(401_u16)?;
        if !held(&self.used).insert(id.to_owned()) {
            return Err(401);
        }
        Ok(Token { claims })
    }
}

fn verify(point: &[u8], raw: &Raw<'_>) -> Result<(), u16> {
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    key.verify(raw.signed.as_bytes(), &raw.signature).map_err(|_| 401)
}
