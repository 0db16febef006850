//! How the other side is started, the same for every row.

use std::process::Stdio;

use tokio::process::Command;

use crate::bench::SERVER_END;

/// dnsmasq on the servers' end alone, without names and without the machine's own configuration.
pub(super) fn command() -> Command {
    let mut command = Command::new("dnsmasq");
    // Otherwise it changes to another user, which a namespace with one user refuses. It then talks to its standard error
    // too, where nobody listens.
    command.arg("--no-daemon").stderr(Stdio::null());
    command.args(["--conf-file=/dev/null", "--pid-file=", "--log-facility=/dev/null", "--port=0"]);
    command.arg("--bind-interfaces").arg(format!("--interface={SERVER_END}"));
    command
}
