//! The frames of a board's machines behind their port.

use std::sync::Arc;

use async_trait::async_trait;
use engine::Observation;
use lab::{
    live::ServiceState,
    ports::{Captures, PortError},
};
use netboot::{Mac, capture};
use tokio::task::JoinSet;

use super::Site;

const SERVICE: &str = "capture";

struct Rings(Arc<capture::Capture>);

#[async_trait]
impl Captures for Rings {
    async fn pcapng(&self, machine: &str, span: Option<(i64, i64)>) -> Result<Vec<u8>, PortError> {
        self.0.pcapng(machine, span).ok_or_else(|| PortError {
            what: format!("open the capture of {machine}"),
            why: "this board has no such machine".to_owned(),
            remedy: "ask for the list of machines".to_owned(),
            absent: false,
        })
    }
}

/// Hears the board's interface; where it may not, that is said, and only the captures are missing.
pub(super) fn spawn(tasks: &mut JoinSet<()>, site: &Site, interface: &str) {
    let machines = site.board.machines.iter().map(|machine| (machine.name.clone(), Mac(machine.mac.0)));
    let board = format!("{} board {}", site.board.board.kind.word(), site.board.board.name);
    let rings = Arc::new(capture::Capture::new(interface, &board, machines));
    site.captures.fill(Arc::new(Rings(rings.clone())));
    site.ready(SERVICE, format!("boot protocols on {interface}"));
    let (sink, stop) = (site.sink.clone(), site.stop.clone());
    tasks.spawn(async move {
        if let Err(error) = capture::run(rings, stop).await {
            let says = format!("not heard: {error}; give the program CAP_NET_RAW to have captures of boots");
            tracing::warn!(says, "no captures");
            sink.put(Observation::Service(ServiceState { name: SERVICE.into(), ready: false, says }));
        }
    });
}
