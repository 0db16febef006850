//! OTLP over HTTP: `POST /v1/logs` with protobuf or JSON, as its specification asks for ("OTLP/HTTP").
//!
//! - [`answer`]: what is sent back, in the sender's own encoding.
//! - [`body`]: what was sent, unpacked within bounds.
//! - [`proto`]: records of the protobuf form.
//!
//! A request is answered when its records are stored: a sender that hears nothing, or "later", comes again with the same.
//! No TLS: local inputs never depend on a certificate.

pub mod answer;
pub mod body;
pub mod proto;

#[cfg(test)]
mod tests;

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response,
    body::{Bytes, Incoming},
    header::{CONTENT_ENCODING, CONTENT_TYPE},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{sync::oneshot, task::spawn_blocking, time::timeout};
use tokio_util::sync::CancellationToken;

use self::{
    answer::{Answer, Encoding},
    body::BodyError,
};
use crate::{listen, otlp, pipeline::Door};

/// The one resource (OTLP/HTTP Request).
const PATH: &str = "/v1/logs";
/// From a request's first byte to the end of its headers. Between requests a connection may be silent for longer: senders
/// keep theirs, and those that are silent longest make place for others.
const HEADERS: Duration = Duration::from_secs(60);
/// For a body to arrive.
const ARRIVE: Duration = Duration::from_secs(20);
/// For records to be stored. Senders give up after ten seconds by default.
const STORED: Duration = Duration::from_secs(8);
/// Headers of one request.
const HEADER_BYTES: usize = 16 << 10;

pub(crate) async fn run(address: SocketAddr, door: Arc<Door>, stop: CancellationToken) {
    let meter = door.meter.clone();
    let serve = move |socket, _peer, lease: listen::Lease| {
        let door = door.clone();
        async move {
            let answer = service_fn(|request: Request<Incoming>| {
                lease.heard();
                let door = door.clone();
                async move {
                    let encoding = Encoding::of(request.headers().get(CONTENT_TYPE));
                    let answer = receive(request, encoding, door).await;
                    Ok::<Response<Full<Bytes>>, Infallible>(
                        answer.into_response(encoding.unwrap_or_default()),
                    )
                }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS)
                .max_buf_size(HEADER_BYTES)
                .serve_connection(TokioIo::new(socket), answer);
            // A connection that breaks is the sender's loss; it comes again.
            let _ = lease.end.run_until_cancelled(connection).await;
        }
    };
    listen::accept(address, meter, stop, serve).await;
}

async fn receive(request: Request<Incoming>, encoding: Option<Encoding>, door: Arc<Door>) -> Answer {
    if request.uri().path() != PATH {
        return Answer::NotHere;
    }
    if request.method() != Method::POST {
        return Answer::NotThisWay;
    }
    let Some(encoding) = encoding else {
        return Answer::Unsupported("send application/x-protobuf or application/json");
    };
    let packed = match request.headers().get(CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None | Some(b"identity" | b"") => false,
        Some(b"gzip") => true,
        Some(_) => return Answer::Unsupported("send it as it is, or packed with gzip"),
    };
    let Ok(arrived) = timeout(ARRIVE, body::collect(request.into_body())).await else {
        return Answer::Bad("the body did not arrive in time".to_owned());
    };
    let unpacked = async {
        let arrived = arrived?;
        // Megabytes take a while, and others wait.
        let read = spawn_blocking(move || take(&arrived, packed, encoding, &door));
        read.await.unwrap_or(Err(BodyError::Broken))
    };
    let taken = match unpacked.await {
        Ok(taken) => taken,
        Err(BodyError::TooLarge) => return Answer::TooLarge,
        Err(error) => return Answer::Bad(error.to_string()),
    };
    match taken {
        Taken::Nothing => Answer::Taken { warning: None },
        Taken::NoRoom => Answer::Later,
        Taken::Posted { stored, warning } => match timeout(STORED, stored).await {
            Ok(Ok(())) => Answer::Taken { warning },
            _ => Answer::Later,
        },
    }
}

enum Taken {
    Nothing,
    NoRoom,
    Posted { stored: oneshot::Receiver<()>, warning: Option<String> },
}

fn take(arrived: &[u8], packed: bool, encoding: Encoding, door: &Door) -> Result<Taken, BodyError> {
    let unpacked = if packed { Some(body::unpack(arrived)?) } else { None };
    let bytes = unpacked.as_deref().unwrap_or(arrived);
    let mut filling = door.fill();
    let mut records = 0_u64;
    let mut warning = None;
    match encoding {
        Encoding::Json => {
            let outcome = otlp::read_line(bytes, &mut |view| filling.add(&view));
            records = outcome.records;
            if let Some(fault) = outcome.fault {
                door.meter.bad(1);
                if records == 0 {
                    return Err(BodyError::Json(fault));
                }
                warning = Some(format!("a part was skipped: {fault}"));
            }
        }
        Encoding::Protobuf => {
            let read = proto::read(bytes, &mut |view| {
                records += 1;
                filling.add(view);
            });
            read.inspect_err(|_| door.meter.bad(1))?;
        }
    }
    if records == 0 {
        return Ok(Taken::Nothing);
    }
    Ok(filling.post_and_tell().map_or(Taken::NoRoom, |stored| Taken::Posted { stored, warning }))
}
