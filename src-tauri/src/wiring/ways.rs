//! The ways to boot, joined: what each machine could take, what DHCP names for it, and the boot order in its firmware.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, Result};
use async_trait::async_trait;
use devices::qemu::{Firmware, Machines};
use lab::{
    Board, BoardKind, Machine, Way,
    dial::Dial,
    facts::{EfiFacts, EfiVariable},
    ports::{Ahead, EfiWrite, Offered, PortError, Ways},
};
use netboot::{
    Mac,
    dhcp::BootNames,
    efi::{GLOBAL, Variable, next, store::VariableStore},
};

use super::boot_files::{CHAIN_UNDIONLY, IMAGES, LOADER_BIOS, LOADER_EFI, LOADER_SHIM, SCRIPT};
use super::leases::LiveDhcp;

/// Where the owner's own programs send iPXE to.
const OWNERS_SCRIPT: &str = "chain-boot.ipxe";

/// What is offered to whom.
pub(super) struct BoardWays {
    board: Arc<Board>,
    firmware: Firmware,
    forced: Option<Way>,
    /// Where the board is dialled, and whether images of kernel and initrd in one can be made.
    served: OnceLock<(Dial, bool)>,
    /// Told at once what a machine's next DHCP message is answered with.
    dhcp: Arc<LiveDhcp>,
    /// Where virtual machines' variables are; missing on other boards.
    machines: OnceLock<Arc<Machines>>,
    offered: Mutex<BTreeMap<String, Way>>,
    /// Machines whose firmware holds something of ours.
    armed: Mutex<BTreeSet<String>>,
    /// Set while a machine boots as it did before this program: nobody is told of routers then.
    quiet: Arc<AtomicBool>,
    by_probe: bool,
}

impl BoardWays {
    /// With `by_probe` virtual machines are treated as real ones always are: their variables are out of reach.
    pub(super) fn new(
        board: Arc<Board>,
        firmware: Firmware,
        forced: Option<Way>,
        by_probe: bool,
        dhcp: Arc<LiveDhcp>,
    ) -> Self {
        Self {
            by_probe: by_probe || board.board.kind == BoardKind::Labinator,
            board,
            firmware,
            forced,
            served: OnceLock::new(),
            dhcp,
            machines: OnceLock::new(),
            offered: Mutex::default(),
            armed: Mutex::default(),
            quiet: Arc::default(),
        }
    }

    /// For the router advertisements.
    pub(super) fn quiet(&self) -> Arc<AtomicBool> {
        self.quiet.clone()
    }

    /// The boot services are there; can they make images?
    pub(super) fn serve(&self, dial: Dial, images: bool) {
        // A board is built once; a second filling would be a mistake of wiring and changes nothing.
        let _ = self.served.set((dial, images));
    }

    fn has_images(&self) -> bool {
        self.served.get().is_some_and(|(_, images)| *images)
    }

    /// The machines whose variables can be reached.
    pub(super) fn fill(&self, machines: Arc<Machines>) {
        let _ = self.machines.set(machines);
    }

    /// The way this machine is offered: the one chosen last, or before its first press the one that a person asked for.
    pub(super) fn of(&self, machine: &str) -> Option<Way> {
        let offered = self.offered.lock().unwrap_or_else(PoisonError::into_inner);
        offered.get(machine).copied().or(self.forced)
    }

    /// The boot files that DHCP names for a machine, by what asks for them.
    pub(super) fn names(&self, dial: &Dial, machine: Option<&Machine>) -> BootNames {
        let base = dial.socket(self.board.network.boss, 80);
        let way = machine.and_then(|machine| self.of(&machine.name));
        let image = machine.filter(|_| self.has_images() && way != Some(Way::HttpIpxe));
        BootNames {
            bios: LOADER_BIOS.to_owned(),
            // The 64-bit loader cannot run on 32-bit firmware; such a machine is told nothing rather than that.
            efi32: None,
            efi64: if way == Some(Way::Secure) || self.firmware == Firmware::Secure {
                LOADER_SHIM.to_owned()
            } else {
                LOADER_EFI.to_owned()
            },
            efi64_url: match image {
                Some(machine) => format!("http://{base}/{}", image_path(Mac(machine.mac.0))),
                None => format!("http://{base}/{LOADER_EFI}"),
            },
            script_url: match self.firmware {
                _ if way == Some(Way::Owner) => format!("http://{base}/{OWNERS_SCRIPT}"),
                Firmware::BiosPxe => format!("http://{base}/{CHAIN_UNDIONLY}"),
                Firmware::Bios | Firmware::Uefi | Firmware::Secure => format!("http://{base}/{SCRIPT}"),
            },
            missing: None,
            plain: way == Some(Way::Owner),
        }
    }

