//! The archive format of an initial RAM file system: "newc" cpio, as the kernel's
//! Documentation/driver-api/early-userspace/buffer-format.rst describes it. Pure.

use std::collections::BTreeMap;

/// Who may do what with a file. Owner is always root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Program,
    Data,
}

impl Mode {
    fn bits(self) -> u32 {
        match self {
            Self::Program => 0o755,
            Self::Data => 0o644,
        }
    }
}

/// S_IFREG and its kin (inode(7)), spelt out because libc's differ in width between systems.
const REGULAR: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
const LINK: u32 = 0o120_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    mode: u32,
    device: (u32, u32),
    content: Vec<u8>,
}

/// Entries by path; sorted, so that a folder comes before what is in it, and the same content is the same archive.
#[derive(Debug, Default)]
pub(super) struct Archive {
    entries: BTreeMap<String, Entry>,
}

impl Archive {
    /// A folder and those above it.
    pub(super) fn folder(&mut self, path: &str) {
        let mut end = 0;
        while let Some(next) = path[end..].find('/') {
            end += next;
            self.single_folder(&path[..end]);
            end += 1;
        }
        self.single_folder(path);
    }

    pub(super) fn file(&mut self, path: &str, mode: Mode, content: &[u8]) {
        self.parents(path);
        self.entry(path, REGULAR | mode.bits(), (0, 0), content);
    }

    pub(super) fn link(&mut self, path: &str, target: &str) {
        self.parents(path);
        self.entry(path, LINK | 0o777, (0, 0), target.as_bytes());
    }

    pub(super) fn device(&mut self, path: &str, major: u32, minor: u32) {
        self.parents(path);
        self.entry(path, CHARACTER_DEVICE | 0o600, (major, minor), &[]);
    }

    fn parents(&mut self, path: &str) {
        if let Some((parents, _)) = path.rsplit_once('/') {
            self.folder(parents);
        }
    }

    fn single_folder(&mut self, path: &str) {
        self.entry(path, FOLDER | 0o755, (0, 0), &[]);
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        self.entries.insert(path.to_owned(), Entry { mode, device, content: content.to_vec() });
    }

    /// The archive's bytes, padded to the 512 that cpio tools expect.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut out = Vec::new();
        // Inode numbers start at 1; equal ones would mean hard links.
        for (number, (path, entry)) in (1_u32..).zip(&self.entries) {
            write(&mut out, number, path, entry);
        }
        write(&mut out, 0, "TRAILER!!!", &Entry { mode: 0, device: (0, 0), content: Vec::new() });
        pad(&mut out, 512);
        out
    }
}

/// One header of 110 characters, the name with its NUL, the content; name and content end on multiples of four.
fn write(out: &mut Vec<u8>, inode: u32, path: &str, entry: &Entry) {
    let size = u32::try_from(entry.content.len()).unwrap_or(u32::MAX);
    let name_size = u32::try_from(path.len() + 1).unwrap_or(u32::MAX);
    let links = if entry.mode & FOLDER != 0 && entry.mode & REGULAR == 0 { 2 } else { 1 };
    let fields = [
        inode,
        entry.mode,
        0, // uid
        0, // gid
        links,
        0, // mtime: the same for every build
        size,
        0, // device the file lies on, major and minor
        0,
        entry.device.0,
        entry.device.1,
        name_size,
        0, // checksum, unused in this format
    ];
    out.extend_from_slice(b"070701");
    for field in fields {
        out.extend_from_slice(format!("{field:08X}").as_bytes());
    }
    out.extend_from_slice(path.as_bytes());
    out.push(0);
    pad(out, 4);
    out.extend_from_slice(&entry.content);
    pad(out, 4);
}

fn pad(out: &mut Vec<u8>, to: usize) {
    out.resize(out.len().next_multiple_of(to), 0);
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn one_file_is_laid_out_as_the_format_says() {
        let mut archive = Archive::default();
        archive.file("init", Mode::Program, b"hello");
        let bytes = archive.finish();
        let expected = concat!(
            "070701",
            "00000001",
            "000081ED",
            "00000000",
            "00000000",
            "00000001",
            "00000000",
            "00000005",
            "00000000",
            "00000000",
            "00000000",
            "00000000",
            "00000005",
            "00000000",
            "init\0\0hello\0\0\0",
        );
        assert_eq!(&bytes[..expected.len()], expected.as_bytes());
        assert_eq!(bytes.len() % 512, 0);
    }

    #[test]
    fn busybox_unpacks_what_we_pack() {
        let mut archive = Archive::default();
        archive.file("lib/modules/1/a.ko", Mode::Data, &[7; 1001]);
        archive.link("bin/sh", "busybox");
        archive.folder("empty/below");
        let bytes = archive.finish();

        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new("/bin/busybox")
            .args(["cpio", "-i", "-d"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(std::fs::read(folder.path().join("lib/modules/1/a.ko")).unwrap(), vec![7; 1001]);
        assert_eq!(std::fs::read_link(folder.path().join("bin/sh")).unwrap().to_str(), Some("busybox"));
        assert!(folder.path().join("empty/below").is_dir());
    }
}
