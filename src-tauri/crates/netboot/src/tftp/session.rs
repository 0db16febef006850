//! One transfer on a port of its own (a TID, in RFC 1350's words).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::packet::{self, Options, Packet, code};
use super::transfer::{Action, End, Input, Transfer};
use crate::clock::{self, Stamp};
use crate::files::{Asker, Body, Files};
use crate::seen::{Method, SeenSink, What};
use crate::{Mac, Proto, path, progress};

/// However diligently a client acknowledges, by now it boots some other way: an initrd of 100 MB takes two minutes.
const LONGEST: Duration = Duration::from_secs(600);

/// Blocks are cut from pieces of this size, so that a file is not read in 1,468-byte steps.
const PIECE: usize = 256 * 1024;

/// A request and what it takes to serve it.
pub(super) struct Session {
    pub(super) socket: UdpSocket,
    pub(super) files: Arc<dyn Files>,
    pub(super) sink: SeenSink,
    pub(super) peer: SocketAddr,
    /// The file as the client writes it.
    pub(super) asked: String,
    pub(super) wishes: Options,
    pub(super) stamp: Stamp,
    /// The same request came again.
    pub(super) repeats: mpsc::Receiver<()>,
    /// Set once the client has answered from this port.
    pub(super) met: Arc<AtomicBool>,
}

impl Session {
    /// Finds the file and sends it. Ends by itself, or soon after `replaced`.
    pub(super) async fn run(mut self, replaced: CancellationToken) {
        let mac = self.sink.mac_of(self.peer);
        let (path, body) = match path::clean(&self.asked) {
            Ok(path) => {
                let body = self.open(path.clone(), mac).await;
                (path, body)
            }
            Err(fault) => {
                self.sink.refused(Proto::Tftp, fault.0);
                // As it came, for people: without what could spoil a screen.
                let shown = self.asked.chars().filter(|c| !c.is_control()).take(100).collect();
                (shown, None)
            }
        };
        let found = body.is_some();
        let asked = What::FileAsked {
            proto: Proto::Tftp,
            method: Method::Rrq,
            path: path.clone(),
            found,
            range: None,
        };
        self.sink.saw_at(self.stamp, self.peer, mac, asked);
        match body {
            Some(body) => self.send_file(path, body, mac, &replaced).await,
            None => self.fail(code::NOT_FOUND, "no such file").await,
        }
    }

    async fn open(&self, path: String, mac: Option<Mac>) -> Option<Body> {
        let (files, asker) = (Arc::clone(&self.files), Asker { peer: self.peer.ip(), mac });
        // Opening may hash a file. A panic in there is that request's misfortune alone.
        tokio::task::spawn_blocking(move || files.open(&asker, &path)).await.unwrap_or(None)
    }

    async fn send_file(&mut self, path: String, body: Body, mac: Option<Mac>, replaced: &CancellationToken) {
        let (transfer, first) = Transfer::begin(&self.wishes, body.length());
        let total = body.length();
        let row = self.sink.progress().begin(Proto::Tftp, self.peer, mac, &path, total);
        let mut sending =
            Sending { body, transfer, row, acked: 0, piece: (0, Bytes::new()), tally: Tally::default() };
        let until = Instant::now() + LONGEST;
        let ended = tokio::select! {
            ended = self.exchange(&mut sending, first) => ended,
            () = replaced.cancelled() => Err("asked again, or the server stops".to_owned()),
            () = tokio::time::sleep_until(until) => Err(format!("not finished after {} s", LONGEST.as_secs())),
        };
        let Tally { bytes, packets, resent } = sending.tally;
        let acked = sending.acked;
        let micros = u64::try_from(clock::mono_us() - self.stamp.mono_us).unwrap_or(0);
        let why = ended.err();
        let complete = why.is_none();
        let sent = What::FileSent {
            proto: Proto::Tftp,
            path,
            total,
            bytes,
            acked,
            packets,
            resent,
            micros,
            complete,
            why,
        };
        self.sink.saw(self.peer, mac, sent);
    }

