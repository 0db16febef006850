//! Asking a server for the time, for checks.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::message::{self, Time};
use crate::clock;

/// For one try. A server of the same network answers within milliseconds.
const TRY: Duration = Duration::from_secs(1);
const TRIES: u32 = 2;

/// What an exchange showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Its clock minus ours, in microseconds.
    pub offset_us: i64,
    /// There and back without its own thinking, in microseconds.
    pub delay_us: i64,
    /// Steps from a reference clock.
    pub stratum: u8,
    /// 3: it says itself that it is not synchronised.
    pub leap: u8,
}

/// Why there is no time.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The kernel refused.
    #[error("ask {server} for the time")]
    Socket {
        /// Who was asked.
        server: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// Nobody answered.
    #[error("{server} did not answer when asked for the time")]
    Silent {
        /// Who was asked.
        server: SocketAddr,
    },
}

/// Asks once, twice if need be. `from` is our own address towards it.
pub async fn ask(from: IpAddr, server: SocketAddr) -> Result<Sample, AskError> {
    let socket = |source| AskError::Socket { server, source };
    for _ in 0..TRIES {
        let own = UdpSocket::bind((from, 0)).await.map_err(socket)?;
        own.connect(server).await.map_err(socket)?;
        match timeout(TRY, exchange(&own)).await {
            Ok(Ok(sample)) => return Ok(sample),
            Ok(Err(error)) if error.kind() != io::ErrorKind::ConnectionRefused => return Err(socket(error)),
            Ok(Err(_)) | Err(_) => {}
        }
    }
    Err(AskError::Silent { server })
}

async fn exchange(socket: &UdpSocket) -> io::Result<Sample> {
    let asked = Time::from_wall(clock::now().wall_us);
    socket.send(&message::ask(asked)).await?;
    let mut buffer = [0; 512];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let now = Time::from_wall(clock::now().wall_us);
        let Ok(answer) = message::decode_answer(&buffer[..length]) else { continue };
        if answer.origin != asked {
            continue; // an answer to somebody else's question, or a forged one
        }
        // RFC 5905, section 8.
        let offset_us = (asked.until(answer.received) + now.until(answer.sent)) / 2;
        let delay_us = asked.until(now) - answer.received.until(answer.sent);
        let (stratum, leap) = (answer.quality.stratum, answer.quality.leap);
        return Ok(Sample { offset_us, delay_us, stratum, leap });
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::gate::Lan;
    use crate::ntp;
    use crate::seen::{SeenSink, What};
    use tokio_util::sync::CancellationToken;

    #[tokio::test]
    async fn client_and_server_agree_about_the_one_clock_they_have() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = server.local_addr().unwrap();
        let (sink, mut seen) = SeenSink::new(8);
        let stop = CancellationToken::new();
        let lan = Lan::new(Ipv4Addr::LOCALHOST, 8);
        let serving = tokio::spawn(ntp::run(server, lan, sink, stop.clone()));
        let sample = ask(Ipv4Addr::LOCALHOST.into(), at).await.unwrap();
        assert!(sample.offset_us.abs() < 1_000_000 && sample.delay_us < 1_000_000, "{sample:?}");
        assert!(sample.stratum < 16 && sample.leap < 3, "{sample:?}");
        assert_eq!(seen.recv().await.unwrap().what, What::TimeAsked);
        stop.cancel();
        serving.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn silence_has_words() {
        let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = taken.local_addr().unwrap();
        drop(taken);
        let error = ask(Ipv4Addr::LOCALHOST.into(), at).await.expect_err("nobody listens");
        assert!(error.to_string().contains("did not answer"), "{error}");
    }
}
