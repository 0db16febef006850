//! Erasing disks: who may, once, and which. A wiper shows what it found and a ticket that it made up at its start; the
//! arming is used up by the event that names this ticket, and only then is the wiper told to begin. So one arming is one
//! wipe, whatever is lost on the wire, killed or started again.

use serde::{Deserialize, Serialize};

use crate::status::MachineStatus;

/// More disks than any machine here has.
const DISKS_MOST: usize = 32;
/// A ticket is a UUID; a name is what Linux calls a disk.
const WORD_LONGEST: usize = 64;

/// A wiper's question.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WipeAsk {
    pub ticket: String,
    /// What it would erase, and has on its screen.
    pub disks: Vec<FoundDisk>,
}

/// A fixed disk that the wiper found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FoundDisk {
    pub name: String,
    pub bytes: Option<u64>,
    pub model: Option<String>,
    pub serial: Option<String>,
}

/// What the wiper did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WipeReport {
    pub ticket: String,
    #[serde(default)]
    pub seconds: Option<u64>,
    pub disks: Vec<WipedDisk>,
}

/// One disk, afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WipedDisk {
    #[serde(flatten)]
    pub disk: FoundDisk,
    /// It took a discard of all its blocks.
    pub discarded: bool,
    /// Overwritten with zeros and read back.
    pub zeroed_bytes: Option<u64>,
    pub ok: bool,
    pub why: Option<String>,
}

/// The answer to a wiper's question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WipeAnswer {
    /// Erase these, named as it named them.
    Go(Vec<String>),
    /// Ask again.
    Wait(String),
    /// Erase nothing.
    No(String),
}

/// A question or a report that no wiper of ours sends.
#[derive(Debug, thiserror::Error)]
pub enum BadWipe {
    #[error("it is not the JSON of a wiper")]
    Json(#[from] serde_json::Error),
    #[error("{0} is neither a ticket nor the name of a disk")]
    Word(String),
    #[error("{0} disks are more than any machine has")]
    Many(usize),
}

impl WipeAsk {
    /// Reads a question. Its words go back into an answer that a shell reads, so nothing but words is taken.
    pub fn parse(body: &[u8]) -> Result<Self, BadWipe> {
        let ask: Self = serde_json::from_slice(body)?;
        checked(&ask.ticket, ask.disks.iter().map(|disk| &disk.name))?;
        Ok(ask)
    }
}

impl WipeReport {
    /// Reads a report.
    pub fn parse(body: &[u8]) -> Result<Self, BadWipe> {
        let report: Self = serde_json::from_slice(body)?;
        checked(&report.ticket, report.disks.iter().map(|disk| &disk.disk.name))?;
        Ok(report)
    }
}

fn checked<'a>(ticket: &'a String, names: impl Iterator<Item = &'a String>) -> Result<(), BadWipe> {
    let names: Vec<&String> = names.collect();
    if names.len() > DISKS_MOST {
        return Err(BadWipe::Many(names.len()));
    }
    let odd = |word: &&&String| {
        let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        word.is_empty() || word.len() > WORD_LONGEST || !plain
    };
    match std::iter::once(&ticket).chain(&names).find(odd) {
        Some(odd) => Err(BadWipe::Word(odd.chars().take(WORD_LONGEST).collect())),
        None => Ok(()),
    }
}

/// The disks that an arming allows, out of those found; or why there is nothing to erase yet. Armed disks are given by
/// name or by serial; none given are all.
pub fn allowed(armed: &[String], found: &[FoundDisk]) -> Result<Vec<String>, String> {
    let is = |disk: &FoundDisk, wanted: &String| disk.name == *wanted || disk.serial.as_ref() == Some(wanted);
    if found.is_empty() {
        return Err("it found no fixed disk".to_owned());
    }
    if let Some(missing) = armed.iter().find(|wanted| !found.iter().any(|disk| is(disk, wanted))) {
        return Err(format!("armed for {missing}, which it did not find"));
    }
    let meant = found.iter().filter(|disk| armed.is_empty() || armed.iter().any(|wanted| is(disk, wanted)));
    Ok(meant.map(|disk| disk.name.clone()).collect())
}

