//! One line of a script: words, and the operators between its commands.

/// What decides whether the next command of a line is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// `||`: only after a failure.
    OnFailure,
    /// `&&`: only after success.
    OnSuccess,
    /// `;`
    Always,
    /// The line ends.
    End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    /// Not yet expanded: iPXE expands each word when its command is about to run, so a value with blanks stays one word.
    pub(super) words: Vec<String>,
    pub(super) next: Next,
}

/// Splits a line. Words are separated by white space and nothing quotes; a word that begins with `#` ends the line.
pub(super) fn commands(line: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    let mut words = Vec::new();
    for word in line.split_ascii_whitespace() {
        let next = match word {
            "||" => Next::OnFailure,
            "&&" => Next::OnSuccess,
            ";" => Next::Always,
            _ if word.starts_with('#') => break,
            _ => {
                words.push(word.to_owned());
                continue;
            }
        };
        commands.push(Command { words: std::mem::take(&mut words), next });
    }
    commands.push(Command { words, next: Next::End });
    commands
}

/// The lines of a script, with those joined that end in a backslash. `None` when it does not begin as a script must.
pub(super) fn script_lines(text: &[u8]) -> Option<Vec<String>> {
    if !is_script(text) {
        return None;
    }
    let text = String::from_utf8_lossy(text);
    let mut lines = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        let mut whole = open.take().unwrap_or_default();
        match line.strip_suffix('\\') {
            Some(begin) => {
                whole.push_str(begin);
                open = Some(whole);
            }
            None => {
                whole.push_str(line);
                lines.push(whole);
            }
        }
    }
    lines.extend(open);
    Some(lines)
}

/// A script begins with `#!ipxe` and white space.
pub(super) fn is_script(text: &[u8]) -> bool {
    text.strip_prefix(b"#!ipxe").and_then(<[u8]>::first).is_some_and(u8::is_ascii_whitespace)
}

/// The label a line begins with, such as `:retry`, and the command that may follow on the same line.
pub(super) fn label(line: &str) -> (Option<&str>, &str) {
    let line = line.trim_ascii_start();
    match line.strip_prefix(':') {
        None => (None, line),
        Some(rest) => {
            let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
            (Some(&rest[..end]), &rest[end..])
        }
    }
}

/// `reference` as seen from the script at `base` (RFC 3986 §5.2, as far as boot scripts need it).
pub(super) fn resolve(base: &str, reference: &str) -> String {
    if reference.contains("://") {
        return reference.to_owned();
    }
    let Some(authority) = base.find("://").map(|at| at + 3) else { return reference.to_owned() };
    let path = base[authority..].find('/').map_or(base.len(), |at| authority + at);
    if reference.starts_with('/') {
        return format!("{}{reference}", &base[..path]);
    }
    let without_query = base[path..].split(['?', '#']).next().unwrap_or_default();
    let mut folders: Vec<&str> = without_query.split('/').collect();
    folders.pop();
    let mut rest = reference;
    loop {
        if let Some(after) = rest.strip_prefix("./") {
            rest = after;
        } else if let Some(after) = rest.strip_prefix("../") {
            if folders.len() > 1 {
                folders.pop();
            }
            rest = after;
        } else {
            break;
        }
    }
    let folder = if folders.is_empty() { String::new() } else { folders.join("/") };
    format!("{}{folder}/{rest}", &base[..path])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_at_its_operators() {
        let split = |line: &str| -> Vec<(String, Next)> {
            commands(line).into_iter().map(|command| (command.words.join(" "), command.next)).collect()
        };
        let own = |pairs: &[(&str, Next)]| -> Vec<(String, Next)> {
            pairs.iter().map(|(words, next)| ((*words).to_owned(), *next)).collect()
        };
        use Next::{Always, End, OnFailure, OnSuccess};
        assert_eq!(split("  echo a   b "), own(&[("echo a b", End)]));
        assert_eq!(split("chain x ||"), own(&[("chain x", OnFailure), ("", End)]));
        assert_eq!(
            split("a || b && c ; d"),
            own(&[("a", OnFailure), ("b", OnSuccess), ("c", Always), ("d", End)])
        );
        assert_eq!(split("a # b || c"), own(&[("a", End)]));
        assert_eq!(split("a||b"), own(&[("a||b", End)]), "operators stand alone");
        assert_eq!(split("# all of it"), own(&[("", End)]));
    }

    #[test]
    fn a_script_begins_with_its_magic() {
        let lines = |text: &str| script_lines(text.as_bytes());
        assert_eq!(
            lines("#!ipxe\r\necho a\\\n b\nc"),
            Some(vec!["#!ipxe".into(), "echo a b".into(), "c".into()])
        );
        assert_eq!(lines("#!ipxe"), None, "white space belongs to the magic");
        assert_eq!(lines("#!ipxed\n"), None);
        assert_eq!(lines("<html>"), None);
        assert_eq!(label(" :retry echo a"), (Some("retry"), " echo a"));
        assert_eq!(label(" retry"), (None, "retry"));
    }

    #[test]
    fn references_are_seen_from_the_script() {
        let base = "http://127.0.0.1:8/a/b.ipxe?x=/y";
        let table = [
            ("c", "http://127.0.0.1:8/a/c"),
            ("/c/d", "http://127.0.0.1:8/c/d"),
            ("../c", "http://127.0.0.1:8/c"),
            ("../../c", "http://127.0.0.1:8/c"),
            ("./c", "http://127.0.0.1:8/a/c"),
            ("http://127.0.0.2/c", "http://127.0.0.2/c"),
        ];
        for (reference, expected) in table {
            assert_eq!(resolve(base, reference), expected, "{reference}");
        }
        assert_eq!(resolve("http://127.0.0.1:8", "c"), "http://127.0.0.1:8/c");
        assert_eq!(resolve("", "c"), "c");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_split(line: String, bytes: Vec<u8>, base: String, reference: String) {
            commands(&line);
            label(&line);
            script_lines(&[b"#!ipxe\n", bytes.as_slice()].concat());
            resolve(&base, &reference);
        }
    }
}
