//! What QEMU is told. Pure.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::tools::{FirmwareFiles, Tools};

/// Sparse; there so that the machine has a disk to report.
pub const DISK_BYTES: u64 = 64 << 20;

/// What a machine wakes up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    /// OVMF with its own network boot.
    #[default]
    Uefi,
    /// OVMF with Microsoft's keys: it starts only what is signed.
    Secure,
    /// SeaBIOS with iPXE as the network card's option ROM.
    Bios,
    /// The same, told to load our iPXE as a ROM without one of its own would be.
    BiosPxe,
}

/// One virtual machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineSpec {
    pub name: String,
    /// Its place on the board and its outlet; also names its files.
    pub outlet: u8,
    /// As `52:54:00:…`.
    pub mac: String,
    pub memory_mib: u32,
    /// A disk to boot from before the network is tried, written by somebody else.
    pub boot_disk: Option<PathBuf>,
    /// Folder for variables, disk and console of all machines.
    pub folder: PathBuf,
}

impl MachineSpec {
    /// The tap on which the machine's network card hangs.
    pub fn tap(&self) -> String {
        format!("tap{}", self.outlet)
    }

    /// What firmware and kernel print.
    pub fn console(&self) -> PathBuf {
        self.folder.join(format!("console{}.log", self.outlet))
    }

    /// The console of the start before.
    pub(super) fn console_before(&self) -> PathBuf {
        self.folder.join(format!("console{}.previous.log", self.outlet))
    }

    /// What QEMU itself has to complain about.
    pub(super) fn complaints(&self) -> PathBuf {
        self.folder.join(format!("qemu{}.log", self.outlet))
    }

    pub(super) fn vars(&self) -> PathBuf {
        self.folder.join(format!("vars{}.fd", self.outlet))
    }

    /// Where QEMU puts a picture of the display, until it is read.
    pub(super) fn picture(&self) -> PathBuf {
        self.folder.join(format!("screen{}.png", self.outlet))
    }

    pub(super) fn disk(&self) -> PathBuf {
        self.folder.join(format!("disk{}.img", self.outlet))
    }
}

/// What is wrong with a machine on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quirks {
    /// The cable is out.
    pub no_link: bool,
    /// The firmware does not try the network.
    pub no_network_boot: bool,
}

/// QEMU's arguments for one machine. Its control connection (QMP) is standard input and output: no path that could be
/// too long for a socket, none that could be left over.
pub fn arguments(spec: &MachineSpec, tools: &Tools, quirks: Quirks) -> Vec<OsString> {
    let mut out = Arguments::default();
    let memory = spec.memory_mib.to_string();
    // No KVM: it is missing on many hosts, and where it opens guests may still hang under it.
    for pair in [["-cpu", "max"], ["-smp", "1"], ["-m", &memory], ["-display", "none"]] {
        out.plain(&pair);
    }
    out.plain(&["-nodefaults", "-no-user-config"]);
    // Without a name a shot of the process list could not tell the machines apart.
    out.option("-name", &[&spec.name], None);

    // Neither firmware has a driver for the other card, and without its ROM that brings none along: the firmware has no
    // network then, whatever its boot order says, as when its network stack is switched off.
    let model = if quirks.no_network_boot { "e1000,romfile=" } else { "virtio-net-pci" };
    let card = format!("{model},id=card,netdev=net,mac={}", spec.mac);
    match &tools.files {
        FirmwareFiles::Uefi { code, vars: _, secure } => {
            if *secure {
                // The keys are safe only while nothing but system management mode can write the flash; this build of
                // OVMF does not start without it. Waking from suspend would need more than that, so it is off.
                out.plain(&["-machine", "q35,accel=tcg,smm=on"]);
                out.plain(&["-global", "driver=cfi.pflash01,property=secure,value=on"]);
                out.plain(&["-global", "ICH9-LPC.disable_s3=1"]);
            } else {
                out.plain(&["-machine", "q35,accel=tcg"]);
            }
            out.option("-drive", &["if=pflash", "unit=0", "format=raw", "readonly=on"], Some(("file", code)));
            out.option("-drive", &["if=pflash", "unit=1", "format=raw"], Some(("file", &spec.vars())));
            // OVMF has a driver of its own for this card; a ROM would only put another iPXE before it.
            let rest = if quirks.no_network_boot { "" } else { ",bootindex=1,romfile=" };
            out.plain(&["-device", &format!("{card}{rest}")]);
        }
        FirmwareFiles::Bios { bios, rom: _ } => {
            // Told so, SeaBIOS, and iPXE through it, speak on the serial port as well as on the display.
            out.plain(&["-machine", "q35,accel=tcg,graphics=off"]);
            out.option("-bios", &[], Some(("", bios)));
            out.plain(&["-boot", if quirks.no_network_boot { "c" } else { "n" }]);
            // The ROM by default: QEMU writes this card's device number into it. One named as an option stays as it
            // is, and SeaBIOS passes it over because its number is another's.
            out.plain(&["-device", &card]);
        }
    }
    out.option(
        "-netdev",
        &["tap", "id=net", &format!("ifname={}", spec.tap()), "script=no", "downscript=no"],
        None,
    );
    if let Some(disk) = &spec.boot_disk {
        out.option("-drive", &["if=none", "id=boot", "format=raw"], Some(("file", disk)));
        out.plain(&["-device", "virtio-blk-pci,drive=boot,bootindex=0"]);
    }
    out.option(
        "-drive",
        &["if=none", "id=disk", "format=raw", "discard=unmap"],
        Some(("file", &spec.disk())),
    );
    out.plain(&["-device", "virtio-blk-pci,drive=disk"]);
    out.plain(&["-device", "virtio-rng-pci"]);
    // A display that nobody looks at, but of which a picture can be taken; as small as firmware goes, for large letters.
    out.plain(&["-device", "VGA,xres=800,yres=600"]);
    out.option("-chardev", &["file", "id=console"], Some(("path", &spec.console())));
    out.plain(&["-serial", "chardev:console"]);
    out.plain(&["-chardev", "stdio,id=control,signal=off"]);
    out.plain(&["-mon", "chardev=control,mode=control"]);
    out.0
}

