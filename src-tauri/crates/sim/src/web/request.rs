//! Reading a request: its head, its body by `Content-Length`, its cookies and its form.

/// More head than any client of these devices sends.
const LONGEST_HEAD: usize = 16 * 1024;
/// More body than any of their forms has.
const LONGEST_BODY: usize = 256 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Why bytes are no request: the status to refuse them with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) u16);

impl Request {
    /// The request, or nothing yet when more has to come.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Request>, Refused> {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            return if bytes.len() > LONGEST_HEAD { Err(Refused(431)) } else { Ok(None) };
        };
        let head = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Refused(400));
        };
        if !version.starts_with("HTTP/1.") || !target.starts_with('/') {
            return Err(Refused(400));
        }
        let header = |line: &str| {
            line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        let headers: Vec<_> = lines.filter_map(header).collect();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: Vec::new(),
        };
        if request.header("transfer-encoding").is_some() {
            return Err(Refused(411));
        }
        let length: usize = match request.header("content-length") {
            None => 0,
            Some(text) => text.parse().map_err(|_| Refused(400))?,
        };
        if length > LONGEST_BODY {
            return Err(Refused(413));
        }
        let body = &bytes[end + 4..];
        if body.len() < length {
            return Ok(None);
        }
        request.body = body[..length].to_vec();
        Ok(Some(request))
    }

    #[cfg(test)]
    pub(crate) fn parse_for_tests(bytes: &[u8]) -> Request {
        Request::parse(bytes).unwrap().unwrap()
    }

    /// The first header of this name, which is written in lower case here.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The cookie as it was sent (RFC 6265 §4.2).
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let cookies = self.headers.iter().filter(|(known, _)| known == "cookie");
        let mut pairs = cookies.flat_map(|(_, value)| value.split(';'));
        pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
    }

    /// The fields of the body, as a browser's form sends them.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        fields(&String::from_utf8_lossy(&self.body))
    }

    /// The fields behind the question mark.
    pub(crate) fn queries(&self) -> Vec<(String, String)> {
        fields(&self.query)
    }
}

/// Reads `application/x-www-form-urlencoded`.
fn fields(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(name), unescape(value))
        })
        .collect()
}

fn unescape(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digits: Vec<u8> = bytes.clone().take(2).collect();
                let value =
                    std::str::from_utf8(&digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
                match value {
                    Some(value) if digits.len() == 2 => {
                        out.push(value);
                        bytes.nth(1);
                    }
                    _ => out.push(b'%'),
                }
            }
            byte => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_with_its_cookie() {
        let text = b"POST /port.cgi?a=b HTTP/1.1\r\nHost: x\r\nCookie: other=1; admin=abc\r\nContent-Length: 38\r\n\r\n\
                     portid=5&name=&submit=+%20+Apply&x=%zz";
        let request = Request::parse(text).unwrap().unwrap();
        assert_eq!((request.path.as_str(), request.query.as_str()), ("/port.cgi", "a=b"));
        assert_eq!((request.cookie("admin"), request.cookie("adm")), (Some("abc"), None));
        let form = request.form();
        let pairs: Vec<_> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("portid", "5"), ("name", ""), ("submit", "   Apply"), ("x", "%zz")]);
        assert_eq!(Request::parse(&text[..text.len() - 1]), Ok(None), "one byte is missing");
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let table: [(&[u8], u16); 5] = [
            (b"GET\r\n\r\n", 400),
            (b"GET x HTTP/1.1\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n", 413),
            (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        ];
        for (bytes, status) in table {
            assert_eq!(Request::parse(bytes), Err(Refused(status)));
        }
        assert_eq!(Request::parse(&[b'x'; LONGEST_HEAD + 1]), Err(Refused(431)));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>, form: String) {
            let _ = Request::parse(&bytes);
            fields(&form);
        }
    }
}
