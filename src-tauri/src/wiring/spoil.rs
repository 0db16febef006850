//! Boot files, loader names and command lines, spoiled on purpose for a machine that has such a fault.
//!
//! Nothing here has a state of its own: a fault is in effect as soon as its event is committed, and as long as it stands
//! in the picture.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use lab::{fault::Fault, sign::FileRole};
use netboot::files::Body;

use super::picture::Picture;

/// Faults that need nothing but what is served.
pub(super) const POSSIBLE: [Fault; 5] =
    [Fault::MissingFile, Fault::TruncatedKernel, Fault::CorruptInitrd, Fault::KernelPanics, Fault::WipeLoop];

/// Spoiled files kept, each some tens of megabytes: those of one way to boot.
const KEPT: usize = 2;

#[derive(Default)]
pub(super) struct Spoiler {
    picture: Arc<Picture>,
    /// By tag of the good file. The same bad bytes each time: a loader asks in pieces, and HEAD must agree with GET.
    kept: Mutex<HashMap<(String, Fault), Body>>,
}

impl Spoiler {
    pub(super) fn new(picture: Arc<Picture>) -> Self {
        Self { picture, kept: Mutex::default() }
    }

    fn faults(&self, machine: &str) -> BTreeSet<Fault> {
        self.picture.machine(machine).faults
    }

    /// What a machine gets in place of a good file; `None`: nothing, as if it were not there. Blocks; it may read all of it.
    pub(super) fn body(&self, machine: &str, role: FileRole, body: Body) -> Option<Body> {
        self.treated(&self.faults(machine), role, body)
    }

    fn treated(&self, faults: &BTreeSet<Fault>, role: FileRole, body: Body) -> Option<Body> {
        let has = |fault| faults.contains(&fault);
        // One image with everything in it: its initrd lies between the stub and the kernel.
        let image = role == FileRole::Image;
        let kernel = image || role == FileRole::Kernel;
        if kernel && has(Fault::MissingFile) {
            return None;
        }
        if kernel && has(Fault::TruncatedKernel) {
            return Some(self.spoiled(Fault::TruncatedKernel, body, cut));
        }
        if (role == FileRole::Initrd || image) && has(Fault::CorruptInitrd) {
            return Some(self.spoiled(Fault::CorruptInitrd, body, if image { damage_image } else { damage }));
        }
        Some(body)
    }

    fn spoiled(&self, fault: Fault, body: Body, spoil: fn(&mut Vec<u8>)) -> Body {
        let key = (body.etag().to_owned(), fault);
        let kept =
            |spoiler: &Self| spoiler.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = kept(self) {
            return known;
        }
        let Ok(good) = body.whole() else { return body };
        let mut bytes = good.to_vec();
        spoil(&mut bytes);
        let bad = Body::from_bytes(bytes);
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT {
            all.clear();
        }
        all.insert(key, bad.clone());
        bad
    }

    /// The kernel's command line of a machine.
    pub(super) fn cmdline(&self, machine: &str, good: String) -> String {
        // Neither initrd nor disk has this: the kernel finds nothing to begin with, and panics (init/main.c).
        let bad = "rdinit=/nonexistent init=/nonexistent root=/dev/nonexistent";
        let faults = self.faults(machine);
        if faults.contains(&Fault::WipeLoop) {
            // It restarts a second after its panic, before it could report: again and again.
            format!("{good} {bad} panic=1")
        } else if faults.contains(&Fault::KernelPanics) {
            format!("{good} {bad}")
        } else {
            good
        }
    }
}

/// Half of it is missing, and the length that is told is that of the half.
fn cut(bytes: &mut Vec<u8>) {
    bytes.truncate(bytes.len() / 2);
}

/// Some bits of every page are others.
#[allow(clippy::ptr_arg)] // one shape for all: some of them shorten
fn damage(bytes: &mut Vec<u8>) {
    bytes.iter_mut().step_by(4096).for_each(|byte| *byte ^= 0x55);
}

/// The stub is 1 % of an image and the initrd the quarter behind it; a damaged kernel would be another fault.
#[allow(clippy::ptr_arg)] // as above
fn damage_image(bytes: &mut Vec<u8>) {
    let (begin, end) = (bytes.len() / 20, bytes.len() / 5);
    bytes[begin..end].iter_mut().step_by(64).for_each(|byte| *byte ^= 0x55);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoil(fault: Fault, role: FileRole) -> Option<Body> {
        Spoiler::default().treated(&[fault].into(), role, Body::from_bytes(vec![7; 10_000]))
    }

    #[test]
    fn each_fault_spoils_its_own_file_and_no_other() {
        let whole = Body::from_bytes(vec![7; 10_000]);
        assert!(spoil(Fault::MissingFile, FileRole::Kernel).is_none());
        assert_eq!(spoil(Fault::TruncatedKernel, FileRole::Kernel).unwrap().length(), 5000);
        let damaged = spoil(Fault::CorruptInitrd, FileRole::Initrd).unwrap();
        assert_eq!(damaged.length(), whole.length());
        assert_ne!(damaged.etag(), whole.etag());
        let image = spoil(Fault::CorruptInitrd, FileRole::Image).unwrap();
        assert_ne!(image.etag(), whole.etag(), "an image has its initrd inside");
        for (fault, role) in [
            (Fault::MissingFile, FileRole::Script),
            (Fault::TruncatedKernel, FileRole::Initrd),
            (Fault::CorruptInitrd, FileRole::Kernel),
            (Fault::DropDhcp, FileRole::Kernel),
        ] {
            assert_eq!(spoil(fault, role).unwrap().etag(), whole.etag(), "{}", fault.word());
        }
    }

    #[test]
    fn the_same_bad_bytes_come_each_time() {
        let spoiler = Spoiler::default();
        let faults = [Fault::TruncatedKernel].into();
        let body = || Body::from_bytes(vec![7; 10_000]);
        let ask = || spoiler.treated(&faults, FileRole::Kernel, body()).unwrap();
        assert_eq!(ask().etag(), ask().etag());
        assert_eq!(spoiler.kept.lock().unwrap().len(), 1);
    }
}
