//! What the servers saw, as facts for somebody else to judge.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::clock::{self, Stamp};
use crate::counters::Counters;
use crate::dhcp::{Client, Kind, Refusal};
use crate::dns::Answerer;
use crate::neighbours::Neighbours;
use crate::progress::Progress;
use crate::{Mac, Malformed, Proto};

/// One sighting.
///
/// It is stamped with the moment it happened, and may arrive somewhat later: that a file was asked for once it was found
/// (hashed, the first time), that a body was sent up to half a second after it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// When, on CLOCK_BOOTTIME, in microseconds.
    pub mono_us: i64,
    /// When, since 1970, in microseconds.
    pub wall_us: i64,
    /// Whose packet it was (or who received ours).
    pub peer: SocketAddr,
    /// Which machine that is: from the packet itself (DHCP) or from the address DHCP gave it.
    pub mac: Option<Mac>,
    /// What happened.
    pub what: What,
}

/// How a file was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// TFTP read request.
    Rrq,
    /// HTTP GET: the body is wanted.
    Get,
    /// HTTP HEAD: only its size.
    Head,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A DHCP client spoke.
    Dhcp {
        /// DISCOVER, REQUEST, …
        kind: Kind,
        /// Which program on the machine it was.
        client: Client,
        /// Option 93, or the same number out of option 60.
        arch: Option<u16>,
        /// Option 60 as text.
        vendor_class: Option<String>,
        /// The client's transaction.
        xid: u32,
        /// Size of the datagram.
        bytes: usize,
        /// Option 54: whose offer it takes.
        server: Option<Ipv4Addr>,
        /// Option 50: the address it wants.
        requested: Option<Ipv4Addr>,
    },
    /// We answered it.
    DhcpAnswered {
        /// OFFER, ACK or NAK.
        kind: Kind,
        /// The address given (0.0.0.0 in a NAK and in the answer to an INFORM).
        address: Ipv4Addr,
        /// The boot file named, if one was.
        boot_file: Option<String>,
        /// Why none was named although the firmware asked for one.
        no_boot_file: Option<&'static str>,
        /// Whether the machine has a reservation.
        known: bool,
        /// Size of the datagram.
        bytes: usize,
    },
    /// We did not give it what it asked: no answer at all, or a NAK (then also seen as answered).
    DhcpRefused {
        /// The reason.
        why: Refusal,
    },
    /// A file was asked for.
    FileAsked {
        /// TFTP or HTTP.
        proto: Proto,
        /// How.
        method: Method,
        /// The path, cleaned; as it came where it could not be cleaned.
        path: String,
        /// Whether we have it.
        found: bool,
        /// First and last byte asked for, when the client wanted a part.
        range: Option<(u64, u64)>,
    },
    /// A file's body ended, well or badly.
    FileSent {
        /// TFTP or HTTP.
        proto: Proto,
        /// The path, cleaned.
        path: String,
        /// Size of the whole file.
        total: u64,
        /// Body bytes sent this time. TFTP counts retransmissions too; HTTP does not.
        bytes: u64,
        /// Body bytes the peer has acknowledged. Less than all in a complete transfer when the peer stopped
        /// acknowledging at the very end, as iPXE does when it starts a kernel.
        acked: u64,
        /// Data packets on the wire, retransmissions included (TFTP: DATA; HTTP: TCP segments with data).
        packets: u64,
        /// How many of the packets were retransmissions.
        resent: u64,
        /// From the request to the last sign of progress.
        micros: u64,
        /// Whether everything that was asked for left, and the peer did not go away before the end. TFTP: whether the
        /// peer acknowledged the last block.
        complete: bool,
        /// Why not, when not.
        why: Option<String>,
    },
    /// A machine reported something by HTTP POST.
    Posted {
        /// Where to.
        path: String,
        /// Size of the body.
        bytes: u64,
    },
    /// Another DHCP server: heard by its answers, or named by a client in its REQUEST.
    OtherServer {
        /// Option 54.
        server: Ipv4Addr,
        /// How we know, for people.
        says: String,
    },
    /// That server has answered none of our questions for a while.
    OtherServerGone {
        /// As it was named.
        server: Ipv4Addr,
    },
    /// Every address of the pool is taken. Said once, until one is free again; refusals are seen besides.
    PoolEmpty {
        /// First and last address.
        pool: (Ipv4Addr, Ipv4Addr),
    },
    /// The pool that was said to be empty has an address to give again.
    PoolFree,
    /// Leases cannot be stored, so that clients of the pool are not acknowledged.
    LeaseStoreLost {
        /// What failed and why.
        why: String,
        /// What the person at the bench should do.
        remedy: String,
    },
    /// Leases are stored again.
    LeaseStoreBack,
    /// An address that is ours to give was found in use by somebody who never asked us for it.
    AddressTaken {
        /// The address.
        address: Ipv4Addr,
    },
    /// A router was asked for (and advertised at once).
    RouterSolicited,
    /// A name was asked for.
    NameAsked {
        /// The name, without the last dot.
        name: String,
        /// As in `A`, `AAAA`, `PTR`.
        kind: String,
        /// Whether we had an answer with records in it.
        answered: bool,
        /// Who knew it.
        by: Answerer,
    },
    /// The time was asked for.
    TimeAsked,
    /// A line of a log: iPXE's syslog, the kernel's netconsole.
    LogLine {
        /// Which of the two.
        proto: Proto,
        /// RFC 5424 severity, 0 to 7, where the line has one.
        severity: Option<u8>,
        /// The text, one line, printable, cut at a bound.
        text: String,
    },
    /// Bytes that make no sense. Reported only while the queue has room to spare; always counted.
    Malformed {
        /// On which port.
        proto: Proto,
        /// What was wrong.
        why: &'static str,
    },
}

