//! The controller itself: asked to go through the system's own service manager, which ends everything in order.

use std::{process::Stdio, sync::Arc, time::Duration};

use async_trait::async_trait;
use lab::{
    Board, BoardKind,
    board::Mode,
    ports::{Host, PortError},
};
use tokio::process::Command;

/// Accepted within moments, or not at all.
const LIMIT: Duration = Duration::from_secs(10);

/// Only a real board has a controller of its own; this program runs on it.
pub(super) fn of(board: &Board) -> Option<Arc<dyn Host>> {
    let own = board.board.kind == BoardKind::Labinator && board.board.mode == Mode::Drive;
    own.then(|| Arc::new(Systemd) as Arc<dyn Host>)
}

struct Systemd;

#[async_trait]
impl Host for Systemd {
    async fn end(&self, restart: bool) -> Result<(), PortError> {
        let verb = if restart { "reboot" } else { "poweroff" };
        let error = |why: String| PortError {
            what: format!("ask systemd for {verb}"),
            why,
            remedy: format!("run `sudo systemctl {verb}`, or allow this user to by a rule of polkit"),
            absent: false,
        };
        let child = Command::new("systemctl")
            .args(["--no-ask-password", verb])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(LIMIT, child).await;
        let output = output.map_err(|_| error(format!("no answer within {} s", LIMIT.as_secs())))?;
        let output = output.map_err(|source| error(source.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        let said: String = String::from_utf8_lossy(&output.stderr).trim().chars().take(200).collect();
        Err(error(if said.is_empty() { output.status.to_string() } else { said }))
    }
}
