//! The secrets that a board file names, and what they are for.

use super::Board;
use crate::gear::{CaGear, PowerGear, RouterGear, SwitchGear};

/// A secret that something on the board needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// As in `the switch` or `the power control of node4`.
    pub who: String,
    /// The entry in the secrets file.
    pub name: String,
}

impl Board {
    /// Every secret named in the file, in its order. The same name may serve several.
    pub fn secrets_named(&self) -> Vec<SecretUse> {
        let switch = self.switch.as_ref().and_then(|switch| match switch {
            SwitchGear::Hasivo { secret, .. } => Some(secret.clone()),
            SwitchGear::Snmp { secret, .. } => secret.clone(),
        });
        let router = self.router.as_ref().and_then(|router| match router {
            RouterGear::Luci { secret, .. } => Some(secret.clone()),
            RouterGear::Exporter { .. } => None,
        });
        let around = [("the switch", switch), ("the router", router)]
            .into_iter()
            .filter_map(|(who, name)| Some(SecretUse { who: who.to_owned(), name: name? }));
        let machines = self.machines.iter().filter_map(|machine| {
            let name = of_power(machine.power.as_ref()?)?.to_owned();
            Some(SecretUse { who: format!("the power control of {}", machine.name), name })
        });
        let ca = match &self.ca {
            CaGear::Lab { .. } => None,
            CaGear::Step { secret, .. } => secret.clone(),
        };
        let notify = self.notify.as_ref().and_then(|notify| notify.secret.clone());
        let outward = [("the CA's provisioner", ca), ("the notices", notify)]
            .into_iter()
            .filter_map(|(who, name)| Some(SecretUse { who: who.to_owned(), name: name? }));
        around.chain(outward).chain(machines).collect()
    }
}

fn of_power(gear: &PowerGear) -> Option<&str> {
    let account = match gear {
        PowerGear::WakeOnLan { .. } | PowerGear::Command { .. } => return None,
        PowerGear::Ipmi { account, .. } | PowerGear::Redfish { account, .. } => account,
        PowerGear::ShellyGen1(plug)
        | PowerGear::ShellyGen2(plug)
        | PowerGear::Tasmota(plug)
        | PowerGear::Esphome(plug)
        | PowerGear::HomeAssistant(plug)
        | PowerGear::Pikvm(plug) => &plug.account,
        PowerGear::Http(http) => &http.account,
    };
    account.secret.as_deref()
}
