//! Talos machines' logs: a JSON object a line over TCP (`json_lines`), from services and from the kernel.

pub mod line;

use std::{net::SocketAddr, sync::Arc};

use tokio_util::sync::CancellationToken;

use self::line::TalosLine;
use crate::{
    View,
    input::NameOf,
    listen,
    pipeline::Door,
    tail::{Cutter, Piece},
};

/// The longest line that is read. Talos writes kernel messages (8 kB) and lines of services (64 kB); escaped they grow.
const LONGEST: usize = 512 << 10;

pub(crate) async fn run(address: SocketAddr, door: Arc<Door>, name_of: NameOf, stop: CancellationToken) {
    let meter = door.meter.clone();
    let serve = move |socket, peer: SocketAddr, lease: listen::Lease| {
        let (door, name_of) = (door.clone(), name_of.clone());
        async move {
            let mut cutter = Cutter::new(LONGEST, 0);
            let mut each = |piece: Piece<'_>| match piece {
                Piece::Line(bytes) => take(&door, &name_of, peer, bytes),
                Piece::Overlong => door.meter.bad(1),
            };
            listen::read_all(socket, &lease, |bytes| {
                cutter.push(bytes, &mut each);
                true
            })
            .await;
            if !cutter.remainder().is_empty() {
                cutter.flush(&mut each);
            }
        }
    };
    listen::accept(address, meter, stop, serve).await;
}

fn take(door: &Door, name_of: &NameOf, peer: SocketAddr, bytes: &[u8]) {
    // Kernel lines can hold bytes of any kind; Talos passes them on.
    let text = String::from_utf8_lossy(bytes);
    let Some(line) = TalosLine::read(&text) else { return door.meter.bad(1) };
    let known = line.host.is_none().then(|| name_of(peer.ip().to_canonical())).flatten();
    door.give(&View {
        node: line.host.as_deref().or(known.as_deref()).unwrap_or("unknown"),
        service: line.service.as_deref().unwrap_or("kernel"),
        level: &line.level,
        message: &text,
        said: Some(&line.message),
        time_us: line.time_us,
        ..View::default()
    });
}
