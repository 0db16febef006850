//! The display's firmware: lines in, state and complaints out. Written from the notes on the real one (reference 2.1 to 2.4).

use std::collections::VecDeque;

use serde_json::Value;

/// Of a whole line with its prefix and its terminator.
const BUFFER: usize = 2048;
/// Log lines that the panel has room for.
pub const LOG_LINES: usize = 12;

/// What the panel shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Shown {
    /// Nobody has spoken yet.
    #[default]
    Boot,
    /// The dashboard: the last status that could be read, or none yet.
    Ready,
    /// The host said that it goes.
    Shutdown,
}

/// The firmware's memory.
#[derive(Debug, Clone, Default)]
pub struct Firmware {
    line: Vec<u8>,
    ready: bool,
    shutdown: bool,
    /// The dashboard is drawn only once something to show has come.
    drawn: bool,
    document: Value,
    logs: VecDeque<String>,
    /// How often the panel was drawn anew.
    pub redraws: u64,
}

impl Firmware {
    /// Bytes from the host; what it prints back.
    pub fn hear(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut said = Vec::new();
        for &byte in bytes {
            match byte {
                b'\r' => {}
                b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    said.extend(self.obey(&String::from_utf8_lossy(&line)));
                }
                // What does not fit overwrites the last place.
                byte if self.line.len() == BUFFER - 1 => {
                    if let Some(last) = self.line.last_mut() {
                        *last = byte;
                    }
                }
                byte => self.line.push(byte),
            }
        }
        said
    }

    fn obey(&mut self, line: &str) -> Vec<String> {
        if line.is_empty() {
            return Vec::new();
        }
        match line.split_once(':') {
            Some(("status", json)) => match serde_json::from_str(json) {
                Ok(document) => {
                    self.document = document;
                    self.show();
                    Vec::new()
                }
                Err(_) => vec!["Deserialization failed".to_owned(), json.to_owned()],
            },
            Some(("log", text)) => {
                self.logs.push_front(text.to_owned());
                self.logs.truncate(LOG_LINES);
                self.show();
                Vec::new()
            }
            // The boot screen stays until there is something to show.
            Some(("boss", "ready")) => {
                (self.ready, self.shutdown) = (true, false);
                Vec::new()
            }
            Some(("boss", "shutdown")) => {
                (self.ready, self.shutdown, self.drawn) = (false, true, false);
                Vec::new()
            }
            _ => vec!["Invalid input!".to_owned(), line.to_owned()],
        }
    }

    fn show(&mut self) {
        (self.ready, self.shutdown, self.drawn) = (true, false, true);
        self.redraws += 1;
    }

    pub fn shown(&self) -> Shown {
        if self.shutdown {
            Shown::Shutdown
        } else if self.drawn {
            Shown::Ready
        } else {
            Shown::Boot
        }
    }

    /// Newest first.
    pub fn logs(&self) -> impl Iterator<Item = &str> {
        self.logs.iter().map(String::as_str)
    }

    /// Missing keys are empty, off and 0; so is a number of more than 32 bits.
    pub fn text(&self, object: &str, key: &str) -> &str {
        self.document[object][key].as_str().unwrap_or_default()
    }

    pub fn on(&self, object: &str, key: &str) -> bool {
        self.document[object][key].as_bool().unwrap_or_default()
    }

    pub fn number(&self, object: &str, key: &str) -> i32 {
        self.document[object][key].as_i64().and_then(|value| i32::try_from(value).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(lines: &str) -> Firmware {
        let mut firmware = Firmware::default();
        firmware.hear(lines.as_bytes());
        firmware
    }

    #[test]
    fn it_shows_what_came_last() {
        assert_eq!(after("").shown(), Shown::Boot);
        assert_eq!(after("boss:ready\n").shown(), Shown::Boot, "nothing to draw yet");
        assert_eq!(after("boss:ready\nlog:a\n").shown(), Shown::Ready);
        assert_eq!(after("log:a\nboss:shutdown\n").shown(), Shown::Shutdown);
        assert_eq!(after("boss:shutdown\nstatus:{}\n").shown(), Shown::Ready);
    }

    #[test]
    fn numbers_that_are_too_large_and_keys_that_are_missing_are_nothing() {
        let firmware = after("status:{\"logs\":{\"A\":2147483648,\"B\":7},\"power\":{\"P1\":true}}\r\n");
        assert_eq!((firmware.number("logs", "A"), firmware.number("logs", "B")), (0, 7));
        assert!(firmware.on("power", "P1") && !firmware.on("power", "P2"));
        assert_eq!(firmware.text("initializer", "LabName"), "");
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_complained_about() {
        let mut firmware = after("status:{\"initializer\":{\"LabName\":\"good\"}}\n");
        let long = format!("status:{{\"a\":\"{}\"}}\n", "x".repeat(3000));
        assert_eq!(firmware.hear(long.as_bytes())[0], "Deserialization failed");
        assert_eq!(firmware.text("initializer", "LabName"), "good", "what was shown stays");
        assert_eq!(firmware.hear(b"hello\n"), ["Invalid input!", "hello"]);
        assert_eq!(firmware.hear(b"\n"), [""; 0]);
    }

    #[test]
    fn twelve_log_lines_are_kept_the_newest_first() {
        let lines: String = (0..20).map(|n| format!("log:{n}\n")).collect();
        let firmware = after(&lines);
        let shown: Vec<&str> = firmware.logs().collect();
        assert_eq!((shown.len(), shown[0], shown[11]), (12, "19", "8"));
        assert_eq!(firmware.redraws, 20);
    }
}
