//! DHCP: not answered, refused, answered by somebody else, our offer not taken; and an address that leads to nothing.

use super::{
    case::{Case, Lead, number, word},
    words::{seconds, usually},
};
use crate::{
    boot::{Mark, Phase},
    verdict::VerdictCode,
};

/// Time for a machine to go on by itself after a refusal or after it turned to another server.
const SETTLES_S: f64 = 5.0;

/// One round of DHCP: the firmware's, then the loader's.
struct Round<'a> {
    asked: &'a Mark,
    offered: Option<&'a Mark>,
    given: Option<&'a Mark>,
    who: &'static str,
    limit: super::Limit,
}

fn round<'a>(case: &Case<'a>) -> Option<Round<'a>> {
    let first = |names: &[&str]| names.iter().find_map(|name| case.mark(name));
    match case.phase() {
        Phase::Address => Some(Round {
            asked: first(&[
                "discover",
                "ipxe-discover",
                "grub-discover",
                "request",
                "ipxe-request",
                "grub-request",
            ])?,
            offered: case.mark("address-offered"),
            given: case.mark("address-given"),
            who: "Its firmware",
            limit: case.limit(Phase::Address),
        }),
        Phase::Loader if case.mark("script-asked").is_none() => Some(Round {
            asked: first(&["ipxe-discover", "ipxe-request"])?,
            offered: case.mark("address-offered-again"),
            given: case.mark("address-given-again"),
            who: "Its loader",
            // The loader's whole phase is a bound for its DHCP too.
            limit: case.limit(Phase::Address),
        }),
        _ => None,
    }
}

impl Round<'_> {
    fn evidence(&self, case: &Case<'_>) -> Vec<u64> {
        let repeated = ["discover-repeated", "offer-repeated"].iter().filter_map(|name| case.last(name));
        let marks = [Some(self.asked), self.offered, self.given].into_iter().flatten();
        marks.chain(repeated).map(|mark| mark.seq).collect()
    }

    /// ` 12 times`, once it was counted.
    fn times(case: &Case<'_>, name: &str) -> String {
        case.last(name)
            .and_then(|mark| number(mark, "count"))
            .map(|n| format!(" {n} times"))
            .unwrap_or_default()
    }
}

/// We said no, and know why.
pub(super) fn refused(case: &Case<'_>) -> Option<Lead> {
    let round = round(case)?;
    let refusal = case.last("dhcp-refused").filter(|mark| mark.seq > round.asked.seq)?;
    if round.given.is_some_and(|given| given.seq > refusal.seq) {
        return None;
    }
    let why = word(refusal, "why").unwrap_or("no reason is known");
    let (code, remedy) = match word(refusal, "kind") {
        Some("pool empty") => (
            VerdictCode::PoolEmpty,
            "Make the pool in the board file larger, or wait until a lease ends.".to_owned(),
        ),
        Some("silent because of another server") => (
            VerdictCode::OtherDhcpServer,
            "Switch DHCP off at that server, or take its cable out of the lab's switch: we answer again once it has been \
             silent for a while. Or let us answer beside it, as proxy."
                .to_owned(),
        ),
        Some("disabled") => (VerdictCode::Disabled, format!("Allow {} to boot again.", case.name)),
        _ => (
            VerdictCode::NotAnswered,
            format!("Compare MAC and address of {} in the board file with what it asks for.", case.name),
        ),
    };
    let says = format!("{} asked for an address, and we refused: {why}.", round.who);
    let lead = Lead::new(code, &refusal.stamp, refusal.stamp.after(SETTLES_S), says)
        .by(round.evidence(case))
        .by([refusal.seq])
        .causes([why])
        .remedy(remedy);
    Some(lead)
}

/// It turned to another server.
pub(super) fn other_server(case: &Case<'_>) -> Option<Lead> {
    let round = round(case)?;
    let other = case.last("other-server").filter(|mark| mark.seq > round.asked.seq)?;
    if round.given.is_some_and(|given| given.seq > other.seq) {
        return None;
    }
    let server = word(other, "server").unwrap_or("unknown");
    let rival = case.status.rivals.values().find(|rival| rival.address == server);
    let says =
        format!("{} asked the DHCP server {server} for an address, not us ({}).", round.who, case_boss(case));
    let lead = Lead::new(VerdictCode::OtherDhcpServer, &other.stamp, other.stamp.after(SETTLES_S), says)
        .by(round.evidence(case))
        .by([other.seq, rival.map(|rival| rival.seq).unwrap_or_default()])
        .causes([format!("{server} answers DHCP on the lab network and names no boot file of ours")])
        .remedy(format!(
            "Switch DHCP off at {server}, or take its cable out of the lab's switch; or let us answer beside it as proxy."
        ));
    Some(lead)
}

