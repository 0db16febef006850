//! Streams, certificates and the clock, as events tell of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    certificate::{CertificateState, Gate},
    clock::ClockState,
    event::{Body, Event, Moment},
    failure::Failure,
    stream::Silence,
};

/// What is watched and is no machine.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Watched {
    /// Streams that are silent, by name.
    pub silent: BTreeMap<String, Silence>,
    pub certificates: BTreeMap<String, CertificateStatus>,
    pub gate: Option<Gate>,
    /// `None` until the clock was compared with anything.
    pub clock: Option<ClockState>,
}

/// A certificate as events tell of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CertificateStatus {
    pub state: CertificateState,
    pub says: String,
    pub not_after_us: Option<i64>,
    /// Since when it is in this state.
    pub since: Moment,
    /// Why the last renewal failed, until one succeeds.
    pub failure: Option<Failure>,
}

impl Watched {
    pub(super) fn apply(&mut self, event: &Event) {
        match event.body() {
            Body::StreamSilent { stream, silence } => {
                self.silent.insert(stream.clone(), (**silence).clone());
            }
            Body::StreamHeard { stream, .. } => {
                self.silent.remove(stream);
            }
            Body::CertificateTurned { certificate, state, says, not_after_us } => {
                let failure = self.certificates.get(certificate).and_then(|known| known.failure.clone());
                let now = CertificateStatus {
                    state: *state,
                    says: says.clone(),
                    not_after_us: *not_after_us,
                    since: Moment::of(event),
                    failure,
                };
                self.certificates.insert(certificate.clone(), now);
            }
            Body::CertificateRenewed { certificate, not_after_us, .. } => {
                if let Some(known) = self.certificates.get_mut(certificate) {
                    known.failure = None;
                    known.not_after_us = Some(*not_after_us);
                }
            }
            Body::CertificateRefused { certificate, failure } => {
                if let Some(known) = self.certificates.get_mut(certificate) {
                    known.failure = Some(failure.clone());
                }
            }
            Body::CertificateGone { certificate } => {
                self.certificates.remove(certificate);
            }
            Body::GateOpened { gate } => self.gate = Some(gate.clone()),
            Body::ClockJudged { clock } => self.clock = Some(clock.clone()),
            _ => {}
        }
    }

    /// What an earlier engine had seen has to be seen again.
    pub(super) fn start(&mut self) {
        self.silent.clear();
        self.certificates.clear();
        self.clock = None;
    }
}