#[derive(Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn plain(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(OsString::from));
    }

    /// `flag part,part,key=path`. A comma within a path is doubled, as QEMU wants it.
    fn option(&mut self, flag: &str, parts: &[&str], path: Option<(&str, &Path)>) {
        let mut value = OsString::from(parts.join(","));
        match path {
            // `-bios` takes its file as it is.
            Some(("", file)) => value.push(file),
            Some((key, file)) => {
                value.push(format!(",{key}="));
                value.push(doubled_commas(file));
            }
            None => {}
        }
        self.0.push(flag.into());
        self.0.push(value);
    }
}

fn doubled_commas(path: &Path) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let doubled = path
        .as_os_str()
        .as_bytes()
        .iter()
        .flat_map(|byte| std::iter::repeat_n(*byte, if *byte == b',' { 2 } else { 1 }));
    OsString::from_vec(doubled.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> MachineSpec {
        MachineSpec {
            name: "pc2".into(),
            outlet: 2,
            mac: "52:54:00:12:34:02".into(),
            memory_mib: 512,
            boot_disk: None,
            folder: "/data/a,b".into(),
        }
    }

    fn lines(files: FirmwareFiles) -> String {
        told(files, Quirks::default())
    }

    fn told(files: FirmwareFiles, quirks: Quirks) -> String {
        let tools = Tools { qemu: "/usr/bin/qemu-system-x86_64".into(), files };
        let mut out = String::new();
        for argument in arguments(&spec(), &tools, quirks) {
            let argument = argument.into_string().unwrap();
            out.push_str(if argument.starts_with('-') { "\n" } else { " " });
            out.push_str(&argument);
        }
        out.trim().to_owned()
    }

    #[test]
    fn firmware_without_network_boot_has_a_card_it_cannot_use() {
        let quirks = Quirks { no_network_boot: true, no_link: false };
        let uefi =
            FirmwareFiles::Uefi { code: "/fw/CODE.fd".into(), vars: "/fw/VARS.fd".into(), secure: false };
        let bios = FirmwareFiles::Bios { bios: "/fw/bios.bin".into(), rom: "/fw/virtio.rom".into() };
        for files in [uefi, bios] {
            let said = told(files, quirks);
            assert!(
                said.contains("-device e1000,romfile=,id=card,netdev=net,mac=52:54:00:12:34:02\n"),
                "{said}"
            );
            assert!(!said.contains("bootindex") && !said.contains("-boot n"), "{said}");
        }
    }

    #[test]
    fn a_uefi_machine() {
        let files =
            FirmwareFiles::Uefi { code: "/fw/CODE.fd".into(), vars: "/fw/VARS.fd".into(), secure: false };
        assert_eq!(
            lines(files),
            "-cpu max\n\
             -smp 1\n\
             -m 512\n\
             -display none\n\
             -nodefaults\n\
             -no-user-config\n\
             -name pc2\n\
             -machine q35,accel=tcg\n\
             -drive if=pflash,unit=0,format=raw,readonly=on,file=/fw/CODE.fd\n\
             -drive if=pflash,unit=1,format=raw,file=/data/a,,b/vars2.fd\n\
             -device virtio-net-pci,id=card,netdev=net,mac=52:54:00:12:34:02,bootindex=1,romfile=\n\
             -netdev tap,id=net,ifname=tap2,script=no,downscript=no\n\
             -drive if=none,id=disk,format=raw,discard=unmap,file=/data/a,,b/disk2.img\n\
             -device virtio-blk-pci,drive=disk\n\
             -device virtio-rng-pci\n\
             -device VGA,xres=800,yres=600\n\
             -chardev file,id=console,path=/data/a,,b/console2.log\n\
             -serial chardev:console\n\
             -chardev stdio,id=control,signal=off\n\
             -mon chardev=control,mode=control"
        );
    }

    #[test]
    fn a_bios_machine() {
        let files = FirmwareFiles::Bios { bios: "/fw/bios.bin".into(), rom: "/fw/virtio.rom".into() };
        assert_eq!(
            lines(files),
            "-cpu max\n\
             -smp 1\n\
             -m 512\n\
             -display none\n\
             -nodefaults\n\
             -no-user-config\n\
             -name pc2\n\
             -machine q35,accel=tcg,graphics=off\n\
             -bios /fw/bios.bin\n\
             -boot n\n\
             -device virtio-net-pci,id=card,netdev=net,mac=52:54:00:12:34:02\n\
             -netdev tap,id=net,ifname=tap2,script=no,downscript=no\n\
             -drive if=none,id=disk,format=raw,discard=unmap,file=/data/a,,b/disk2.img\n\
             -device virtio-blk-pci,drive=disk\n\
             -device virtio-rng-pci\n\
             -device VGA,xres=800,yres=600\n\
             -chardev file,id=console,path=/data/a,,b/console2.log\n\
             -serial chardev:console\n\
             -chardev stdio,id=control,signal=off\n\
             -mon chardev=control,mode=control"
        );
    }
}
