//! Images: the files that a role of the lab boots, kept by their content.
//!
//! ```text
//! <folder>/sha256/<hash>              contents, each once, named by their SHA-256, read-only
//!          manifests/NAME@VERSION.json  what an image consists of
//!          chosen/ROLE.json           which image a role boots: one small file, renamed over
//!          incoming/                  what is being added; whatever lies here when nobody adds is left over
//!          lock                       held by whoever changes something
//! ```
//!
//! Whoever reads needs no lock: everything is written beside, synced and renamed, so that a power cut leaves the old or
//! the new and nothing between. A content whose hash is not its name is never served.

mod error;
pub mod manifest;
pub mod role;
mod shape;

mod add;
mod folder;
mod store;
mod verify;

#[cfg(test)]
mod tests;

pub use add::{Addition, Input};
pub use error::ImageError;
pub use manifest::{FileEntry, Manifest, Name};
pub use role::Role;
pub use store::{Generation, Image, ImageStore, Listed};
pub use verify::{Damage, Verified};
