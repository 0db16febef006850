//! As much of a POSIX shell as remote commands need: words and their quotes, `;` `&&` `||`, and where output goes.
//!
//! No pipes, substitutions, loops or files: who needs them here has a device, not a simulator.

/// How a command hangs on the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joint {
    Always,
    IfWell,
    IfFailed,
}

/// Where one of a command's outputs goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sink {
    Out,
    Err,
    Nowhere,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) joint: Joint,
    words: Vec<Word>,
    out: Sink,
    err: Sink,
}

/// Pieces of a word: text, or the last exit code.
type Word = Vec<Piece>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    ExitCode,
}

/// What a command printed, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Ran {
    pub(super) out: String,
    pub(super) err: String,
    pub(super) code: i32,
}

impl Ran {
    pub(super) fn said(out: impl Into<String>) -> Ran {
        Ran { out: out.into(), ..Ran::default() }
    }

    pub(super) fn failed(code: i32, err: impl Into<String>) -> Ran {
        Ran { err: err.into(), code, ..Ran::default() }
    }
}

/// The line cannot be read: what the shell says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxError(pub(super) String);

fn unexpected(what: &str) -> SyntaxError {
    SyntaxError(format!("sh: syntax error: unexpected {what}\n"))
}

/// Runs a line; `run` gets each command's words, and `out` and `err` of all are put together.
pub(super) fn run(line: &str, mut run: impl FnMut(&[String]) -> Ran) -> Ran {
    let commands = match parse(line) {
        Ok(commands) => commands,
        Err(SyntaxError(words)) => return Ran::failed(2, words),
    };
    let mut all = Ran::default();
    for command in commands {
        let goes = match command.joint {
            Joint::Always => true,
            Joint::IfWell => all.code == 0,
            Joint::IfFailed => all.code != 0,
        };
        if !goes {
            continue;
        }
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::ExitCode => all.code.to_string(),
        };
        let words: Vec<String> = command.words.iter().map(|word| word.iter().map(text).collect()).collect();
        let ran = run(&words);
        all.code = ran.code;
        for (text, sink) in [(ran.out, command.out), (ran.err, command.err)] {
            match sink {
                Sink::Out => all.out.push_str(&text),
                Sink::Err => all.err.push_str(&text),
                Sink::Nowhere => {}
            }
        }
    }
    all
}

fn parse(line: &str) -> Result<Vec<Command>, SyntaxError> {
    let mut commands = Vec::new();
    let mut joint = Joint::Always;
    let mut command = fresh(joint);
    let mut tokens = Tokens { rest: line };
    while let Some(token) = tokens.next()? {
        match token {
            Token::Word(word) => command.words.push(word),
            Token::Redirect { from, to } => redirect(&mut command, from, to),
            Token::End(next, mark) => {
                let empty = command.words.is_empty();
                // A line may end, or be empty; nothing else stands alone.
                if empty && mark != "\n" {
                    return Err(unexpected(&format!("\"{mark}\"")));
                }
                if !empty {
                    joint = next;
                    commands.push(std::mem::replace(&mut command, fresh(joint)));
                }
            }
        }
    }
    match (command.words.is_empty(), joint) {
        (false, _) => commands.push(command),
        (true, Joint::Always) => {}
        (true, _) => return Err(unexpected("end of file")),
    }
    Ok(commands)
}

fn fresh(joint: Joint) -> Command {
    Command { joint, words: Vec::new(), out: Sink::Out, err: Sink::Err }
}

fn redirect(command: &mut Command, from: u8, to: Target) {
    let sink = match to {
        Target::File => Sink::Nowhere,
        // `2>&1` copies what 1 is at that moment, so that the order of redirections matters.
        Target::Copy(1) => command.out,
        Target::Copy(_) => command.err,
    };
    match from {
        1 => command.out = sink,
        2 => command.err = sink,
        _ => {}
    }
}

#[derive(Debug, Clone, Copy)]
enum Target {
    /// Nobody reads files here.
    File,
    Copy(u8),
}

