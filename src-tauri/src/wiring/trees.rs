//! Paths that are not ours: the reference lab's web tree, and a matchbox folder where one is named.

use std::sync::Arc;

use bytes::Bytes;
use engine::Observation;
use lab::{live::ServiceState, sign::FileRole};
use netboot::{
    Mac,
    files::{Asker, Body, Found, Reply, Tags},
    images::{Role, role},
    matchbox::{self, Folder},
    owner::{self, Asked},
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{Site, images::Images, site::BootSite};

/// Where files of the images in use lie, by role and key.
pub(super) const IMAGES: &str = "images/";
/// Name in the list of services.
const SERVICE: &str = "matchbox";
/// Pace of looking for files without effect: a person edits them by hand.
const LOOK: std::time::Duration = std::time::Duration::from_secs(5);
/// Ignored files that the service list names; all of them are in `check-config --matchbox`.
const NAMED: usize = 3;

/// Who else's paths are answered.
#[derive(Default)]
pub(super) struct Trees {
    images: Option<Arc<Images>>,
    matchbox: Option<Folder>,
    tags: Tags,
}

impl Trees {
    pub(super) fn of(site: &Site) -> Self {
        Self {
            images: Some(site.images.clone()),
            matchbox: site.board.boot.matchbox.as_ref().map(Folder::new),
            tags: Tags::default(),
        }
    }

    /// Files, for every protocol.
    pub(super) fn open(&self, site: &BootSite, path: &str) -> Option<Body> {
        if let Some((role, key)) = path.strip_prefix(IMAGES).and_then(|rest| rest.split_once('/')) {
            return self.image(Role::parse(role)?, key);
        }
        // A matchbox folder's own assets come first; see `get`.
        if self.matchbox.is_some() && path.starts_with("assets/") {
            return None;
        }
        match owner::asked(path)? {
            Asked::Chain => {
                let syslog = site.board.network.syslog.unwrap_or(site.board.network.boss);
                Some(Body::from_bytes(owner::chain(site.base, site.dial.address(syslog))))
            }
            Asked::Script(mac) => Some(site.script(&of(mac))),
            Asked::LabScript { lab, mac } => {
                let machine = site.board.machine_by_mac(lab::Mac(mac.0))?;
                let uses = |lab| site.board.machines_of(lab).contains(&machine);
                site.board.lab(&lab).is_some_and(uses).then(|| site.script(&of(mac)))
            }
            Asked::Asset { role, key } => self.image(role, key),
            Asked::Wipe(mac) => {
                // Whoever names the folder arms nothing by that.
                let armed = site.admit(&of(mac)).is_ok_and(|admitted| admitted.duty.wipe.is_some());
                armed.then(|| site.script(&of(mac)))
            }
            Asked::Secret => None,
        }
    }

    /// What only HTTP can say: answers to a query, and why there is nothing.
    pub(super) fn get(&self, site: &BootSite, path: &str, query: &str) -> Option<Found> {
        if let Some(found) = self.matchbox.as_ref().and_then(|folder| folder.get(path, query, &self.tags)) {
            return Some(found);
        }
        let Some(asked) = owner::asked(path) else {
            return (self.matchbox.is_some() && path.starts_with("assets/")).then(matchbox::nothing);
        };
        let why = match asked {
            Asked::Asset { role, key } => match self.image(role, key) {
                Some(body) => return Some(Found::Body(body)),
                None => format!(
                    "No image is in use for {role}. See `statusinator images list`, choose one, then start a lab.",
                ),
            },
            Asked::Wipe(mac) => {
                format!("Nothing is erased on {mac}: that is armed on the board, once and for one machine.")
            }
            Asked::Secret => {
                "Machine configurations hold the cluster's secrets. They are not served on this path.".into()
            }
            Asked::LabScript { lab, mac } => {
                let labs: Vec<_> = site.board.labs.iter().map(|lab| lab.name.as_str()).collect();
                format!("The lab {lab} has no machine {mac}. Labs of this board: {}.", labs.join(", "))
            }
            Asked::Chain | Asked::Script(_) => return None,
        };
        Some(Found::Said(Reply {
            status: 404,
            content_type: "text/plain; charset=utf-8",
            body: Bytes::from(why + "\n"),
        }))
    }

    /// Where a machine that this board does not know may find something to boot: a matchbox folder may have it.
    pub(super) fn elsewhere(&self) -> Option<String> {
        self.matchbox.is_some().then(|| "boot.ipxe".to_owned())
    }

    fn image(&self, role: Role, key: &str) -> Option<Body> {
        self.images.as_ref()?.serving(role)?.file(key).cloned()
    }
}

/// Somebody may ask for another machine's script: what counts is the name of the file.
fn of(mac: Mac) -> Asker {
    Asker { peer: std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), mac: Some(mac) }
}

