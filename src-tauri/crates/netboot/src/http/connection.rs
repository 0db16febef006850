//! One connection: requests in a row, each answered before the next is read.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::carrier::Carrier;
use super::delivery::{self, Delivered, Delivery};
use super::head::{self, Fault, Head, Verb};
use super::range::{Part, is_known, part};
use super::respond::{Answer, content_type};
use crate::clock::{self, Stamp};
use crate::files::{Asker, Found, Reply, Site};
use crate::path::{clean, percent_decode};
use crate::seen::{Method, SeenSink, What};
use crate::{Mac, Malformed};

/// From a request's first byte to the end of its head. A client that drips bytes holds a place no longer than this.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);

/// Between two requests.
const IDLE: Duration = Duration::from_secs(30);

/// For the body of a report.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// Reports are a few kilobytes of JSON.
const LARGEST_BODY: u64 = 256 * 1024;

/// After an error we listen a little longer, since closing on unread bytes would destroy the answer on its way.
const LINGER: Duration = Duration::from_secs(1);

pub(super) struct Connection<C> {
    stream: C,
    peer: SocketAddr,
    site: Arc<dyn Site>,
    sink: SeenSink,
    /// Bytes read and not yet used.
    buffer: Vec<u8>,
}

/// What to do after an answer.
enum Next {
    /// Read another request.
    Go,
    /// Close at once: it is over, or nobody listens.
    Close,
    /// Close after the peer had time to read the answer.
    Linger,
}

impl<C: Carrier> Connection<C> {
    pub(super) fn new(stream: C, peer: SocketAddr, site: Arc<dyn Site>, sink: SeenSink) -> Connection<C> {
        // Small answers must not wait for an ACK of the one before.
        let _ = stream.socket().set_nodelay(true);
        Connection { stream, peer, site, sink, buffer: Vec::new() }
    }

