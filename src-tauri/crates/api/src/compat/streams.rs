//! `/status`, `/loadinfo` and `/events` as they are told, and `/loadstats` as it is heard.

use std::{collections::VecDeque, sync::Arc, sync::atomic::Ordering, time::Duration};

use axum::{
    Json,
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use futures::stream::{self, Stream};
use serde::Serialize;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{sleep, timeout},
};

use super::{
    events::LogEvent,
    loads::{Hits, Name},
    no::No,
    site::Site,
    socket,
};

/// A socket is asked for, or a plain answer.
pub(super) type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// At most ten pictures a second: faster than that nobody sees.
const BETWEEN: Duration = Duration::from_millis(100);
/// A gauge that hears nothing would go on showing the last rate.
const LOAD_AT_LEAST: Duration = Duration::from_secs(1);
/// Events that wait for one reader; more are dropped, oldest first.
const QUEUE: usize = 10;
/// A pod names itself at once, and counts ten times a second.
const NAME_WITHIN: Duration = Duration::from_secs(10);
const COUNTS_WITHIN: Duration = Duration::from_secs(60);

pub(super) async fn status(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, No> {
    let Ok(upgrade) = upgrade else { return Ok(Json(site.lab_status()).into_response()) };
    socket::tell(&site, upgrade, &headers, pictures(site.clone()))
}

/// The object now, and then whenever it has changed.
fn pictures(site: Arc<Site>) -> impl Stream<Item = String> {
    let seen = (site.state.engine.snapshots(), site.called.subscribe(), String::new());
    stream::unfold((site, seen), async move |(site, (mut engine, mut called, last))| {
        loop {
            engine.borrow_and_update();
            called.borrow_and_update();
            let now = text(&site.lab_status());
            if now != last {
                return Some((now.clone(), (site, (engine, called, now))));
            }
            tokio::select! {
                changed = engine.changed() => changed.ok()?,
                changed = called.changed() => changed.ok()?,
            }
            sleep(BETWEEN).await;
        }
    })
}

pub(super) async fn loadinfo(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, No> {
    let Ok(upgrade) = upgrade else { return Ok(Json(site.loads().wire()).into_response()) };
    socket::tell(&site, upgrade, &headers, counts(site.clone()))
}

fn counts(site: Arc<Site>) -> impl Stream<Item = String> {
    let loaded = site.loaded.subscribe();
    stream::unfold((site, loaded, true), async move |(site, mut loaded, first)| {
        if !first {
            sleep(BETWEEN).await;
            if let Ok(changed) = timeout(LOAD_AT_LEAST - BETWEEN, loaded.changed()).await {
                changed.ok()?;
            }
        }
        loaded.borrow_and_update();
        let now = text(&site.loads().wire());
        Some((now, (site, loaded, false)))
    })
}

pub(super) async fn events(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, No> {
    let upgrade = upgrade.map_err(|_| socket::needs_upgrade("tell events"))?;
    socket::tell(&site, upgrade, &headers, told(site.clone()))
}

/// Events from now on. A reader that is slower than they come loses the oldest, and is told how many.
fn told(site: Arc<Site>) -> impl Stream<Item = String> {
    let live = site.state.engine.events();
    stream::unfold((site, live, VecDeque::new()), async move |(site, mut live, mut waiting)| {
        let mut lost = 0;
        if waiting.is_empty() {
            loop {
                match live.recv().await {
                    Ok(event) => break waiting.push_back(event),
                    Err(RecvError::Lagged(more)) => lost += more,
                    Err(RecvError::Closed) => return None,
                }
            }
        }
        while let Ok(event) = live.try_recv() {
            waiting.push_back(event);
            if waiting.len() > QUEUE {
                waiting.pop_front();
                lost += 1;
            }
        }
        site.events_dropped.fetch_add(lost, Ordering::Relaxed);
        let event = waiting.pop_front()?;
        let frame = text(&LogEvent::new(&site.state.board, &event, lost));
        Some((frame, (site, live, waiting)))
    })
}

pub(super) async fn loadstats(State(site): State<Arc<Site>>, upgrade: Upgrade) -> Result<Response, No> {
    let upgrade = upgrade.map_err(|_| socket::needs_upgrade("count a load pod"))?;
    let place = socket::place(&site.pods)?;
    let token = site.tasks.token();
    Ok(socket::bounded(upgrade).on_upgrade(move |mut pod| async move {
        let _held = (place, token);
        let stop = site.shutdown.clone();
        let heard = async {
            let name = timeout(NAME_WITHIN, frame(&mut pod)).await.ok().flatten();
            let Some(name) = name.as_deref().and_then(Name::parse) else { return };
            if !site.loads().open(&name) {
                return;
            }
            // Its end is told also when this is cut off in the middle.
            let _open = Open { site: &site, name: &name };
            while let Ok(Some(frame)) = timeout(COUNTS_WITHIN, frame(&mut pod)).await {
                let Some(hits) = Hits::parse(&frame) else {
                    site.loads().malformed += 1;
                    continue;
                };
                if site.loads().frame(&name, hits) {
                    site.loaded.send_modify(|turn| *turn += 1);
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = heard => {}
        }
        socket::bye(&mut pod).await;
    }))
}

struct Open<'a> {
    site: &'a Site,
    name: &'a Name,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.site.loads().close(self.name);
        self.site.loaded.send_modify(|turn| *turn += 1);
    }
}

/// The next text; `None` when the pod is gone.
async fn frame(pod: &mut WebSocket) -> Option<String> {
    loop {
        match pod.recv().await? {
            Ok(Message::Text(text)) => return Some(text.as_str().to_owned()),
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_)) => {}
            Ok(Message::Close(_)) | Err(_) => return None,
        }
    }
}

/// One frame. Our own types always have one.
pub(super) fn text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
