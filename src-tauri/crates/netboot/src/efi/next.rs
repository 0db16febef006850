//! What must be written so that the next boot, and only that, takes another way than the firmware's own order.
//!
//! BootNext names one entry for one boot; firmware deletes it before it tries, and goes on with BootOrder when the entry
//! fails (UEFI 2.10, 3.3). So a machine that cannot take the new way boots as it always did, without anybody's help.

use super::device_path::{self, Node};
use super::option::{ACTIVE, LoadOption};
use super::{GLOBAL, Variable};
use crate::Mac;

/// How our own entry is called in the firmware's menu, and by which we know it again.
const OURS: &str = "statusinator HTTP Boot";
/// Where free numbers are looked for. Firmware takes the lowest free ones for itself.
const FIRST_OF_OURS: u16 = 0x2000;

/// What to write, and what stood there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arming {
    /// Variables to write, in this order: BootNext last, so that it never names an entry that is not there.
    pub write: Vec<Variable>,
    /// The boot order before, for the record.
    pub before: String,
}

/// Makes the next boot one by HTTP through this card, from this URL.
///
/// The entry is our own: that which firmware makes has no URL and leaves the choice to DHCP, so that a server which is not
/// ours could decide. Its path is borrowed from an entry for PXE or HTTP over IPv4 through the same card. Where there is
/// none (the variables are new, or the firmware makes its entries only when it needs them) the short form does, a URL and
/// nothing else, which firmware completes by looking for a card that can (UEFI 2.10, 3.1.2).
pub fn over_http(variables: &[Variable], card: Mac, url: &str) -> Arming {
    let before = order(variables);
    let entries = entries(variables);
    let through_card = |entry: &&(u16, LoadOption)| {
        entry.1.attributes & ACTIVE != 0
            && device_path::card(&entry.1.path) == Some(card)
            && entry.1.path.iter().any(Node::is_ipv4)
            && entry.1.description != OURS
    };
    let mut path = entries.iter().find(through_card).map_or_else(Vec::new, |(_, entry)| entry.path.clone());
    path.retain(|node| !node.is_uri());
    path.push(Node::uri(url));
    let number = number_of_ours(&entries);
    let entry = LoadOption { attributes: ACTIVE, description: OURS.to_owned(), path, data: Vec::new() };
    Arming { write: vec![Variable::boot(name(number), entry.encode()), next(number)], before }
}

/// Names of the variables to delete so that nothing of ours is left.
pub fn leftovers(variables: &[Variable]) -> Vec<String> {
    let ours = entries(variables).into_iter().filter(|(_, entry)| entry.description == OURS);
    let mut names: Vec<String> = ours.map(|(number, _)| name(number)).collect();
    names.extend(find(variables, "BootNext").map(|_| "BootNext".to_owned()));
    names
}

/// BootNext and BootOrder in words, as firmware's own menu numbers its entries.
pub fn order(variables: &[Variable]) -> String {
    let numbers = |name: &str| {
        let data = find(variables, name)?;
        let each = data.chunks_exact(2).map(|pair| format!("{:04X}", u16::from_le_bytes([pair[0], pair[1]])));
        Some(each.collect::<Vec<_>>().join(" "))
    };
    let or_none = |numbers: Option<String>| numbers.unwrap_or_else(|| "none".to_owned());
    format!("BootNext {}, BootOrder {}", or_none(numbers("BootNext")), or_none(numbers("BootOrder")))
}

/// All boot entries that can be read, by number.
pub fn entries(variables: &[Variable]) -> Vec<(u16, LoadOption)> {
    let mut entries: Vec<(u16, LoadOption)> = variables
        .iter()
        .filter(|variable| variable.guid == GLOBAL)
        .filter_map(|variable| Some((number(&variable.name)?, LoadOption::parse(&variable.data).ok()?)))
        .collect();
    entries.sort_by_key(|(number, _)| *number);
    entries
}

fn number_of_ours(entries: &[(u16, LoadOption)]) -> u16 {
    let known = entries.iter().find(|(_, entry)| entry.description == OURS);
    let taken = |number: &u16| entries.iter().any(|(other, _)| other == number);
    known.map_or_else(
        || (FIRST_OF_OURS..u16::MAX).find(|number| !taken(number)).unwrap_or(FIRST_OF_OURS),
        |(number, _)| *number,
    )
}

