//! The sockets; both are read alike.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::line;
use crate::gate::{Allowance, Gate, Lan};
use crate::seen::{SeenSink, What};
use crate::{Malformed, Proto, datagrams};

/// A kernel's boot writes some 800 lines within its first seconds, one datagram each.
const ALLOWANCE: Allowance = Allowance { burst: 1500, per_second: 100 };

/// A line that we send to ourselves, to see that log lines arrive; it is nobody's sighting.
#[derive(Debug, Clone, Default)]
pub struct LoopBack(Arc<Expected>);

#[derive(Debug, Default)]
struct Expected {
    line: Mutex<Option<String>>,
    heard: Notify,
}

impl LoopBack {
    /// From now on, `line` is ours.
    pub(crate) fn expect(&self, line: &str) {
        *self.0.line.lock().unwrap_or_else(PoisonError::into_inner) = Some(line.to_owned());
    }

    /// Ends when it has arrived.
    pub(crate) async fn heard(&self) {
        self.0.heard.notified().await;
    }

    fn takes(&self, text: &str) -> bool {
        let mut expected = self.0.line.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = expected.as_deref() == Some(text);
        if ours {
            *expected = None;
            self.0.heard.notify_one();
        }
        ours
    }
}

/// Receives until told to stop. `proto` says which of the two it is: [`Proto::Netconsole`], or else syslog.
pub async fn run(
    socket: UdpSocket,
    proto: Proto,
    lan: Lan,
    own: LoopBack,
    sink: SeenSink,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let gate = Gate::new(lan, ALLOWANCE);
    let hear = |bytes: &[u8], peer: SocketAddr| {
        let lines = match proto {
            Proto::Netconsole => line::netconsole(bytes),
            _ => line::syslog(bytes).into_iter().collect(),
        };
        if lines.is_empty() {
            sink.malformed(proto, peer, Malformed("a log line without text"));
        }
        for line in lines.into_iter().filter(|line| !own.takes(&line.text)) {
            sink.log_line(proto, peer, line.severity, line.text);
        }
        None
    };
    datagrams::serve(proto, &socket, gate, &sink, &shutdown, hear).await
}

impl SeenSink {
    /// Log lines may come by the thousand: they are told while the queue has room to spare, so that they never displace
    /// what a boot is made of. What finds none is counted.
    fn log_line(&self, proto: Proto, peer: SocketAddr, severity: Option<u8>, text: String) {
        if self.has_room() {
            self.saw(peer, self.mac_of(peer), What::LogLine { proto, severity, text });
        } else {
            self.refused(proto, "log line lost, too many wait");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn what_a_machine_writes_is_seen_with_its_severity() {
        let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = receiver.local_addr().unwrap();
        let (sink, mut seen) = SeenSink::new(8);
        let stop = CancellationToken::new();
        let lan = Lan::new(Ipv4Addr::LOCALHOST, 8);
        let task =
            tokio::spawn(run(receiver, Proto::Syslog, lan, LoopBack::default(), sink.clone(), stop.clone()));
        let machine = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        machine.send_to(b"<11>ipxe: no such file\n", at).await.unwrap();
        let line = seen.recv().await.unwrap();
        let text = "ipxe: no such file".to_owned();
        assert_eq!(line.what, What::LogLine { proto: Proto::Syslog, severity: Some(3), text });
        assert_eq!(line.peer, machine.local_addr().unwrap());
        stop.cancel();
        task.await.unwrap().unwrap();
    }
}
