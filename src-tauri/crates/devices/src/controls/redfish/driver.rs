use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use lab::gear::Account;
use lab::ports::{Control, Nature, PortError};
use lab::power::PowerState;
use serde_json::{Value, json};

use super::super::confirm::{CONTROLLER, confirmed};
use super::super::{BadGear, Site};
use super::codec::{self, NoOrder, NoSystem};
use crate::http::{Answer, Auth, Client};

const SYSTEMS: &str = "/redfish/v1/Systems";
/// Controllers gather what they answer from slow buses, and some take several seconds for their first answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Systems with long lists of their parts.
const LIMIT: usize = 512 * 1024;

struct Redfish {
    machine: String,
    client: Client,
    wanted: Option<String>,
    /// The system's path, once it is known.
    system: Mutex<Option<String>>,
}

pub(in super::super) fn build(
    site: &Site<'_>,
    url: &str,
    system: Option<&str>,
    account: &Account,
    fingerprint: Option<&str>,
) -> Result<Arc<dyn Control>, BadGear> {
    let auth = match (&account.user, site.secret(account)?) {
        (Some(user), Some(password)) => Auth::Basic(user.clone(), password),
        (None, None) => Auth::None,
        _ => return Err(site.bad("user and secret come together", "give both, or neither")),
    };
    let client = site.client(url, fingerprint)?.auth(auth).deadline(DEADLINE).limit(LIMIT);
    let (machine, wanted) = (site.machine.name.clone(), system.map(str::to_owned));
    Ok(Arc::new(Redfish { machine, client, wanted, system: Mutex::new(None) }))
}

impl Redfish {
    fn known(&self) -> Option<String> {
        self.system.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn know(&self, path: Option<String>) {
        *self.system.lock().unwrap_or_else(PoisonError::into_inner) = path;
    }

    fn refused(&self, what: &str, answer: &Answer) -> PortError {
        let said = answer.json().ok().as_ref().and_then(codec::message);
        let said = said.map(|said| format!(" and says: {said}")).unwrap_or_default();
        let (why, remedy) = match answer.status {
            401 | 403 => {
                ("refuses user and password", "correct user and secret; switching needs the role Operator")
            }
            404 => (
                "knows no such page",
                "check that the address is that of a controller with a Redfish service",
            ),
            501 => (
                "lists this order, but cannot carry it out",
                "use `kind = \"ipmi\"` for this machine, or update the controller's firmware",
            ),
            503 => ("is busy or still starting", "wait a minute, then try again"),
            300..=399 => ("sends us elsewhere", "write the address that it sends to into the board file"),
            _ => ("refuses", "look at the controller's own page and its log"),
        };
        PortError {
            what: what.to_owned(),
            why: format!("{} {why} (HTTP {}){said}", self.client.host(), answer.status),
            remedy: remedy.to_owned(),
            absent: false,
        }
    }

    async fn get(&self, what: &str, path: &str) -> Result<Value, PortError> {
        let answer = self.client.get(path).await.map_err(|fault| fault.port_error(what))?;
        if !answer.ok() {
            return Err(self.refused(what, &answer));
        }
        answer.json().map_err(|fault| fault.port_error(what))
    }

    async fn find(&self, what: &str) -> Result<String, PortError> {
        if let Some(path) = self.known() {
            return Ok(path);
        }
        let members = codec::members(&self.get(what, SYSTEMS).await?);
        let path = codec::choose(members, self.wanted.as_deref()).map_err(|none| {
            let (why, remedy) = match none {
                NoSystem::None => (
                    "the service manages no system".to_owned(),
                    "look at the controller's own page".to_owned(),
                ),
                NoSystem::Several(ids) => (
                    format!("the service manages {} systems", ids.len()),
                    format!("choose one with `system = …` in the board file: {}", ids.join(", ")),
                ),
                NoSystem::Unknown(ids) => (
                    format!("the service knows no system `{}`", self.wanted.as_deref().unwrap_or_default()),
                    format!("correct `system` in the board file; there is: {}", ids.join(", ")),
                ),
            };
            PortError { what: what.to_owned(), why, remedy, absent: false }
        })?;
        self.know(Some(path.clone()));
        Ok(path)
    }

    async fn resource(&self, what: &str) -> Result<Value, PortError> {
        let path = self.find(what).await?;
        let resource = self.get(what, &path).await;
        if resource.is_err() {
            // A controller that was replaced or updated may name its system anew.
            self.know(None);
        }
        resource
    }

    async fn state(&self) -> Result<PowerState, PortError> {
        let what = format!("read the power of {}", self.machine);
        Ok(codec::state(&self.resource(&what).await?))
    }

    async fn order(&self, what: &str, to: PowerState) -> Result<(), PortError> {
        let order = codec::order(&self.resource(what).await?, to).map_err(|none| PortError {
            what: what.to_owned(),
            why: match none {
                NoOrder::NoAction => "the controller offers no order to switch this system".to_owned(),
                NoOrder::NotAllowed(listed) => {
                    format!("the controller does not offer this order, only: {}", listed.join(", "))
                }
            },
            remedy: "use `kind = \"ipmi\"` for this machine, or press its button by hand".to_owned(),
            absent: false,
        })?;
        let body = json!({ "ResetType": order.reset_type });
        let answer = self.client.post(&order.target, &body).await.map_err(|fault| fault.port_error(what))?;
        if answer.ok() { Ok(()) } else { Err(self.refused(what, &answer)) }
    }

    async fn switch(&self, target: PowerState) -> Result<(), PortError> {
        let what = format!("switch {} {}", target.word(), self.machine);
        confirmed(&what, target, CONTROLLER, self.order(&what, target), || self.state()).await
    }
}

#[async_trait]
impl Control for Redfish {
    fn name(&self) -> String {
        format!("redfish {}", self.client.host())
    }

    fn nature(&self) -> Nature {
        Nature::Managed
    }

    async fn read(&self) -> Result<Option<PowerState>, PortError> {
        self.state().await.map(Some)
    }

    async fn on(&self) -> Result<(), PortError> {
        self.switch(PowerState::On).await
    }

    async fn off(&self) -> Result<(), PortError> {
        self.switch(PowerState::Off).await
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
