//! What the program says about itself: to stderr, and into a file that turns over each day.

use std::{io::IsTerminal, path::Path};

use tracing_appender::{
    non_blocking::WorkerGuard,
    rolling::{Builder, Rotation},
};
use tracing_subscriber::{EnvFilter, Layer, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Days of log files that are kept.
const DAYS_KEPT: usize = 7;

/// Starts logging. `STATUSINATOR_LOG` overrides the level, in the syntax of `RUST_LOG`. The guard flushes when dropped.
pub fn start(level: &str, folder: Option<&Path>) -> Option<WorkerGuard> {
    let filter = || EnvFilter::try_from_env("STATUSINATOR_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let colours = std::io::stderr().is_terminal();
    let stderr =
        fmt::layer().with_writer(std::io::stderr).with_ansi(colours).with_target(false).with_filter(filter());
    // A folder that cannot be made loses the file, not the program; the data folder's own check has words for it.
    let file = folder.filter(|folder| std::fs::create_dir_all(folder).is_ok()).and_then(|folder| {
        Builder::new()
            .rotation(Rotation::DAILY)
            .max_log_files(DAYS_KEPT)
            .filename_prefix("statusinator")
            .filename_suffix("log")
            .build(folder)
            .ok()
    });
    let (layer, guard) = match file {
        Some(appender) => {
            let (writer, guard) = tracing_appender::non_blocking(appender);
            (Some(fmt::layer().with_ansi(false).with_writer(writer).with_filter(filter())), Some(guard))
        }
        None => (None, None),
    };
    // A second start (tests in one process) keeps the first.
    let _ = tracing_subscriber::registry().with(stderr).with(layer).try_init();
    guard
}
