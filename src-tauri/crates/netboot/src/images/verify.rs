//! Looking at every byte again, whatever was known before.

use std::collections::HashMap;

use super::error::ImageError;
use super::manifest::{Manifest, Name};
use super::store::ImageStore;
use crate::files::Tags;

/// A file that is not what its manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    pub key: String,
    pub why: String,
}

/// What a look at all bytes of an image found.
#[derive(Debug)]
pub struct Verified {
    pub manifest: Manifest,
    pub chosen: bool,
    pub damage: Vec<Damage>,
}

impl ImageStore {
    /// Reads images through, all or those of one name. A manifest that cannot be read is an error among the results.
    pub fn verify(&self, only: Option<&str>) -> Result<Vec<Result<Verified, ImageError>>, ImageError> {
        // A disk may change bytes without a trace in the metadata by which the server knows files.
        let fresh = Tags::default();
        let mut looked: HashMap<String, Option<String>> = HashMap::new();
        let mut found = Vec::new();
        for listed in self.list()? {
            let manifest = match listed.manifest {
                Ok(manifest) => manifest,
                Err(error) => {
                    found.push(Err(error));
                    continue;
                }
            };
            if only.is_some_and(|only| only != manifest.image.name) {
                continue;
            }
            let mut damage = Vec::new();
            for (key, entry) in &manifest.files {
                let look = || self.content(entry, &fresh).err();
                let why = looked.entry(entry.sha256.clone()).or_insert_with(look);
                damage.extend(why.clone().map(|why| Damage { key: key.clone(), why }));
            }
            found.push(Ok(Verified { manifest, chosen: listed.chosen, damage }));
        }
        if let Some(only) = only.filter(|_| found.is_empty()) {
            let known = self.list()?.into_iter().filter_map(|l| l.manifest.ok()).map(|m| m.image).collect();
            let wanted = Name { name: only.to_owned(), version: String::new() };
            return Err(ImageError::Unknown { wanted, known });
        }
        Ok(found)
    }
}
