//! From text to a checked board. Every refusal names the file, the line and what to do.

use toml_edit::{Document, TomlError};

use super::{Board, check, keys};

/// A board file that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}{}: {why}", line.map(|l| format!(", line {l}")).unwrap_or_default())]
pub struct BoardError {
    pub origin: String,
    pub line: Option<usize>,
    pub why: String,
    pub remedy: String,
}

pub(super) fn parse(origin: &str, text: &str) -> Result<Board, BoardError> {
    let error = |at: Option<usize>, why: String, remedy: &str| BoardError {
        origin: origin.to_owned(),
        line: at.map(|offset| line_of(text, offset)),
        why,
        remedy: remedy.to_owned(),
    };
    let document = Document::parse(text).map_err(|e| bad_syntax(origin, text, &e))?;
    if let Some(unknown) = keys::first_unknown(document.as_table()) {
        let place =
            if unknown.table.is_empty() { "the file".to_owned() } else { format!("[{}]", unknown.table) };
        let remedy = match unknown.nearest {
            Some(nearest) => format!("did you mean \"{nearest}\"? otherwise remove the key"),
            None => format!("remove the key; known here: {}", unknown.known.join(", ")),
        };
        return Err(error(unknown.at, format!("unknown key \"{}\" in {place}", unknown.key), &remedy));
    }
    let mut board: Board = toml_edit::de::from_str(text).map_err(|e| {
        error(e.span().map(|s| s.start), one_line(e.message()), "give the key a value of the kind it needs")
    })?;
    board.number_controls();
    check::check(&board).map_err(|problem| {
        let at = problem.find.as_deref().and_then(|needle| text.rfind(needle));
        error(at, problem.why, &problem.remedy)
    })?;
    Ok(board)
}

pub(super) fn bad_syntax(origin: &str, text: &str, error: &TomlError) -> BoardError {
    BoardError {
        origin: origin.to_owned(),
        line: error.span().map(|span| line_of(text, span.start)),
        why: one_line(error.message()),
        remedy: "correct the TOML syntax of that line".to_owned(),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
[board]
name = "small"
kind = "virtual"
shelf = [[1]]

[network]
address = "192.168.122.0"
prefix = 24
boss = "192.168.122.3"
pool = ["192.168.122.200", "192.168.122.254"]

[[machine]]
box = 1
name = "node1"
mac = "16:09:01:1a:f4:30"
address = "192.168.122.11"
outlet = 1
"#;

    fn refused(text: &str) -> BoardError {
        Board::parse("b.toml", text).expect_err("this file must be refused")
    }

    #[test]
    fn certificates_have_one_place_and_what_is_renewed_has_its_files_and_names() {
        let with = |lines: &str| {
            format!("{SMALL}\n[[certificate]]\nname = \"otelcol\"\nused_by = \"logs\"\n{lines}\n")
        };
        let whole = "cert = \"/a.pem\"\nkey = \"/a.key\"\nrenew = true\nnames = [\"boss.local\"]";
        let board = Board::parse("b.toml", &with(whole)).unwrap();
        assert_eq!((board.certificates[0].name.as_str(), board.certificates[0].renew), ("otelcol", true));
        for (lines, words) in [
            ("", "one place"),
            ("cert = \"/a.pem\"\nendpoint = \"127.0.0.1:1\"", "one place"),
            ("cert = \"/a.pem\"\nrenew = true\nnames = [\"a\"]", "no cert and key"),
            ("cert = \"/a.pem\"\nkey = \"/a.key\"\nrenew = true", "no names"),
        ] {
            assert!(refused(&with(lines)).why.contains(words), "{lines}: {}", refused(&with(lines)));
        }
        let slash = with(whole).replace("\"otelcol\"", "\"../x\"");
        assert!(refused(&slash).why.contains("no name for a certificate"));
        assert!(refused(&with(&format!("{whole}\nreloads = []"))).remedy.contains("\"reload\""));
    }

    #[test]
    fn a_small_board_is_read() {
        let board = Board::parse("b.toml", SMALL).unwrap();
        assert_eq!(board.machine("1").unwrap().name, "node1");
        assert_eq!(board.netmask().to_string(), "255.255.255.0");
        assert!(board.labs.is_empty());
    }

    #[test]
    fn boot_files_may_come_from_a_matchbox_folder() {
        let board =
            Board::parse("b.toml", &format!("{SMALL}\n[boot]\nmatchbox = \"/srv/matchbox\"\n")).unwrap();
        assert_eq!(board.boot.matchbox.as_deref(), Some(std::path::Path::new("/srv/matchbox")));
        assert!(refused(&format!("{SMALL}\n[boot]\nmatchbix = \"x\"\n")).remedy.contains("\"matchbox\""));
    }

    #[test]
    fn the_part_in_dhcp_is_serving_unless_said_otherwise() {
        use super::super::DhcpMode;
        assert_eq!(Board::parse("b.toml", SMALL).unwrap().network.dhcp, DhcpMode::Serve);
        let words = [
            ("serve", DhcpMode::Serve),
            ("proxy", DhcpMode::Proxy),
            ("takeover", DhcpMode::Takeover),
            ("off", DhcpMode::Off),
        ];
        let with = |word: &str| SMALL.replace("prefix = 24", &format!("prefix = 24\ndhcp = \"{word}\""));
        for (word, mode) in words {
            assert_eq!(Board::parse("b.toml", &with(word)).unwrap().network.dhcp, mode);
        }
        let error = refused(&with("both"));
        assert!(error.line == Some(10) && error.why.contains("takeover"), "{error}");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_nearest() {
        let error = refused(&SMALL.replace("address = \"192.168.122.11\"", "adress = \"192.168.122.11\""));
        assert_eq!(error.line, Some(17));
        assert!(
            error.why.contains("adress") && error.remedy.contains("\"address\""),
            "{error} {}",
            error.remedy
        );
    }

    #[test]
    fn a_key_like_no_other_is_answered_with_those_that_exist() {
        let error = refused(&SMALL.replace("outlet = 1", "outlet = 1\nzzzzzzzz = 1"));
        assert!(error.remedy.contains("outlet") && error.remedy.contains("memory_mib"), "{}", error.remedy);
    }

    #[test]
    fn a_wrong_kind_of_value_is_named_with_its_line() {
        let error = refused(&SMALL.replace("prefix = 24", "prefix = \"many\""));
        assert_eq!(error.line, Some(9), "{error}");
    }

    #[test]
    fn broken_syntax_is_named_with_its_line() {
        assert_eq!(refused(&SMALL.replace("prefix = 24", "prefix = = 24")).line, Some(9));
    }

    #[test]
    fn two_machines_never_share_an_address() {
        let twin = "\n[[machine]]\nbox = 2\nname = \"node2\"\nmac = \"16:09:01:1a:f4:31\"\naddress = \"192.168.122.11\"\noutlet = 2\n";
        let error = refused(&format!("{}{twin}", SMALL.replace("[[1]]", "[[1, 2]]")));
        assert!(error.why.contains("192.168.122.11"), "{error}");
        assert!(error.line.is_some_and(|line| line > 19), "{error}");
    }
}
