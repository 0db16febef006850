//! Keys at rest: AES-256-GCM, the master key apart from what it seals.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand,
};

use super::LabCaConfig;
use crate::place::{self, Whose, Wish};

/// Beside the CA, readable by its owner alone.
const FILE: &str = "lab-ca.key";
/// Name of the credential (`LoadCredential=lab-ca-key:…`).
const CREDENTIAL: &str = "lab-ca-key";
const LENGTH: usize = 32;

pub(super) const REMEDY: &str = "put lab-ca.json and lab-ca.key back from one backup; or move both away: a new CA is made at the next start, and \
                                 its root has to be imported where the old one was";

/// Opens what is sealed.
pub(super) struct Master(LessSafeKey);

impl Master {
    /// The credential, the file, or a new one where nothing is sealed yet.
    pub(super) fn open_or_create(
        folder: &Path,
        config: &LabCaConfig,
        sealed: bool,
        whose: Whose,
    ) -> Result<Self, String> {
        if let Some(bytes) =
            config.credentials.as_ref().and_then(|folder| fs::read(folder.join(CREDENTIAL)).ok())
        {
            let key = parse(&bytes).ok_or_else(|| {
                format!("the credential {CREDENTIAL} has not 32 bytes or 64 hexadecimal digits")
            })?;
            return Self::of(&key);
        }
        let path = folder.join(FILE);
        let at = |error: io::Error| format!("{}: {error}", path.display());
        match fs::read(&path) {
            Ok(bytes) => {
                let mode = fs::metadata(&path).map_err(at)?.mode();
                if mode & 0o077 != 0 {
                    return Err(format!("{}: others may read it (chmod 600)", path.display()));
                }
                let key = parse(&bytes).ok_or_else(|| format!("{} is damaged", path.display()))?;
                Self::of(&key)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && sealed => {
                Err(format!("{} is gone, and without it the CA's keys cannot be opened", path.display()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut key = [0_u8; LENGTH];
                rand::fill(&mut key).map_err(|_| "no random numbers".to_owned())?;
                let wish = Wish { mode: 0o600, whose: Some(whose) };
                place::whole(&path, format!("{}\n", hex::encode(key)).as_bytes(), wish).map_err(at)?;
                Self::of(&key)
            }
            Err(error) => Err(at(error)),
        }
    }

    /// Hexadecimal: nonce, then what was sealed with its tag. `about` has to be the same when it is opened.
    pub(super) fn seal(&self, plain: &[u8], about: &[u8]) -> Result<String, String> {
        let failed = |_| "the keys could not be sealed".to_owned();
        let mut nonce = [0_u8; NONCE_LEN];
        rand::fill(&mut nonce).map_err(failed)?;
        let mut bytes = plain.to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(unique, Aad::from(about), &mut bytes).map_err(failed)?;
        Ok(hex::encode([&nonce[..], &bytes].concat()))
    }

    pub(super) fn unseal(&self, sealed: &str, about: &[u8]) -> Result<Vec<u8>, String> {
        let failed =
            || "its sealed keys do not open: they are damaged, or lab-ca.key is another CA's".to_owned();
        let mut bytes = hex::decode(sealed).map_err(|_| failed())?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN).ok_or_else(failed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| failed())?;
        let plain = self.0.open_in_place(nonce, Aad::from(about), sealed).map_err(|_| failed())?;
        Ok(plain.to_vec())
    }

    fn of(key: &[u8; LENGTH]) -> Result<Self, String> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| "the key has a wrong length".to_owned())?;
        Ok(Self(LessSafeKey::new(key)))
    }
}

fn parse(bytes: &[u8]) -> Option<[u8; LENGTH]> {
    if let Ok(raw) = bytes.try_into() {
        return Some(raw);
    }
    let text = std::str::from_utf8(bytes).ok()?.trim();
    hex::decode(text).ok()?.try_into().ok()
}
