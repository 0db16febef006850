//! Boot files: missing, for another machine, standing still, short.

use super::{
    case::{Case, Lead, number, stalled, word},
    words::{architecture, bytes, seconds, usually},
};
use crate::{
    boot::{Mark, Phase},
    verdict::VerdictCode,
};

/// Time for a loader to try the next name, or the same file again.
const SETTLES_S: f64 = 5.0;
/// Roles of boot files as marks are named after them, in the order in which they are fetched.
const ROLES: [&str; 4] = ["loader", "script", "kernel", "initrd"];

/// It asks for a file that is not here, and for nothing after that.
pub(super) fn missing(case: &Case<'_>) -> Option<Lead> {
    let asked = case.last("file-missing").filter(|mark| case.is_last_sign(mark))?;
    let path = word(asked, "path").unwrap_or("a file");
    let role = word(asked, "role").unwrap_or("file");
    let arch = case.architecture();
    let firmware = arch.map(|arch| format!(" Its firmware is {}.", architecture(arch))).unwrap_or_default();
    let says = format!(
        "It asked for {path} by {}, which is not here, and for nothing else since.{firmware}",
        word(asked, "proto").unwrap_or("the network").to_uppercase()
    );
    // A file of ours that is gone, against a name that we never gave.
    let causes = if role == "file" {
        [
            "it was told that name by somebody else, or by an old set-up",
            "the name is for another architecture",
        ]
    } else {
        ["the boot file was removed or renamed", "the image of its role is not complete"]
    };
    // Firmware and loaders try names of their own (autoexec.ipxe, lists of modules) and go on without them; without a boot
    // file that we named nothing goes on.
    let settles = if role == "file" { case.limits.stall_s as f64 } else { 0.0 };
    let lead = Lead::new(VerdictCode::FileMissing, &asked.stamp, asked.stamp.after(settles), says)
        .by([asked.seq])
        .by(case.mark("address-given").map(|mark| mark.seq))
        .causes(causes)
        .remedy(format!("Put {path} back: `statusinator images verify` names what is missing."));
    Some(lead)
}

/// The loader is for another kind of firmware.
pub(super) fn wrong_architecture(case: &Case<'_>) -> Option<Lead> {
    let fetched = case.last("loader-sent").or_else(|| case.last("loader-broken"))?;
    if case.phase() != Phase::Loader || !case.is_last_sign(fetched) {
        return None;
    }
    let (path, arch) = (word(fetched, "path")?, case.architecture()?);
    let made_for = made_for(path).filter(|made_for| !made_for.runs_on(arch))?;
    let says = format!(
        "It fetched {path}, a loader for {}, and its firmware is {}.",
        made_for.words(),
        architecture(arch)
    );
    let lead =
        Lead::new(VerdictCode::WrongArchitecture, &fetched.stamp, fetched.stamp.after(SETTLES_S), says)
            .by([fetched.seq])
            .by(["discover", "address-given", "loader-asked"]
                .iter()
                .filter_map(|name| Some(case.mark(name)?.seq)))
            .causes(["it was told the wrong file", "its firmware names itself wrongly in option 93"])
            .remedy(format!("Name {} a loader for {}.", case.name, architecture(arch)));
    Some(lead)
}

/// For which firmware a loader is made, as its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MadeFor {
    Bios,
    Efi32,
    Efi64,
    EfiArm64,
}

fn made_for(path: &str) -> Option<MadeFor> {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if name.ends_with(".kpxe")
        || name.ends_with(".pxe")
        || name.ends_with(".0")
        || name.starts_with("undionly")
    {
        return Some(MadeFor::Bios);
    }
    if !name.ends_with(".efi") && !name.ends_with(".efi.signed") {
        return None;
    }
    if has(&["arm64", "aa64", "aarch64"]) {
        Some(MadeFor::EfiArm64)
    } else if has(&["i386", "ia32", "efi32", "-32", "x86.efi"]) {
        Some(MadeFor::Efi32)
    } else {
        Some(MadeFor::Efi64)
    }
}

impl MadeFor {
    fn words(self) -> &'static str {
        match self {
            Self::Bios => "BIOS",
            Self::Efi32 => "UEFI on 32-bit x86",
            Self::Efi64 => "UEFI on x86-64",
            Self::EfiArm64 => "UEFI on 64-bit ARM",
        }
    }

    /// By IANA's processor architecture types, as option 93 carries them.
    fn runs_on(self, arch: u64) -> bool {
        match self {
            Self::Bios => arch == 0,
            Self::Efi32 => matches!(arch, 6 | 15),
            Self::Efi64 => matches!(arch, 7 | 9 | 16),
            Self::EfiArm64 => matches!(arch, 11 | 19),
        }
    }
}

