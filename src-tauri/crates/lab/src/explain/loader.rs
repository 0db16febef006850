//! The loader: it never spoke, it waits, or its script stops.

use super::{
    case::{Case, Lead, SCRIPT_SERVED, Want, word},
    words::{architecture, seconds, usually},
};
use crate::{
    boot::{Mark, Phase},
    verdict::VerdictCode,
};

/// Characters of a script that a verdict shows.
const SCRIPT_SHOWN: usize = 600;

/// Fetched, and no second DHCP.
pub(super) fn never_spoke(case: &Case<'_>) -> Option<Lead> {
    let fetched = case.mark("loader-sent").filter(|_| case.phase() == Phase::Loader)?;
    let spoke = ["ipxe-discover", "ipxe-request", "script-asked", "script-head", "kernel-head"];
    if spoke.iter().any(|name| case.mark(name).is_some()) {
        return None;
    }
    let limit = case.limit(Phase::Loader);
    let path = word(fetched, "path").unwrap_or("its loader");
    let says = format!(
        "It fetched {path} whole, and nothing was heard of that loader within {} ({}).",
        seconds(limit.seconds),
        usually(&limit)
    );
    let fits = case
        .architecture()
        .map(|arch| format!("the loader does not suit its firmware, {}", architecture(arch)));
    let knowable = case.started(Phase::Loader).after(limit.seconds);
    let lead = Lead::new(VerdictCode::LoaderSilent, &fetched.stamp, knowable, says)
        .by([fetched.seq])
        .by(["discover", "loader-asked"].iter().filter_map(|name| Some(case.mark(name)?.seq)))
        .causes(["the loader crashed, or has no driver for its network adapter"])
        .causes(fits)
        .causes(["Secure Boot refused the loader"])
        .remedy(format!(
            "Look at the screen of {}; then try another loader or another way to boot.",
            case.name
        ));
    Some(lead)
}

/// The loader has an address, and asks for nothing: it waits for somebody who does not answer.
pub(super) fn waits(case: &Case<'_>) -> Option<Lead> {
    let spoke = case.mark("ipxe-discover").or_else(|| case.mark("ipxe-request"))?;
    let asked = ["script-asked", "script-head", "kernel-asked", "kernel-head", "file-missing"];
    if case.phase() > Phase::Loader
        || asked.iter().any(|name| case.last(name).is_some_and(|m| m.seq > spoke.seq))
    {
        return None;
    }
    let given = |name: &str| case.last(name).filter(|mark| mark.seq > spoke.seq);
    let given = given("address-given-again").or_else(|| given("address-given"))?;
    let solicited = case.last("router-solicited").filter(|mark| mark.seq > spoke.seq);
    let limit = case.limits.stall_s as f64;
    let says = format!("Its loader has had its address for {} and asked for nothing.", seconds(limit));
    let router = match solicited {
        Some(_) => "a router advertisement that does not reach it, although we answer at once",
        None => "router advertisements that nobody sends (about 12 s with old builds of iPXE)",
    };
    let lead = Lead::new(VerdictCode::LoaderWaits, &given.stamp, given.stamp.after(limit), says)
        .by([spoke.seq, given.seq])
        .by(solicited.map(|mark| mark.seq))
        .causes([
            router,
            "a ProxyDHCP server that does not exist (about 3 s; option 175.176 ends it)",
            "its script's address cannot be reached",
        ])
        .remedy(
            "Let us answer router solicitations and send option 175.176, or use a build of iPXE without IPv6; a way to \
             boot without iPXE waits for nothing.",
        );
    Some(lead)
}

/// The script is there, and no kernel is asked for.
pub(super) fn script_stops(case: &Case<'_>) -> Option<Lead> {
    let fetched = case.last("script-sent").filter(|_| case.phase() == Phase::Loader)?;
    if after(case, fetched, "kernel-head") || after(case, fetched, "file-missing") {
        return None;
    }
    let limit = case.limits.stall_s as f64;
    let path = word(fetched, "path").unwrap_or("its script");
    let served = case.last(SCRIPT_SERVED).filter(|mark| mark.seq > fetched.seq);
    let text = served.and_then(|mark| word(mark, "text")).map(|text| {
        let shown: String = text.chars().take(SCRIPT_SHOWN).collect();
        format!(" As it was served:\n{}", shown.trim_end())
    });
    let says = format!(
        "It fetched {path} and asked for no kernel within {}.{}",
        seconds(limit),
        text.unwrap_or_default()
    );
    let lead = Lead::new(VerdictCode::ScriptStops, &fetched.stamp, fetched.stamp.after(limit), says)
        .by([fetched.seq])
        .by(served.map(|mark| mark.seq))
        .causes([
            "a line of the script fails, and iPXE ends there",
            "the script waits for a key",
            "the server that the script names cannot be reached",
        ])
        .remedy(format!("Read the script, and the screen of {} for the line that failed.", case.name));
    Some(if served.is_some() { lead } else { lead.wants(Want::Script) })
}

fn after(case: &Case<'_>, mark: &Mark, name: &str) -> bool {
    case.last(name).is_some_and(|other| other.seq > mark.seq)
}
