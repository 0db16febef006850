//! All power of a board behind one port: the outlets of its relay board, and the controls of machines that hang on none.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures::future::join_all;
use lab::{
    PowerState,
    ports::{Control, Nature, Outlet, OutletReading, PortError, Power, PowerReading},
};
use tokio::time::{Instant, timeout};

/// A relay board is looked at each second; a plug in the house network need not be.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// For all controls of a board, which are asked side by side.
const LOOK_LIMIT: Duration = Duration::from_secs(6);
/// Supplies hold their charge for seconds: a machine whose current returns too soon does not start.
const DISCHARGE: Duration = Duration::from_secs(10);

type Looked = Result<Option<PowerState>, PortError>;

/// Relay and controls together.
pub struct Outlets {
    relay: Option<Arc<dyn Power>>,
    own: BTreeMap<Outlet, Arc<dyn Control>>,
    /// The last looks at controls, and when.
    looked: Mutex<BTreeMap<Outlet, (Instant, Looked)>>,
}

impl Outlets {
    pub fn new(relay: Option<Arc<dyn Power>>, own: BTreeMap<Outlet, Arc<dyn Control>>) -> Self {
        Self { relay, own, looked: Mutex::default() }
    }

    fn control(&self, outlet: Outlet) -> Option<&Arc<dyn Control>> {
        self.own.get(&outlet)
    }

    fn relay(&self, what: &str) -> Result<&Arc<dyn Power>, PortError> {
        self.relay.as_ref().ok_or_else(|| PortError {
            what: what.to_owned(),
            why: "this board has no relay board".to_owned(),
            remedy: "describe it as [relay] in the board file".to_owned(),
            absent: true,
        })
    }

    fn fresh(&self, outlet: Outlet) -> Option<Looked> {
        let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.get(&outlet).filter(|(at, _)| at.elapsed() < LOOK_AGAIN).map(|(_, result)| result.clone())
    }

    async fn look(&self, outlet: Outlet, control: &Arc<dyn Control>) -> (Outlet, Looked) {
        if let Some(known) = self.fresh(outlet) {
            return (outlet, known);
        }
        let result = timeout(LOOK_LIMIT, control.read()).await.unwrap_or_else(|_| {
            Err(PortError {
                what: format!("read {}", control.name()),
                why: format!("no answer within {} s", LOOK_LIMIT.as_secs()),
                remedy: "look at its cable and its power".to_owned(),
                absent: true,
            })
        });
        self.forget(outlet);
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.insert(outlet, (Instant::now(), result.clone()));
        (outlet, result)
    }

    /// What was seen before a press tells nothing about the time after it.
    fn forget(&self, outlet: Outlet) {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner).remove(&outlet);
    }
}

#[async_trait]
impl Power for Outlets {
    async fn read(&self) -> Result<PowerReading, PortError> {
        let relay = async {
            match &self.relay {
                Some(relay) => Some(relay.read().await),
                None => None,
            }
        };
        let controls = join_all(self.own.iter().map(|(outlet, control)| self.look(*outlet, control)));
        let (relay, controls) = tokio::join!(relay, controls);
        let mut reading = match relay {
            Some(Ok(reading)) => reading,
            Some(Err(error)) if self.own.is_empty() => return Err(error),
            // One that is gone does not take the others along.
            Some(Err(error)) => PowerReading { failed: [(0, error)].into(), ..PowerReading::default() },
            None => PowerReading::default(),
        };
        for (outlet, looked) in controls {
            match looked {
                Ok(observed) => {
                    let read = OutletReading { commanded: PowerState::Unknown, observed };
                    reading.outlets.insert(outlet, read);
                }
                Err(error) => {
                    reading.failed.insert(outlet, error);
                }
            }
        }
        Ok(reading)
    }

