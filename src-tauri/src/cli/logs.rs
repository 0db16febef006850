//! `logs`: records and counters.

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{Common, Exit, logs_count};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(super) struct LogsOptions {
    #[command(subcommand)]
    command: Option<LogsCommand>,
}

#[derive(Subcommand)]
pub(super) enum LogsCommand {
    /// Count the records of files as the owner's table or its corrected form counts them. Needs no engine and no data folder.
    Count(logs_count::CountOptions),
}

/// What needs neither an engine nor the data folder.
pub(super) fn run(common: &Common, options: &LogsOptions) -> Result<Exit> {
    match &options.command {
        Some(LogsCommand::Count(options)) => logs_count::run(common, options),
        None => Ok(Exit::Usage),
    }
}
