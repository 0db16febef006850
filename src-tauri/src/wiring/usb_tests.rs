//! A computer with disks and mounts of paper.

use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;

struct Paper {
    dir: TempDir,
    usb: Usb,
}

fn file(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

impl Paper {
    /// The system's disk, a stick with a partition and one without, and an empty card reader.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let sys = dir.path().join("sys");
        let disk = |name: &str, removable: &str, size: &str| {
            file(&sys.join(name).join("removable"), removable);
            file(&sys.join(name).join("size"), size);
            file(&sys.join(name).join("device/model"), "Ultra Fit\n");
        };
        disk("nvme0n1", "0\n", "1000000\n");
        disk("sda", "1\n", "60000000\n");
        disk("sdb", "1\n", "2000\n");
        disk("sdc", "1\n", "0\n");
        disk("loop0", "1\n", "2000\n");
        for (part, size) in [("sda1", "50000000"), ("sda2", "1000")] {
            file(&sys.join("sda").join(part).join("partition"), "1\n");
            file(&sys.join("sda").join(part).join("size"), size);
        }
        let stick = dir.path().join("media/user/MY STICK");
        fs::create_dir_all(&stick).unwrap();
        let folder = stick.display().to_string().replace(' ', "\\040");
        let mounts = dir.path().join("mounts");
        file(&mounts, &format!("/dev/sda1 {folder} vfat rw 0 0\n/dev/sda2 /boot/efi vfat rw 0 0\n"));
        let usb = Usb { sys, mounts, root: dir.path().to_owned(), udisks: dir.path().join("udisksctl") };
        Self { dir, usb }
    }

    fn stick(&self) -> PathBuf {
        self.dir.path().join("media/user/MY STICK")
    }
}

#[test]
fn sticks_are_listed_and_the_system_s_disks_are_not() {
    let paper = Paper::new();
    let sticks = paper.usb.sticks();
    let ids: Vec<_> = sticks.iter().map(|stick| stick.id.as_str()).collect();
    assert_eq!(ids, ["sda1", "sdb"], "no system disk, no empty reader, nothing that the system uses");
    assert_eq!(sticks[0].folder.as_deref(), Some(paper.stick().to_str().unwrap()));
    assert_eq!((sticks[0].bytes, sticks[0].title.as_str()), (50_000_000 * 512, "Ultra Fit"));
    assert!(sticks[0].free.is_some() && sticks[1].folder.is_none());
}

#[tokio::test]
async fn an_archive_is_written_whole_and_the_stick_can_be_pulled_out() {
    let paper = Paper::new();
    let written = paper.usb.write("sda1", "b.tar.gz", b"archive").await.unwrap();
    assert_eq!(fs::read(paper.stick().join("b.tar.gz")).unwrap(), b"archive");
    assert!(written.says.contains("can be pulled out"), "{written:?}");
    assert_eq!(fs::read_dir(paper.stick()).unwrap().count(), 1, "nothing is left beside it");

    let absent = paper.usb.write("sdz1", "b.tar.gz", b"").await.unwrap_err();
    assert_eq!(absent.code, Code::NotFound);
    for id in ["nvme0n1", "sda2", "../sda1"] {
        assert_eq!(paper.usb.write(id, "b.tar.gz", b"").await.unwrap_err().code, Code::NotFound, "{id}");
    }
    fs::remove_dir_all(paper.stick()).unwrap();
    let pulled = paper.usb.write("sda1", "b.tar.gz", b"archive").await.unwrap_err();
    assert!(pulled.code == Code::Storage && !pulled.remedy.is_empty(), "{pulled:?}");
}

#[tokio::test]
async fn a_stick_that_is_only_plugged_in_is_mounted_by_who_may_or_words_say_so() {
    let paper = Paper::new();
    let alone = paper.usb.write("sdb", "b.tar.gz", b"archive").await.unwrap_err();
    assert!(alone.why.contains("no udisksctl") && alone.remedy.contains("mount it"), "{alone:?}");

    let folder = paper.dir.path().join("run/media/boss/b");
    let (mounts, said) = (paper.usb.mounts.display(), paper.dir.path().join("said"));
    let script = format!(
        "#!/bin/sh\necho \"$@\" >> {}\n[ $1 = unmount ] && exit 0\nmkdir -p {f}\necho \"/dev/sdb {f} vfat\" >> {mounts}\n",
        said.display(),
        f = folder.display()
    );
    file(&paper.usb.udisks, &script);
    fs::set_permissions(&paper.usb.udisks, fs::Permissions::from_mode(0o755)).unwrap();
    let written = paper.usb.write("sdb", "b.tar.gz", b"archive").await.unwrap();
    assert_eq!(fs::read(folder.join("b.tar.gz")).unwrap(), b"archive");
    assert!(written.says.contains("unmounted"), "{written:?}");
    let said = fs::read_to_string(said).unwrap();
    assert_eq!(said, "mount --no-user-interaction -b /dev/sdb\nunmount --no-user-interaction -b /dev/sdb\n");
}
