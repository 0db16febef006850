//! The page with all ports, as text. Pure.

use std::{collections::BTreeMap, sync::LazyLock};

use lab::ports::{SwitchPort, SwitchReading};
use regex::Regex;
use scraper::{ElementRef, Html, Selector};

use super::grid::{self, Row};

/// A switch of 48 ports shows some two thousand tags. A parser of HTML can be made to work in the square of their number.
const MOST_TAGS: usize = 20_000;
/// More ports than a switch has in one page.
const MOST_PORTS: u32 = 128;
/// Tables of a page; menus and forms are laid out in tables too.
const MOST_TABLES: usize = 64;
/// Of a page that is something else, so much is quoted.
const QUOTED: usize = 80;

/// Why a page tells nothing about ports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    #[error("it shows its login form")]
    Login,
    #[error("its page has no table of ports, it says {said:?}")]
    NoPorts {
        /// How the page begins, as a person would read it.
        said: String,
    },
    #[error("its page has {tags} tags, more than any page with ports")]
    TooMuch { tags: usize },
}

/// What the form wants to be told besides the state, so that it stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The number that the form has for this port.
    pub portid: String,
    pub name: String,
    pub speed_duplex: String,
    pub flow: String,
    /// Settings that the page shows in words for which its form has no value; they will be set to the form's default.
    pub unsaid: Vec<String>,
}

/// The page with all ports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    pub reading: SwitchReading,
    /// By port number.
    pub kept: BTreeMap<u32, Kept>,
}

/// What a column is about, by its headings from top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Name,
    State,
    /// Speed and duplex as they are, and as they are set.
    Actual,
    Config,
    FlowConfig,
}

/// Reads it.
///
/// # Errors
/// When there is no table whose rows begin with `Port N`.
pub fn read(html: &str) -> Result<Page, PageError> {
    let tags = html.bytes().filter(|byte| *byte == b'<').count();
    if tags > MOST_TAGS {
        return Err(PageError::TooMuch { tags });
    }
    let document = Html::parse_document(html);
    let tables = document.select(&TABLE).take(MOST_TABLES).map(grid::rows);
    let ports = |rows: &Vec<Row>| rows.iter().filter(|row| port_number(row).is_some()).count();
    // A form above may have rows about ports too, but not one for each.
    let table = tables.max_by_key(ports).filter(|rows| ports(rows) > 0);
    let Some(rows) = table else {
        return Err(if is_login(&document, html) {
            PageError::Login
        } else {
            PageError::NoPorts { said: beginning(&document) }
        });
    };
    let first = rows.iter().position(|row| port_number(row).is_some()).unwrap_or_default();
    let (headings, body) = rows.split_at(first);
    let columns = columns(headings);
    let mut page = Page::default();
    for row in body {
        let Some(number) = port_number(row) else { continue };
        // A page that was cut ends within a row, perhaps within its number: the first row of a number is its own.
        if row.len() < 2 || page.reading.ports.contains_key(&number) {
            continue;
        }
        let cell = |wanted| {
            let place = columns.iter().position(|column| *column == Some(wanted))?;
            row.get(place).map(|text| text.as_str()).filter(|text| !text.is_empty())
        };
        let (link, speed) = cell(Column::Actual).map_or((None, None), link);
        let name = cell(Column::Name).map(str::to_owned);
        page.kept.insert(number, kept(&document, number, name.clone(), &cell));
        page.reading.ports.insert(
            number,
            SwitchPort {
                name,
                enabled: cell(Column::State).and_then(enabled),
                link,
                speed,
                ..SwitchPort::default()
            },
        );
    }
    Ok(page)
}

fn kept<'a>(
    document: &Html,
    number: u32,
    name: Option<String>,
    cell: &impl Fn(Column) -> Option<&'a str>,
) -> Kept {
    let mut unsaid = Vec::new();
    // Both forms have 0 for what a switch does by itself: negotiate, and no flow control.
    let mut setting = |field, words: Option<&str>, default: &[&str]| {
        let Some(words) = words else { return "0".to_owned() };
        option(document, field, words).unwrap_or_else(|| {
            if !default.iter().any(|default| same(words, default)) {
                unsaid.push(words.to_owned());
            }
            "0".to_owned()
        })
    };
    let speed_duplex = setting("speed_duplex", cell(Column::Config), &["Auto"]);
    let flow = setting("flow", cell(Column::FlowConfig), &["Off", "Disable", "Disabled"]);
    let portid =
        option(document, "portid", &format!("Port {number}")).unwrap_or_else(|| (number - 1).to_string());
    Kept { portid, name: name.unwrap_or_default(), speed_duplex, flow, unsaid }
}

