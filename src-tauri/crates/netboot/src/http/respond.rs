//! Heads of answers.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

/// An answer without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Status code.
    pub status: u16,
    /// Content-Type; none where there is no content to speak of.
    pub content_type: Option<&'a str>,
    /// Content-Length: what a GET would send, also in the answer to a HEAD. None in a 304.
    pub length: Option<u64>,
    /// Entity tag, without quotes.
    pub etag: Option<&'a str>,
    /// Content-Range, without the unit.
    pub content_range: Option<String>,
    /// Whether another request may follow.
    pub keep_alive: bool,
}

impl Answer<'_> {
    /// The bytes up to and including the empty line.
    pub fn encode(&self, now: Timestamp) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        let mut header = |name: &str, value: &str| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{name}: {value}\r\n");
        };
        // RFC 9110, section 6.6.1: a server with a clock sends it. Fails only for years beyond 9999.
        if let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&now) {
            header("Date", &date);
        }
        if let Some(content_type) = self.content_type {
            header("Content-Type", content_type);
        }
        if let Some(length) = self.length {
            header("Content-Length", &length.to_string());
        }
        if let Some(etag) = self.etag {
            header("ETag", &format!("\"{etag}\""));
            header("Accept-Ranges", "bytes");
            // Boot files change between two boots under the same name.
            header("Cache-Control", "no-cache");
        }
        if let Some(range) = &self.content_range {
            header("Content-Range", &format!("bytes {range}"));
        }
        if self.status == 405 {
            header("Allow", "GET, HEAD, POST");
        }
        header("Connection", if self.keep_alive { "keep-alive" } else { "close" });
        text.push_str("\r\n");
        text.into_bytes()
    }
}

/// The type of a file, by what its name ends in.
pub fn content_type(path: &str) -> &'static str {
    let file = path.rsplit('/').next().unwrap_or(path);
    match file.rsplit_once('.').map(|(_, ending)| ending) {
        Some("ipxe" | "cfg" | "txt") => "text/plain; charset=utf-8",
        Some("json") => "application/json",
        Some("yaml" | "yml") => "application/yaml",
        // UEFI HTTP Boot takes a file for a program by this type or by its ending (UEFI 2.10, section 24.7.3.2).
        Some("efi") => "application/efi",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        416 => "Range Not Satisfiable",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_file_looks_like_this() {
        let answer = Answer {
            status: 206,
            content_type: Some(content_type("assets/uki.efi")),
            length: Some(10),
            etag: Some("abc"),
            content_range: Some("0-9/100".into()),
            keep_alive: true,
        };
        let text = String::from_utf8(answer.encode(Timestamp::from_second(784_111_777).unwrap())).unwrap();
        insta::assert_snapshot!(text.replace("\r\n", "\n"), @r#"
        HTTP/1.1 206 Partial Content
        Date: Sun, 06 Nov 1994 08:49:37 GMT
        Content-Type: application/efi
        Content-Length: 10
        ETag: "abc"
        Accept-Ranges: bytes
        Cache-Control: no-cache
        Content-Range: bytes 0-9/100
        Connection: keep-alive
        "#);
    }
}
