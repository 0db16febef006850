//! What a machine asks for besides its boot files: a router, names, the time, somewhere to log.
//!
//! None of it is needed for a boot to succeed, so none of it keeps a lab from starting: what cannot be served says so.

use engine::Observation;
use lab::{BoardKind, live::ServiceState};
use netboot::{
    ra::{self, RouterSocket},
    seen::SeenSink,
};
use tokio::task::JoinSet;

use super::{Site, boot_services::ended};

const ROUTER: &str = "router advertisements";

/// Starts what this board can have; each reports itself.
pub(super) fn spawn(tasks: &mut JoinSet<()>, site: &Site, device: Option<&str>, sink: &SeenSink) {
    router(tasks, site, device, sink);
}

fn router(tasks: &mut JoinSet<()>, site: &Site, device: Option<&str>, sink: &SeenSink) {
    let Some(device) = device else {
        if site.board.board.kind == BoardKind::Simulated {
            site.ready(ROUTER, "not sent: simulated PCs speak no IPv6");
        }
        return;
    };
    let network = &site.board.network;
    let prefix = ra::unique_local_prefix(&format!("{} {}", site.board.board.name, network.address));
    match RouterSocket::open(device) {
        Ok(socket) => {
            tasks.spawn(ended(ROUTER, ra::run(socket, prefix, sink.clone(), site.stop.clone())));
            site.ready(ROUTER, format!("on {device}, prefix {prefix}/64"));
        }
        Err(error) => {
            let says = format!("{}; {}", chain(&error), error.remedy());
            tracing::warn!(says, "no router advertisements");
            site.sink.put(Observation::Service(ServiceState { name: ROUTER.into(), ready: false, says }));
        }
    }
}

/// An error with all its reasons.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        words = format!("{words}: {reason}");
        source = reason.source();
    }
    words
}
