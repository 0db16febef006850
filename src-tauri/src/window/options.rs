//! What the window is started with: the board's options, as `serve` has them.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use statusinator::{cli::ServeOptions, config::DataDir};

/// The statusinator's window. Attaches to the engine of its data folder, or runs one of its own.
#[derive(Parser)]
#[command(name = "statusinator-window", version)]
pub(crate) struct Options {
    /// Folder for events, tokens and logs.
    #[arg(long, value_name = "DIR", env = "STATUSINATOR_DATA")]
    data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) serve: ServeOptions,
}

impl Options {
    pub(crate) fn data(&self) -> Result<DataDir> {
        DataDir::new(self.data.clone())
    }
}
