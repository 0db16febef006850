//! Request heads, read without a socket.

use crate::Malformed;

/// Larger heads are refused: boot clients send a few hundred bytes.
pub const LARGEST_HEAD: usize = 16 * 1024;

/// More headers than any boot client sends.
const MOST_HEADERS: usize = 64;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// The body.
    Get,
    /// What the answer to GET would say about it.
    Head,
    /// A report.
    Post,
    /// Anything else; refused.
    Other,
}

/// A request without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// What is asked.
    pub verb: Verb,
    /// The path as it came: percent-encoded, without query.
    pub path: String,
    /// What stands behind the question mark, as it came; empty without one.
    pub query: String,
    /// Whether the connection may carry another request.
    pub keep_alive: bool,
    /// Size of the body that follows.
    pub content_length: Option<u64>,
    /// The body comes in chunks, which is not served.
    pub chunked: bool,
    /// The client waits for our go-ahead before it sends the body.
    pub expects_continue: bool,
    /// As it came.
    pub range: Option<String>,
    /// As it came.
    pub if_range: Option<String>,
    /// As it came; several lines are joined by commas.
    pub if_none_match: Option<String>,
}

/// Why there is no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not HTTP: counted, never answered.
    #[error(transparent)]
    NotHttp(Malformed),
    /// HTTP, but larger than anything we serve: 431.
    #[error("the request's head is too large")]
    TooLarge,
    /// HTTP that contradicts itself: 400, with this sentence.
    #[error("{0}")]
    Senseless(&'static str),
}

/// Reads the head at the start of `bytes`; with it comes its length. `None` when the end is not there yet.
pub fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, Fault> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    // Beyond the limit nothing is read, so a head that ends later never gets in.
    let length = match request.parse(&bytes[..bytes.len().min(LARGEST_HEAD)]) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() >= LARGEST_HEAD => return Err(Fault::TooLarge),
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Fault::TooLarge),
        Err(error) => return Err(Fault::NotHttp(Malformed(word(error)))),
    };
    let verb = match request.method {
        Some("GET") => Verb::Get,
        Some("HEAD") => Verb::Head,
        Some("POST") => Verb::Post,
        _ => Verb::Other,
    };
    let (path, query) = path_of(request.path.unwrap_or("/"))?;
    let mut head = Head {
        verb,
        path: path.to_owned(),
        query: query.to_owned(),
        // RFC 9112, section 9.3: HTTP/1.1 keeps a connection unless told otherwise, HTTP/1.0 the other way round.
        keep_alive: request.version == Some(1),
        content_length: None,
        chunked: false,
        expects_continue: false,
        range: None,
        if_range: None,
        if_none_match: None,
    };
    for header in request.headers.iter() {
        take(&mut head, header.name, header.value)?;
    }
    Ok(Some((head, length)))
}

fn take(head: &mut Head, name: &str, value: &[u8]) -> Result<(), Fault> {
    let text = std::str::from_utf8(value).map(str::trim);
    let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
    if is("content-length") {
        // Two lengths that differ are how requests are smuggled past whoever reads the other one.
        let length = text.ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let length: Option<u64> = length.and_then(|text| text.parse().ok());
        let length = length.ok_or(Fault::Senseless("The Content-Length is not a number."))?;
        if head.content_length.replace(length).is_some_and(|other| other != length) {
            return Err(Fault::Senseless("There are two Content-Lengths, and they differ."));
        }
        return Ok(());
    }
    if is("transfer-encoding") {
        head.chunked = true;
    }
    // The rest are wishes: one that cannot be read is as good as none.
    let Ok(text) = text else { return Ok(()) };
    if is("connection") {
        for word in text.split(',').map(str::trim) {
            if word.eq_ignore_ascii_case("close") {
                head.keep_alive = false;
            } else if word.eq_ignore_ascii_case("keep-alive") {
                head.keep_alive = true;
            }
        }
    } else if is("expect") {
        head.expects_continue = text.eq_ignore_ascii_case("100-continue");
    } else if is("range") {
        head.range = Some(text.to_owned());
    } else if is("if-range") {
        head.if_range = Some(text.to_owned());
    } else if is("if-none-match") {
        let former = head.if_none_match.take();
        head.if_none_match =
            Some(former.map_or_else(|| text.to_owned(), |former| format!("{former},{text}")));
    }
    Ok(())
}