    /// Serves until the peer or we have had enough.
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        let served = tokio::select! {
            // First, so that a body that is interrupted is reported before everything here is dropped.
            biased;
            served = self.serve(&shutdown) => served,
            () = shutdown.cancelled() => return,
        };
        if let Err(error) = served {
            tracing::debug!(%error, peer = %self.peer, "HTTP connection");
        }
    }

    async fn serve(&mut self, shutdown: &CancellationToken) -> io::Result<()> {
        let mut wait = HEAD_DEADLINE;
        loop {
            let Some(head) = self.head(wait).await? else { return Ok(()) };
            let keep_alive = head.keep_alive;
            let next = match head.verb {
                Verb::Get | Verb::Head => self.file(head, shutdown).await?,
                Verb::Post => self.report(head).await?,
                Verb::Other => self.refuse(405, "Only GET, HEAD and POST are served here.").await?,
            };
            match next {
                Next::Go if keep_alive => wait = IDLE,
                Next::Go | Next::Close => return Ok(()),
                Next::Linger => return self.linger().await,
            }
        }
    }

    /// The next head; `None` when there is to be none. `wait` is for its first byte.
    async fn head(&mut self, wait: Duration) -> io::Result<Option<Head>> {
        let mut until = Instant::now() + if self.buffer.is_empty() { wait } else { HEAD_DEADLINE };
        loop {
            if !self.buffer.is_empty() {
                match head::parse(&self.buffer) {
                    Ok(Some((head, length))) => {
                        self.buffer.drain(..length);
                        return Ok(Some(head));
                    }
                    Ok(None) => {}
                    Err(Fault::NotHttp(fault)) => {
                        self.sink.malformed(C::PROTO, self.peer, fault);
                        return Ok(None);
                    }
                    Err(Fault::TooLarge) => {
                        self.refuse(
                            431,
                            "The head of a request ends within 16 KiB and has at most 64 lines.",
                        )
                        .await?;
                        return self.linger().await.map(|()| None);
                    }
                    Err(Fault::Senseless(why)) => {
                        self.refuse(400, why).await?;
                        return self.linger().await.map(|()| None);
                    }
                }
            }
            let first = self.buffer.is_empty();
            match timeout_at(until, self.stream.read_buf(&mut self.buffer)).await {
                Ok(Ok(0)) => {
                    if !first {
                        self.sink.malformed(C::PROTO, self.peer, Malformed("HTTP head cut off"));
                    }
                    return Ok(None);
                }
                Ok(Ok(_)) if first => until = Instant::now() + HEAD_DEADLINE,
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error),
                Err(_) if first => return Ok(None),
                Err(_) => {
                    self.refuse(408, "The head of a request comes within 10 seconds.").await?;
                    return self.linger().await.map(|()| None);
                }
            }
        }
    }

    async fn file(&mut self, head: Head, shutdown: &CancellationToken) -> io::Result<Next> {
        let stamp = clock::now();
        if head.chunked || head.content_length.is_some_and(|length| length > 0) {
            return self.refuse(400, "A request for a file has no body.").await;
        }
        let method = if head.verb == Verb::Head { Method::Head } else { Method::Get };
        let path = match percent_decode(&head.path).and_then(|path| clean(&path)) {
            Ok(path) => path,
            Err(fault) => {
                self.sink.refused(C::PROTO, fault.0);
                return self.refuse(400, "The path is not one that files have here.").await;
            }
        };
        let mac = self.sink.mac_of(self.peer);
        let (body, said) = match self.get(path.clone(), head.query, mac).await {
            Found::Body(body) => (Some(body), None),
            Found::Said(reply) => (None, Some(reply)),
            Found::Nothing => (None, None),
        };
        let found = body.is_some();
        let asked = |range| What::FileAsked { proto: C::PROTO, method, path: path.clone(), found, range };
        let Some(body) = body else {
            self.sink.saw_at(stamp, self.peer, mac, asked(None));
            if let Some(reply) = said {
                return self.reply(reply, head.keep_alive, method == Method::Head).await;
            }
            return self.say(404, "There is no such file.", head.keep_alive, method == Method::Head).await;
        };
        // RFC 9110, section 14.2: Range means something for GET alone.
        let range = head.range.as_deref().filter(|_| method == Method::Get);
        let part = part(range, head.if_range.as_deref(), body.etag(), body.length());
        let span = if let Part::Range(first, last) = part { Some((first, last)) } else { None };
        self.sink.saw_at(stamp, self.peer, mac, asked(span));

        let total = body.length();
        let mut answer = Answer {
            status: 200,
            content_type: Some(content_type(&path)),
            length: Some(total),
            etag: Some(body.etag()),
            content_range: None,
            keep_alive: head.keep_alive,
        };
        let (first, count) = match part {
            _ if is_known(head.if_none_match.as_deref(), body.etag()) => {
                (answer.status, answer.length, answer.content_type) = (304, None, None);
                (0, 0)
            }
            Part::Whole => (0, total),
            Part::Range(first, last) => {
                let count = last - first + 1;
                (answer.status, answer.length) = (206, Some(count));
                answer.content_range = Some(format!("{first}-{last}/{total}"));
                (first, count)
            }
            Part::Beyond => {
                (answer.status, answer.length, answer.content_type) = (416, Some(0), None);
                answer.content_range = Some(format!("*/{total}"));
                (0, 0)
            }
        };
        let sends = matches!(answer.status, 200 | 206) && method == Method::Get;
        let encoded = answer.encode(Timestamp::now());
        if !sends {
            self.write(&encoded).await?;
            return Ok(Next::Go);
        }
        let row = self.sink.progress().begin(C::PROTO, self.peer, mac, &path, count);
        let delivery = Delivery { stream: &mut self.stream, body: &body, first, count, row };
        let Delivered { acked, until_us, packets, resent, why } = delivery.run(encoded, shutdown).await?;
        let micros = until_us - stamp.mono_us;
        let ended = Stamp { mono_us: until_us, wall_us: stamp.wall_us + micros };
        let complete = why.is_none();
        let sent = What::FileSent {
            proto: C::PROTO,
            path,
            total,
            bytes: if complete { count } else { acked },
            acked,
            packets,
            resent,
            micros: u64::try_from(micros).unwrap_or(0),
            complete,
            why,
        };
        self.sink.saw_at(ended, self.peer, mac, sent);
        if !complete {
            // A reset, so that no client takes what it has for the whole, whether it looks at Content-Length or not.
            let _ = self.stream.socket().set_zero_linger();
        }
        Ok(if complete { Next::Go } else { Next::Close })
    }

    async fn get(&self, path: String, query: String, mac: Option<Mac>) -> Found {
        let (site, asker) = (Arc::clone(&self.site), Asker { peer: self.peer.ip(), mac });
        // Opening may hash a file. A panic in there is that request's misfortune alone.
        let found = tokio::task::spawn_blocking(move || site.get(&asker, &path, &query));
        found.await.unwrap_or(Found::Nothing)
    }

    async fn report(&mut self, head: Head) -> io::Result<Next> {
        let Some(length) = head.content_length.filter(|_| !head.chunked) else {
            return self.refuse(411, "A report comes with its Content-Length.").await;
        };
        if length > LARGEST_BODY {
            return self.refuse(413, "A report has at most 256 KiB.").await;
        }
        let path = match percent_decode(&head.path).and_then(|path| clean(&path)) {
            Ok(path) => path,
            Err(fault) => {
                self.sink.refused(C::PROTO, fault.0);
                return self.refuse(400, "The path is not one that reports go to.").await;
            }
        };
        if head.expects_continue && (self.buffer.len() as u64) < length {
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let until = Instant::now() + BODY_DEADLINE;
        while (self.buffer.len() as u64) < length {
            match timeout_at(until, self.stream.read_buf(&mut self.buffer)).await {
                Ok(Ok(0)) => {
                    self.sink.malformed(C::PROTO, self.peer, Malformed("report cut off"));
                    return Ok(Next::Close);
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error),
                Err(_) => return self.refuse(408, "A report comes within 30 seconds.").await,
            }
        }
        let mac = self.sink.mac_of(self.peer);
        let body: Vec<u8> = self.buffer.drain(..length as usize).collect();
        let reply = self.site.post(&Asker { peer: self.peer.ip(), mac }, &path, &body);
        // Told after the site has it, so that whoever reads the sighting finds what was posted.
        self.sink.saw(self.peer, mac, What::Posted { path: path.clone(), bytes: length });
        self.reply(reply, head.keep_alive, false).await
    }

    async fn reply(&mut self, reply: Reply, keep_alive: bool, only_head: bool) -> io::Result<Next> {
        let answer = Answer {
            status: reply.status,
            content_type: (!reply.body.is_empty()).then_some(reply.content_type),
            // RFC 9110, section 8.6: a 204 has none.
            length: (reply.status != 204).then_some(reply.body.len() as u64),
            etag: None,
            content_range: None,
            keep_alive,
        };
        let mut bytes = answer.encode(Timestamp::now());
        if reply.status != 204 && !only_head {
            bytes.extend_from_slice(&reply.body);
        }
        self.write(&bytes).await?;
        Ok(Next::Go)
    }

    /// Says no and closes: what follows such a request cannot be trusted to be another one.
    async fn refuse(&mut self, status: u16, why: &'static str) -> io::Result<Next> {
        self.sink.refused(C::PROTO, why);
        self.say(status, why, false, false).await?;
        Ok(Next::Linger)
    }

    async fn say(&mut self, status: u16, why: &str, keep_alive: bool, only_head: bool) -> io::Result<Next> {
        let body = Bytes::from(format!("{why}\n"));
        let answer = Answer {
            status,
            content_type: Some("text/plain; charset=utf-8"),
            length: Some(body.len() as u64),
            etag: None,
            content_range: None,
            keep_alive,
        };
        let mut bytes = answer.encode(Timestamp::now());
        if !only_head {
            bytes.extend_from_slice(&body);
        }
        self.write(&bytes).await?;
        Ok(Next::Go)
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        delivery::write(&mut self.stream, bytes, |_| {}).await?;
        delivery::flush(&mut self.stream).await
    }

    async fn linger(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let until = Instant::now() + LINGER;
        let mut rest = [0; 4096];
        // Ends by the deadline, however much comes.
        while let Ok(Ok(1..)) = timeout_at(until, self.stream.read(&mut rest)).await {}
        Ok(())
    }
}
