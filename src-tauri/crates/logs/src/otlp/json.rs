//! A cursor over JSON text (RFC 8259) that copies nothing it need not and never recurses.
//!
//! A tree of values costs an allocation a value, and a log line has some hundred of them of which five are wanted. What is
//! skipped is still checked: a line that was cut and glued to another is told by the place where the grammar breaks.

use std::borrow::Cow;

/// Values inside values. The collector's own lines have eleven; a body may hold a few more.
pub(super) const DEEPEST: u32 = 128;

/// Why a text is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    Grammar,
    TooDeep,
    /// JSON it is, but its reader takes no more of it.
    TooMany,
}

type Result<T> = std::result::Result<T, Broken>;

/// What kind of value begins here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    Number,
    /// `true`, `false`, `null`.
    Word,
}

/// A place in a text. Cheap to copy: that is how one looks at a value twice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte to be read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// The kind of the value that begins here, behind any blanks.
    pub(super) fn kind(&mut self) -> Result<Kind> {
        self.blanks();
        match self.peek() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f' | b'n') => Ok(Kind::Word),
            _ => Err(Broken::Grammar),
        }
    }

    /// Reads an object, if one is here; what is something else is skipped. `member` reads or skips each value.
    pub(super) fn object(&mut self, mut member: impl FnMut(&mut Self, &str) -> Result<()>) -> Result<()> {
        if self.kind()? != Kind::Object {
            return self.skip();
        }
        self.at += 1;
        self.blanks();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            self.blanks();
            let key = self.key()?;
            self.blanks();
            if !self.take(b':') {
                return Err(Broken::Grammar);
            }
            member(self, &key)?;
            self.blanks();
            if self.take(b'}') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(Broken::Grammar);
            }
        }
    }

    /// Reads an array, if one is here; what is something else is skipped. `item` reads or skips each value.
    pub(super) fn array(&mut self, mut item: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        if self.kind()? != Kind::Array {
            return self.skip();
        }
        self.at += 1;
        self.blanks();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            item(self)?;
            self.blanks();
            if self.take(b']') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(Broken::Grammar);
            }
        }
    }

    /// A string, or nothing where another value is.
    pub(super) fn text(&mut self) -> Result<Option<Cow<'a, str>>> {
        if self.kind()? == Kind::String { self.string().map(Some) } else { self.skip().map(|()| None) }
    }

    /// A string or the letters of a number: both forms occur for 64-bit numbers.
    pub(super) fn text_or_number(&mut self) -> Result<Option<Cow<'a, str>>> {
        match self.kind()? {
            Kind::String => self.string().map(Some),
            Kind::Number => {
                let from = self.at;
                self.number()?;
                Ok(self.text.get(from..self.at).map(Cow::Borrowed))
            }
            _ => self.skip().map(|()| None),
        }
    }

    /// Whether `true` is here; any value is passed.
    pub(super) fn truth(&mut self) -> Result<bool> {
        let truth = self.kind()? == Kind::Word && self.peek() == Some(b't');
        self.skip()?;
        Ok(truth)
    }

    /// Passes exactly these bytes, if they are here.
    #[inline]
    pub(super) fn passes(&mut self, bytes: &str) -> bool {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let found = rest.starts_with(bytes.as_bytes());
        self.at += if found { bytes.len() } else { 0 };
        found
    }

    /// Passes what is left of an object of which some members were read.
    pub(super) fn rest_of_object(&mut self) -> Result<()> {
        loop {
            self.blanks();
            if self.take(b'}') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(Broken::Grammar);
            }
            self.skip_key()?;
            self.skip()?;
        }
    }

    /// A string as [`Self::string`] reads it; names are short and hold no escapes.
    #[inline]
    fn key(&mut self) -> Result<Cow<'a, str>> {
        let bytes = self.text.as_bytes();
        let from = self.at + 1;
        let mut at = from;
        if self.peek() == Some(b'"') {
            while bytes.get(at).is_some_and(u8::is_ascii_alphanumeric) {
                at += 1;
            }
            if bytes.get(at) == Some(&b'"') {
                self.at = at + 1;
                return self.text.get(from..at).map(Cow::Borrowed).ok_or(Broken::Grammar);
            }
        }
        self.string()
    }

    pub(super) fn string(&mut self) -> Result<Cow<'a, str>> {
        if !self.take(b'"') {
            return Err(Broken::Grammar);
        }
        let from = self.at;
        self.plain();
        if self.peek() == Some(b'"') {
            let plain = self.text.get(from..self.at).ok_or(Broken::Grammar)?;
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut whole = String::new();
        let mut from = from;
        loop {
            whole.push_str(self.text.get(from..self.at).ok_or(Broken::Grammar)?);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(whole));
                }
                Some(b'\\') => {
                    self.at += 1;
                    whole.push(self.escaped()?);
                }
                // The end, or a control character, which has no place in a string: zeros of a file that lost power.
                _ => return Err(Broken::Grammar),
            }
            from = self.at;
            self.plain();
        }
    }

    pub(super) fn skip_string(&mut self) -> Result<()> {
        if !self.take(b'"') {
            return Err(Broken::Grammar);
        }
        loop {
            self.plain();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escaped()?;
                }
                _ => return Err(Broken::Grammar),
            }
        }
    }

    /// Goes on to the next quote, backslash or control character, eight bytes at a time.
    fn plain(&mut self) {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const HIGHS: u64 = 0x8080_8080_8080_8080;
        let bytes = self.text.as_bytes();
        while let Some(eight) = bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let eight = u64::from_le_bytes(*eight);
            // A byte is zero, or below 0x20, exactly where a borrow runs into its highest bit; the lowest such is right.
            let quote = eight ^ (ONES * u64::from(b'"'));
            let slash = eight ^ (ONES * u64::from(b'\\'));
            let found = (quote.wrapping_sub(ONES) & !quote)
                | (slash.wrapping_sub(ONES) & !slash)
                | (eight.wrapping_sub(ONES * 0x20) & !eight);
            let found = found & HIGHS;
            if found != 0 {
                self.at += (found.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += 8;
        }
        while self.peek().is_some_and(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
            self.at += 1;
        }
    }

    /// What stands behind a backslash.
    fn escaped(&mut self) -> Result<char> {
        let byte = self.peek().ok_or(Broken::Grammar)?;
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.escaped_unit(),
            _ => return Err(Broken::Grammar),
        })
    }

    /// Four hexadecimal digits; two of them are a pair (section 7). Half a pair stands for nothing and becomes U+FFFD, as
    /// Go's encoder and decoder have it.
    fn escaped_unit(&mut self) -> Result<char> {
        let first = self.hex4()?;
        if (0xD800..0xDC00).contains(&first) {
            let before = *self;
            if self.take(b'\\') && self.take(b'u') {
                let second = self.hex4()?;
                if (0xDC00..0xE000).contains(&second) {
                    let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                    return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
            }
            *self = before;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex4(&mut self) -> Result<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).ok_or(Broken::Grammar)?;
        self.at += 4;
        let digit = |byte: &u8| char::from(*byte).to_digit(16).ok_or(Broken::Grammar);
        digits.iter().try_fold(0, |sum, byte| Ok(sum * 16 + digit(byte)?))
    }

    fn digits(&mut self) -> Result<()> {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > from { Ok(()) } else { Err(Broken::Grammar) }
    }

    fn number(&mut self) -> Result<()> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn word(&mut self) -> Result<()> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let word = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word));
        self.at += word.ok_or(Broken::Grammar)?.len();
        Ok(())
    }

    /// Passes any value. What is open is remembered as one bit a level, so that no depth of it can end the stack.
    pub(super) fn skip(&mut self) -> Result<()> {
        // Bit 0 is the innermost: whether it is an object.
        let (mut open, mut depth) = (0_u128, 0_u32);
        loop {
            match self.kind()? {
                kind @ (Kind::Object | Kind::Array) => {
                    self.at += 1;
                    self.blanks();
                    let is_object = kind == Kind::Object;
                    if !self.take(if is_object { b'}' } else { b']' }) {
                        if depth == DEEPEST {
                            return Err(Broken::TooDeep);
                        }
                        (open, depth) = ((open << 1) | u128::from(is_object), depth + 1);
                        if is_object {
                            self.skip_key()?;
                        }
                        continue;
                    }
                }
                Kind::String => self.skip_string()?,
                Kind::Number => self.number()?,
                Kind::Word => self.word()?,
            }
            // A value has ended, and with it perhaps what it stands in.
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let is_object = open & 1 == 1;
                self.blanks();
                if self.take(b',') {
                    if is_object {
                        self.skip_key()?;
                    }
                    break;
                }
                if !self.take(if is_object { b'}' } else { b']' }) {
                    return Err(Broken::Grammar);
                }
                (open, depth) = (open >> 1, depth - 1);
            }
        }
    }

    fn skip_key(&mut self) -> Result<()> {
        self.blanks();
        self.skip_string()?;
        self.blanks();
        if self.take(b':') { Ok(()) } else { Err(Broken::Grammar) }
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
