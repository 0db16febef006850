//! What surrounds a machine at a moment: its fault, its pace, and the state it shows to the board.

use tokio::sync::watch;

use super::MachineState;
use super::lane::{Lane, Protocol};
use crate::config::{Fault, Trouble};
use crate::link::Cable;
use crate::pace::Pace;

#[derive(Debug)]
pub(crate) struct Conditions {
    pub(crate) pace: Pace,
    pub(crate) cable: Cable,
    pub(crate) state: watch::Sender<MachineState>,
}

impl Conditions {
    pub(crate) fn fault(&self) -> Fault {
        self.cable.fault()
    }

    pub(crate) fn trouble(&self) -> Trouble {
        self.cable.trouble()
    }

    pub(crate) fn lane(&self, protocol: Protocol) -> Lane {
        Lane { cable: self.cable.clone(), protocol, pace: self.pace }
    }

    pub(crate) fn link(&self) -> bool {
        self.cable.passes()
    }

    /// Whether a press of the button can start the machine.
    pub(crate) fn starts(&self) -> bool {
        self.fault() != Fault::Dead && !self.trouble().cord_pulled
    }

    /// Until somebody pulls the cord out.
    pub(crate) async fn cord_out(&self) {
        let mut troubles = self.cable.troubles.clone();
        if troubles.wait_for(|trouble| trouble.cord_pulled).await.is_err() {
            std::future::pending().await
        }
    }

    /// Lets `seconds` of the machine's time pass, longer on a slow one.
    pub(crate) async fn pause(&self, seconds: f64) {
        let factor = match self.fault() {
            Fault::SlowBy(factor) if factor.is_finite() && factor > 0.0 => factor,
            _ => 1.0,
        };
        tokio::time::sleep(self.pace.delay(seconds * factor)).await;
    }

    pub(crate) fn enter(&self, state: MachineState) {
        self.state.send_if_modified(|current| {
            let changed = *current != state;
            if changed {
                tracing::debug!(?state, "a simulated machine goes on");
                *current = state;
            }
            changed
        });
    }
}
