//! HTTP/1.1 as small clients speak it: one request a connection, one answer with a length, nothing else.
//!
//! An answer without Content-Length is refused: it could be cut short and nobody would know, which is how a truncated
//! kernel gets booted.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::guard::{self, SocketError};
use crate::machine::lane::Lane;
use crate::pace::Pace;

/// Longer heads are no answer of a server of ours.
const LONGEST_HEAD: usize = 16 * 1024;
/// Scripts, programs that scripts chain, and answers to reports are kept in memory up to this size.
const LONGEST_TEXT: u64 = 16 * 1024 * 1024;
/// A server that is silent for longer than this has failed.
const SILENCE: Duration = Duration::from_secs(10);
/// Bytes per second a cheap PC takes from its gigabit network while it boots.
const BYTES_PER_SECOND: f64 = 40e6;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) address: SocketAddrV4,
    pub(crate) path: String,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("{0:?} is no http:// address with a numeric host; names are not looked up here")]
    Url(String),
    #[error("no connection to {address}")]
    Connect {
        address: SocketAddrV4,
        #[source]
        source: SocketError,
    },
    #[error("the connection to {address} failed")]
    Broken {
        address: SocketAddrV4,
        #[source]
        source: std::io::Error,
    },
    #[error("{0} was silent for too long")]
    Silent(SocketAddrV4),
    #[error("the answer of {0} is not HTTP: {1}")]
    NotHttp(SocketAddrV4, HeadError),
    #[error("{path} was answered with status {status}")]
    Status { path: String, status: u16 },
    #[error("{path} was cut short: {got} of {promised} bytes came")]
    Truncated { path: String, got: u64, promised: u64 },
    #[error("{path} has {bytes} bytes, too many for a text")]
    TooLong { path: String, bytes: u64 },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeadError {
    #[error("the head does not end within {LONGEST_HEAD} bytes")]
    TooLong,
    #[error("its first line is {0:?}")]
    FirstLine(String),
    #[error("Content-Length is {0:?}")]
    Length(String),
    #[error("Content-Length is missing")]
    NoLength,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) length: u64,
    /// Bytes of the head itself.
    pub(crate) size: usize,
}

/// What becomes of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Text,
    /// Only counted, at the speed of the machine's network.
    Count,
    /// As `Count`, but the second half never arrives and nobody notices.
    Half,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) bytes: u64,
    pub(crate) text: Vec<u8>,
}

impl Url {
    pub(crate) fn parse(text: &str) -> Result<Url, HttpError> {
        let refuse = || HttpError::Url(text.to_owned());
        let rest = text.strip_prefix("http://").ok_or_else(refuse)?;
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let address = match authority.parse::<SocketAddrV4>() {
            Ok(address) => address,
            Err(_) => SocketAddrV4::new(authority.parse::<Ipv4Addr>().map_err(|_| refuse())?, 80),
        };
        // A blank or a line end inside the path would end the request line early.
        if path.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(refuse());
        }
        Ok(Url { address, path: path.to_owned() })
    }
}

/// Reads the head of an answer, or `None` when more bytes are needed.
pub(crate) fn parse_head(bytes: &[u8]) -> Result<Option<Head>, HeadError> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return if bytes.len() > LONGEST_HEAD { Err(HeadError::TooLong) } else { Ok(None) };
    };
    let text = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .filter(|word| word.len() == 3)
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| HeadError::FirstLine(first.to_owned()))?;
    let mut length = None;
    for line in lines {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            let value = value.trim();
            length = Some(value.parse().map_err(|_| HeadError::Length(value.to_owned()))?);
        }
    }
    let length = match length {
        Some(length) => length,
        // RFC 9110 §8.6: these have no body.
        None if status == 204 || status == 304 => 0,
        None => return Err(HeadError::NoLength),
    };
    Ok(Some(Head { status, length, size: end + 4 }))
}

/// One machine's HTTP client.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) source: Ipv4Addr,
    pub(crate) agent: &'static str,
    pub(crate) pace: Pace,
    pub(crate) lane: Lane,
}

impl Client {
    pub(crate) async fn get(&self, url: &str, keep: Keep) -> Result<Answer, HttpError> {
        let url = Url::parse(url)?;
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nConnection: close\r\n\r\n",
            url.path, url.address, self.agent
        );
        self.exchange(&url, request.as_bytes(), keep).await
    }

    pub(crate) async fn post(&self, url: &str, json: &str) -> Result<Answer, HttpError> {
        let url = Url::parse(url)?;
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{json}",
            url.path,
            url.address,
            self.agent,
            json.len()
        );
        self.exchange(&url, request.as_bytes(), Keep::Text).await
    }

    async fn exchange(&self, url: &Url, request: &[u8], keep: Keep) -> Result<Answer, HttpError> {
        let address = url.address;
        let broken = |source| HttpError::Broken { address, source };
        self.lane.delay().await;
        if self.lane.tamper().drop {
            // Neither SYN nor anything else arrives. A segment that comes twice is TCP's own affair.
            tokio::time::sleep(SILENCE).await;
            return Err(HttpError::Silent(address));
        }
        let connecting = within(address, guard::connect(self.source, address)).await?;
        let mut stream = connecting.map_err(|source| HttpError::Connect { address, source })?;
        within(address, stream.write_all(request)).await?.map_err(broken)?;
        let mut buffer = Vec::with_capacity(4096);
        let head = loop {
            if let Some(head) = parse_head(&buffer).map_err(|error| HttpError::NotHttp(address, error))? {
                break head;
            }
            let count = within(address, stream.read_buf(&mut buffer)).await?.map_err(broken)?;
            if count == 0 {
                return Err(broken(std::io::ErrorKind::UnexpectedEof.into()));
            }
        };
        if !(200..300).contains(&head.status) {
            return Err(HttpError::Status { path: url.path.clone(), status: head.status });
        }
        if keep == Keep::Text && head.length > LONGEST_TEXT {
            return Err(HttpError::TooLong { path: url.path.clone(), bytes: head.length });
        }
        buffer.drain(..head.size);
        self.body(stream, url, &head, buffer, keep).await
    }

    async fn body(
        &self,
        mut stream: TcpStream,
        url: &Url,
        head: &Head,
        mut text: Vec<u8>,
        keep: Keep,
    ) -> Result<Answer, HttpError> {
        let wanted = if keep == Keep::Half { head.length / 2 } else { head.length };
        let mut got = text.len() as u64;
        let mut chunk = vec![0u8; 64 * 1024];
        let began = Instant::now();
        while got < wanted {
            let count = within(url.address, stream.read(&mut chunk))
                .await?
                .map_err(|source| HttpError::Broken { address: url.address, source })?;
            if count == 0 {
                return Err(HttpError::Truncated { path: url.path.clone(), got, promised: head.length });
            }
            got += count as u64;
            // What the wire does not carry, TCP sends again for a while.
            if !self.lane.open_within(SILENCE).await {
                return Err(HttpError::Silent(url.address));
            }
            match keep {
                Keep::Text => text.extend_from_slice(&chunk[..count]),
                Keep::Count | Keep::Half => {
                    tokio::time::sleep_until(began + self.pace.delay(got as f64 / BYTES_PER_SECOND)).await;
                }
            }
        }
        text.truncate(if keep == Keep::Text { head.length as usize } else { 0 });
        Ok(Answer { bytes: got.min(wanted), text })
    }
}

/// Gives up when the server is silent.
async fn within<T>(address: SocketAddrV4, work: impl Future<Output = T>) -> Result<T, HttpError> {
    tokio::time::timeout(SILENCE, work).await.map_err(|_| HttpError::Silent(address))
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