/// Which part a file plays in a boot. In a matchbox folder files may have any name; these are the usual ones.
pub(super) fn role(path: &str) -> FileRole {
    let key = match owner::asked(path) {
        Some(Asked::Asset { key, .. }) => key,
        Some(Asked::Chain | Asked::Script(_) | Asked::LabScript { .. } | Asked::Wipe(_)) => {
            return FileRole::Script;
        }
        Some(Asked::Secret) => return FileRole::Other,
        None if matches!(path, "boot.ipxe" | "boot.ipxe.0" | "ipxe" | "grub") => return FileRole::Script,
        None if path.starts_with(IMAGES) || path.starts_with("assets/") => path,
        None => return FileRole::Other,
    };
    let name = key.rsplit('/').next().unwrap_or(key).to_ascii_lowercase();
    if name.contains("initr") {
        FileRole::Initrd
    } else if name.contains(role::KERNEL) || name.contains("vmlinu") {
        FileRole::Kernel
    } else {
        FileRole::Other
    }
}

/// Tells which files of the matchbox folder have no effect, now and after each edit.
pub(super) fn spawn(tasks: &mut JoinSet<()>, site: &Site) {
    let Some(folder) = site.board.boot.matchbox.as_ref().map(Folder::new) else { return };
    let (sink, stop) = (site.sink.clone(), site.stop.clone());
    tasks.spawn(async move {
        let mut pace = interval(LOOK);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = String::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = pace.tick() => {}
            }
            let looking = folder.clone();
            let Ok((ready, says)) = tokio::task::spawn_blocking(move || survey(&looking)).await else {
                continue;
            };
            if says != told {
                tracing::info!(says, "matchbox folder");
                told.clone_from(&says);
                sink.put(Observation::Service(ServiceState { name: SERVICE.into(), ready, says }));
            }
        }
    });
}

fn survey(folder: &Folder) -> (bool, String) {
    let survey = match folder.look() {
        Ok(survey) => survey,
        Err(error) => return (false, format!("{} cannot be read: {error}", folder.root().display())),
    };
    let mut says = format!("{} groups, {} profiles", survey.groups, survey.profiles);
    let mut named = survey.ignored.iter().map(|i| format!("{} ({})", i.file, i.why));
    let first: Vec<String> = named.by_ref().take(NAMED).collect();
    if !first.is_empty() {
        says = format!("{says}; ignored: {}", first.join(", "));
    }
    match named.count() {
        0 => {}
        more => says = format!("{says} and {more} more, see `statusinator check-config --matchbox`"),
    }
    (true, says)
}

#[cfg(test)]
mod tests {
    use lab::dial::Dial;
    use netboot::files::{Files, Site as _};

    use super::*;
    use crate::{
        config::{BoardChoice, choose_board},
        wiring::boot_files::BootFiles,
    };

    fn site(matchbox: Option<Folder>) -> BootSite {
        let board = Arc::new(choose_board("simulated", BoardChoice::default()).unwrap());
        let dial = Dial::new(board.board.kind);
        let trees = Trees { matchbox, ..Trees::default() };
        BootSite::new(board, dial, BootFiles::simulated(), 1000, Arc::default(), Arc::default(), trees)
    }

    fn ask(site: &BootSite, path: &str, query: &str) -> Found {
        let stranger = Asker { peer: "127.122.122.201".parse().unwrap(), mac: None };
        site.get(&stranger, path, query)
    }

    fn refusal(site: &BootSite, path: &str) -> String {
        match ask(site, path, "") {
            Found::Said(reply) if reply.status == 404 => String::from_utf8(reply.body.to_vec()).unwrap(),
            other => panic!("{path}: {other:?}"),
        }
    }

