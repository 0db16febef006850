//! The clients: TFTP as firmware asks, HTTP as loaders ask.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::tftp::packet::{self, Ask, Options, Packet, code};

/// For one answer. Hashing a large file for the first time takes a second.
const TRY: Duration = Duration::from_secs(3);
const TRIES: u32 = 2;
/// For a whole exchange over TCP.
const EXCHANGE: Duration = Duration::from_secs(20);
/// Files up to this size are fetched whole and compared with their hash; of larger ones only the size is asked.
const FETCHED_WHOLE: u64 = 4 << 20;
/// Ends a head that has no end.
const LONGEST_HEAD: usize = 16 << 10;

/// Why something was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The kernel refused.
    #[error("no connection to {server}")]
    Connect {
        /// Who was asked.
        server: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// Nobody answered in time.
    #[error("{server} did not answer within {} s", limit.as_secs())]
    Silent {
        /// Who was asked.
        server: SocketAddr,
        /// How long we waited.
        limit: Duration,
    },
    /// It answered that there is no such thing.
    #[error("{server} says: {says}")]
    Refused {
        /// Who was asked.
        server: SocketAddr,
        /// Its words.
        says: String,
    },
    /// What came is not what was announced.
    #[error("what {server} sent is spoiled: {why}")]
    Spoiled {
        /// Who was asked.
        server: SocketAddr,
        /// What does not fit.
        why: String,
    },
    /// Nothing that can be fetched.
    #[error("{url} is no address of a file on our network")]
    Url {
        /// As promised.
        url: String,
    },
}

/// Asks for a file's size and its first block, then breaks off politely. Returns the size.
pub(super) async fn tftp(from: Ipv4Addr, server: SocketAddrV4, file: &str) -> Result<u64, FetchError> {
    let server = SocketAddr::V4(server);
    let failed = |source| FetchError::Connect { server, source };
    let options = Options { tsize: Some(0), blksize: Some(1468), ..Options::default() };
    let ask = packet::encode(&Packet::Rrq(Ask { file, octet: true, options }));
    let socket = UdpSocket::bind((from, 0)).await.map_err(failed)?;
    let mut buffer = [0; 2048];
    for _ in 0..TRIES {
        socket.send_to(&ask, server).await.map_err(failed)?;
        let Ok(received) = timeout(TRY, socket.recv_from(&mut buffer)).await else { continue };
        let (length, transfer) = received.map_err(failed)?;
        let size = match packet::decode(&buffer[..length]) {
            Ok(Packet::Oack(options)) => options.tsize.unwrap_or(0),
            Ok(Packet::Error { text, .. }) => {
                return Err(FetchError::Refused { server, says: text.to_owned() });
            }
            _ => return Err(FetchError::Spoiled { server, why: "no answer to a request".to_owned() }),
        };
        socket.send_to(&packet::encode(&Packet::Ack(0)), transfer).await.map_err(failed)?;
        let received = timeout(TRY, socket.recv_from(&mut buffer)).await;
        let first = match received {
            Ok(received) => packet::decode(&buffer[..received.map_err(failed)?.0]).ok(),
            Err(_) => None,
        };
        let expected = size.min(1468) as usize;
        let whole = matches!(first, Some(Packet::Data { block: 1, data }) if data.len() == expected);
        let bye = Packet::Error { code: code::OTHER, text: "only checking" };
        socket.send_to(&packet::encode(&bye), transfer).await.map_err(failed)?;
        if !whole {
            return Err(FetchError::Spoiled { server, why: format!("{file} has no first block") });
        }
        return Ok(size);
    }
    Err(FetchError::Silent { server, limit: TRY * TRIES })
}

/// `http://address:port/path` in its parts.
pub(super) fn parts(url: &str) -> Result<(SocketAddrV4, &str), FetchError> {
    let bad = || FetchError::Url { url: url.to_owned() };
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).ok_or_else(bad)?;
    let (address, port) = host.split_once(':').unwrap_or((host, "80"));
    let server = SocketAddrV4::new(address.parse().map_err(|_| bad())?, port.parse().map_err(|_| bad())?);
    Ok((server, path))
}

/// A connection from our own address.
pub(super) async fn connect(from: Ipv4Addr, server: SocketAddrV4) -> Result<TcpStream, FetchError> {
    let to = SocketAddr::V4(server);
    let failed = |source| FetchError::Connect { server: to, source };
    let socket = TcpSocket::new_v4().map_err(failed)?;
    socket.bind(SocketAddr::new(IpAddr::V4(from), 0)).map_err(failed)?;
    match timeout(TRY, socket.connect(to)).await {
        Ok(connected) => connected.map_err(failed),
        Err(_) => Err(FetchError::Silent { server: to, limit: TRY }),
    }
}

