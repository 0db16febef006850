//! Who holds a port, as /proc tells it.

use std::{fs, path::Path};

/// A TCP socket that listens; a UDP socket that is bound (the kernel calls it CLOSE).
const TCP: ([&str; 2], &str) = (["/proc/net/tcp", "/proc/net/tcp6"], "0A");
const UDP: ([&str; 2], &str) = (["/proc/net/udp", "/proc/net/udp6"], "07");

/// Name and process number of the program that listens on this TCP port, where it may be seen.
pub fn holder(port: u16) -> Option<String> {
    holder_in(TCP, port)
}

/// The same for TCP or UDP, where it is somebody else than ourselves.
pub fn other_holder(port: u16) -> Option<String> {
    let own = format!("(pid {})", std::process::id());
    [UDP, TCP].into_iter().find_map(|kind| holder_in(kind, port)).filter(|holder| !holder.contains(&own))
}

fn holder_in((tables, state): ([&str; 2], &str), port: u16) -> Option<String> {
    let inodes: Vec<String> = tables.iter().flat_map(|table| listeners(table, state, port)).collect();
    if inodes.is_empty() {
        return None;
    }
    let processes = fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        let held = fs::read_dir(process.path().join("fd")).ok()?.flatten().any(|fd| {
            let target = fs::read_link(fd.path()).ok();
            target
                .and_then(|t| t.to_str().map(|t| inodes.iter().any(|i| t == format!("socket:[{i}]"))))
                .unwrap_or(false)
        });
        held.then(|| format!("{} (pid {pid})", name(&process.path())))
    })
}

/// Inodes of sockets on `port` in this state, in one of the kernel's tables.
fn listeners(table: &str, state: &str, port: u16) -> Vec<String> {
    let text = fs::read_to_string(table).unwrap_or_default();
    let matches = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let local = fields.get(1)?.rsplit(':').next()?;
        let listens = fields.get(3) == Some(&state) && u16::from_str_radix(local, 16) == Ok(port);
        listens.then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
    };
    text.lines().skip(1).filter_map(matches).collect()
}

fn name(process: &Path) -> String {
    fs::read_to_string(process.join("comm"))
        .map(|n| n.trim().to_owned())
        .unwrap_or_else(|_| "a program".into())
}

#[cfg(test)]
mod tests {
    #[test]
    fn finds_this_very_process() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let holder = super::holder(port).expect("we hold it");
        assert!(holder.contains(&format!("pid {}", std::process::id())), "{holder}");
    }

    #[test]
    fn finds_who_holds_a_udp_port() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let holder = super::holder_in(super::UDP, port).expect("we hold it");
        assert!(holder.contains(&format!("pid {}", std::process::id())), "{holder}");
        assert_eq!(super::other_holder(port), None, "that is nobody else");
    }
}