/// The value that a form has for these words.
fn option(document: &Html, field: &str, words: &str) -> Option<String> {
    document
        .select(&OPTION)
        .filter(|option| {
            let select =
                option.ancestors().filter_map(ElementRef::wrap).find(|one| one.value().name() == "select");
            select.is_some_and(|select| select.value().attr("name") == Some(field))
        })
        .find(|option| same(&grid::text(*option), words))
        .and_then(|option| option.value().attr("value"))
        .filter(|value| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()))
        .map(str::to_owned)
}

/// Letters and digits decide, without the unit behind a number: `100M/Full` is `100Full`.
fn same(one: &str, other: &str) -> bool {
    let bare = |text: &str| {
        let mut bare = String::new();
        for c in text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase) {
            if c != 'm' || !bare.ends_with(|last: char| last.is_ascii_digit()) {
                bare.push(c);
            }
        }
        bare
    };
    bare(one) == bare(other)
}

fn port_number(row: &Row) -> Option<u32> {
    let number = PORT.captures(row.first()?)?.get(1)?.as_str().parse().ok()?;
    (1..=MOST_PORTS).contains(&number).then_some(number)
}

fn columns(headings: &[Row]) -> Vec<Option<Column>> {
    let width = headings.iter().map(Vec::len).max().unwrap_or_default();
    let heading = |place: usize| {
        let words: Vec<&str> = headings.iter().filter_map(|row| row.get(place)).map(String::as_str).collect();
        words.join(" ").to_lowercase()
    };
    // The first column is the port's number, whatever stands above it.
    (0..width).map(|place| if place == 0 { None } else { column(&heading(place)) }).collect()
}

fn column(heading: &str) -> Option<Column> {
    let has = |words: &[&str]| words.iter().any(|word| heading.contains(word));
    let actual = has(&["actual", "current"]);
    if has(&["flow"]) {
        return (!actual).then_some(Column::FlowConfig);
    }
    if has(&["speed", "duplex", "link"]) {
        return Some(if actual || has(&["link", "status"]) { Column::Actual } else { Column::Config });
    }
    if has(&["name", "description", "alias"]) {
        return Some(Column::Name);
    }
    has(&["state", "status", "admin"]).then_some(Column::State)
}

/// As its administrator set it; other words mean that we do not know.
fn enabled(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "enable" | "enabled" => Some(true),
        "disable" | "disabled" => Some(false),
        _ => None,
    }
}

/// Whether there is a link, and its speed in Mbit/s.
fn link(text: &str) -> (Option<bool>, Option<u32>) {
    if let Some(found) = SPEED.captures(text) {
        let number = found.get(1).and_then(|number| number.as_str().parse::<f64>().ok());
        let unit = if found.get(2).is_some_and(|unit| unit.as_str().eq_ignore_ascii_case("g")) {
            1000.0
        } else {
            1.0
        };
        // At most six characters of digits and a point.
        return (Some(true), number.map(|number| (number * unit).round() as u32));
    }
    match text.to_lowercase().as_str() {
        "link down" | "down" => (Some(false), None),
        "link up" | "up" => (Some(true), None),
        _ => (None, None),
    }
}

/// Instead of a page, who is not logged in gets the form, or a script that goes there.
fn is_login(document: &Html, html: &str) -> bool {
    document.select(&PASSWORD).next().is_some() || LOGIN.is_match(html)
}

fn beginning(document: &Html) -> String {
    let text = grid::text(document.root_element());
    text.chars().filter(|c| !c.is_control()).take(QUOTED).collect()
}

/// A selector that is written here.
#[allow(clippy::expect_used, reason = "constant input, read by every test")]
fn selector(text: &str) -> Selector {
    Selector::parse(text).expect("a selector")
}

#[allow(clippy::expect_used, reason = "constant input, read by every test")]
fn expression(text: &str) -> Regex {
    Regex::new(text).expect("a regular expression")
}

static TABLE: LazyLock<Selector> = LazyLock::new(|| selector("table"));
static OPTION: LazyLock<Selector> = LazyLock::new(|| selector("select option"));
static PASSWORD: LazyLock<Selector> = LazyLock::new(|| selector("input[type=password i]"));
static PORT: LazyLock<Regex> = LazyLock::new(|| expression(r"(?i)^port\s*(\d{1,3})$"));
static SPEED: LazyLock<Regex> = LazyLock::new(|| {
    expression(r"(?i)^(\d{1,5}(?:\.\d)?)\s*([MG])?(?:bps)?[\s/-]*(?:full|half|f|h)(?:\s*duplex)?$")
});
static LOGIN: LazyLock<Regex> = LazyLock::new(|| expression(r"(?i)(location|action|url)[^<>\n]{0,40}login"));

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