/// RFC 9112, section 3.2: a path, or a whole URL as proxies get it. Queries play no part in booting.
fn path_of(target: &str) -> Result<(&str, &str), Fault> {
    let path = match target.split_once("://") {
        Some(("http" | "HTTP", rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        _ => target,
    };
    if !path.starts_with('/') {
        return Err(Fault::Senseless("The path does not begin with a slash."));
    }
    let path = path.split('#').next().unwrap_or(path);
    Ok(path.split_once('?').unwrap_or((path, "")))
}

fn word(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName => "HTTP header name",
        httparse::Error::HeaderValue => "HTTP header value",
        httparse::Error::NewLine => "HTTP line end",
        httparse::Error::Version => "HTTP version",
        _ => "not HTTP",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(text: &str) -> Head {
        parse(text.as_bytes()).unwrap().unwrap().0
    }

    #[test]
    fn reads_what_boot_clients_send() {
        let text = "GET /assets/kernel?x=1 HTTP/1.1\r\nHost: 192.168.122.3\r\nRange: bytes=0-9\r\n\r\nrest";
        let (read, length) = parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(length, text.len() - 4, "what follows is the next request's");
        assert_eq!(
            (read.verb, read.path.as_str(), read.query.as_str()),
            (Verb::Get, "/assets/kernel", "x=1")
        );
        assert_eq!((read.keep_alive, read.range.as_deref()), (true, Some("bytes=0-9")));

        assert!(!head("GET / HTTP/1.0\r\n\r\n").keep_alive);
        assert!(head("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
        assert!(!head("GET / HTTP/1.1\r\nconnection: x, close\r\n\r\n").keep_alive);
        assert_eq!(head("HEAD http://192.168.122.3/uki.efi HTTP/1.1\r\n\r\n").path, "/uki.efi");
        assert_eq!(head("GET http://192.168.122.3 HTTP/1.1\r\n\r\n").path, "/");
        assert_eq!(head("GET /ipxe?a=b?c&d=/e#f?g HTTP/1.1\r\n\r\n").query, "a=b?c&d=/e");
        assert_eq!(head("GET /a#f?g HTTP/1.1\r\n\r\n").query, "", "what follows # is the client's own");
        let post = head("POST /report HTTP/1.1\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n");
        assert_eq!((post.content_length, post.expects_continue), (Some(12), true));
        assert_eq!(
            head("GET / HTTP/1.1\r\nIf-None-Match: \"a\"\r\nIf-None-Match: \"b\"\r\n\r\n").if_none_match,
            Some("\"a\",\"b\"".into())
        );
    }

    #[test]
    fn tells_unfinished_from_unreadable() {
        assert_eq!(parse(b"GET / HTT"), Ok(None));
        assert_eq!(parse(b""), Ok(None));
        for garbage in
            [&b"\x16\x03\x01\x02\0"[..], b"GET / HTTP/9.1\r\n\r\n", b"GET / HTTP/1.1\r\nA B: c\r\n\r\n"]
        {
            assert!(matches!(parse(garbage), Err(Fault::NotHttp(_))), "{garbage:?}");
        }
        let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(LARGEST_HEAD));
        assert_eq!(parse(long.as_bytes()), Err(Fault::TooLarge));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(65));
        assert_eq!(parse(many.as_bytes()), Err(Fault::TooLarge));
    }

    #[test]
    fn contradictions_are_refused() {
        for text in [
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: \r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "GET kernel HTTP/1.1\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\n\r\n",
        ] {
            assert!(matches!(parse(text.as_bytes()), Err(Fault::Senseless(_))), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn any_header_is_read_or_refused(name in "[A-Za-z\\-]{1,20}", value in "[ -~]{0,60}") {
            let _ = parse(format!("GET / HTTP/1.1\r\n{name}: {value}\r\n\r\n").as_bytes());
        }
    }
}
