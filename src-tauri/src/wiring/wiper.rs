//! What wipers ask and report. Answers come from the committed picture: the arming is used up on the disk before a wiper
//! is told to begin.

use bytes::Bytes;
use lab::{
    BoardKind, Machine,
    wipe::{self, WipeAnswer, WipeAsk, WipeReport},
};
use netboot::files::Reply;

use super::site::{BootSite, Said};

/// Answers `/probe/wipe/ask`; while the answer is to wait, the engine is told what was asked.
pub(super) fn ask(site: &BootSite, machine: &Machine, body: &[u8]) -> Reply {
    let ask = match WipeAsk::parse(body) {
        Ok(ask) => ask,
        Err(error) => return reply(422, format!("This question cannot be read: {error}")),
    };
    let answer = wipe::answer(&site.picture.machine(&machine.name), &ask);
    let words = match &answer {
        WipeAnswer::Go(disks) => format!("received wipe-go {} {}", ask.ticket, disks.join(",")),
        WipeAnswer::Wait(why) => format!("received wipe-wait {why}"),
        WipeAnswer::No(why) => format!("received wipe-no {why}"),
    };
    let said = match answer {
        WipeAnswer::Wait(_) => Said::WipeAsked(Box::new(ask)),
        WipeAnswer::Go(_) | WipeAnswer::No(_) => Said::Heartbeat,
    };
    // A full queue only delays: the wiper asks again each second.
    site.say(&machine.name, said);
    reply(200, words)
}

/// Takes `/probe/wiped`. The answer says who switches the machine off: behind a relay that remembers its press, a machine
/// that does it by itself would leave a board that believes it on.
pub(super) fn wiped(site: &BootSite, machine: &Machine, body: &[u8]) -> Reply {
    let report = match WipeReport::parse(body) {
        Ok(report) => Box::new(report),
        Err(error) => return reply(422, format!("This report cannot be read: {error}")),
    };
    if !site.say(&machine.name, Said::Wiped(report)) {
        return reply(503, "Too many reports are waiting; try again in a second.".into());
    }
    let off = if site.board.board.kind == BoardKind::Virtual { " poweroff" } else { "" };
    reply(200, format!("received{off}"))
}

fn reply(status: u16, text: String) -> Reply {
    Reply { status, content_type: "text/plain", body: Bytes::from(text) }
}