fn find<'a>(variables: &'a [Variable], name: &str) -> Option<&'a [u8]> {
    variables.iter().find(|v| v.guid == GLOBAL && v.name == name).map(|v| &v.data[..])
}

fn next(number: u16) -> Variable {
    Variable::boot("BootNext", number.to_le_bytes().to_vec())
}

fn name(number: u16) -> String {
    format!("Boot{number:04X}")
}

/// Boot#### → its number; four upper-case hexadecimal digits and nothing else (UEFI 2.10, 3.3).
fn number(name: &str) -> Option<u16> {
    let digits = name.strip_prefix("Boot").filter(|digits| digits.len() == 4)?;
    let upper = digits.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b));
    upper.then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: Mac = Mac([0x52, 0x54, 0, 0x12, 0x34, 1]);
    const OTHER: Mac = Mac([0x52, 0x54, 0, 0x12, 0x34, 2]);
    const URL: &str = "http://192.168.122.3/boot/uki/x.efi";

    fn entry(number: u16, card: Mac, http: bool) -> Variable {
        let mut path = vec![
            Node { kind: 2, subkind: 1, data: vec![0xd0, 0x41, 3, 10, 0, 0, 0, 0] },
            Node { kind: 3, subkind: 0x0b, data: [&card.0[..], &[0; 26], &[1]].concat() },
            Node { kind: 3, subkind: 0x0c, data: vec![0; 23] },
        ];
        if http {
            path.push(Node::uri(""));
        }
        let option = LoadOption { attributes: ACTIVE, description: "UEFI".into(), path, data: Vec::new() };
        Variable::boot(name(number), option.encode())
    }

    #[test]
    fn what_stood_there_is_told_and_stays() {
        let variables = [
            Variable::boot("BootOrder", vec![1, 0, 3, 0]),
            entry(1, CARD, false),
            entry(2, OTHER, true),
            entry(3, CARD, true),
        ];
        let arming = over_http(&variables, CARD, URL);
        let names: Vec<&str> = arming.write.iter().map(|variable| variable.name.as_str()).collect();
        assert_eq!(names, ["Boot2000", "BootNext"], "the firmware's own entries and their order stay");
        assert_eq!(arming.before, "BootNext none, BootOrder 0001 0003");
    }

    #[test]
    fn an_entry_of_the_card_lends_its_path_and_new_variables_get_the_short_form() {
        for http in [false, true] {
            let arming = over_http(&[entry(1, CARD, http)], CARD, URL);
            let made = LoadOption::parse(&arming.write[0].data).unwrap();
            assert_eq!(device_path::card(&made.path), Some(CARD));
            assert_eq!(made.path.last(), Some(&Node::uri(URL)));
            assert_eq!(made.path.iter().filter(|node| node.is_uri()).count(), 1);
            assert_eq!(arming.write[1], Variable::boot("BootNext", vec![0, 0x20]));
        }

        let fresh = over_http(&[entry(1, OTHER, true)], CARD, URL);
        assert_eq!(LoadOption::parse(&fresh.write[0].data).unwrap().path, [Node::uri(URL)]);
    }

    #[test]
    fn armed_twice_there_is_one_entry_and_undone_there_is_none() {
        let mut variables = vec![entry(1, CARD, false)];
        variables.extend(over_http(&variables.clone(), CARD, URL).write);
        let again = over_http(&variables, CARD, URL);
        assert_eq!(again.write[0].name, "Boot2000");
        assert_eq!(leftovers(&variables), ["Boot2000", "BootNext"]);
        assert_eq!(leftovers(&[entry(1, CARD, true)]), Vec::<String>::new());
    }

    #[test]
    fn only_boot_entries_are_taken_for_some() {
        for (text, expected) in
            [("Boot0003", Some(3)), ("Boot00ab", None), ("BootNext", None), ("Boot123", None)]
        {
            assert_eq!(number(text), expected, "{text}");
        }
    }
}