/// A transfer that stands still while it runs.
pub(super) fn stands_still(case: &Case<'_>) -> Option<Lead> {
    let moving = case.moving?;
    let limit = case.limits.stall_s as f64;
    let asked = ROLES.iter().rev().find_map(|role| case.last(&format!("{role}-asked")));
    let says = format!(
        "{} stands still at {} of {} for {}.",
        moving.path,
        bytes(moving.sent),
        bytes(moving.total),
        seconds(limit)
    );
    let stood = case.last(super::TRANSFER_STALLED).filter(|mark| number(mark, "sent") == Some(moving.sent));
    let lead = Lead::new(VerdictCode::TransferStalls, &moving.moved, moving.moved.after(limit), says)
        .by(asked.map(|mark| mark.seq))
        .by(stood.map(|mark| mark.seq))
        .causes([
            "its acknowledgements or our packets are lost: cable, port, or a filter in between",
            "packets larger than the path allows (MTU)",
            "the switch's port has just opened (spanning tree)",
            "it was switched off or hangs",
        ])
        .remedy(format!("Look at the packets of {}; try another cable and port.", case.name));
    Some(if stood.is_some() { lead } else { lead.wants(stalled(moving, limit)) })
}

/// A transfer that ended in mid-file, and no whole one after it.
pub(super) fn broken(case: &Case<'_>) -> Option<Lead> {
    let is_broken = |role: &&str| {
        let broken = case.last(&format!("{role}-broken"))?;
        let whole = case.last(&format!("{role}-sent"));
        (whole.is_none_or(|whole| whole.seq < broken.seq)).then_some(broken)
    };
    let broken = ROLES.iter().rev().find_map(is_broken)?;
    if !case.is_last_sign(broken) || case.transfer_moves() {
        return None;
    }
    let path = word(broken, "path").unwrap_or("a boot file");
    let resent = number(broken, "resent").unwrap_or_default();
    let sent = number(broken, "bytes").map(bytes).unwrap_or_default();
    let of = number(broken, "total").map(|total| format!(" of {}", bytes(total))).unwrap_or_default();
    let why = word(broken, "why").map(|why| format!(": {why}")).unwrap_or_default();
    let tftp = word(broken, "proto") == Some("tftp");
    let (code, says, causes) = if tftp {
        let says = format!("{path} stopped at {sent}{of} by TFTP; {resent} blocks were sent again{why}.");
        (VerdictCode::TransferStalls, says, lost())
    } else {
        let says = format!("{path} stopped at {sent}{of}{why}, and it was not fetched again.");
        (VerdictCode::TransferShort, says, short())
    };
    let lead = Lead::new(code, &broken.stamp, broken.stamp.after(SETTLES_S), says)
        .by([broken.seq])
        .by(asked_before(case, broken))
        .causes(causes)
        .remedy(format!(
            "Try another cable and port for {}; then another way to boot. Look at its packets for what was lost.",
            case.name
        ));
    Some(lead)
}

/// The kernel is there, the rest never came.
pub(super) fn never_whole(case: &Case<'_>) -> Option<Lead> {
    if case.phase() != Phase::Kernel || case.transfer_moves() {
        return None;
    }
    let limit = case.limit(Phase::Kernel);
    let since = case.started(Phase::Kernel);
    let there: Vec<&Mark> = ROLES[2..].iter().filter_map(|role| case.mark(&format!("{role}-sent"))).collect();
    let missing = if case.mark("kernel-sent").is_none() { "kernel" } else { "initrd" };
    let says = format!(
        "Its {missing} did not arrive whole within {} ({}), and no transfer runs.",
        seconds(limit.seconds),
        usually(&limit)
    );
    let lead = Lead::new(VerdictCode::TransferShort, since, since.after(limit.seconds), says)
        .by(case.entered(Phase::Kernel))
        .by(there.iter().map(|mark| mark.seq))
        .causes(short())
        .remedy(format!(
            "Look at the screen of {} for what its loader says; then try another way to boot.",
            case.name
        ));
    Some(lead)
}

fn asked_before(case: &Case<'_>, broken: &Mark) -> Option<u64> {
    let role = broken.name.strip_suffix("-broken")?;
    case.last(&format!("{role}-asked")).map(|mark| mark.seq)
}

fn lost() -> [&'static str; 3] {
    [
        "its acknowledgements are lost on their way to us: cable, port, or a filter in between",
        "packets larger than the path allows (MTU)",
        "the switch's port has just opened (spanning tree)",
    ]
}

fn short() -> [&'static str; 3] {
    [
        "the connection broke: cable, port, or the machine went off",
        "its loader gave up: no memory left for the file, or an error of its own",
        "the file here changed while it was sent",
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loader_says_by_its_name_what_it_runs_on() {
        let table = [
            ("undionly.kpxe", Some(MadeFor::Bios)),
            ("pxelinux.0", Some(MadeFor::Bios)),
            ("ipxe.efi", Some(MadeFor::Efi64)),
            ("boot/ipxe-i386.efi", Some(MadeFor::Efi32)),
            ("bootaa64.efi", Some(MadeFor::EfiArm64)),
            ("grubnetx64.efi.signed", Some(MadeFor::Efi64)),
            ("boot/kernel", None),
        ];
        for (path, expected) in table {
            assert_eq!(made_for(path), expected, "{path}");
        }
        assert!(MadeFor::Efi64.runs_on(16) && !MadeFor::Efi64.runs_on(0) && !MadeFor::Bios.runs_on(7));
    }
}
