//! Who holds ports and devices of this computer, down to the systemd unit, as /proc tells it. Only reads.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
};

use serde::Serialize;

/// Listening TCP, and bound UDP (which the kernel calls CLOSE), in the state column of /proc/net (proc_net(5)).
const TABLES: [(Proto, &str, &str); 4] = [
    (Proto::Udp, "net/udp", "07"),
    (Proto::Udp, "net/udp6", "07"),
    (Proto::Tcp, "net/tcp", "0A"),
    (Proto::Tcp, "net/tcp6", "0A"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Proto {
    Udp,
    Tcp,
}

impl Proto {
    pub fn word(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// A socket that waits for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    pub proto: Proto,
    pub address: IpAddr,
    pub port: u16,
    /// User whose program opened it; seen without any privilege.
    pub uid: u32,
    inode: u64,
}

/// A program that holds something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Holder {
    pub pid: u32,
    pub name: String,
    pub keeper: Keeper,
}

/// What would start it again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Keeper {
    System {
        unit: String,
    },
    User {
        uid: u32,
        unit: String,
    },
    Container {
        tool: String,
        id: String,
    },
    /// Docker, for a container that publishes this port.
    Published {
        proto: Proto,
        port: u16,
    },
    /// A socket unit: systemd itself holds the port until somebody calls.
    Activation,
    /// Somebody started it by hand.
    Hand,
}

/// Everything that was looked for, and who holds it.
#[derive(Debug, Default)]
pub struct Held {
    sockets: Vec<Socket>,
    by_inode: BTreeMap<u64, Vec<Holder>>,
    by_path: BTreeMap<PathBuf, Vec<Holder>>,
    /// There are programs whose open files this user may not see.
    pub hidden: bool,
}

impl Held {
    /// Looks through `proc` (/proc) for sockets on these ports and for these devices.
    pub fn look(proc: &Path, ports: &BTreeSet<(Proto, u16)>, devices: &[PathBuf]) -> Self {
        let sockets: Vec<Socket> = TABLES
            .iter()
            .flat_map(|(proto, table, state)| {
                let text = fs::read_to_string(proc.join(table)).unwrap_or_default();
                text.lines().skip(1).filter_map(|line| socket(*proto, state, line)).collect::<Vec<_>>()
            })
            .filter(|socket| ports.contains(&(socket.proto, socket.port)))
            .collect();
        let inodes: BTreeSet<u64> = sockets.iter().map(|socket| socket.inode).collect();
        let mut held = Self { sockets, ..Self::default() };
        for process in fs::read_dir(proc).into_iter().flatten().flatten() {
            let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            held.look_at(pid, &process.path(), &inodes, devices);
        }
        held
    }

    fn look_at(&mut self, pid: u32, process: &Path, inodes: &BTreeSet<u64>, devices: &[PathBuf]) {
        let open = match fs::read_dir(process.join("fd")) {
            Ok(open) => open,
            Err(error) => {
                self.hidden |= error.kind() == io::ErrorKind::PermissionDenied;
                return;
            }
        };
        let mut sockets = BTreeSet::new();
        let mut paths = BTreeSet::new();
        for target in open.flatten().filter_map(|fd| fs::read_link(fd.path()).ok()) {
            match target.to_str().and_then(inode) {
                Some(inode) if inodes.contains(&inode) => {
                    sockets.insert(inode);
                }
                None if devices.contains(&target) => {
                    paths.insert(target);
                }
                _ => {}
            }
        }
        if sockets.is_empty() && paths.is_empty() {
            return;
        }
        let holder = Holder { pid, name: name(process), keeper: keeper(pid, process) };
        for inode in sockets {
            self.by_inode.entry(inode).or_default().push(holder.clone());
        }
        for path in paths {
            self.by_path.entry(path).or_default().push(holder.clone());
        }
    }

    /// Sockets on a port, each with its holders: none where they may not be seen.
    pub fn on(&self, proto: Proto, port: u16) -> impl Iterator<Item = (&Socket, &[Holder])> {
        let here = self.sockets.iter().filter(move |socket| (socket.proto, socket.port) == (proto, port));
        here.map(|socket| (socket, self.by_inode.get(&socket.inode).map_or(&[][..], Vec::as_slice)))
    }

    /// Who has a device open; by its real path.
    pub fn device(&self, path: &Path) -> &[Holder] {
        self.by_path.get(path).map_or(&[], Vec::as_slice)
    }
}

/// `socket:[4711]`
fn inode(target: &str) -> Option<u64> {
    target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// One line of a table in /proc/net.
fn socket(proto: Proto, state: &str, line: &str) -> Option<Socket> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (address, port) = fields.get(1)?.split_once(':')?;
    if fields.get(3) != Some(&state) {
        return None;
    }
    Some(Socket {
        proto,
        address: address_of(address)?.to_canonical(),
        port: u16::from_str_radix(port, 16).ok()?,
        uid: fields.get(7)?.parse().ok()?,
        inode: fields.get(9)?.parse().ok()?,
    })
}

/// The kernel prints addresses as 32-bit words in its own byte order.
fn address_of(hex: &str) -> Option<IpAddr> {
    let words: Vec<[u8; 4]> = hex
        .as_bytes()
        .chunks(8)
        .map(|word| Some(u32::from_str_radix(str::from_utf8(word).ok()?, 16).ok()?.to_ne_bytes()))
        .collect::<Option<_>>()?;
    match words.as_slice() {
        [word] => Some(Ipv4Addr::from(*word).into()),
        words if words.len() == 4 => {
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            Some(Ipv6Addr::from(bytes).into())
        }
        _ => None,
    }
}

fn name(process: &Path) -> String {
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    if name.trim().is_empty() { "a program".to_owned() } else { name.trim().to_owned() }
}

fn keeper(pid: u32, process: &Path) -> Keeper {
    if pid == 1 {
        return Keeper::Activation;
    }
    keeper_in(&fs::read_to_string(process.join("cgroup")).unwrap_or_default())
}

/// From the control group that systemd made for it (systemd.unit(5), cgroups(7)); its own hierarchy where there are several.
fn keeper_in(cgroups: &str) -> Keeper {
    let path = |prefix: &str| {
        let lines = cgroups.lines().filter_map(|line| line.split_once(':'));
        lines.map(|(_, rest)| rest).find_map(|rest| rest.strip_prefix(prefix))
    };
    let path = path("name=systemd:").or_else(|| path(":")).unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    for part in &parts {
        for tool in ["docker", "libpod", "crio", "cri-containerd"] {
            if let Some(id) = part.strip_prefix(tool).and_then(|rest| rest.strip_prefix('-')) {
                let id = id.trim_end_matches(".scope").chars().take(12).collect();
                let tool = if tool == "libpod" { "podman" } else { tool };
                return Keeper::Container { tool: tool.to_owned(), id };
            }
        }
    }
    if let ["", "docker", id, ..] = parts.as_slice() {
        return Keeper::Container { tool: "docker".to_owned(), id: id.chars().take(12).collect() };
    }
    let unit = parts.iter().rfind(|part| part.ends_with(".service")).map(|unit| (*unit).to_owned());
    let manager =
        parts.iter().find_map(|part| part.strip_prefix("user@")?.strip_suffix(".service")?.parse().ok());
    match (unit, manager) {
        (None, _) => Keeper::Hand,
        (Some(unit), None) => Keeper::System { unit },
        (Some(unit), Some(_)) if unit.starts_with("user@") => Keeper::Hand,
        (Some(unit), Some(uid)) => Keeper::User { uid, unit },
    }
}

#[cfg(test)]
#[path = "holders_tests.rs"]
mod tests;
