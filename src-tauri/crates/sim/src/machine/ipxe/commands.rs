//! The commands of iPXE that boot scripts use. What is not here is not found, as in a build without it.

use std::time::Duration;

use super::interpreter::{Effect, Flow, Interpreter, Purpose};

/// Options of a command: each its long name, its letter, and whether a value follows.
type Options = &'static [(&'static str, char, bool)];

const FETCH: Options =
    &[("name", 'n', true), ("timeout", 't', true), ("autofree", 'a', false), ("replace", 'r', false)];
const PROMPT: Options = &[("key", 'k', true), ("timeout", 't', true), ("set", 's', true)];
const CONSOLE: Options = &[
    ("x", 'x', true),
    ("y", 'y', true),
    ("depth", 'd', true),
    ("picture", 'p', true),
    ("left", 'l', true),
    ("right", 'r', true),
    ("top", 't', true),
    ("bottom", 'b', true),
    ("keep", 'k', false),
    ("update", 'u', false),
];

/// What remains after the options.
struct Arguments<'a> {
    options: Vec<(&'static str, &'a str)>,
    rest: &'a [String],
}

impl<'a> Arguments<'a> {
    /// Options end at the first word that is none, or after `--`.
    fn parse(words: &'a [String], known: Options) -> Result<Arguments<'a>, String> {
        let mut options = Vec::new();
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            let Some(dashed) = word.strip_prefix('-').filter(|name| !name.is_empty()) else { break };
            rest = after;
            if dashed == "-" {
                break;
            }
            let (name, attached) = match dashed.strip_prefix('-') {
                Some(long) => long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value))),
                None => (dashed, None),
            };
            let long = dashed.starts_with('-');
            let is = |option: &&(&'static str, char, bool)| {
                if long { option.0 == name } else { name.chars().eq([option.1]) }
            };
            let (name, _, valued) =
                known.iter().find(is).ok_or_else(|| format!("unrecognised option {word}"))?;
            let value = match (valued, attached) {
                (false, None) => "",
                (false, Some(_)) => return Err(format!("option {word} takes no value")),
                (true, Some(value)) => value,
                (true, None) => {
                    let (value, after) =
                        rest.split_first().ok_or_else(|| format!("option {word} needs a value"))?;
                    rest = after;
                    value
                }
            };
            options.push((*name, value));
        }
        Ok(Arguments { options, rest })
    }

    /// At least `least` and at most `most` words remain, or the command shows its usage and fails.
    fn count(self, least: usize, most: usize) -> Result<Arguments<'a>, String> {
        if (least..=most).contains(&self.rest.len()) { Ok(self) } else { Err("Invalid argument".into()) }
    }

    fn option(&self, name: &str) -> Option<&'a str> {
        self.options.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// The words from `from` on, as one.
    fn joined(&self, from: usize) -> String {
        self.rest.get(from..).unwrap_or_default().join(" ")
    }
}

pub(super) fn obey(ipxe: &mut Interpreter, name: &str, words: &[String]) -> Flow {
    run(ipxe, name, words).unwrap_or_else(|why| Flow::Now(Err(format!("{name}: {why}"))))
}

