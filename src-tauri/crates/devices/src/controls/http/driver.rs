use async_trait::async_trait;
use lab::ports::{Control, Nature, PortError};
use lab::power::PowerState;

use super::super::confirm::{Patience, confirmed, read_back};
use super::plan::{Plan, Step};
use super::presets::OFF_TIME;
use super::reading::{Reading, message};
use crate::http::Answer;

/// A device that does what single requests say.
pub(super) struct Switch(pub(super) Plan);

impl Switch {
    fn what(&self, target: PowerState) -> String {
        format!("switch {} {}", target.word(), self.0.machine)
    }

    /// A request and its answer, or the device's refusal in words.
    async fn ask(&self, what: &str, step: &Step) -> Result<Answer, PortError> {
        let answer = step.client.send(&step.ask).await.map_err(|fault| fault.port_error(what))?;
        if let Some(page) = answer.login_page() {
            return Err(page.port_error(what));
        }
        let json = answer.json().ok();
        let refused = |why: &str, remedy: &str| {
            let said = json.as_ref().and_then(message).map(|said| format!(": {said}")).unwrap_or_default();
            PortError {
                what: what.to_owned(),
                why: format!("{} {why} (HTTP {}){said}", step.client.host(), answer.status),
                remedy: remedy.to_owned(),
                absent: false,
            }
        };
        if let Some((_, why, remedy)) = self.0.statuses.iter().find(|(status, ..)| *status == answer.status) {
            return Err(refused(why, remedy));
        }
        if !answer.ok() {
            let (why, remedy) = match answer.status {
                300..=399 => ("sends us elsewhere", "write the address that it sends to into the board file"),
                401 | 403 => ("refuses user and password", "correct user and secret"),
                404 => ("knows no such page", "check the device's kind and address in the board file"),
                429 | 503 => ("is busy", "wait a little, then try again"),
                500.. => ("failed", "look at the device's own page"),
                _ => ("refuses", "look at the device's own page"),
            };
            return Err(refused(why, remedy));
        }
        for refusal in &self.0.refusals {
            let value = json.as_ref().and_then(|json| json.pointer(refusal.pointer));
            let text = value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            if text.is_some_and(|text| refusal.value.is_match(&text)) {
                return Err(refused(refusal.why, refusal.remedy));
            }
        }
        Ok(answer)
    }

    async fn state(&self, step: &Step, reading: &Reading) -> Result<PowerState, PortError> {
        let what = format!("read the power of {}", self.0.machine);
        let answer = self.ask(&what, step).await?;
        if reading.pointers.is_empty() {
            return Ok(reading.of_text(&answer.text()));
        }
        let json = answer.json().map_err(|fault| fault.port_error(what.clone()))?;
        reading.of_json(&json).ok_or_else(|| PortError {
            what,
            why: format!(
                "the answer of {} has nothing at {}",
                step.client.host(),
                reading.pointers.join(" or ")
            ),
            remedy: "check the device's kind, and which of its relays is meant".to_owned(),
            absent: false,
        })
    }

    async fn switch(&self, target: PowerState, step: &Step) -> Result<(), PortError> {
        let what = self.what(target);
        let order = async { self.ask(&what, step).await.map(drop) };
        match &self.0.read {
            Some((read, reading)) => {
                confirmed(&what, target, self.0.patience, order, || self.state(read, reading)).await
            }
            None => order.await,
        }
    }

    async fn cycled(&self, step: &Step) -> Result<(), PortError> {
        let what = format!("switch {} off and on again", self.0.machine);
        self.ask(&what, step).await?;
        let Some((read, reading)) = &self.0.read else { return Ok(()) };
        let state = || self.state(read, reading);
        // It must be seen off while it is: a device that only said yes would pass as one that is on again.
        read_back(&what, PowerState::Off, Patience { limit: OFF_TIME, ..self.0.patience }, state).await?;
        let limit = OFF_TIME + self.0.patience.limit;
        read_back(&what, PowerState::On, Patience { limit, ..self.0.patience }, state).await
    }
}

#[async_trait]
impl Control for Switch {
    fn name(&self) -> String {
        format!("{} {}", self.0.kind, self.0.on.client.host())
    }

    fn nature(&self) -> Nature {
        self.0.nature
    }

    async fn read(&self) -> Result<Option<PowerState>, PortError> {
        match &self.0.read {
            Some((step, reading)) => self.state(step, reading).await.map(Some),
            None => Ok(None),
        }
    }

    async fn on(&self) -> Result<(), PortError> {
        self.switch(PowerState::On, &self.0.on).await
    }

    async fn off(&self) -> Result<(), PortError> {
        match &self.0.off {
            Some(step) => self.switch(PowerState::Off, step).await,
            None => Err(PortError {
                what: self.what(PowerState::Off),
                why: "the board file names no request for it".to_owned(),
                remedy: "give `off` beside `on` in the board file, or press the machine's button by hand"
                    .to_owned(),
                absent: false,
            }),
        }
    }

    async fn cycle(&self) -> Option<Result<(), PortError>> {
        Some(self.cycled(self.0.cycle.as_ref()?).await)
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
