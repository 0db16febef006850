//! Its keys, and the certificates that it makes.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    encoding::{AsBigEndian, EcPrivateKeyBin},
    key_wrap::{AES_128, AesKek, KeyWrap},
    pbkdf2, rand,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SerialNumber,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use x509_parser::time::ASN1Time;

/// What step-ca writes into each certificate: type and name of its provisioner.
const PROVISIONER_OID: [u64; 10] = [1, 3, 6, 1, 4, 1, 37476, 9000, 64, 1];
/// Rounds of PBKDF2 that step-ca 0.30 was seen to use.
const ROUNDS: u32 = 600_000;
const DAY: i64 = 86_400;

/// Why nothing could be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    #[error(transparent)]
    Certificate(#[from] rcgen::Error),
    #[error("the key could not be made or sealed")]
    Crypto,
    #[error("no such time")]
    Time,
}

impl From<aws_lc_rs::error::Unspecified> for MakeError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Crypto
    }
}

/// A certificate with its intermediate, and its key.
#[derive(Clone)]
pub struct Bundle {
    pub chain_pem: String,
    pub key_pem: String,
}

pub(super) struct Authority {
    root: rcgen::Certificate,
    intermediate: rcgen::Certificate,
    key: KeyPair,
    pub(super) provisioner: String,
    pub(super) kid: String,
    /// Uncompressed point of the provisioner's key.
    pub(super) point: Vec<u8>,
    sealed: String,
}

impl Authority {
    pub(super) fn make(provisioner: &str, password: &str) -> Result<Self, MakeError> {
        let from = now() - 30 * DAY;
        let root_key = KeyPair::generate()?;
        let root = authority("lab Root CA", from, 1)?.self_signed(&root_key)?;
        let issuer = Issuer::from_ca_cert_der(root.der(), &root_key)?;
        let key = KeyPair::generate()?;
        let intermediate = authority("lab Intermediate CA", from, 0)?.signed_by(&key, &issuer)?;
        let (kid, point, sealed) = jwk(password)?;
        Ok(Self { root, intermediate, key, provisioner: provisioner.to_owned(), kid, point, sealed })
    }

    pub(super) fn mint(&self, names: &[&str], from: i64, until: i64) -> Result<Bundle, MakeError> {
        let key = KeyPair::generate()?;
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let leaf = self.leaf(&names, from, until, &key)?;
        let chain_pem = format!("{}{}", leaf.pem(), self.intermediate.pem());
        Ok(Bundle { chain_pem, key_pem: key.serialize_pem() })
    }

    pub(super) fn leaf(
        &self,
        names: &[String],
        from: i64,
        until: i64,
        public: &impl PublicKeyData,
    ) -> Result<rcgen::Certificate, MakeError> {
        let mut params = CertificateParams::new(names.to_vec())?;
        dated(&mut params, names.first().map_or("", String::as_str), from, until)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        // A sequence of kind (1: JWK), name and key id.
        let part = |tag: u8, bytes: &[u8]| [&[tag, bytes.len() as u8][..], bytes].concat();
        let inner =
            [part(2, &[1]), part(4, self.provisioner.as_bytes()), part(4, self.kid.as_bytes())].concat();
        params
            .custom_extensions
            .push(CustomExtension::from_oid_content(&PROVISIONER_OID, part(0x30, &inner)));
        let issuer = Issuer::from_ca_cert_der(self.intermediate.der(), &self.key)?;
        Ok(params.signed_by(public, &issuer)?)
    }

    pub(super) fn root(&self) -> &rcgen::Certificate {
        &self.root
    }

    pub(super) fn root_pem(&self) -> String {
        self.root.pem()
    }

    pub(super) fn intermediate(&self) -> &rcgen::Certificate {
        &self.intermediate
    }

    pub(super) fn fingerprint(&self) -> String {
        Sha256::digest(self.root.der()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn provisioners(&self, after_expiry: bool) -> Value {
        let (x, y) = self.point[1..].split_at(32);
        let claims = json!({ "enableSSHCA": false, "allowRenewalAfterExpiry": after_expiry });
        json!({ "provisioners": [
            { "type": "ACME", "name": "acme" },
            { "type": "JWK", "name": self.provisioner, "encryptedKey": self.sealed, "claims": claims,
              "key": { "use": "sig", "kty": "EC", "kid": self.kid, "crv": "P-256", "alg": "ES256", "x": packed(x), "y": packed(y) } },
        ], "nextCursor": "" })
    }
}

pub(super) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

pub(super) fn packed(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn authority(name: &str, from: i64, below: u8) -> Result<CertificateParams, MakeError> {
    let mut params = CertificateParams::default();
    dated(&mut params, name, from, from + 3650 * DAY)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn dated(params: &mut CertificateParams, name: &str, from: i64, until: i64) -> Result<(), MakeError> {
    let time = |seconds| {
        ASN1Time::from_timestamp(seconds).map(|time| time.to_datetime()).map_err(|_| MakeError::Time)
    };
    (params.not_before, params.not_after) = (time(from)?, time(until)?);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    let mut serial = [0_u8; 16];
    rand::fill(&mut serial)?;
    serial[0] &= 0x7f;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(())
}

/// Key id, public point, and the private key sealed with a password as JWE (RFC 7516, RFC 7518 section 4.8).
fn jwk(password: &str) -> Result<(String, Vec<u8>, String), MakeError> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let point = key.public_key().as_ref().to_vec();
    let private: EcPrivateKeyBin<'_> = key.private_key().as_be_bytes()?;
    let (x, y) = point[1..].split_at(32);
    let kid = packed(&Sha256::digest(format!(
        r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
        packed(x),
        packed(y)
    )));
    let plain = json!({ "use": "sig", "kty": "EC", "kid": kid, "crv": "P-256", "alg": "ES256",
        "x": packed(x), "y": packed(y), "d": packed(private.as_ref()) });
    let (mut salt, mut content_key, mut iv) = ([0_u8; 16], [0_u8; 32], [0_u8; 12]);
    rand::fill(&mut salt)?;
    rand::fill(&mut content_key)?;
    rand::fill(&mut iv)?;
    let algorithm = "PBES2-HS256+A128KW";
    let header =
        json!({ "alg": algorithm, "cty": "jwk+json", "enc": "A256GCM", "p2c": ROUNDS, "p2s": packed(&salt) });
    let header = packed(header.to_string().as_bytes());
    let salted = [algorithm.as_bytes(), &[0], &salt].concat();
    let mut kek = [0_u8; 16];
    let rounds = ROUNDS.try_into().map_err(|_| MakeError::Crypto)?;
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salted, password.as_bytes(), &mut kek);
    let mut room = [0_u8; 40];
    let wrapped = AesKek::new(&AES_128, &kek)?.wrap(&content_key, &mut room)?;
    let mut text = plain.to_string().into_bytes();
    let sealing = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &content_key)?);
    let nonce = Nonce::assume_unique_for_key(iv);
    let tag = sealing.seal_in_place_separate_tag(nonce, Aad::from(header.as_bytes()), &mut text)?;
    let sealed = [&header, &packed(wrapped), &packed(&iv), &packed(&text), &packed(tag.as_ref())]
        .map(String::as_str)
        .join(".");
    Ok((kid, point, sealed))
}
