//! Sockets of the inputs: opened again and again until it works, connections counted and watched.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lab::failure::{Code, Failure};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::pipeline::Meter;

/// Between two tries to open a socket.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// Connections at once: a lab has some thirty senders. One more takes the place of the one that was silent longest.
const CONNECTIONS: usize = 128;
/// A sender that says nothing for a day comes back when it has something to say. Shorter would lose its first line then:
/// what is sent into a closed connection is lost without a word (RFC 6587, section 3.4.1 leaves closing to the sender).
const IDLE: Duration = Duration::from_secs(24 * 3600);
/// A sender that was switched off is found out within some two minutes.
const ALIVE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(20));
/// After an accept that failed, as when there are no file descriptors left.
const BREATH: Duration = Duration::from_millis(500);
/// Read at once from a connection.
const ROOM: usize = 64 << 10;

/// Opens a socket, however long it takes; says why it cannot. `None` when the program stops before.
pub(crate) async fn open<T>(
    meter: &Meter,
    address: SocketAddr,
    stop: &CancellationToken,
    mut bind: impl FnMut() -> io::Result<T>,
) -> Option<T> {
    let mut pause = RETRY.0;
    loop {
        match bind() {
            Ok(socket) => {
                meter.fails(None);
                return Some(socket);
            }
            Err(error) => meter.fails(Some(trouble(address, &error))),
        }
        timeout(pause, stop.cancelled()).await.err()?;
        pause = (pause * 2).min(RETRY.1);
    }
}

fn trouble(address: SocketAddr, error: &io::Error) -> Failure {
    let what = format!("listen on {address}");
    let (code, why, remedy) = match error.kind() {
        ErrorKind::AddrInUse => (
            Code::Busy,
            "another program listens there".to_owned(),
            format!(
                "end it (ss -lntup shows who has port {}), or name another port under [logs]",
                address.port()
            ),
        ),
        ErrorKind::AddrNotAvailable => (
            Code::DeviceAbsent,
            "no network interface has this address".to_owned(),
            "give it to the interface of the lab network, or name another under [logs]".to_owned(),
        ),
        ErrorKind::PermissionDenied => (
            Code::DeviceRefused,
            "this user may not use ports below 1024".to_owned(),
            "start it as the installed service does, with CAP_NET_BIND_SERVICE, or name a higher port"
                .to_owned(),
        ),
        _ => (Code::DeviceRefused, error.to_string(), "look at the network of this host".to_owned()),
    };
    Failure::new(code, what, why, remedy)
}

/// Takes connections until the program stops, and gives each to `serve`, which ends when its token is cancelled.
pub(crate) async fn accept<F>(
    address: SocketAddr,
    meter: Arc<Meter>,
    stop: CancellationToken,
    serve: impl Fn(TcpStream, SocketAddr, Lease) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let bind = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    };
    let Some(listener) = open(&meter, address, &stop, bind).await else { return };
    meter.bound(listener.local_addr().ok());
    let (tasks, places) = (TaskTracker::new(), Places::default());
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((socket, peer)) = accepted else {
            sleep(BREATH).await;
            continue;
        };
        let alive = TcpKeepalive::new().with_time(ALIVE.0).with_interval(ALIVE.1);
        // Without it a dead sender keeps its place until somebody needs it.
        let _ = SockRef::from(&socket).set_tcp_keepalive(&alive);
        tasks.spawn(serve(socket, peer, places.take(&stop)));
    }
    tasks.close();
    tasks.wait().await;
}

/// Who is connected.
#[derive(Debug, Clone, Default)]
struct Places(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    by: BTreeMap<u64, (Instant, CancellationToken)>,
}

impl Places {
    fn take(&self, stop: &CancellationToken) -> Lease {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.by.len() >= CONNECTIONS
            && let Some(silent) = taken.by.iter().min_by_key(|(_, (heard, _))| *heard).map(|(id, _)| *id)
            && let Some((_, end)) = taken.by.remove(&silent)
        {
            end.cancel();
        }
        let (id, end) = (taken.next, stop.child_token());
        taken.next += 1;
        taken.by.insert(id, (Instant::now(), end.clone()));
        Lease { places: self.clone(), id, end }
    }
}

/// A connection's place, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Lease {
    places: Places,
    id: u64,
    /// Cancelled when the program stops or another needs the place.
    pub(crate) end: CancellationToken,
}

impl Lease {
    pub(crate) fn heard(&self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((heard, _)) = taken.by.get_mut(&self.id) {
            *heard = Instant::now();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.places.0.lock().unwrap_or_else(PoisonError::into_inner).by.remove(&self.id);
    }
}

/// Hands out what a connection says, until it ends, says nothing for too long, or `take` has had enough.
pub(crate) async fn read_all(
    mut socket: impl AsyncRead + Unpin,
    lease: &Lease,
    mut take: impl FnMut(&[u8]) -> bool,
) {
    let mut room = vec![0; ROOM];
    while let Some(read) = lease.end.run_until_cancelled(timeout(IDLE, socket.read(&mut room))).await {
        match read {
            Ok(Ok(count)) if count > 0 => {
                lease.heard();
                if !take(&room[..count]) {
                    return;
                }
            }
            _ => return,
        }
    }
}
