//! Which image each role boots: read at start and when a lab starts, all roles at once, and held until the next.
//!
//! The command line changes the store beside a running engine. It is noticed here: the service list says what is chosen
//! for the next lab, and a file that is damaged is taken out of service at once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use engine::{Observation, ObservationSink};
use jiff::Timestamp;
use lab::{Body as EventBody, Code, Event, Failure, live::ServiceState};
use netboot::images::{Addition, Image, ImageError, ImageStore, Input, Name, Role};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::config::DataDir;

/// Name in the list of services.
const SERVICE: &str = "images";
/// Pace of looking at the store: a choice made beside us is read through, and so made ready, before a person starts a lab.
const LOOK: Duration = Duration::from_secs(2);
/// Name of the image that the program makes itself.
const PROBE: &str = "probe";

/// What one look at the store found.
struct Look {
    state: ServiceState,
    /// Why something that is chosen cannot be served; told once for each change.
    trouble: Option<Failure>,
    served: Vec<Arc<Image>>,
}

/// The store, and what is served out of it.
pub(super) struct Images {
    store: ImageStore,
    serving: RwLock<BTreeMap<Role, Arc<Image>>>,
    /// Said once, not every two seconds.
    told: Mutex<Option<Failure>>,
}

impl Images {
    pub(super) fn open(data: &DataDir) -> Self {
        let store = ImageStore::open(data.images());
        Self { store, serving: RwLock::default(), told: Mutex::default() }
    }

    /// What this role boots now.
    pub(super) fn serving(&self, role: Role) -> Option<Arc<Image>> {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).get(&role).cloned()
    }

    /// Keeps the probe image that was made for this run: written when it differs from the one kept before.
    ///
    /// It is served from memory, so a store that cannot be written is a nuisance and nothing more.
    pub(super) fn keep_probe(&self, release: &str, files: &[(&str, &Bytes, &str)]) {
        if let Err(error) = self.try_keep_probe(release, files) {
            tracing::warn!(%error, remedy = error.remedy(), "the probe image is not kept");
        }
    }

    fn try_keep_probe(&self, release: &str, files: &[(&str, &Bytes, &str)]) -> Result<(), ImageError> {
        let made = |(key, bytes, sha256): &(&str, &Bytes, &str)| {
            ((*key).to_owned(), Input::Made { bytes: (*bytes).clone(), sha256: (*sha256).to_owned() })
        };
        let addition = Addition {
            image: Name::new(PROBE, release)?,
            role: Role::Probe,
            cmdline: None,
            files: files.iter().map(made).collect(),
            expected: BTreeMap::new(),
            replace: true,
        };
        self.store.add(&addition, Timestamp::now())?;
        if self.store.pointer(Role::Probe)?.as_ref() != Some(&addition.image) {
            self.store.choose(Role::Probe, &addition.image)?;
        }
        // Those of kernels that are gone can be made by nobody; 60 MB each.
        for listed in self.store.list()? {
            let Ok(manifest) = listed.manifest else { continue };
            let ours = manifest.files.values().all(|file| file.source.is_none());
            if manifest.image.name == PROBE && manifest.image != addition.image && ours {
                self.store.remove(&manifest.image)?;
            }
        }
        Ok(())
    }

    /// Reads every choice and opens its files. With `adopt` they are what is served from now on, all at once.
    /// Without, only what can no longer be served goes. Blocks: a file that is new is read through.
    fn look(&self, adopt: bool) -> Look {
        let mut next = BTreeMap::new();
        let mut troubles = Vec::new();
        let mut says = Vec::new();
        let old = self.serving.read().unwrap_or_else(PoisonError::into_inner).clone();
        for role in Role::ALL {
            let before = old.get(&role);
            // What is open is looked at too: a version that is no longer chosen is served until the next lab.
            let kept = before.and_then(|image| match self.store.image(&image.manifest.image) {
                // Removed after another was chosen: what is open is still whole.
                Ok(_) | Err(ImageError::Unknown { .. }) => Some(image.clone()),
                Err(_) => None,
            });
            match self.store.chosen(role) {
                Ok(Some(image)) => {
                    let name = image.manifest.image.clone();
                    let changed = before.is_none_or(|b| b.manifest.digest() != image.manifest.digest());
                    let later = if changed && !adopt { " from the next lab on" } else { "" };
                    says.push(format!("{role}: {name}{later}"));
                    if adopt || !changed {
                        next.insert(role, Arc::new(image));
                    } else if let Some(kept) = kept {
                        next.insert(role, kept);
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    let what = format!("serve the image of {role}");
                    troubles.push(Failure::new(Code::BootFile, what, chain(&error), error.remedy()));
                    // Another version may still be good; the damaged one is gone.
                    if let Some(kept) = kept.filter(|_| !adopt) {
                        next.insert(role, kept);
                    }
                }
            }
        }
        let served = next.values().cloned().collect();
        *self.serving.write().unwrap_or_else(PoisonError::into_inner) = next;
        let trouble = joined(troubles);
        self.tell(trouble.as_ref());
        if says.is_empty() {
            says.push("none chosen; `statusinator images add` brings some".into());
        }
        let says = trouble
            .as_ref()
            .map_or_else(|| says.join(", "), |trouble| format!("{trouble}; {}", trouble.remedy));
        let state = ServiceState { name: SERVICE.into(), ready: trouble.is_none(), says };
        Look { state, trouble, served }
    }

    fn tell(&self, trouble: Option<&Failure>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.as_ref() != trouble {
            if let Some(failure) = trouble {
                tracing::warn!(%failure, remedy = failure.remedy, "an image is not served");
            }
            *told = trouble.cloned();
        }
    }
}