    async fn variables(&self, machine: &str) -> Result<Option<std::path::PathBuf>, PortError> {
        match self.machines.get().filter(|_| !self.by_probe) {
            Some(machines) => machines.variables(machine).await,
            None => Ok(None),
        }
    }

    /// Writes what makes the next boot one over HTTP, from the file of this way; returns the boot order before.
    async fn arm(&self, machine: &str, way: Way) -> Result<Option<String>, PortError> {
        let known = self.board.machine(machine).map(|known| Mac(known.mac.0));
        let (Some(card), Some(path)) = (known, self.variables(machine).await?) else { return Ok(None) };
        let url = self.url(card, way);
        let before = edit(machine, path, move |store| {
            let arming = next::over_http(&store.variables(), card, &url);
            for variable in &arming.write {
                store.set(variable)?;
            }
            Ok(arming.before)
        });
        let before = before.await?;
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).insert(machine.to_owned());
        Ok(Some(before))
    }

    /// What firmware is to fetch for this way.
    fn url(&self, card: Mac, way: Way) -> String {
        let file = if way == Way::Http { image_path(card) } else { LOADER_EFI.to_owned() };
        format!("http://{}/{file}", self.board.network.boss)
    }

    /// Takes out what an earlier arming left; says whether there was anything.
    async fn disarm(&self, machine: &str) -> Result<bool, PortError> {
        let Some(path) = self.variables(machine).await? else { return Ok(false) };
        let found = edit(machine, path, |store| {
            let names = next::leftovers(&store.variables());
            names.iter().for_each(|name| {
                store.remove(&GLOBAL, name);
            });
            Ok(!names.is_empty())
        });
        let found = found.await?;
        let armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner).remove(machine);
        Ok(found || armed)
    }
}

#[async_trait]
impl Ways for BoardWays {
    fn possible_by_agent(&self, _machine: &str) -> Vec<Way> {
        match self.firmware {
            Firmware::Uefi if self.by_probe && self.has_images() => vec![Way::Http, Way::HttpIpxe],
            Firmware::Uefi if self.by_probe => vec![Way::HttpIpxe],
            _ => Vec::new(),
        }
    }

    fn ahead(&self, machine: &str, way: Way, efi: &EfiFacts, armed: Option<Way>) -> Option<Ahead> {
        let card = Mac(self.board.machine(machine)?.mac.0);
        let mut variables: Vec<Variable> = efi.variables.iter().filter_map(from_efivarfs).collect();
        let before = next::order(&variables);
        if let Some(armed) = armed {
            let since = next::over_http(&variables, card, &self.url(card, armed)).write;
            variables.retain(|variable| since.iter().all(|new| new.name != variable.name));
            variables.extend(since);
        }
        let written = |variable: &Variable| EfiWrite {
            name: variable.name.clone(),
            hex: Some(hex::encode([&variable.attributes.to_le_bytes()[..], &variable.data].concat())),
        };
        let removed = |name: String| EfiWrite { name, hex: None };
        let (arms, writes): (bool, Vec<EfiWrite>) = match way {
            Way::Http | Way::HttpIpxe => {
                let arming = next::over_http(&variables, card, &self.url(card, way));
                (true, arming.write.iter().map(written).collect())
            }
            _ => (false, next::leftovers(&variables).into_iter().map(removed).collect()),
        };
        (!writes.is_empty()).then_some(Ahead { writes, arms, before })
    }

    fn possible(&self, _machine: &str) -> Vec<Way> {
        match (self.board.board.kind, self.firmware) {
            (BoardKind::Virtual, Firmware::Uefi) if self.by_probe => vec![Way::Ipxe],
            (BoardKind::Virtual, Firmware::Bios | Firmware::BiosPxe) => vec![Way::Bios],
            (BoardKind::Virtual, Firmware::Secure) => vec![Way::Secure],
            (BoardKind::Virtual, Firmware::Uefi) if self.has_images() => {
                vec![Way::Http, Way::HttpIpxe, Way::Ipxe]
            }
            (BoardKind::Virtual, Firmware::Uefi) => vec![Way::HttpIpxe, Way::Ipxe],
            // Simulated machines and real ones begin with what every firmware has.
            (BoardKind::Simulated | BoardKind::Labinator, _) => vec![Way::Ipxe],
        }
    }

