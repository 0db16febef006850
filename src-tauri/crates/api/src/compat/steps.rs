//! The steps of our runs under the names that the owner's pages know, in an order that only goes forward.

/// A name on the wire, and after how many seconds the reliability test has waited long enough.
const LIMITS: &[(&str, u64)] = &[
    ("init", 30),
    ("secret gen", 150),
    ("disk wipe", 235),
    ("powerup", 60),
    ("booting-hypervisors", 245),
    ("booting-nodes", 235),
    ("bootstrapping", 155),
    ("finalizing", 255),
    ("starting", 156),
];

/// The end of a run that went well; it has no limit.
pub(super) const DONE: &str = "done";

/// The name of one of our steps. Two of ours may share one: the time that they took is added up.
pub(super) fn wire_name(step: &str) -> &str {
    match step {
        "check" => "init",
        "power-up" => "powerup",
        "boot" => "booting-nodes",
        // Switching off is a part of the rehearsal's end. A second `powerup` would send the pages backwards.
        "report" | "power-down" => "finalizing",
        other => other,
    }
}

/// The step after which a node counts as initialized.
pub(super) const NODE_IS_UP: &str = "boot";

pub(super) fn limit_s(name: &str) -> Option<u64> {
    LIMITS.iter().find(|(known, _)| *known == name).map(|(_, limit)| *limit)
}

/// All limits, as the reliability test shows its configuration.
pub(super) fn limits() -> std::collections::BTreeMap<String, u64> {
    LIMITS.iter().map(|(name, limit)| ((*name).to_owned(), *limit)).collect()
}