/// Where sightings go. Never blocks: a full queue loses the newest and counts it. Cheap to clone.
///
/// It also carries what the servers share: who has which address, what runs, and what was counted.
#[derive(Debug, Clone)]
pub struct SeenSink {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    queue: mpsc::Sender<Seen>,
    dropped: AtomicU64,
    counters: Counters,
    neighbours: Neighbours,
    progress: Progress,
}

impl SeenSink {
    /// A sink and the end to read from, with room for `capacity` sightings.
    pub fn new(capacity: usize) -> (SeenSink, mpsc::Receiver<Seen>) {
        let (queue, receiver) = mpsc::channel(capacity.max(1));
        let inner = Inner {
            queue,
            dropped: AtomicU64::new(0),
            counters: Counters::default(),
            neighbours: Neighbours::default(),
            progress: Progress::default(),
        };
        (SeenSink { inner: Arc::new(inner) }, receiver)
    }

    /// Something was seen now.
    pub fn saw(&self, peer: SocketAddr, mac: Option<Mac>, what: What) {
        self.saw_at(clock::now(), peer, mac, what);
    }

    /// Something was seen at that moment.
    pub fn saw_at(&self, stamp: Stamp, peer: SocketAddr, mac: Option<Mac>, what: What) {
        let seen = Seen { mono_us: stamp.mono_us, wall_us: stamp.wall_us, peer, mac, what };
        if self.inner.queue.try_send(seen).is_err() {
            self.inner.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Something malformed came. Counted; reported only while more than half of the queue is free, so that a flood of
    /// garbage never displaces what matters.
    pub fn malformed(&self, proto: Proto, peer: SocketAddr, fault: Malformed) {
        self.inner.counters.add(proto, fault.0);
        if self.has_room() {
            let mac = self.mac_of(peer);
            self.saw(peer, mac, What::Malformed { proto, why: fault.0 });
        }
    }

    /// Whether more than half of the queue is free.
    pub(crate) fn has_room(&self) -> bool {
        self.inner.queue.capacity() > self.inner.queue.max_capacity() / 2
    }

    /// Something was refused for a reason that is not the packet's fault (a bound was reached). Only counted.
    pub fn refused(&self, proto: Proto, kind: &'static str) {
        self.inner.counters.add(proto, kind);
    }

    /// Sightings lost because nobody read fast enough.
    pub fn dropped(&self) -> u64 {
        self.inner.dropped.load(Ordering::Relaxed)
    }

    /// What was malformed or refused, counted.
    pub fn counters(&self) -> &Counters {
        &self.inner.counters
    }

    /// Who has which address.
    pub fn neighbours(&self) -> &Neighbours {
        &self.inner.neighbours
    }

    /// Transfers that run.
    pub fn progress(&self) -> &Progress {
        &self.inner.progress
    }

    pub(crate) fn mac_of(&self, peer: SocketAddr) -> Option<Mac> {
        self.inner.neighbours.mac_of(peer.ip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_loses_the_newest_and_counts_it() {
        let (sink, mut seen) = SeenSink::new(2);
        let peer = "127.0.0.1:1".parse().unwrap();
        for bytes in 0..5 {
            sink.saw(peer, None, What::Posted { path: "report".into(), bytes });
        }
        assert_eq!(sink.dropped(), 3);
        assert!(matches!(seen.try_recv().unwrap().what, What::Posted { bytes: 0, .. }));
        assert!(matches!(seen.try_recv().unwrap().what, What::Posted { bytes: 1, .. }));
        assert!(seen.try_recv().is_err());
    }

    #[test]
    fn garbage_leaves_room_for_what_matters() {
        let (sink, mut seen) = SeenSink::new(8);
        let peer = "127.0.0.1:1".parse().unwrap();
        for _ in 0..100 {
            sink.malformed(Proto::Dhcp, peer, Malformed("short"));
        }
        sink.saw(peer, None, What::Posted { path: "report".into(), bytes: 1 });
        assert_eq!(sink.counters().of(Proto::Dhcp, "short"), 100);
        assert_eq!(sink.dropped(), 0, "garbage that is not reported is no loss");
        let mut reported = 0;
        while let Ok(seen) = seen.try_recv() {
            reported += usize::from(matches!(seen.what, What::Malformed { .. }));
            if matches!(seen.what, What::Posted { .. }) {
                assert_eq!(reported, 4);
                return;
            }
        }
        panic!("the report was lost");
    }
}