/// HEAD, and GET where the file is small. Returns size and whether the content was compared with its hash.
pub(super) async fn http(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    server: SocketAddrV4,
    path: &str,
) -> Result<(u64, bool), FetchError> {
    let to = SocketAddr::V4(server);
    let work = async {
        let head = exchange(stream, to, "HEAD", path, 0).await?;
        if head.length > FETCHED_WHOLE {
            return Ok((head.length, false));
        }
        let got = exchange(stream, to, "GET", path, FETCHED_WHOLE).await?;
        // A script is made anew for each request; only what HEAD and GET agree on is comparable.
        let digest = hex::encode(Sha256::digest(&got.body));
        let hashed = got.tag.as_deref().is_some_and(|tag| tag.len() == digest.len());
        if hashed && got.tag.as_deref() != Some(digest.as_str()) {
            let why = format!("{path} does not have the hash that its ETag names");
            return Err(FetchError::Spoiled { server: to, why });
        }
        Ok((got.length, hashed))
    };
    timeout(EXCHANGE, work).await.unwrap_or(Err(FetchError::Silent { server: to, limit: EXCHANGE }))
}

struct Response {
    length: u64,
    tag: Option<String>,
    body: Vec<u8>,
}

async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    server: SocketAddr,
    method: &str,
    path: &str,
    most: u64,
) -> Result<Response, FetchError> {
    let failed = |source| FetchError::Connect { server, source };
    let spoiled = |why: &str| FetchError::Spoiled { server, why: format!("{path}: {why}") };
    let request = format!("{method} /{path} HTTP/1.1\r\nHost: {server}\r\nUser-Agent: self-check\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut bytes = Vec::new();
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut parsed = httparse::Response::new(&mut headers);
        let status = parsed.parse(&bytes).map_err(|_| spoiled("the answer is not HTTP"))?;
        if let httparse::Status::Complete(end) = status {
            let of = |name: &str| {
                let found = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
                found.and_then(|header| std::str::from_utf8(header.value).ok()).map(str::to_owned)
            };
            let length = of("content-length").and_then(|text| text.parse::<u64>().ok());
            let tag = of("etag").map(|tag| tag.trim_matches('"').to_owned());
            let code = parsed.code.unwrap_or(0);
            if code != 200 {
                return Err(FetchError::Refused { server, says: format!("{code} to {method} /{path}") });
            }
            let length = length.ok_or_else(|| spoiled("no Content-Length"))?;
            let mut body = bytes.split_off(end);
            if method == "HEAD" {
                body.clear();
                return Ok(Response { length, tag, body });
            }
            if length > most {
                return Err(spoiled("it grew while it was fetched"));
            }
            let missing = usize::try_from(length).unwrap_or(usize::MAX).saturating_sub(body.len());
            let at = body.len();
            body.resize(at + missing, 0);
            stream
                .read_exact(&mut body[at..])
                .await
                .map_err(|_| spoiled("it ends before its Content-Length"))?;
            return Ok(Response { length, tag, body });
        }
        if bytes.len() > LONGEST_HEAD {
            return Err(spoiled("the head of the answer has no end"));
        }
        if stream.read_buf(&mut bytes).await.map_err(failed)? == 0 {
            return Err(spoiled("the connection ended before the answer"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_addresses_and_no_names() {
        let (server, path) = parts("http://192.168.122.3/boot/script").unwrap();
        assert_eq!((server.to_string().as_str(), path), ("192.168.122.3:80", "boot/script"));
        assert_eq!(parts("http://127.122.122.3:20080/a").unwrap().0.port(), 20080);
        for bad in ["https://192.168.122.3/a", "http://boss.local/a", "http://192.168.122.3", "ipxe.efi"] {
            assert!(matches!(parts(bad), Err(FetchError::Url { .. })), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_body_that_is_not_what_its_hash_says_is_spoiled() {
        let (mut ours, mut theirs) = tokio::io::duplex(4096);
        let server = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80);
        let answers = async move {
            let mut asked = [0; 256];
            let tag = "0".repeat(64);
            for body in ["", "hello"] {
                let _ = theirs.read(&mut asked).await.unwrap();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"{tag}\"\r\n\r\n{body}");
                theirs.write_all(head.as_bytes()).await.unwrap();
            }
        };
        let (found, ()) = tokio::join!(http(&mut ours, server, "file"), answers);
        assert!(matches!(found, Err(FetchError::Spoiled { .. })), "{found:?}");
    }
}
