//! What was sent, within bounds.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};

use crate::otlp::{self, LINE_MAX};

/// As it travels. Packed log records shrink to a tenth.
const ARRIVING: usize = LINE_MAX;

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("larger than {} MiB", LINE_MAX >> 20)]
    TooLarge,
    #[error("the connection broke while the body was read")]
    Broken,
    #[error("it is not packed with gzip, or damaged")]
    NotGzip,
    #[error("no ExportLogsServiceRequest in JSON: {0}")]
    Json(otlp::Fault),
    #[error("no ExportLogsServiceRequest in protobuf: {0}")]
    Protobuf(prost::DecodeError),
}

pub(super) async fn collect(body: Incoming) -> Result<Bytes, BodyError> {
    // Announced: refused before it is sent.
    if body.size_hint().lower() > ARRIVING as u64 {
        return Err(BodyError::TooLarge);
    }
    let collected = Limited::new(body, ARRIVING).collect().await;
    let error = |error: Box<dyn std::error::Error + Send + Sync>| {
        if error.is::<LengthLimitError>() { BodyError::TooLarge } else { BodyError::Broken }
    };
    Ok(collected.map_err(error)?.to_bytes())
}

/// A kilobyte can hold a megabyte of blanks: what comes out is bounded, not only what goes in.
pub(super) fn unpack(packed: &[u8]) -> Result<Vec<u8>, BodyError> {
    let mut unpacked = Vec::new();
    let most = LINE_MAX as u64;
    let read = MultiGzDecoder::new(packed).take(most + 1).read_to_end(&mut unpacked);
    match read {
        Ok(count) if count as u64 > most => Err(BodyError::TooLarge),
        Ok(_) => Ok(unpacked),
        Err(_) => Err(BodyError::NotGzip),
    }
}
