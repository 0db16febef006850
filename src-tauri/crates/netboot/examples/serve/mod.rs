//! What the examples share: a folder served until the process is asked to end. The code behind is the program's own, with
//! the runtime that the program has.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use netboot::folder::Folder;
use netboot::seen::SeenSink;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The words of the command line, read.
pub(crate) struct Asked {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// What to serve.
    pub(crate) folder: Arc<Folder>,
    /// Somebody reads what is seen.
    pub(crate) sink: SeenSink,
    /// Ends with SIGTERM or SIGINT.
    pub(crate) stop: CancellationToken,
}

/// Reads `--listen ADDRESS:PORT --root FOLDER`.
pub(crate) fn asked() -> Result<Asked, Box<dyn Error>> {
    let (mut listen, mut root) = (None, None);
    let mut words = std::env::args().skip(1);
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        match name.as_str() {
            "--listen" => listen = Some(value.parse()?),
            "--root" => root = Some(PathBuf::from(value)),
            other => return Err(format!("what is {other}?").into()),
        }
    }
    let (Some(listen), Some(root)) = (listen, root) else {
        return Err("--listen ADDRESS:PORT --root FOLDER".into());
    };
    let (sink, mut seen) = SeenSink::new(1024);
    tokio::spawn(async move { while seen.recv().await.is_some() {} });
    let stop = CancellationToken::new();
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let ended = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        ended.cancel();
    });
    Ok(Asked { listen, folder: Arc::new(Folder::open(&root)?), sink, stop })
}
