//! Archives of the running engine, and the sticks that they are carried away on.

use std::{path::PathBuf, sync::Arc};

use api::{ApiState, Bundle, BundleDesk, Stick, Written};
use async_trait::async_trait;
use lab::{Code, Failure};
use serde_json::Value;
use tokio::{runtime::Handle, sync::Semaphore};

use super::usb::Usb;
use crate::{
    bundle::{self, Memory, Records},
    config::{DataDir, built_in},
};

pub(super) struct Bundles {
    data: DataDir,
    board_file: Option<PathBuf>,
    usb: Usb,
    /// One at a time: each holds all of its contents in memory.
    one: Semaphore,
}

impl Bundles {
    pub(super) fn new(data: DataDir, board_file: Option<PathBuf>) -> Self {
        Self { data, board_file, usb: Usb::of_this_computer(), one: Semaphore::new(1) }
    }

    fn remember(&self, state: &ApiState, status: Value) -> Memory {
        let seen = state.engine.snapshot();
        let name = &state.board.board.name;
        let text = self.board_file.as_ref().map(std::fs::read_to_string);
        let missing = match &text {
            Some(Err(error)) => vec![("board.toml".to_owned(), error.to_string())],
            _ => Vec::new(),
        };
        Memory {
            name: name.clone(),
            board: Some((*state.board).clone()),
            board_text: text.and_then(Result::ok).or_else(|| built_in(name).map(str::to_owned)),
            events: Some(state.archive.clone()),
            last: seen.status.seq,
            logs: state.logs.clone().map(|logs| Arc::new(logs) as Arc<dyn Records>),
            captures: state.captures.clone(),
            status: Some(status),
            certificates: seen.live.certificates.as_ref().map(|live| live.list.clone()).unwrap_or_default(),
            missing,
        }
    }
}

#[async_trait]
impl BundleDesk for Bundles {
    async fn make(&self, state: &ApiState, status: Value) -> Result<Bundle, Failure> {
        let what = "make an archive for diagnosis";
        let _one = self.one.try_acquire().map_err(|_| {
            Failure::new(Code::Busy, what, "another one is being made", "try again in a minute")
        })?;
        let name = bundle::name();
        let (data, memory) = (self.data.clone(), self.remember(state, status));
        // Much reading and searching, and none of it waits: it has a thread of its own.
        let (runtime, title) = (Handle::current(), name.clone());
        let making =
            tokio::task::spawn_blocking(move || runtime.block_on(bundle::make(&data, &title, &[memory])));
        let made = making.await.map_err(anyhow::Error::from).flatten();
        let bytes = made.map_err(|error| {
            Failure::new(Code::Internal, what, format!("{error:#}"), "report this with the program's log")
        })?;
        Ok(Bundle { name: format!("{name}.tar.gz"), bytes })
    }

    async fn sticks(&self) -> Vec<Stick> {
        self.usb.sticks()
    }

    async fn write(&self, stick: &str, bundle: &Bundle) -> Result<Written, Failure> {
        self.usb.write(stick, &bundle.name, &bundle.bytes).await
    }
}