/// It asked, and we said nothing.
pub(super) fn not_answered(case: &Case<'_>) -> Option<Lead> {
    let round = round(case)?;
    if round.offered.is_some() || round.given.is_some() {
        return None;
    }
    let says = format!(
        "{} asked for an address{} within {} and we did not answer ({}).",
        round.who,
        Round::times(case, "discover-repeated"),
        seconds(round.limit.seconds),
        usually(&round.limit)
    );
    let down = case.not_ready("dhcp").map(|why| format!("our DHCP is not ready: {why}"));
    let trouble =
        case.status.troubles.get("dhcp").map(|failure| format!("our DHCP is in trouble: {failure}"));
    let since = &round.asked.stamp;
    let lead = Lead::new(VerdictCode::NotAnswered, since, since.after(round.limit.seconds), says)
        .by(round.evidence(case))
        .by(case.status.troubled.get("dhcp").map(|moment| moment.seq))
        .causes(down.into_iter().chain(trouble))
        .causes([
            "its question came by an interface on which DHCP does not answer",
            "our answer could not be made",
        ])
        .remedy("Look at DHCP on System; `statusinator doctor` says on which interface it answers.");
    Some(lead)
}

/// We offered, it did not take.
pub(super) fn offer_not_taken(case: &Case<'_>) -> Option<Lead> {
    let round = round(case)?;
    let offered = round.offered.filter(|_| round.given.is_none())?;
    let rivals: Vec<_> = case.status.rivals.values().filter(|rival| rival.service.contains("dhcp")).collect();
    let says = format!(
        "{} was offered {}{} and did not take it within {} ({}).",
        round.who,
        word(offered, "address").unwrap_or("an address"),
        Round::times(case, "offer-repeated"),
        seconds(round.limit.seconds),
        usually(&round.limit)
    );
    let heard = rivals.iter().map(|rival| format!("a second DHCP server was heard: {}", rival.address));
    let since = &offered.stamp;
    let lead = Lead::new(VerdictCode::OfferNotTaken, since, since.after(round.limit.seconds), says)
        .by(round.evidence(case))
        .by(rivals.iter().map(|rival| rival.seq))
        .causes(heard)
        .causes([
            "our answer does not reach it: cable, port, or a filter in between",
            "its firmware rejects the offer (options 43 and 60, or two offers at once)",
            "a second DHCP server, which we have not heard",
        ])
        .remedy(format!(
            "Look at the packets of {}; try another cable and port, then another way to boot.",
            case.name
        ));
    Some(lead)
}

/// An address, and then neither TFTP nor HTTP.
pub(super) fn no_file_asked(case: &Case<'_>) -> Option<Lead> {
    if case.phase() != Phase::Address {
        return None;
    }
    let round = round(case)?;
    let given = round.given?;
    let file = word(given, "boot_file");
    let named = match file {
        Some(file) => format!("the boot file {file}"),
        None => "no boot file".to_owned(),
    };
    let says = format!(
        "It has the address {} and was told {named}; it asked for nothing within {} ({}).",
        word(given, "address").unwrap_or("we gave it"),
        seconds(round.limit.seconds),
        usually(&round.limit)
    );
    let unnamed = file.is_none().then_some("we named it no boot file: nothing fits its architecture");
    let since = &given.stamp;
    let lead = Lead::new(VerdictCode::NoFileAsked, since, since.after(round.limit.seconds), says)
        .by(round.evidence(case))
        .causes(unnamed)
        .causes([
            "server or file name do not suit its firmware (PXE-E53, PXE-E55)",
            "its packets to us are lost: cable, port, or a filter in between",
            "its firmware waits for a boot server on port 4011",
        ])
        .remedy(format!(
            "Look at the screen of {} for a PXE error; then try another way to boot.",
            case.name
        ));
    Some(lead)
}

/// The address that we answer from, as machines see it.
fn case_boss(case: &Case<'_>) -> String {
    let given = case.mark("address-offered").and_then(|mark| word(mark, "address"));
    given.map_or_else(|| "we offered nothing".to_owned(), |address| format!("we offered {address}"))
}
