//! One transfer on a port of its own (a TID, in RFC 1350's words).

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::burst::Burst;
use super::packet::{self, Options, Packet, code};
use super::pieces::Pieces;
use super::transfer::{Action, End, Input, Transfer};
use crate::clock::{self, Stamp};
use crate::files::{Asker, Body, Files};
use crate::seen::{Method, SeenSink, What};
use crate::{Mac, Proto, path, progress};

/// However diligently a client acknowledges, by now it boots some other way: an initrd of 100 MB takes two minutes.
const LONGEST: Duration = Duration::from_secs(600);

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
        let block = transfer.block_size();
        let mut sending = Sending {
            pieces: Pieces::new(body, block),
            burst: Burst::new(block),
            transfer,
            row,
            acked: 0,
            tally: Tally::default(),
        };
        let ended = tokio::select! {
            ended = self.exchange(&mut sending, first) => ended,
            () = replaced.cancelled() => Err("asked again, or the server stops".to_owned()),
            () = sleep(LONGEST) => Err(format!("not finished after {} s", LONGEST.as_secs())),
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
        let mut alarm = pin!(sleep_until(Instant::now() + sending.transfer.wait()));
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
                let next = self.input(&mut buffer, until, alarm.as_mut(), &mut sending.transfer).await?;
                if next != Action::Wait {
                    break next;
                }
            };
            self.met.store(sending.transfer.is_met(), Ordering::Relaxed);
            sending.acked = sending.transfer.acknowledged().max(sending.acked);
            sending.row.reached(sending.acked);
        }
    }

    /// The next thing that happens before `until`. The alarm may be set for an earlier time: setting it for every packet
    /// would cost more than the packet.
    async fn input(
        &mut self,
        buffer: &mut [u8],
        until: Instant,
        mut alarm: Pin<&mut Sleep>,
        transfer: &mut Transfer,
    ) -> Result<Action, String> {
        let received = loop {
            tokio::select! {
                biased;
                received = self.socket.recv(buffer) => break received,
                Some(()) = self.repeats.recv() => return Ok(transfer.step(&Input::Repeated)),
                () = alarm.as_mut() => {
                    if Instant::now() >= until {
                        return Ok(transfer.step(&Input::Timeout));
                    }
                    alarm.as_mut().reset(until);
                }
            }
        };
        let length = match received {
            Ok(length) => length,
            // The kernel reports a closed port before it hands out what came earlier, and that may be the last ACK of a
            // client that closed because it has everything.
            Err(error) => self.socket.try_recv(buffer).map_err(|_| gone(&error))?,
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
            let (offset, length) = sending.transfer.span(block);
            let data = match sending.pieces.get(offset, length).await {
                Ok(data) => data,
                Err(error) => {
                    self.fail(code::OTHER, "the file cannot be read").await;
                    return Err(format!("the file cannot be read: {error}"));
                }
            };
            // The number goes round after 65535, as everybody's does.
            sending.burst.push(block as u16, &data);
            sending.tally.packets += 1;
            sending.tally.bytes += data.len() as u64;
        }
        sending.burst.send(&self.socket).await;
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
    pieces: Pieces,
    burst: Burst,
    transfer: Transfer,
    row: progress::Transfer,
    acked: u64,
    tally: Tally,
}

#[derive(Default)]
struct Tally {
    bytes: u64,
    packets: u64,
    resent: u64,
}

fn gone(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "the client closed its port".into(),
        _ => format!("the socket failed: {error}"),
    }
}