    fn forced(&self) -> Option<Way> {
        self.forced
    }

    async fn offer(&self, machine: &str, way: Way) -> Result<Offered, PortError> {
        {
            let mut offered = self.offered.lock().unwrap_or_else(PoisonError::into_inner);
            offered.insert(machine.to_owned(), way);
            let before = offered.values().any(|way| *way == Way::Owner);
            self.quiet.store(before, Ordering::Relaxed);
        }
        if let (Some(known), Some((dial, _))) = (self.board.machine(machine), self.served.get()) {
            self.dhcp.set_boot(Mac(known.mac.0), Some(self.names(dial, Some(known))));
        }
        match way {
            Way::Http | Way::HttpIpxe => {
                Ok(Offered { armed: self.arm(machine, way).await?, restored: false })
            }
            Way::Ipxe | Way::Owner | Way::Bios | Way::Secure | Way::Local => {
                Ok(Offered { armed: None, restored: self.disarm(machine).await? })
            }
        }
    }
}

/// Path of a machine's image. The MAC is part of it because firmware shows the URL, and nothing else, while it loads.
pub(super) fn image_path(mac: Mac) -> String {
    format!("{IMAGES}/{}.efi", mac.to_string().replace(':', "-"))
}

/// The machine an image's path is for.
pub(super) fn image_owner(path: &str) -> Option<lab::Mac> {
    let name = path.strip_prefix(IMAGES)?.strip_prefix('/')?.strip_suffix(".efi")?;
    name.replace('-', ":").parse().ok()
}

/// A variable as efivarfs shows it: attributes in front of the value. What is no such thing is left out.
fn from_efivarfs(shown: &EfiVariable) -> Option<Variable> {
    let bytes = hex::decode(&shown.hex).ok()?;
    let (attributes, data) = bytes.split_first_chunk::<4>()?;
    let attributes = u32::from_le_bytes(*attributes);
    Some(Variable { guid: GLOBAL, name: shown.name.clone(), attributes, data: data.to_vec() })
}

/// Changes a file of variables: read, changed in memory, written beside it and renamed over it, so that a power cut
/// leaves the old one or the new one.
async fn edit<T: Send + 'static>(
    machine: &str,
    path: std::path::PathBuf,
    change: impl FnOnce(&mut VariableStore) -> Result<T> + Send + 'static,
) -> Result<T, PortError> {
    let work = move || {
        let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        let before = bytes.clone();
        let mut store = VariableStore::parse(bytes)?;
        let value = change(&mut store)?;
        let after = store.into_bytes();
        if after != before {
            replace(&path, &after)?;
        }
        anyhow::Ok(value)
    };
    let result = tokio::task::spawn_blocking(work).await;
    result.map_err(anyhow::Error::new).and_then(|inner| inner).map_err(|error| PortError {
        what: format!("change the boot order of {machine}"),
        why: format!("{error:#}"),
        remedy: "look at the rights of the data folder; without the file the machine starts with a new one"
            .into(),
        absent: false,
    })
}

fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let new = path.with_extension("fd.new");
    std::fs::write(&new, bytes).with_context(|| format!("write {}", new.display()))?;
    std::fs::rename(&new, path).with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BoardChoice, choose_board};

    fn ways(by_probe: bool, images: bool) -> BoardWays {
        let board = Arc::new(choose_board("virtual", BoardChoice::default()).unwrap());
        let ways = BoardWays::new(board, Firmware::Uefi, None, by_probe, Arc::default());
        ways.serve(Dial::new(BoardKind::Virtual), images);
        ways
    }

    #[test]
    fn the_url_is_the_machines_own_image_where_images_can_be_made() {
        let ways = ways(false, true);
        let dial = Dial::new(BoardKind::Virtual);
        let machine = &ways.board.machines[0];
        let url = ways.names(&dial, Some(machine)).efi64_url;
        assert!(url.ends_with(".efi") && url.contains("/boot/uki/"), "{url}");
        let path = url.split_once("/boot/").unwrap().1;
        assert_eq!(image_owner(&format!("boot/{path}")), Some(machine.mac));
        assert!(ways.names(&dial, None).efi64_url.ends_with("/ipxe.efi"), "a stranger gets no image");
        assert_eq!(image_owner("boot/uki/../x.efi"), None);
    }

    #[tokio::test]
    async fn what_is_offered_decides_the_names() {
        let ways = ways(false, true);
        let dial = Dial::new(BoardKind::Virtual);
        let machine = ways.board.machines[0].clone();
        ways.offer(&machine.name, Way::HttpIpxe).await.unwrap();
        assert!(ways.names(&dial, Some(&machine)).efi64_url.ends_with("/ipxe.efi"));
        ways.offer(&machine.name, Way::Secure).await.unwrap();
        assert_eq!(ways.names(&dial, Some(&machine)).efi64, LOADER_SHIM);
        ways.offer(&machine.name, Way::Http).await.unwrap();
        assert!(ways.names(&dial, Some(&machine)).efi64_url.contains("/boot/uki/"));
    }

    /// What the probe of a machine with Debian's OVMF reports, one entry for its card.
    fn reported(more: &[Variable]) -> EfiFacts {
        let order = Variable::boot("BootOrder", vec![1, 0, 2, 0]);
        let shown = |variable: &Variable| EfiVariable {
            name: variable.name.clone(),
            hex: hex::encode([&variable.attributes.to_le_bytes()[..], &variable.data].concat()),
        };
        EfiFacts { variables: [order].iter().chain(more).map(shown).collect() }
    }

    #[test]
    fn where_no_file_is_in_reach_the_probe_is_told_what_to_write_and_what_to_take_away() {
        let ways = ways(true, true);
        let machine = ways.board.machines[0].name.clone();
        assert_eq!(ways.possible(&machine), [Way::Ipxe], "what a machine can do without anybody's help");
        assert_eq!(ways.possible_by_agent(&machine), [Way::Http, Way::HttpIpxe]);

        assert_eq!(ways.ahead(&machine, Way::Ipxe, &reported(&[]), None), None, "nothing of ours is there");
        let told = ways.ahead(&machine, Way::Http, &reported(&[]), None).unwrap();
        let names: Vec<&str> = told.writes.iter().map(|write| write.name.as_str()).collect();
        assert_eq!((names, told.arms), (vec!["Boot2000", "BootNext"], true));
        assert_eq!(told.before, "BootNext none, BootOrder 0001 0002");
        assert_eq!(told.writes[1].hex.as_deref(), Some("070000000020"));

        let written: Vec<Variable> = told
            .writes
            .iter()
            .filter_map(|write| {
                from_efivarfs(&EfiVariable { name: write.name.clone(), hex: write.hex.clone()? })
            })
            .collect();
        assert_eq!(written.len(), 2);
        let removed = |name: &str| EfiWrite { name: name.into(), hex: None };
        // Reported before it was written, or after: the same is taken away.
        for (facts, armed) in [(reported(&written), None), (reported(&[]), Some(Way::Http))] {
            let undone = ways.ahead(&machine, Way::Ipxe, &facts, armed).unwrap();
            assert_eq!((undone.writes, undone.arms), (vec![removed("Boot2000"), removed("BootNext")], false));
        }
    }

    #[tokio::test]
    async fn a_change_of_variables_reaches_the_file_and_a_second_one_leaves_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vars.fd");
        std::fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &path).unwrap();
        let arm = |store: &mut VariableStore| {
            let arming =
                next::over_http(&store.variables(), Mac([2, 0, 0, 0, 0, 1]), "http://192.168.122.3/x.efi");
            for variable in &arming.write {
                store.set(variable)?;
            }
            Ok(arming.before)
        };
        edit("node1", path.clone(), arm).await.unwrap();
        let once = std::fs::read(&path).unwrap();
        edit("node1", path.clone(), arm).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), once);
        let store = VariableStore::parse(once).unwrap();
        assert!(store.get(&GLOBAL, "BootNext").is_some());
        std::fs::write(&path, b"garbage").unwrap();
        assert!(edit("node1", path, arm).await.unwrap_err().why.contains("no file of UEFI variables"));
    }
}