    /// What a matchbox folder has for a machine comes first; only one without anything there is told that it is not known.
    #[test]
    fn a_machine_of_nobodys_is_sent_to_the_matchbox_folder_first() {
        let folder = tempfile::tempdir().unwrap();
        let stranger = Asker { peer: "127.122.122.201".parse().unwrap(), mac: None };
        let node1 = Asker { peer: "127.122.122.11".parse().unwrap(), mac: None };
        let with = site(Some(Folder::new(folder.path())));
        let text = with.script_text(&stranger);
        let (chain, told) = (text.find("chain --autofree http://"), text.find("not known to the board"));
        assert!(text.contains("/boot.ipxe ||\n") && chain.unwrap() < told.unwrap(), "{text}");
        assert!(!with.script_text(&node1).contains("boot.ipxe"), "the board's own machines are the board's");
        assert!(!site(None).script_text(&stranger).contains("boot.ipxe"));
    }

    #[test]
    fn the_owners_paths_lead_to_the_same_scripts() {
        let site = site(None);
        let node1 = Asker { peer: "127.122.122.11".parse().unwrap(), mac: None };
        let own = site.open(&node1, "boot/script").unwrap();
        for path in ["nodes-ipxe/lab/16-09-01-1a-f4-30.ipxe", "nodes-ipxe/rehearsal/16-09-01-1a-f4-30.ipxe"] {
            let Found::Body(body) = ask(&site, path, "") else { panic!("{path}") };
            assert_eq!(
                body.etag(),
                own.etag(),
                "the file's name says whose script it is, not who asks: {path}"
            );
        }
        assert!(matches!(ask(&site, "chain-boot.ipxe", ""), Found::Body(_)));
        assert!(
            matches!(ask(&site, "nodes-ipxe/lab/02-00-00-00-00-09.ipxe", ""), Found::Body(_)),
            "it is told so"
        );
        for (path, words) in [
            ("nodes-ipxe/hybrid-2/16-09-01-1a-f4-30.ipxe", "rehearsal"),
            ("nodes-ipxe/diskwipe/16-09-01-1a-f4-30.ipxe", "armed"),
            ("nodes-ipxe/lab/node-c1.yaml", "secrets"),
            ("assets/talos-vmlinuz-amd64.xz", "images list"),
        ] {
            let said = refusal(&site, path);
            assert!(said.contains(words), "{path}: {said}");
        }
        assert!(matches!(ask(&site, "ipxe", ""), Found::Nothing), "no matchbox folder was named");
    }

    #[test]
    fn a_matchbox_folder_answers_beside_ours() {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("groups/all.json", r#"{"id": "all", "profile": "p"}"#),
            ("groups/no.txt", ""),
            ("profiles/p.json", r#"{"id": "p", "boot": {"kernel": "/assets/k"}}"#),
            ("assets/k", "kernel"),
        ] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let folder = Folder::new(dir.path());
        let (ready, says) = survey(&folder);
        assert!(ready && says.contains("1 groups, 1 profiles; ignored: groups/no.txt"), "{says}");
        let site = site(Some(folder));
        for path in ["ipxe", "boot.ipxe", "metadata", "assets/k", "boot/kernel", "chain-boot.ipxe"] {
            assert!(matches!(ask(&site, path, "mac=1"), Found::Body(_)), "{path}");
        }
        assert_eq!(refusal(&site, "assets/none"), "404 page not found\n", "as matchbox says it");
        assert!(refusal(&site, "assets/talos-vmlinuz-amd64.xz").contains("images list"));
    }

    #[test]
    fn files_of_other_trees_have_their_parts_in_a_boot() {
        for (path, part) in [
            ("chain-boot.ipxe", FileRole::Script),
            ("nodes-ipxe/lab/16-09-01-1a-f4-30.ipxe", FileRole::Script),
            ("ipxe", FileRole::Script),
            ("assets/talos-vmlinuz-amd64.xz", FileRole::Kernel),
            ("assets/talos-initramfs-amd64.xz", FileRole::Initrd),
            ("assets/kvm-debianlive-filesystem-amd64.squashfs", FileRole::Other),
            ("assets/flatcar/flatcar_production_pxe.vmlinuz", FileRole::Kernel),
            ("assets/fedora-coreos-live-initramfs.x86_64.img", FileRole::Initrd),
            ("images/wiper/kernel", FileRole::Kernel),
            ("nodes-ipxe/lab/node-c1.yaml", FileRole::Other),
            ("probe/report", FileRole::Other),
        ] {
            assert_eq!(role(path), part, "{path}");
        }
    }
}
