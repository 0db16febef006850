//! A folder on disk, served as it is.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use bytes::Bytes;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;

use crate::files::{Asker, Body, Files, Reply, Site, Tags};

/// Everything below one folder, to whoever asks. Takes no reports.
#[derive(Debug)]
pub struct Folder {
    root: OwnedFd,
    tags: Tags,
}

impl Folder {
    /// The folder stays the same one, even if another gets its name.
    pub fn open(root: &Path) -> io::Result<Folder> {
        let root = open(root, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        Ok(Folder { root, tags: Tags::default() })
    }

    fn body(&self, path: &str) -> io::Result<Body> {
        // The kernel holds the path below the root, symbolic links included (openat2, Linux 5.6): a check of ours would be
        // outrun by a link that changes. Without O_NONBLOCK a FIFO would hold the thread.
        let how = OpenHow::new()
            .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)
            .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        let file = openat2(&self.root, path, how)?;
        Body::from_file(File::from(file), &self.tags)
    }
}

impl Files for Folder {
    fn open(&self, _: &Asker, path: &str) -> Option<Body> {
        match self.body(path) {
            Ok(body) => Some(body),
            Err(error) => {
                tracing::debug!(%error, path, "not served");
                None
            }
        }
    }
}

impl Site for Folder {
    fn post(&self, _: &Asker, _: &str, _: &[u8]) -> Reply {
        Reply {
            status: 404,
            content_type: "text/plain",
            body: Bytes::from_static(b"No reports are taken here.\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::Ipv4Addr;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_outside_is_served_whichever_way_it_is_asked_for() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "no").unwrap();
        let root = outside.path().join("root");
        fs::create_dir_all(root.join("assets")).unwrap();
        fs::write(root.join("assets/kernel"), "yes").unwrap();
        symlink("assets/kernel", root.join("link")).unwrap();
        symlink("../secret", root.join("climbs")).unwrap();
        symlink(outside.path().join("secret"), root.join("absolute")).unwrap();
        nix::unistd::mkfifo(&root.join("fifo"), Mode::S_IRWXU).unwrap();

        let folder = Folder::open(&root).unwrap();
        let who = Asker { peer: Ipv4Addr::LOCALHOST.into(), mac: None };
        let length = |path: &str| Files::open(&folder, &who, path).map(|body| body.length());
        for path in ["assets/kernel", "link"] {
            assert_eq!(length(path), Some(3), "{path}");
        }
        for path in ["", "assets", "none", "climbs", "absolute", "fifo", "../secret", "/proc/self/environ"] {
            assert_eq!(length(path), None, "{path}");
        }
    }
}
