//! The controller's own health: shown as it is read, told when it crosses a threshold.

use lab::{Body, Stamp, health::Health, status::BOARD, stream};

use crate::turn::Engine;

impl Engine {
    pub(crate) fn health(&mut self, stamp: Stamp, health: Health) {
        self.looked_at(stream::HEALTH, "the controller's own health");
        for (service, failure) in self.health_judge.judge(&health) {
            let service = service.to_owned();
            let body = match failure {
                Some(failure) => Body::ServiceTroubled { service, failure },
                None => Body::ServiceRecovered { service },
            };
            self.fact(BOARD, &stamp, body);
        }
        self.core.live.health = Some((health, stamp));
    }
}
