//! Certificates: judged by the clock as far as it is believed; what changes is recorded.

use lab::{
    Body, Failure, Stamp,
    certificate::{CertificatesReading, Gate, Judged, judge},
    clock::Trust,
    live::CertificatesLive,
    status::BOARD,
    stream,
};

use crate::turn::Engine;

impl Engine {
    pub(crate) fn certificates(&mut self, stamp: Stamp, reading: CertificatesReading) {
        self.looked_at(stream::CERTIFICATES, "looks at certificates");
        self.core.live.certificates = Some(CertificatesLive { list: Vec::new(), reading, stamp });
        // A certificate from a time that has not come yet says more of the clock than of itself.
        self.judge_clock();
        self.judge_certificates();
    }

    /// Called with each look and each tick: time alone turns a good one into a late one.
    pub(crate) fn judge_certificates(&mut self) {
        let now = self.core.now();
        let clock = self.core.ahead.watched.clock.as_ref().map_or(Trust::Unconfirmed, |clock| clock.trust);
        let Some(live) = &mut self.core.live.certificates else { return };
        live.list = live.reading.list.iter().map(|reading| judge(reading, now.wall_us, clock)).collect();
        let list = live.list.clone();
        for judged in &list {
            self.turned(&now, judged);
        }
        let known = self.core.ahead.watched.certificates.keys();
        let gone: Vec<String> =
            known.filter(|name| !list.iter().any(|judged| judged.reading.name == **name)).cloned().collect();
        for certificate in gone {
            self.record_at(BOARD, &now, None, Body::CertificateGone { certificate });
        }
    }

    fn turned(&mut self, now: &Stamp, judged: &Judged) {
        let reading = &judged.reading;
        let known = self.core.ahead.watched.certificates.get(&reading.name);
        let not_after_us = reading.facts.as_ref().map(|facts| facts.not_after_us);
        let same =
            known.is_some_and(|known| known.state == judged.state && known.not_after_us == not_after_us);
        let refused = known.and_then(|known| known.failure.as_ref().map(code));
        if !same {
            let body = Body::CertificateTurned {
                certificate: reading.name.clone(),
                state: judged.state,
                says: judged.says.clone(),
                not_after_us,
            };
            self.record_at(BOARD, now, None, body);
        }
        if let Some(failure) =
            reading.renewal.failure.as_ref().filter(|failure| refused != Some(code(failure)))
        {
            let body =
                Body::CertificateRefused { certificate: reading.name.clone(), failure: failure.clone() };
            self.record_at(BOARD, now, None, body);
        }
    }

    pub(crate) fn certificate_renewed(
        &mut self,
        stamp: &Stamp,
        certificate: String,
        by: String,
        not_after_us: i64,
        seconds: f64,
    ) {
        self.record_at(
            BOARD,
            stamp,
            None,
            Body::CertificateRenewed { certificate, by, not_after_us, seconds },
        );
    }

    pub(crate) fn gate(&mut self, stamp: &Stamp, gate: Gate) {
        self.record_at(BOARD, stamp, None, Body::GateOpened { gate });
    }
}

/// Another reason of the same kind is no news.
fn code(failure: &Failure) -> lab::Code {
    failure.code
}
