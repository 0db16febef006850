//! The store as its readers see it: what there is, and which image a role boots.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::error::ImageError;
use super::folder::Folder;
use super::manifest::{FileEntry, Manifest, Name, Unfit};
use super::role::{INITRD, KERNEL, Role};
use crate::files::{Body, Tags};

/// Larger manifests are not ours.
const LARGEST_MANIFEST: u64 = 64 * 1024;

/// The images of one data folder. Opening it touches nothing; folders appear when something is added.
#[derive(Debug)]
pub struct ImageStore {
    pub(super) folder: Folder,
    tags: Tags,
}

/// An image with its files open: whatever happens to the store meanwhile, these bodies are what the manifest says.
#[derive(Debug, Clone)]
pub struct Image {
    pub manifest: Manifest,
    files: BTreeMap<String, Body>,
}

impl Image {
    /// One of its files.
    pub fn file(&self, key: &str) -> Option<&Body> {
        self.files.get(key)
    }

    /// Every role needs one, and a manifest without is not read.
    pub fn kernel(&self) -> Option<&Body> {
        self.file(KERNEL)
    }

    /// The same.
    pub fn initrd(&self) -> Option<&Body> {
        self.file(INITRD)
    }
}

/// A manifest in the store, or why it cannot be read.
#[derive(Debug)]
pub struct Listed {
    pub manifest: Result<Manifest, ImageError>,
    /// The role that boots it, if one does.
    pub chosen: bool,
}

/// Changes whenever an image or a choice does; cheap to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Generation([(i64, i64); 2]);

impl ImageStore {
    /// A store in this folder, which need not exist.
    pub fn open(folder: impl Into<PathBuf>) -> ImageStore {
        ImageStore { folder: Folder::new(folder.into()), tags: Tags::default() }
    }

    /// Every manifest, by name and version.
    pub fn list(&self) -> Result<Vec<Listed>, ImageError> {
        let mut listed = Vec::new();
        let chosen: Vec<(Role, Name)> = Role::ALL
            .into_iter()
            .filter_map(|role| self.pointer(role).ok().flatten().map(|name| (role, name)))
            .collect();
        let folder = self.folder.manifests();
        for name in Folder::names(&folder)?.iter().filter(|name| name.ends_with(".json")) {
            let manifest = self.read(folder.join(name));
            let is_chosen =
                |m: &Manifest| chosen.iter().any(|(role, name)| *role == m.role && *name == m.image);
            listed.push(Listed { chosen: manifest.as_ref().is_ok_and(is_chosen), manifest });
        }
        Ok(listed)
    }

    /// One manifest.
    pub fn manifest(&self, image: &Name) -> Result<Manifest, ImageError> {
        match self.read(self.folder.manifest(image)) {
            Err(ImageError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let known = self.list()?.into_iter().filter_map(|l| l.manifest.ok()).map(|m| m.image);
                Err(ImageError::Unknown { wanted: image.clone(), known: known.collect() })
            }
            other => other,
        }
    }