/// One trouble of the service: the first role's, with what is wrong with the others behind it.
fn joined(troubles: Vec<Failure>) -> Option<Failure> {
    troubles.into_iter().reduce(|mut first, next| {
        first.why = format!("{}; {next}", first.why);
        first
    })
}

fn chain(error: &dyn std::error::Error) -> String {
    let source = error.source().map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}

/// Adopts at start and at each start of a lab, and looks in between, until told to stop.
pub(super) async fn follow(
    images: Arc<Images>,
    mut events: Receiver<Arc<Event>>,
    sink: ObservationSink,
    stop: CancellationToken,
) {
    let mut pace = interval(LOOK);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut adopt = true;
    loop {
        let looking = images.clone();
        let look = tokio::task::spawn_blocking(move || looking.look(adopt));
        match look.await {
            Ok(Look { state, trouble, served }) => {
                // Before the list: the engine itself could only say that something is not ready.
                sink.put(Observation::Trouble { service: SERVICE.into(), failure: trouble });
                sink.put(Observation::Service(state));
                for image in served {
                    let manifest = &image.manifest;
                    sink.put(Observation::Image {
                        role: manifest.role.word().into(),
                        name: manifest.image.name.clone(),
                        version: manifest.image.version.clone(),
                        digest: manifest.digest(),
                    });
                }
            }
            Err(error) => tracing::error!(%error, "the images could not be looked at"),
        }
        adopt = tokio::select! {
            () = stop.cancelled() => return,
            starts = lab_starts(&mut events) => starts,
            _ = pace.tick() => false,
        };
    }
}

/// Waits until a lab starts. Events that were missed may have been one.
async fn lab_starts(events: &mut Receiver<Arc<Event>>) -> bool {
    loop {
        match events.recv().await {
            Ok(event) if matches!(event.body(), EventBody::RunStarted { .. }) => return true,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return true,
            // The engine is gone; only the token ends this.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use netboot::files::Body;

    use super::*;

    fn images() -> (tempfile::TempDir, Images) {
        let dir = tempfile::tempdir().unwrap();
        let images = Images::open(&DataDir::new(Some(dir.path().to_owned())).unwrap());
        (dir, images)
    }

    fn add(images: &Images, version: &str, kernel: &'static str) -> Name {
        let name = Name::new("talos", version).unwrap();
        let made = |text: &'static str| {
            let bytes = Bytes::from_static(text.as_bytes());
            Input::Made { sha256: Body::from_bytes(bytes.clone()).etag().to_owned(), bytes }
        };
        let addition = Addition {
            image: name.clone(),
            role: Role::Talos,
            cmdline: None,
            files: [("kernel".to_owned(), made(kernel)), ("initrd".to_owned(), made("initrd"))].into(),
            expected: BTreeMap::new(),
            replace: false,
        };
        images.store.add(&addition, Timestamp::UNIX_EPOCH).unwrap();
        images.store.choose(Role::Talos, &name).unwrap();
        name
    }

    fn version(images: &Images) -> Option<String> {
        images.serving(Role::Talos).map(|image| image.manifest.image.version.clone())
    }

    #[test]
    fn a_choice_counts_from_the_next_lab_on_and_damage_at_once() {
        let (dir, images) = images();
        assert!(images.look(true).state.says.contains("none chosen"));
        let one = add(&images, "1", "kernel one");
        assert!(images.look(false).state.says.contains("talos 1 from the next lab on"));
        assert_eq!(version(&images), None);
        images.look(true);
        assert_eq!(version(&images).as_deref(), Some("1"));

        add(&images, "2", "kernel two");
        assert!(images.look(false).state.says.contains("talos 2 from the next lab on"));
        assert_eq!(version(&images).as_deref(), Some("1"), "a lab under way keeps its files");
        images.store.remove(&one).unwrap();
        images.look(false);
        assert_eq!(version(&images).as_deref(), Some("1"), "what is open is whole");
        images.look(true);
        assert_eq!(version(&images).as_deref(), Some("2"));

        let hash = images.serving(Role::Talos).unwrap().kernel().unwrap().etag().to_owned();
        let path = dir.path().join("images/sha256").join(hash);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "kernel 2wo").unwrap();
        let look = images.look(false);
        assert!(!look.state.ready && look.state.says.contains("images add"), "{}", look.state.says);
        assert!(look.served.is_empty() && version(&images).is_none(), "never served again");
        let trouble = look.trouble.unwrap();
        assert_eq!((trouble.code, trouble.what.as_str()), (Code::BootFile, "serve the image of talos"));
        assert!(trouble.why.contains("talos 2") && trouble.remedy.contains("images add"), "{trouble:?}");
        assert_eq!(
            images.look(false).trouble,
            Some(trouble),
            "the same words each time, so that it is told once"
        );
    }

    #[test]
    fn the_probe_is_written_once_and_follows_its_kernel() {
        let (_dir, images) = images();
        let (kernel, initrd) = (Bytes::from_static(b"kernel"), Bytes::from_static(b"initrd"));
        let hashes = [&kernel, &initrd].map(|bytes| Body::from_bytes(bytes.clone()).etag().to_owned());
        let files = [("kernel", &kernel, hashes[0].as_str()), ("initrd", &initrd, hashes[1].as_str())];
        images.keep_probe("6.1", &files);
        let generation = images.store.generation();
        images.keep_probe("6.1", &files);
        assert_eq!(images.store.generation(), generation, "nothing is copied at the second start");
        images.keep_probe("6.2", &files);
        let names: Vec<_> =
            images.store.list().unwrap().into_iter().map(|l| l.manifest.unwrap().image).collect();
        assert_eq!(names, [Name::new("probe", "6.2").unwrap()]);
        images.look(true);
        assert!(images.serving(Role::Probe).is_some());
    }
}