fn run(ipxe: &mut Interpreter, name: &str, words: &[String]) -> Result<Flow, String> {
    let plain = |least, most| Arguments::parse(words, &[])?.count(least, most);
    let succeed = || Ok(Flow::Now(Ok(())));
    let decide =
        |holds: bool, otherwise: &str| Ok(Flow::Now(if holds { Ok(()) } else { Err(otherwise.to_owned()) }));
    const ANY: usize = usize::MAX;
    match name {
        "echo" => {
            let arguments = Arguments::parse(words, &[("n", 'n', false)])?;
            ipxe.show(arguments.joined(0));
            succeed()
        }
        "set" => {
            let arguments = plain(1, ANY)?;
            ipxe.settings.set(&arguments.rest[0], &arguments.joined(1));
            succeed()
        }
        "clear" => {
            ipxe.settings.set(&plain(1, 1)?.rest[0], "");
            succeed()
        }
        "inc" => {
            let arguments = plain(1, 2)?;
            let by = arguments.rest.get(1).map_or(Ok(1), |word| integer(word))?;
            let old = ipxe.settings.get(&arguments.rest[0]);
            let old = if old.is_empty() { 0 } else { integer(&old)? };
            ipxe.settings.set(&arguments.rest[0], &old.wrapping_add(by).to_string());
            succeed()
        }
        "isset" => decide(!plain(1, 1)?.rest[0].is_empty(), "not set"),
        "iseq" => {
            let arguments = plain(2, 2)?;
            decide(arguments.rest[0] == arguments.rest[1], "not equal")
        }
        "goto" => Ok(ipxe.go_to(&plain(1, 1)?.rest[0])),
        "exit" => {
            let arguments = plain(0, 1)?;
            let code = arguments.rest.first().map_or(Ok(0), |word| integer(word))?;
            Ok(Flow::LeaveScript(if code == 0 { Ok(()) } else { Err(format!("exit {code}")) }))
        }
        "sleep" => {
            let seconds = integer(&plain(1, 1)?.rest[0])?;
            Ok(Flow::Ask(Effect::Sleep(Duration::from_secs(u64::from(seconds)))))
        }
        "prompt" => {
            let arguments = Arguments::parse(words, PROMPT)?;
            ipxe.show(arguments.joined(0));
            match arguments.option("timeout").map(integer).transpose()? {
                Some(0) | None => Ok(Flow::Ask(Effect::Person("a key at a prompt of its boot script"))),
                Some(limit) => {
                    ipxe.prompting = true;
                    Ok(Flow::Ask(Effect::Sleep(Duration::from_millis(u64::from(limit)))))
                }
            }
        }
        "dhcp" | "ifconf" => {
            Arguments::parse(words, &[("configurator", 'c', true), ("timeout", 't', true)])?;
            Ok(Flow::Ask(Effect::Dhcp))
        }
        "chain" | "imgexec" if !words.is_empty() => fetch(ipxe, words, Purpose::Chain),
        "kernel" | "imgselect" => fetch(ipxe, words, Purpose::Kernel),
        "initrd" | "imgfetch" | "module" => fetch(ipxe, words, Purpose::Initrd),
        "imgfree" => {
            plain(0, 1)?;
            ipxe.images.clear();
            succeed()
        }
        "imgargs" => {
            let cmdline = plain(1, ANY)?.joined(1);
            let image = ipxe.images.iter_mut().rfind(|image| image.kernel).ok_or("no such image")?;
            image.cmdline = cmdline;
            succeed()
        }
        "boot" | "imgexec" => {
            Arguments::parse(words, FETCH)?.count(0, 1)?;
            let image = ipxe.images.iter().rfind(|image| image.kernel).ok_or("no image is selected")?;
            Ok(Flow::Ask(Effect::Boot { cmdline: image.cmdline.clone() }))
        }
        "reboot" => {
            Arguments::parse(words, &[("warm", 'w', false)])?.count(0, 0)?;
            Ok(Flow::Ask(Effect::Reboot))
        }
        "shell" => {
            plain(0, 0)?;
            Ok(Flow::Ask(Effect::Person("a command at iPXE's shell")))
        }
        "console" => {
            Arguments::parse(words, CONSOLE)?.count(0, 0)?;
            succeed()
        }
        "sync" => {
            Arguments::parse(words, &[("timeout", 't', true)])?.count(0, 0)?;
            succeed()
        }
        "imgstat" | "ifstat" | "ifopen" => succeed(),
        _ => Err("command not found".into()),
    }
}

fn fetch(ipxe: &mut Interpreter, words: &[String], purpose: Purpose) -> Result<Flow, String> {
    let arguments = Arguments::parse(words, FETCH)?.count(1, usize::MAX)?;
    let cmdline = arguments.joined(1);
    Ok(Flow::Ask(ipxe.fetch(purpose, &arguments.rest[0], cmdline)))
}

/// As iPXE reads numbers: decimal, or hexadecimal after `0x`; anything else is no number.
fn integer(word: &str) -> Result<u32, String> {
    match word.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => word.parse(),
    }
    .map_err(|_| format!("{word:?} is no number"))
}
