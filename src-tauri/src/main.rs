//! `statusinator`: engine, command line and `serve`. Links no GTK.

use std::process::ExitCode;

fn main() -> ExitCode {
    statusinator::cli::main()
}
