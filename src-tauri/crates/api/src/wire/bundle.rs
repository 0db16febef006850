//! Sticks, and archives written to them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::desks::{Stick, Written};

/// A removable disk that is plugged in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StickWire {
    /// By which it is named in orders, as in `sda1`.
    pub id: String,
    /// Maker and model.
    pub title: String,
    pub bytes: u64,
    /// Where it is mounted; `null` while it is only plugged in, and mounted when it is written to.
    pub folder: Option<String>,
    pub free_bytes: Option<u64>,
}

impl From<Stick> for StickWire {
    fn from(stick: Stick) -> Self {
        let Stick { id, title, bytes, folder, free } = stick;
        Self { id, title, bytes, folder, free_bytes: free }
    }
}

/// To which stick an archive is to be written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StickOrderWire {
    /// Its `id`.
    pub stick: String,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StickWrittenWire {
    pub file: String,
    pub bytes: u64,
    /// As in "written; the stick can be pulled out".
    pub says: String,
}

impl StickWrittenWire {
    pub(crate) fn new(written: Written, bytes: usize) -> Self {
        Self { file: written.file, bytes: bytes as u64, says: written.says }
    }
}
