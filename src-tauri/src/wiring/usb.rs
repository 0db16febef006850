//! USB sticks: found in the kernel's list of disks, mounted by whoever may (udisks), written, and safe to be pulled out.
//! This program has no rights to mount anything itself.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use api::{Stick, Written};
use lab::{Code, Failure};
use nix::{sys::statvfs::statvfs, unistd::syncfs};
use tokio::{process::Command, time::timeout};

/// A stick is mounted in a second or two; one with errors may take long.
const MOUNTED_WITHIN: Duration = Duration::from_secs(20);
/// The slowest sticks write 2 MB/s.
const WRITTEN_WITHIN: Duration = Duration::from_secs(120);
/// Of a disk, in /sys.
const SECTOR: u64 = 512;
/// Where sticks are mounted; a removable disk that holds the system itself is no stick.
const PLACES: [&str; 3] = ["/media/", "/run/media/", "/mnt/"];

/// Where the kernel tells of disks and mounts.
pub(super) struct Usb {
    sys: PathBuf,
    mounts: PathBuf,
    /// In front of the places where sticks are mounted; empty on a real computer.
    root: PathBuf,
    udisks: PathBuf,
}

impl Usb {
    pub(super) fn of_this_computer() -> Self {
        Self {
            sys: "/sys/block".into(),
            mounts: "/proc/self/mounts".into(),
            root: PathBuf::new(),
            udisks: "udisksctl".into(),
        }
    }

    pub(super) fn sticks(&self) -> Vec<Stick> {
        let mut sticks: Vec<_> = list(&self.sys)
            .into_iter()
            .filter(|disk| self.removable(disk))
            .flat_map(|disk| self.of_disk(&disk))
            .collect();
        sticks.sort_by(|one, two| one.id.cmp(&two.id));
        sticks
    }

    /// `removable` is said by sticks and card readers; large USB disks say that they are not.
    fn removable(&self, disk: &str) -> bool {
        let place = self.sys.join(disk);
        let usb = fs::canonicalize(&place).is_ok_and(|path| path.to_string_lossy().contains("/usb"));
        let holds = ["loop", "ram", "zram", "sr", "dm-", "md"].iter().any(|other| disk.starts_with(other));
        !holds && (usb || read(&place.join("removable")) == "1") && size(&place) > 0
    }

    /// Its partitions; or itself, when it has none.
    fn of_disk(&self, disk: &str) -> Vec<Stick> {
        let place = self.sys.join(disk);
        let words = ["vendor", "model"].map(|part| read(&place.join("device").join(part)));
        let title = words.iter().filter(|word| !word.is_empty()).cloned().collect::<Vec<_>>().join(" ");
        let mut parts: Vec<String> =
            list(&place).into_iter().filter(|part| place.join(part).join("partition").exists()).collect();
        let whole = parts.is_empty();
        if whole {
            parts.push(disk.to_owned());
        }
        let stick = |id: String| {
            let bytes = size(&if whole { place.clone() } else { place.join(&id) });
            let mounted = self.mounted(&id);
            // One that is mounted elsewhere is part of the system.
            let ours = mounted.as_ref().is_none_or(|folder| self.is_place(folder));
            let free = mounted.as_ref().and_then(|folder| statvfs(folder).ok());
            let free = free.map(|stat| stat.blocks_available() * stat.fragment_size());
            let folder = mounted.map(|folder| folder.display().to_string());
            ours.then(|| Stick { id, title: title.clone(), bytes, folder, free })
        };
        parts.into_iter().filter_map(stick).collect()
    }

    fn is_place(&self, folder: &Path) -> bool {
        let inside = folder.strip_prefix(&self.root).unwrap_or(folder);
        let text = format!("/{}/", inside.display().to_string().trim_matches('/'));
        PLACES.iter().any(|place| text.starts_with(place))
    }

    fn mounted(&self, id: &str) -> Option<PathBuf> {
        let device = format!("/dev/{id}");
        let mounts = fs::read_to_string(&self.mounts).ok()?;
        mounts.lines().find_map(|line| {
            let mut words = line.split(' ');
            (words.next() == Some(&device)).then(|| words.next().map(|folder| unescaped(folder).into()))?
        })
    }

    /// Writes a file whole and returns when the stick can be pulled out.
    pub(super) async fn write(&self, id: &str, name: &str, bytes: &[u8]) -> Result<Written, Failure> {
        let what = format!("write {name} to the stick {id}");
        let stick = self.sticks().into_iter().find(|stick| stick.id == id).ok_or_else(|| {
            Failure::new(Code::NotFound, &what, "no such stick is plugged in", "plug it in and look again")
        })?;
        let found = stick.folder.as_ref().map(PathBuf::from);
        let own = found.is_none();
        let folder = match found {
            Some(folder) => folder,
            None => self.mount(id, &what).await?,
        };
        let (path, contents) = (folder.join(name), bytes.to_vec());
        let place = path.clone();
        let writing = tokio::task::spawn_blocking(move || put(&place, &contents));
        let failed = |why: String, remedy: &str| Failure::new(Code::Storage, &what, why, remedy);
        match timeout(WRITTEN_WITHIN, writing).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => {
                let remedy = "make room on it, see that it is not write-protected, or take another one";
                return Err(failed(error.to_string(), remedy));
            }
            Ok(Err(error)) => return Err(failed(error.to_string(), "try again")),
            Err(_) => {
                let why = format!("it is not written after {} s", WRITTEN_WITHIN.as_secs());
                return Err(failed(why, "take another stick"));
            }
        }
        // What we mounted we let go again; what somebody else mounted is written all the same.
        let gone = own && self.udisks(&["unmount"], id).await.is_ok();
        let says = if gone { "written and unmounted" } else { "written" };
        Ok(Written { file: path.display().to_string(), says: format!("{says}; the stick can be pulled out") })
    }

    async fn mount(&self, id: &str, what: &str) -> Result<PathBuf, Failure> {
        let remedy =
            "mount it (a desktop does so by itself, udisks2 does it for this program), then try again";
        let failed = |why: String| Failure::new(Code::DeviceRefused, what, why, remedy);
        self.udisks(&["mount"], id).await.map_err(|why| failed(format!("it is not mounted: {why}")))?;
        let place = self.mounted(id).filter(|folder| self.is_place(folder));
        place.ok_or_else(|| failed("udisks mounted it nowhere that is known".to_owned()))
    }

    async fn udisks(&self, verb: &[&str], id: &str) -> Result<(), String> {
        let mut command = Command::new(&self.udisks);
        command.args(verb).args(["--no-user-interaction", "-b", &format!("/dev/{id}")]);
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
        match timeout(MOUNTED_WITHIN, output).await {
            Ok(Ok(output)) if output.status.success() => Ok(()),
            Ok(Ok(output)) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                Err("there is no udisksctl here".to_owned())
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer after {} s", MOUNTED_WITHIN.as_secs())),
        }
    }
}

/// Whole or not at all, and on the stick itself when it returns.
fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    let written = || {
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        // The name as well: all of its file system.
        Ok(syncfs(&file)?)
    };
    written().inspect_err(|_| {
        let _ = fs::remove_file(&part);
    })
}

fn list(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn size(place: &Path) -> u64 {
    read(&place.join("size")).parse::<u64>().unwrap_or(0) * SECTOR
}

/// fstab(5): spaces and their like are written as octal numbers.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (code, char)| text.replace(code, char))
}

#[cfg(test)]
#[path = "usb_tests.rs"]
mod tests;