    async fn exchange(&mut self, sending: &mut Sending, first: Action) -> Result<(), String> {
        let mut buffer = [0; 2048];
        let mut action = first;
        loop {
            let waiting_since = Instant::now();
            match action {
                Action::SendOptions(options) => self.put(&Packet::Oack(options)).await,
                Action::SendBlocks { first, count, again } => {
                    self.send_blocks(sending, first, count, again).await?;
                }
                Action::Wait => {}
                Action::End(End::Complete) => return Ok(()),
                Action::End(End::Aborted(code)) if sending.tally.packets == 0 => {
                    return Err(format!("the client only asked for the size (error {code})"));
                }
                Action::End(End::Aborted(code)) => {
                    return Err(format!("the client gave up with error {code}"));
                }
                Action::End(End::Silent) => return Err("the client acknowledges nothing any more".into()),
            }
            let until = waiting_since + sending.transfer.wait();
            // A packet that says nothing new must not put off the retransmission.
            action = loop {
                let next = self.input(&mut buffer, until, &mut sending.transfer).await?;
                if next != Action::Wait {
                    break next;
                }
            };
            self.met.store(sending.transfer.is_met(), Ordering::Relaxed);
            sending.acked = sending.transfer.acknowledged().max(sending.acked);
            sending.row.reached(sending.acked);
        }
    }

    async fn input(
        &mut self,
        buffer: &mut [u8],
        until: Instant,
        transfer: &mut Transfer,
    ) -> Result<Action, String> {
        let received = tokio::select! {
            Some(()) = self.repeats.recv() => return Ok(transfer.step(&Input::Repeated)),
            received = timeout_at(until, self.socket.recv(buffer)) => received,
        };
        let length = match received {
            Err(_) => return Ok(transfer.step(&Input::Timeout)),
            Ok(Ok(length)) => length,
            // The kernel reports a closed port before it hands out what came earlier, and that may be the last ACK of a
            // client that closed because it has everything.
            Ok(Err(error)) => self.socket.try_recv(buffer).map_err(|_| gone(&error))?,
        };
        match packet::decode(&buffer[..length]) {
            Ok(packet) => Ok(transfer.step(&Input::Packet(packet))),
            Err(fault) => {
                self.sink.malformed(Proto::Tftp, self.peer, fault);
                Ok(Action::Wait)
            }
        }
    }

    async fn send_blocks(
        &self,
        sending: &mut Sending,
        first: u64,
        count: u16,
        again: u16,
    ) -> Result<(), String> {
        for block in first..first + u64::from(count) {
            let data = match sending.block(block).await {
                Ok(data) => data,
                Err(error) => {
                    self.fail(code::OTHER, "the file cannot be read").await;
                    return Err(format!("the file cannot be read: {error}"));
                }
            };
            // The number goes round after 65535, as everybody's does.
            self.put(&Packet::Data { block: block as u16, data: &data }).await;
            sending.tally.packets += 1;
            sending.tally.bytes += data.len() as u64;
        }
        sending.tally.resent += u64::from(again);
        Ok(())
    }

    /// What cannot be sent (no buffers, link down, the client's port closed) is as good as lost on the way: it is sent
    /// again in time, and `input` learns of closed ports.
    async fn put(&self, packet: &Packet<'_>) {
        if let Err(error) = self.socket.send(&packet::encode(packet)).await {
            tracing::debug!(%error, peer = %self.peer, "TFTP packet not sent");
        }
    }

    async fn fail(&self, code: u16, text: &str) {
        self.put(&Packet::Error { code, text }).await;
    }
}

struct Sending {
    body: Body,
    transfer: Transfer,
    row: progress::Transfer,
    acked: u64,
    piece: (u64, Bytes),
    tally: Tally,
}

#[derive(Default)]
struct Tally {
    bytes: u64,
    packets: u64,
    resent: u64,
}

impl Sending {
    async fn block(&mut self, block: u64) -> io::Result<Bytes> {
        let (offset, length) = self.transfer.span(block);
        let (start, piece) = &self.piece;
        let inside = offset.checked_sub(*start).and_then(|skip| {
            let skip = usize::try_from(skip).ok()?;
            (skip + length <= piece.len()).then(|| piece.slice(skip..skip + length))
        });
        if let Some(data) = inside {
            return Ok(data);
        }
        let rest = usize::try_from(self.body.length() - offset).unwrap_or(usize::MAX);
        let piece = self.body.read(offset, rest.min(PIECE)).await?;
        let data = piece.slice(..length);
        self.piece = (offset, piece);
        Ok(data)
    }
}

fn gone(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "the client closed its port".into(),
        _ => format!("the socket failed: {error}"),
    }
}
