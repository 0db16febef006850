//! Changes to the text of a board file that keep its comments and its order.

use std::net::Ipv4Addr;

use toml_edit::{DocumentMut, Item, TableLike, Value};

use super::{Board, BoardError, parse};
use crate::mac::Mac;

/// A board file under change. It may be wrong in between; [`BoardText::finish`] checks it.
#[derive(Debug, Clone)]
pub struct BoardText {
    origin: String,
    document: DocumentMut,
}

/// The text with another hardware address for one machine: a new PC in the old one's place.
pub fn replace_mac(text: &str, box_number: u32, mac: Mac) -> Result<String, BoardError> {
    let board = Board::parse("the board file", text)?;
    if let Some(other) = board.machine_by_mac(mac).filter(|other| other.box_number != box_number) {
        let why = format!("{mac} is already {} in box {}", other.name, other.box_number);
        return Err(refused(
            "the board file",
            why,
            "give that machine another address first, or correct this one",
        ));
    }
    let mut edited = BoardText::read("the board file", text)?;
    edited.set_mac(box_number, mac)?;
    edited.finish()
}

impl BoardText {
    /// `origin` is named in errors.
    pub fn read(origin: &str, text: &str) -> Result<Self, BoardError> {
        let document = text.parse().map_err(|error| parse::bad_syntax(origin, text, &error))?;
        Ok(Self { origin: origin.to_owned(), document })
    }

    /// Gives a key of a table a value; table and key appear where they were missing.
    pub fn set(&mut self, table: &str, key: &str, value: impl Into<Value>) {
        let table = self.document.entry(table).or_insert_with(toml_edit::table);
        if let Some(table) = table.as_table_like_mut() {
            put(table, key, value.into());
        }
    }

    /// Takes a table out, with the comment above it.
    pub fn remove(&mut self, table: &str) {
        self.document.remove(table);
    }

    /// Gives a machine another hardware address.
    pub fn set_mac(&mut self, box_number: u32, mac: Mac) -> Result<(), BoardError> {
        if mac.0[0] & 1 == 1 || mac.0 == [0; 6] {
            let why = format!("{mac} is the address of no network adapter");
            return Err(refused(&self.origin, why, "read it off the adapter, or off its first DHCP packet"));
        }
        let mut found = false;
        let mut boxes = Vec::new();
        for_each_machine(self.document.get_mut("machine"), &mut |machine| {
            let Some(number) = machine.get("box").and_then(Item::as_integer) else { return };
            boxes.push(number.to_string());
            if number == i64::from(box_number) {
                put(machine, "mac", mac.to_string().into());
                found = true;
            }
        });
        if found {
            return Ok(());
        }
        let why = format!("there is no box {box_number}");
        Err(refused(&self.origin, why, &format!("name one of {}", boxes.join(", "))))
    }

    /// Moves the lab network, and every address in it, wherever it stands: in addresses, in URLs, in comments.
    pub fn move_network(&mut self, from: (Ipv4Addr, u8), to: (Ipv4Addr, u8)) -> Result<(), BoardError> {
        if to.1 > from.1 || to.1 == 0 {
            let why = format!("{}/{} has no room for this file's addresses", to.0, to.1);
            return Err(refused(
                &self.origin,
                why,
                &format!("choose a network with a prefix of 1 to {}", from.1),
            ));
        }
        let moved = moved(&self.document.to_string(), from, to.0);
        *self = Self::read(&self.origin, &moved)?;
        self.set("network", "prefix", i64::from(to.1));
        Ok(())
    }

    /// The text, if it is a good board file.
    pub fn finish(self) -> Result<String, BoardError> {
        let text = self.document.to_string();
        Board::parse(&self.origin, &text)?;
        Ok(text)
    }
}

fn refused(origin: &str, why: String, remedy: &str) -> BoardError {
    BoardError { origin: origin.to_owned(), line: None, why, remedy: remedy.to_owned() }
}

/// The new value stands where the old one stood, before the same comment.
fn put(table: &mut dyn TableLike, key: &str, mut value: Value) {
    match table.get_mut(key) {
        Some(Item::Value(old)) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        _ => {
            table.insert(key, Item::Value(value));
        }
    }
}

/// Machines may be written as tables or, which nobody does, as an array of inline ones.
fn for_each_machine(machines: Option<&mut Item>, each: &mut dyn FnMut(&mut dyn TableLike)) {
    match machines {
        Some(Item::ArrayOfTables(tables)) => tables.iter_mut().for_each(|table| each(table)),
        Some(Item::Value(Value::Array(array))) => {
            array.iter_mut().filter_map(Value::as_inline_table_mut).for_each(|table| each(table));
        }
        _ => {}
    }
}

/// Every address of one network, moved to the same place in another.
fn moved(text: &str, (from, prefix): (Ipv4Addr, u8), to: Ipv4Addr) -> String {
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    let network = u32::from(from) & mask;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, after) = rest.split_at(start);
        let end = after.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(after.len());
        let (token, tail) = after.split_at(end);
        let address = token.trim_end_matches('.');
        out.push_str(before);
        match address.parse::<Ipv4Addr>() {
            Ok(address) if u32::from(address) & mask == network => {
                let host = u32::from(address) & !mask;
                out.push_str(&Ipv4Addr::from((u32::from(to) & mask) | host).to_string());
            }
            _ => out.push_str(address),
        }
        out.push_str(&token[address.len()..]);
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