enum Token {
    Word(Word),
    Redirect { from: u8, to: Target },
    End(Joint, &'static str),
}

struct Tokens<'a> {
    rest: &'a str,
}

const ENDS: [(&str, Joint); 5] = [
    ("&&", Joint::IfWell),
    ("||", Joint::IfFailed),
    (";", Joint::Always),
    ("\n", Joint::Always),
    // A command in the background: it runs, and nobody waits for it.
    ("&", Joint::Always),
];

impl Tokens<'_> {
    fn next(&mut self) -> Result<Option<Token>, SyntaxError> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r']);
        if self.rest.starts_with('#') {
            self.rest = self.rest.find('\n').map_or("", |at| &self.rest[at..]);
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        if let Some(token) = self.redirection()? {
            return Ok(Some(token));
        }
        for (mark, joint) in ENDS {
            if let Some(rest) = self.rest.strip_prefix(mark) {
                self.rest = rest;
                return Ok(Some(Token::End(joint, mark)));
            }
        }
        if let Some(mark) = self.rest.chars().next().filter(|mark| matches!(mark, '|' | '(' | ')' | '<')) {
            return Err(unexpected(&format!("\"{mark}\"")));
        }
        self.word().map(|word| Some(Token::Word(word)))
    }

    /// `>file`, `2>file`, `>>file`, `2>&1`
    fn redirection(&mut self) -> Result<Option<Token>, SyntaxError> {
        let (from, rest) = match self.rest.as_bytes() {
            [digit @ b'1'..=b'2', b'>', ..] => (digit - b'0', &self.rest[2..]),
            [b'>', ..] => (1, &self.rest[1..]),
            _ => return Ok(None),
        };
        let copy = rest.strip_prefix('&').and_then(|rest| {
            let digit = rest.bytes().next().filter(|digit| matches!(digit, b'1' | b'2'))?;
            Some((digit - b'0', &rest[1..]))
        });
        let to = match copy {
            Some((digit, rest)) => {
                self.rest = rest;
                Target::Copy(digit)
            }
            None => {
                self.rest = rest.strip_prefix('>').unwrap_or(rest).trim_start_matches([' ', '\t']);
                if self.rest.is_empty() || self.rest.starts_with([';', '&', '|', '<', '>', '\n']) {
                    return Err(unexpected("redirection"));
                }
                self.word()?;
                Target::File
            }
        };
        Ok(Some(Token::Redirect { from, to }))
    }

    fn word(&mut self) -> Result<Word, SyntaxError> {
        let mut pieces = Word::new();
        let mut text = String::new();
        let mut characters = self.rest.char_indices().peekable();
        let mut quote: Option<char> = None;
        let mut end = self.rest.len();
        while let Some((at, character)) = characters.next() {
            match (quote, character) {
                (Some('\''), '\'') | (Some('"'), '"') => quote = None,
                (Some('\''), other) => text.push(other),
                (None, '\'' | '"') => quote = Some(character),
                (_, '\\') => match characters.next() {
                    // Inside double quotes a backslash escapes these few and stands for itself otherwise.
                    Some((_, next)) if quote.is_some() && !matches!(next, '$' | '`' | '"' | '\\' | '\n') => {
                        text.push('\\');
                        text.push(next);
                    }
                    Some((_, '\n')) => {}
                    Some((_, next)) => text.push(next),
                    None => text.push('\\'),
                },
                (_, '$') if characters.peek().is_some_and(|(_, next)| *next == '?') => {
                    characters.next();
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                    pieces.push(Piece::ExitCode);
                }
                (None, ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')') => {
                    end = at;
                    break;
                }
                (_, other) => text.push(other),
            }
        }
        if quote.is_some() {
            return Err(SyntaxError("sh: syntax error: unterminated quoted string\n".to_owned()));
        }
        self.rest = &self.rest[end..];
        pieces.push(Piece::Text(text));
        Ok(pieces)
    }
}

#[cfg(test)]
#[path = "shell_tests.rs"]
mod tests;
