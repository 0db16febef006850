//! What can go wrong with images, and what to do then.

use std::io;
use std::path::PathBuf;

use super::manifest::{Name, Unfit};
use super::role::Role;

/// Why an image was not added, served, chosen or removed.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("{what} {}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error("{}: {why}", path.display())]
    Source { path: PathBuf, why: String },
    #[error("{0}")]
    Unfit(#[from] Unfit),
    #[error("the manifest {}: {why}", path.display())]
    Manifest { path: PathBuf, why: Unfit },
    #[error("somebody else is changing the images in {}", folder.display())]
    Busy { folder: PathBuf },
    #[error("{0} is here already, with other files")]
    Exists(Name),
    #[error("there is no image {wanted}; there are: {}", list(known))]
    Unknown { wanted: Name, known: Vec<Name> },
    #[error("{image} is of role {is}, and not of role {wanted}")]
    WrongRole { image: Name, is: Role, wanted: Role },
    #[error("{image} is what role {role} boots")]
    Chosen { image: Name, role: Role },
    #[error("{key} of {image} is damaged: {why}")]
    Damaged { image: Name, key: String, why: String },
}

fn list(names: &[Name]) -> String {
    match names {
        [] => "none".into(),
        names => names.iter().map(Name::to_string).collect::<Vec<_>>().join(", "),
    }
}

impl ImageError {
    pub(super) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> ImageError {
        let path = path.into();
        move |source| ImageError::Io { what, path, source }
    }

    /// What the person at the bench can do.
    pub fn remedy(&self) -> String {
        match self {
            ImageError::Io { source, .. } if full(source) => {
                "make room on that disk, or remove an image that is no longer needed; nothing was added"
                    .into()
            }
            ImageError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "run the command as the user whose data folder this is".into()
            }
            ImageError::Io { .. } => "look at that path, then try again".into(),
            ImageError::Source { .. } => "fetch the file again, whole, and add it then".into(),
            ImageError::Unfit(_) => "correct that and try again".into(),
            ImageError::Manifest { .. } => "remove that file, then add the image again".into(),
            ImageError::Busy { .. } => "wait until the other command is done".into(),
            ImageError::Exists(_) => {
                "give the new files a version of their own, or remove the image first".into()
            }
            ImageError::Unknown { .. } => "see `statusinator images list`".into(),
            ImageError::WrongRole { is, .. } => format!("choose it for {is}, or add it for the other role"),
            ImageError::Chosen { role, .. } => {
                format!("choose another one first: `statusinator images choose {role} NAME VERSION`")
            }
            ImageError::Damaged { image, .. } => {
                format!(
                    "add {image} again from good files (`statusinator images add`); until then it is not served"
                )
            }
        }
    }
}

/// No room: the disk, the quota, or the limit on a file's size.
fn full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
