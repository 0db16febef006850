use std::process::Command;

use super::*;

const BASE: &str = "192.168.122.3:80";

fn disk() -> Vec<u8> {
    let copy = Copy { kernel: b"kernel", initrd: b"initrd", cmdline: "statusinator.box=1 a='b" };
    image(Path::new("/"), BASE.parse().unwrap(), Some(&copy))
        .expect("the package grub-efi-amd64-bin is installed")
}

#[test]
fn every_copy_fits_its_hashes_and_the_list_of_them_its_seal() {
    let mut disk = disk();
    for copy in COPIES {
        let folder = tempfile::tempdir().unwrap();
        for name in ["kernel", "initrd", "start.cfg", "manifest", "seal"] {
            let bytes = file(&mut disk, &format!("copies/{copy}/{name}")).unwrap();
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        for list in ["seal", "manifest"] {
            let out = Command::new("sha256sum").args(["-c", list]).current_dir(&folder).output().unwrap();
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
        }
        let start = std::fs::read_to_string(folder.path().join("start.cfg")).unwrap();
        assert!(start.contains("$folder/kernel 'statusinator.box=1' 'a=b'"), "{start}");
    }
    assert_eq!(file(&mut disk, "copies/first.cfg").unwrap(), b"set first=a\n");
}

/// Others read it: GRUB's own reader its configuration, Linux' tools table and file system.
#[test]
fn others_find_nothing_wrong() {
    let mut disk = disk();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grub.cfg");
    std::fs::write(&path, file(&mut disk, "grub/grub.cfg").unwrap()).unwrap();
    let out = Command::new("grub-script-check").arg(&path).output().expect("grub-common is installed");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));

    let image = folder.path().join("disk.img");
    write(&image, &disk).unwrap();
    assert_eq!(std::fs::read(&image).unwrap(), disk, "with holes it is the same disk");
    let out = Command::new("sfdisk").args(["--json"]).arg(&image).output().expect("fdisk is installed");
    let table: serde_json::Value = serde_json::from_slice(&out.stdout).expect("sfdisk reads the table");
    let partition = &table["partitiontable"]["partitions"][0];
    assert_eq!(partition["name"], PARTITION);
    assert_eq!(partition["type"], "C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
    let out = Command::new("sfdisk").args(["--verify"]).arg(&image).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));

    let span = gpt::span(&disk).unwrap();
    let partition = folder.path().join("esp.img");
    std::fs::write(&partition, &disk[span]).unwrap();
    let out =
        Command::new("/sbin/fsck.fat").arg("-n").arg(&partition).output().expect("dosfstools is installed");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
}

#[test]
fn the_same_inputs_make_the_same_disk() {
    assert!(disk() == disk());
}

#[test]
fn what_is_told_over_the_network_is_what_lies_on_the_disk() {
    let mut disk = disk();
    let hashes = Hashes { kernel: hash(b"kernel"), initrd: hash(b"initrd") };
    for name in ["start.cfg", "manifest", "seal"] {
        let told = copied("b", name, &hashes, "statusinator.box=1 a='b").unwrap();
        assert_eq!(file(&mut disk, &format!("copies/b/{name}")).unwrap(), told.into_bytes());
    }
    assert_eq!(copied("c", "seal", &hashes, ""), None);
    assert_eq!(copied("a", "passwd", &hashes, ""), None);
}
