//! Questions to a person at a terminal. They go to stderr, so that what a command prints stays its own.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use anyhow::{Context, Result, anyhow};
use lab::Secret;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

/// A secret longer than this is a file by mistake.
const LONGEST: usize = 4096;
/// Ctrl-C and Ctrl-D, which a terminal without line editing hands over as they are.
const CANCEL: [u8; 2] = [3, 4];
/// Backspace as terminals send it, and as some others do.
const ERASE: [u8; 2] = [0x7f, 0x08];

/// Whether a person sits there.
pub(super) fn is_person() -> bool {
    io::stdin().is_terminal()
}

/// Asks until the answer is good; an empty line takes the default.
pub(super) fn ask(
    input: &mut impl BufRead,
    output: &mut impl Write,
    question: &str,
    default: &str,
    good: impl Fn(&str) -> Result<(), String>,
) -> Result<String> {
    loop {
        write!(output, "{question} [{default}]: ").and_then(|()| output.flush()).context("ask")?;
        let mut line = String::new();
        if input.read_line(&mut line).context("read the answer")? == 0 {
            return Err(anyhow!("nobody answered: {question}"));
        }
        let answer = if line.trim().is_empty() { default } else { line.trim() };
        match good(answer) {
            Ok(()) => return Ok(answer.to_owned()),
            Err(why) => writeln!(output, "  {why}").context("ask")?,
        }
    }
}

/// Reads a secret: from a terminal without showing it, else one line of what is piped in.
pub(super) fn secret(question: &str) -> Result<Secret> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        let mut text = String::new();
        stdin.lock().take(LONGEST as u64 + 1).read_to_string(&mut text).context("read the secret")?;
        return piped(&text);
    }
    let mut stderr = io::stderr();
    write!(stderr, "{question}: ").and_then(|()| stderr.flush()).context("ask")?;
    let quiet = Quiet::new()?;
    let typed = typed(&mut stdin.lock());
    drop(quiet);
    writeln!(stderr).context("ask")?;
    typed
}

/// One line, its end left out.
fn piped(text: &str) -> Result<Secret> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line {
        "" => Err(anyhow!("nothing came in: pipe the secret in, or say this at a terminal")),
        line if line.len() > LONGEST => Err(anyhow!("that is more than {LONGEST} bytes: no password")),
        line if line.contains(['\n', '\0']) => {
            Err(anyhow!("that is more than one line: pipe the secret alone in"))
        }
        line => Ok(Secret::new(line)),
    }
}

/// Bytes as they are typed: the terminal edits nothing, so that nothing it shows or keeps holds them.
fn typed(input: &mut impl Read) -> Result<Secret> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        if input.read(&mut byte).context("read the secret")? == 0 || CANCEL.contains(&byte[0]) {
            return Err(anyhow!("cancelled; nothing was changed"));
        }
        match byte[0] {
            b'\r' | b'\n' => break,
            erase if ERASE.contains(&erase) => {
                // One character may be several bytes of UTF-8.
                while line.pop().is_some_and(|byte: u8| byte & 0xc0 == 0x80) {}
            }
            byte => line.push(byte),
        }
    }
    piped(&String::from_utf8(line).context("read the secret")?)
}

/// A terminal that shows nothing and hands over every key, until dropped.
struct Quiet(Termios);

impl Quiet {
    fn new() -> Result<Self> {
        let before = tcgetattr(io::stdin()).context("ask the terminal")?;
        let mut quiet = before.clone();
        quiet
            .local_flags
            .remove(LocalFlags::ECHO | LocalFlags::ECHONL | LocalFlags::ICANON | LocalFlags::ISIG);
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &quiet).context("silence the terminal")?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &self.0) {
            tracing::warn!(%error, "the terminal stays silent; say `stty sane`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reveal(result: Result<Secret>) -> Result<String, String> {
        result.map(|secret| secret.reveal().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_answer_that_is_not_good_is_asked_for_again() {
        let mut output = Vec::new();
        let good = |answer: &str| answer.parse::<u8>().map(drop).map_err(|error| error.to_string());
        let answer = ask(&mut "many\n 7 \n".as_bytes(), &mut output, "How many", "3", good).unwrap();
        assert_eq!(answer, "7");
        let said = String::from_utf8(output).unwrap();
        assert_eq!(said.matches("How many [3]: ").count(), 2, "{said}");
        assert!(said.contains("invalid digit"), "{said}");
    }

    #[test]
    fn an_empty_line_takes_the_default_and_an_ended_input_ends_the_asking() {
        let mut output = Vec::new();
        assert_eq!(ask(&mut "\n".as_bytes(), &mut output, "Name", "home", |_| Ok(())).unwrap(), "home");
        assert!(ask(&mut "".as_bytes(), &mut output, "Name", "home", |_| Ok(())).is_err());
    }

    #[test]
    fn what_is_typed_is_taken_key_by_key() {
        assert_eq!(reveal(typed(&mut "pa\u{7f}asü\u{8}s w\r".as_bytes())).unwrap(), "pass w");
        for keys in ["half\u{3}", "half\u{4}", "half"] {
            assert!(reveal(typed(&mut keys.as_bytes())).unwrap_err().contains("cancelled"), "{keys}");
        }
        assert!(typed(&mut "\n".as_bytes()).is_err(), "nothing is no secret");
    }

    #[test]
    fn what_is_piped_in_is_one_line_without_its_end() {
        assert_eq!(reveal(piped(" a b \r\n")).unwrap(), " a b ");
        for bad in ["", "\n", "a\nb\n", "a\0b"] {
            assert!(piped(bad).is_err(), "{bad:?}");
        }
        let long = "x".repeat(LONGEST + 1);
        let said = reveal(piped(&long)).unwrap_err();
        assert!(!said.contains("xx"), "an error never quotes it: {said}");
    }
}
