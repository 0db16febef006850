//! A matchbox folder, read as it is: groups choose a profile by what a machine says of itself, and the profile says what it
//! boots. Answers are those of matchbox 0.11, byte for byte, for `/`, `/boot.ipxe`, `/boot.ipxe.0`, `/ipxe`, `/grub`,
//! `/metadata` and the files under `/assets/`.
//!
//! Files are read at each request, as matchbox does, so that an edit counts at once. Not served: templates that need Go's
//! template language or Ignition's translator (`ignition/`, `generic/`, `cloud/`), lists of folders under `/assets/`, and
//! whatever lies outside the folder. [`Folder::look`] names every file that has no effect, with the reason.

mod folder;
mod golang;
mod group;
mod labels;
mod profile;
mod render;
mod site;

pub use folder::{Folder, Ignored, Survey};
pub use group::{Group, select};
pub use labels::Labels;
pub use profile::{Boot, Profile};
pub use site::{Matched, nothing};
