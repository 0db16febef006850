//! Whose a file is.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::MetadataExt,
};

use nix::unistd::{Gid, Group, Uid, User, fchown};

/// User and group of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whose {
    uid: u32,
    gid: u32,
}

impl Whose {
    pub(crate) fn of(meta: &Metadata) -> Self {
        Self { uid: meta.uid(), gid: meta.gid() }
    }

    /// Gives a file to them. Only root may give files to others; who may not is told so before anything is replaced.
    pub(crate) fn give(self, file: &File) -> io::Result<()> {
        let now = Self::of(&file.metadata()?);
        if now == self {
            return Ok(());
        }
        let uid = (now.uid != self.uid).then(|| Uid::from_raw(self.uid));
        let gid = (now.gid != self.gid).then(|| Gid::from_raw(self.gid));
        fchown(file, uid, gid).map_err(|error| {
            let to = format!("it cannot be given to user {} and group {}", self.uid, self.gid);
            io::Error::new(io::Error::from(error).kind(), format!("{to}: {}", error.desc()))
        })
    }
}

/// `user` or `user:group`, as in the board file.
pub(crate) fn named(owner: &str) -> io::Result<Whose> {
    let (user, group) = owner.split_once(':').map_or((owner, None), |(user, group)| (user, Some(group)));
    let nobody = |kind: &str, name: &str| {
        io::Error::new(io::ErrorKind::NotFound, format!("there is no {kind} `{name}` on this machine"))
    };
    let found = User::from_name(user).ok().flatten().ok_or_else(|| nobody("user", user))?;
    let gid = match group.filter(|group| !group.is_empty()) {
        None => found.gid,
        Some(group) => Group::from_name(group).ok().flatten().ok_or_else(|| nobody("group", group))?.gid,
    };
    Ok(Whose { uid: found.uid.as_raw(), gid: gid.as_raw() })
}
