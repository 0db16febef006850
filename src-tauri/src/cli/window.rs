//! `window`: hands over to the other binary, the only one that links GTK.

use std::{env, ffi::OsString, os::unix::process::CommandExt, process::Command};

use anyhow::{Context, Result};
use clap::Args;

use super::{Common, Exit};

#[derive(Args)]
pub(super) struct WindowOptions {
    /// Passed on as they are; see `statusinator-window --help`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    options: Vec<OsString>,
}

const WINDOW: &str = "statusinator-window";

/// Becomes the window's process; returns only when that failed.
pub(super) fn open(common: &Common, options: &WindowOptions) -> Result<Exit> {
    let beside = env::current_exe().context("find this program")?.with_file_name(WINDOW);
    let mut command = Command::new(if beside.is_file() { beside.into_os_string() } else { WINDOW.into() });
    command.arg("--data").arg(common.data()?.path()).args(&options.options);
    Err(command.exec()).with_context(|| format!("start {WINDOW}; it is installed beside statusinator"))
}
