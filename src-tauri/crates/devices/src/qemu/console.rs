//! The end of a console file as text that people can read.

use std::io;
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};

/// More is no tail.
const LARGEST_TAIL: usize = 1 << 20;

/// The last `limit` bytes of a file, made plain. A file that is not there yet is an empty console.
pub(super) async fn tail(path: &Path, limit: usize) -> io::Result<String> {
    let mut file = match tokio::fs::File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let limit = limit.min(LARGEST_TAIL) as u64;
    let length = file.metadata().await?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(limit))).await?;
    let mut bytes = Vec::new();
    // The machine may be printing: no more than asked for.
    file.take(limit).read_to_end(&mut bytes).await?;
    Ok(plain(&bytes))
}

/// Firmware draws its screens with escape sequences (ECMA-48): drop them, keep text and line ends. Moving the cursor
/// to another line counts as a line end, or whole menus would become one line.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' if characters.peek() == Some(&'[') => {
                characters.next();
                // Parameters and intermediate bytes lie below '@'; the first one from there on ends the sequence.
                let end = characters.find(|character| matches!(character, '@'..='~'));
                if matches!(end, Some('H' | 'f')) && !out.is_empty() && !out.ends_with('\n') {
                    out.push('\n');
                }
            }
            '\u{1b}' => {
                characters.next();
            }
            '\n' | '\t' => out.push(character),
            character if character.is_control() => {}
            character => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_go_and_lines_stay() {
        let bytes = b"\x1b[2J\x1b[01;01H\x1b[=3hBdsDxe: loading\r\n\x1b[02;01H>>Start PXE\x1b[0m over IPv4.\x1b[03;01HStation\x07 IP\r\n";
        assert_eq!(plain(bytes), "BdsDxe: loading\n>>Start PXE over IPv4.\nStation IP\n");
    }

    #[test]
    fn a_tail_that_starts_in_the_middle_of_a_character_is_still_text() {
        assert_eq!(plain(&"ü!".as_bytes()[1..]), "\u{fffd}!");
        assert_eq!(plain(b"\x1b["), "");
        assert_eq!(plain(b"\x1b"), "");
    }

    #[tokio::test]
    async fn the_tail_is_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console1.log");
        assert_eq!(tail(&path, 10).await.unwrap(), "", "no console yet");
        std::fs::write(&path, "first\r\nsecond\r\nthird\r\n").unwrap();
        assert_eq!(tail(&path, 7).await.unwrap(), "third\n");
        assert_eq!(tail(&path, 1000).await.unwrap(), "first\nsecond\nthird\n");
    }
}