    async fn on(&self, outlet: Outlet) -> Result<(), PortError> {
        let Some(control) = self.control(outlet) else {
            return self.relay("press an outlet")?.on(outlet).await;
        };
        self.forget(outlet);
        // Current flows and the machine is off all the same: it starts when current returns.
        if control.nature() == Nature::Supply && control.read().await? == Some(PowerState::On) {
            if let Some(cycled) = control.cycle().await {
                return cycled;
            }
            control.off().await?;
            tokio::time::sleep(DISCHARGE).await;
        }
        control.on().await
    }

    async fn off(&self, outlet: Outlet) -> Result<(), PortError> {
        let Some(control) = self.control(outlet) else {
            return self.relay("press an outlet")?.off(outlet).await;
        };
        self.forget(outlet);
        control.off().await
    }

    fn nature(&self, outlet: Outlet) -> Nature {
        self.control(outlet).map_or(Nature::Button, |control| control.nature())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plug that remembers what it was told.
    #[derive(Default)]
    struct Plug {
        told: Mutex<Vec<&'static str>>,
        on: Mutex<bool>,
        gone: bool,
        timer: bool,
    }

    #[async_trait]
    impl Control for Plug {
        fn name(&self) -> String {
            "plug".into()
        }
        fn nature(&self) -> Nature {
            Nature::Supply
        }
        async fn read(&self) -> Looked {
            self.told.lock().unwrap().push("read");
            if self.gone {
                return Err(PortError {
                    what: "read plug".into(),
                    why: "gone".into(),
                    remedy: "look".into(),
                    absent: true,
                });
            }
            Ok(Some(if *self.on.lock().unwrap() { PowerState::On } else { PowerState::Off }))
        }
        async fn on(&self) -> Result<(), PortError> {
            self.told.lock().unwrap().push("on");
            *self.on.lock().unwrap() = true;
            Ok(())
        }
        async fn off(&self) -> Result<(), PortError> {
            self.told.lock().unwrap().push("off");
            *self.on.lock().unwrap() = false;
            Ok(())
        }
        async fn cycle(&self) -> Option<Result<(), PortError>> {
            self.timer.then(|| {
                self.told.lock().unwrap().push("cycle");
                Ok(())
            })
        }
    }

    fn board(plug: &Arc<Plug>) -> Outlets {
        Outlets::new(None, [(101, plug.clone() as Arc<dyn Control>)].into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_is_off_with_its_current_on_gets_it_anew() {
        let plug = Arc::new(Plug { on: Mutex::new(true), ..Plug::default() });
        let began = Instant::now();
        board(&plug).on(101).await.unwrap();
        assert_eq!(*plug.told.lock().unwrap(), ["read", "off", "on"]);
        assert!(began.elapsed() >= DISCHARGE);
        let timed = Arc::new(Plug { on: Mutex::new(true), timer: true, ..Plug::default() });
        board(&timed).on(101).await.unwrap();
        assert_eq!(*timed.told.lock().unwrap(), ["read", "cycle"], "the device's own timer is safer");
    }

    #[tokio::test(start_paused = true)]
    async fn looks_are_shared_for_a_while_and_a_press_ends_that() {
        let plug = Arc::new(Plug::default());
        let outlets = board(&plug);
        for _ in 0..3 {
            outlets.read().await.unwrap();
        }
        assert_eq!(plug.told.lock().unwrap().len(), 1);
        outlets.off(101).await.unwrap();
        let reading = outlets.read().await.unwrap();
        assert_eq!(reading.outlets[&101].observed, Some(PowerState::Off));
        assert_eq!(*plug.told.lock().unwrap(), ["read", "off", "read"]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_gone_does_not_take_the_others_along() {
        let (gone, plug) = (Arc::new(Plug { gone: true, ..Plug::default() }), Arc::new(Plug::default()));
        let own = [(101, gone as Arc<dyn Control>), (102, plug as Arc<dyn Control>)].into();
        let reading = Outlets::new(None, own).read().await.unwrap();
        assert_eq!(reading.failed[&101].why, "gone");
        assert_eq!(reading.outlets[&102].observed, Some(PowerState::Off));
        let missing = Outlets::new(None, BTreeMap::new()).off(3).await.unwrap_err();
        assert!(missing.remedy.contains("[relay]"), "{missing}");
    }
}
