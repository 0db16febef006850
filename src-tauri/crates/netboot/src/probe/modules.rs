//! Which kernel modules go into the image, and depmod's tables reduced to them. Pure: text in, text out.

use std::collections::{BTreeMap, BTreeSet};

/// Drivers of the network cards that mini PCs and virtual machines have, of the disks that must be listed, and the
/// file system of UEFI variables (for Secure Boot). What they depend on comes along.
///
/// The two PHY drivers are not dependencies in modules.dep: the kernel asks for them when it finds the chip.
#[rustfmt::skip]
pub(super) const WANTED: &[&str] = &[
    // network cards
    "r8169", "realtek", "e1000e", "e1000", "igb", "igc", "tg3", "broadcom", "bnx2", "alx", "atl1c", "atlantic",
    "forcedeth", "sky2", "8139too", "8139cp",
    // network cards of virtual machines, and the bus below them
    "virtio_net", "vmxnet3", "virtio_pci",
    // disks
    "ahci", "sd_mod", "nvme", "virtio_blk", "virtio_scsi",
    // entropy for virtual machines, UEFI variables
    "virtio_rng", "efivarfs",
    // the file system of boot disks, and the two tables of characters that it asks for
    "vfat", "nls_cp437", "nls_ascii",
    // kernel messages over the network, and the file system through which it is told where to
    "netconsole", "configfs",
];

/// `kernel/net/x-y.ko.xz` → `kernel/net/x-y.ko`, the name under which the decompressed module lies in the image.
pub(super) fn plain_name(path: &str) -> &str {
    path.strip_suffix(".xz").unwrap_or(path)
}

/// The module's name: file name without endings, with `_` for `-` (the kernel takes both for the same).
fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    plain_name(file).trim_end_matches(".ko").replace('-', "_")
}

/// Lines of modules.dep: a path, and the paths of all it needs, deepest last.
fn dependencies(dep: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    dep.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(path, needs)| (path, needs.split_whitespace().collect()))
}

/// Paths (as modules.dep spells them) of the wanted modules and all they need. A wanted module that this kernel has
/// not, or has built in, is left out: there is nothing to copy, and another kernel has another set.
pub(super) fn resolve(dep: &str, wanted: &[&str]) -> BTreeSet<String> {
    let wanted: BTreeSet<String> = wanted.iter().map(|name| name.replace('-', "_")).collect();
    let mut chosen = BTreeSet::new();
    for (path, needs) in dependencies(dep) {
        if wanted.contains(&module_name(path)) {
            chosen.insert(path.to_owned());
            chosen.extend(needs.into_iter().map(str::to_owned));
        }
    }
    chosen
}

/// modules.dep for the image. `names` are plain names of what is in it.
pub(super) fn reduced_dep(dep: &str, names: &[&str]) -> String {
    let included: BTreeSet<&str> = names.iter().copied().collect();
    let mut lines = BTreeMap::new();
    for (path, needs) in dependencies(dep) {
        if included.contains(plain_name(path)) {
            let needs: Vec<&str> = needs.into_iter().map(plain_name).collect();
            lines.insert(plain_name(path), needs.join(" "));
        }
    }
    lines.iter().map(|(path, needs)| format!("{path}: {needs}\n").replace(": \n", ":\n")).collect()
}

/// modules.alias for the image: which device needs which of the included modules.
pub(super) fn reduced_alias(alias: &str, names: &[&str]) -> String {
    let included: BTreeSet<String> = names.iter().map(|path| module_name(path)).collect();
    let mut lines: BTreeSet<&str> = BTreeSet::new();
    for line in alias.lines() {
        let mut words = line.split_whitespace();
        if words.next() == Some("alias")
            && let Some(module) = words.nth(1)
            && included.contains(&module.replace('-', "_"))
        {
            lines.insert(line);
        }
    }
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEP: &str = "\
kernel/drivers/net/virtio_net.ko.xz: kernel/drivers/net/net_failover.ko.xz kernel/net/core/failover.ko.xz
kernel/drivers/net/net_failover.ko.xz: kernel/net/core/failover.ko.xz
kernel/net/core/failover.ko.xz:
kernel/drivers/char/hw_random/virtio-rng.ko.xz:
kernel/sound/snd.ko.xz:
";

    #[test]
    fn takes_what_is_needed_and_no_more() {
        let chosen: Vec<String> =
            resolve(DEP, &["virtio_net", "virtio_rng", "not_in_this_kernel"]).into_iter().collect();
        assert_eq!(
            chosen,
            [
                "kernel/drivers/char/hw_random/virtio-rng.ko.xz",
                "kernel/drivers/net/net_failover.ko.xz",
                "kernel/drivers/net/virtio_net.ko.xz",
                "kernel/net/core/failover.ko.xz",
            ]
        );
    }

    #[test]
    fn tables_name_the_decompressed_files() {
        let names = ["kernel/drivers/net/net_failover.ko", "kernel/net/core/failover.ko"];
        assert_eq!(
            reduced_dep(DEP, &names),
            "kernel/drivers/net/net_failover.ko: kernel/net/core/failover.ko\nkernel/net/core/failover.ko:\n"
        );
    }

    #[test]
    fn aliases_match_dashes_and_underscores_alike() {
        let alias =
            "# comment\nalias virtio:d00000004v* virtio_rng\nalias pci:v1 snd\nalias virtio:d1 virtio_net\n";
        let names = ["kernel/drivers/char/hw_random/virtio-rng.ko"];
        assert_eq!(reduced_alias(alias, &names), "alias virtio:d00000004v* virtio_rng\n");
    }
}