    /// Which image a role boots from the next lab on; `None` when nobody has chosen.
    pub fn pointer(&self, role: Role) -> Result<Option<Name>, ImageError> {
        let path = self.folder.choice(role);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ImageError::io("read", path)(error)),
        };
        let name: Result<Name, Unfit> = serde_json::from_str(&text).map_err(|e| Unfit(e.to_string()));
        let name = name.and_then(|name| Name::new(&name.name, &name.version));
        name.map(Some).map_err(|why| ImageError::Manifest { path, why })
    }

    /// The image that a role boots, its files opened and checked. Reads them through once after each change of theirs.
    pub fn chosen(&self, role: Role) -> Result<Option<Image>, ImageError> {
        let Some(name) = self.pointer(role)? else { return Ok(None) };
        let image = self.image(&name)?;
        if image.manifest.role != role {
            return Err(ImageError::WrongRole { image: name, is: image.manifest.role, wanted: role });
        }
        Ok(Some(image))
    }

    /// An image with its files opened and checked against their hashes.
    pub fn image(&self, name: &Name) -> Result<Image, ImageError> {
        let manifest = self.manifest(name)?;
        let mut files = BTreeMap::new();
        for (key, entry) in &manifest.files {
            let body = self.content(entry, &self.tags);
            let damaged = |why| ImageError::Damaged { image: name.clone(), key: key.clone(), why };
            files.insert(key.clone(), body.map_err(damaged)?);
        }
        Ok(Image { manifest, files })
    }

    /// What changes when an image is added or removed or a choice is made: the folders in which files are renamed.
    pub fn generation(&self) -> Generation {
        let of = |path: PathBuf| fs::metadata(path).map_or((0, 0), |m| (m.mtime(), m.mtime_nsec()));
        Generation([of(self.folder.manifests()), of(self.folder.choices())])
    }

    /// Makes a role boot this image from the next lab on. A damaged image is not chosen.
    pub fn choose(&self, role: Role, name: &Name) -> Result<Manifest, ImageError> {
        let _lock = self.folder.lock()?;
        let manifest = self.image(name)?.manifest;
        if manifest.role != role {
            return Err(ImageError::WrongRole { image: name.clone(), is: manifest.role, wanted: role });
        }
        let text = serde_json::to_string(name).map_err(|error| Unfit(error.to_string()))?;
        self.folder.replace(&self.folder.choice(role), &(text + "\n"))?;
        Ok(manifest)
    }

    /// Removes an image and the contents that no other has. One that a role boots stays.
    pub fn remove(&self, name: &Name) -> Result<Manifest, ImageError> {
        let _lock = self.folder.lock()?;
        let manifest = self.manifest(name)?;
        for role in Role::ALL {
            if self.pointer(role)?.as_ref() == Some(name) {
                return Err(ImageError::Chosen { image: name.clone(), role });
            }
        }
        // The manifest first: without it nobody looks for the contents.
        Folder::remove(&self.folder.manifest(name))?;
        self.sweep()?;
        Ok(manifest)
    }

    /// Removes what nobody names: leftovers of an addition that was cut off, and contents of removed images.
    ///
    /// Only with the lock held. While a manifest cannot be read nobody knows what it names, so contents stay.
    pub(super) fn sweep(&self) -> Result<(), ImageError> {
        let incoming = self.folder.incoming();
        for name in Folder::names(&incoming)? {
            Folder::remove(&incoming.join(name))?;
        }
        let mut named = Vec::new();
        for listed in self.list()? {
            let Ok(manifest) = listed.manifest else { return Ok(()) };
            named.extend(manifest.files.into_values().map(|file| file.sha256));
        }
        for hash in Folder::names(&self.folder.contents())? {
            if !named.contains(&hash) {
                Folder::remove(&self.folder.content(&hash))?;
            }
        }
        Ok(())
    }

    /// Opens a content and holds it against its name.
    pub(super) fn content(&self, entry: &FileEntry, tags: &Tags) -> Result<Body, String> {
        let open = File::open(self.folder.content(&entry.sha256)).and_then(|file| {
            let size = file.metadata()?.len();
            // Told apart before the file is read through: this is what most accidents look like.
            if size == entry.size { Body::from_file(file, tags).map(Ok) } else { Ok(Err(size)) }
        });
        match open {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err("its content is gone".into()),
            Err(error) => Err(format!("its content cannot be read: {error}")),
            Ok(Err(size)) => Err(format!("it has {size} bytes instead of {}", entry.size)),
            Ok(Ok(body)) if body.etag() != entry.sha256 => {
                Err(format!("its SHA-256 is {} instead of {}", body.etag(), entry.sha256))
            }
            Ok(Ok(body)) => Ok(body),
        }
    }

    fn read(&self, path: PathBuf) -> Result<Manifest, ImageError> {
        let size = fs::metadata(&path).map_err(ImageError::io("read", &path))?.len();
        if size > LARGEST_MANIFEST {
            let why = Unfit(format!("it has {size} bytes, more than any manifest"));
            return Err(ImageError::Manifest { path, why });
        }
        let text = fs::read_to_string(&path).map_err(ImageError::io("read", &path))?;
        let manifest = Manifest::parse(&text).and_then(|manifest| {
            let own = path.file_stem().is_some_and(|stem| *stem == *manifest.image.stem());
            if own { Ok(manifest) } else { Err(Unfit(format!("it says that it is {}", manifest.image))) }
        });
        manifest.map_err(|why| ImageError::Manifest { path, why })
    }
}