/// The disks of an arming in words; none named are all.
pub fn disks_words(disks: &[String]) -> String {
    if disks.is_empty() { "all its disks".to_owned() } else { disks.join(", ") }
}

/// What a wiper is told, by what is on record.
pub fn answer(machine: &MachineStatus, ask: &WipeAsk) -> WipeAnswer {
    if let Some(wiping) = machine.wiping.as_ref().filter(|wiping| wiping.ticket == ask.ticket) {
        return WipeAnswer::Go(wiping.disks.clone());
    }
    match &machine.wipe {
        Some(armed) => match allowed(armed, &ask.disks) {
            Ok(_) => WipeAnswer::Wait("the board puts it on record first".to_owned()),
            Err(why) => WipeAnswer::Wait(why),
        },
        None if machine.wiping.is_some() => {
            WipeAnswer::No("its arming was used up by an earlier boot".to_owned())
        }
        None => WipeAnswer::No("the board has not armed it".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Wiping;

    fn disk(name: &str, serial: Option<&str>) -> FoundDisk {
        FoundDisk { name: name.into(), serial: serial.map(str::to_owned), ..FoundDisk::default() }
    }

    fn ask(ticket: &str, disks: &[FoundDisk]) -> WipeAsk {
        WipeAsk { ticket: ticket.into(), disks: disks.to_vec() }
    }

    #[test]
    fn one_arming_is_one_wipe() {
        let found = [disk("vda", None)];
        let mut machine = MachineStatus::default();
        assert!(matches!(answer(&machine, &ask("t1", &found)), WipeAnswer::No(_)), "never armed");
        machine.wipe = Some(Vec::new());
        assert!(matches!(answer(&machine, &ask("t1", &found)), WipeAnswer::Wait(_)), "not on record yet");
        machine.wipe = None;
        machine.wiping = Some(Wiping { disks: vec!["vda".into()], ticket: "t1".into(), ..Wiping::default() });
        let go = WipeAnswer::Go(vec!["vda".into()]);
        assert_eq!(answer(&machine, &ask("t1", &found)), go);
        assert_eq!(answer(&machine, &ask("t1", &found)), go, "a lost answer is given again");
        assert!(
            matches!(answer(&machine, &ask("t2", &found)), WipeAnswer::No(_)),
            "another boot gets nothing"
        );
    }

    #[test]
    fn named_disks_are_erased_and_no_others() {
        let found = [disk("sda", Some("S1")), disk("sdb", Some("S2"))];
        assert_eq!(allowed(&[], &found).unwrap(), ["sda", "sdb"]);
        assert_eq!(allowed(&["sdb".into()], &found).unwrap(), ["sdb"]);
        assert_eq!(allowed(&["S1".into()], &found).unwrap(), ["sda"]);
        assert!(allowed(&["sda".into(), "sdc".into()], &found).unwrap_err().contains("sdc"));
        assert!(allowed(&[], &[]).is_err());
    }

    #[test]
    fn words_that_a_shell_would_act_on_are_refused() {
        let body = |ticket: &str, name: &str| {
            serde_json::json!({ "ticket": ticket, "disks": [{ "name": name }] }).to_string()
        };
        WipeAsk::parse(body("0f-1", "nvme0n1").as_bytes()).unwrap();
        for (ticket, name) in [("", "vda"), ("a b", "vda"), ("a", "../x"), ("a", "$(x)"), ("a", "")] {
            assert!(WipeAsk::parse(body(ticket, name).as_bytes()).is_err(), "{ticket:?} {name:?}");
        }
        let many = serde_json::json!({ "ticket": "a", "disks": vec![disk("vda", None); 33] }).to_string();
        assert!(matches!(WipeAsk::parse(many.as_bytes()), Err(BadWipe::Many(33))));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = WipeAsk::parse(&bytes);
            let _ = WipeReport::parse(&bytes);
        }
    }
}
