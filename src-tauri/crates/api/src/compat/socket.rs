//! WebSockets that tell something: bounded in number, each frame with a deadline, pings answered, closed in order.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use futures::{Stream, StreamExt};
use lab::{Code, Failure};
use tokio::{sync::Semaphore, time::timeout};

use super::{door, no::No, site::Site};

/// Who takes a frame later than this is cut off, as it was there.
pub(super) const WRITE_WITHIN: Duration = Duration::from_secs(2);
/// Frames from outside are names and numbers.
const FRAME_LONGEST: usize = 1024;
/// Nothing may pile up in front of a reader: one frame at a time is written.
const WRITE_MOST: usize = 256 * 1024;

/// Turns the request into a socket that is told these frames until either side ends it.
pub(super) fn tell<S>(
    site: &Arc<Site>,
    upgrade: WebSocketUpgrade,
    headers: &HeaderMap,
    frames: S,
) -> Result<Response, No>
where
    S: Stream<Item = String> + Send + 'static,
{
    door::may_listen(site, headers)?;
    let place = place(&site.pages)?;
    let (token, stop) = (site.tasks.token(), site.shutdown.clone());
    Ok(bounded(upgrade).on_upgrade(move |mut socket| async move {
        let _held = (place, token);
        let mut frames = std::pin::pin!(frames);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                // Reading is what answers pings and closes.
                heard = socket.recv() => match heard {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                    Some(Ok(_)) => {}
                },
                frame = frames.next() => {
                    let Some(frame) = frame else { break };
                    let sent = timeout(WRITE_WITHIN, socket.send(Message::Text(frame.into()))).await;
                    if !matches!(sent, Ok(Ok(()))) {
                        return;
                    }
                }
            }
        }
        bye(&mut socket).await;
    }))
}

pub(super) fn bounded(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade.max_message_size(FRAME_LONGEST).max_frame_size(FRAME_LONGEST).max_write_buffer_size(WRITE_MOST)
}

/// One of the places for sockets.
pub(super) fn place(places: &Arc<Semaphore>) -> Result<tokio::sync::OwnedSemaphorePermit, No> {
    places.clone().try_acquire_owned().map_err(|_| {
        let (why, remedy) = ("all places for sockets are taken", "close a page that is not looked at");
        let failure = Failure::new(Code::Busy, "open a socket", why, remedy);
        No::new(StatusCode::SERVICE_UNAVAILABLE, failure)
    })
}

/// Ends in order (RFC 6455 section 7.1.1), whichever side began: our close goes out, or our answer to theirs, and then
/// theirs is waited for. Whoever is gone is not waited for long.
pub(super) async fn bye(socket: &mut WebSocket) {
    let closing = async {
        let frame = CloseFrame { code: close_code::AWAY, reason: "".into() };
        // After theirs there is nothing more to say, and this is refused.
        let _ = socket.send(Message::Close(Some(frame))).await;
        while let Some(Ok(_)) = socket.recv().await {}
    };
    let _ = timeout(WRITE_WITHIN, closing).await;
}

/// An address that only speaks over WebSockets.
pub(super) fn needs_upgrade(what: &str) -> No {
    No::bad(what, "this address only speaks over a WebSocket", "connect to it as ws://")
}
