//! Orders that wait for the next heartbeat of a machine's agent.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use lab::ports::{AgentOrder, Agents};

/// One order a machine; the newest counts.
#[derive(Debug, Default)]
pub(super) struct AgentDesk(Mutex<BTreeMap<String, AgentOrder>>);

impl AgentDesk {
    /// The word that goes into the answer to a heartbeat, if there is an order.
    pub(super) fn word(&self, machine: &str) -> Option<&'static str> {
        let orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        orders.get(machine).map(|order| match order {
            AgentOrder::PowerOff => "poweroff",
            AgentOrder::Reboot => "reboot",
        })
    }
}

impl Agents for AgentDesk {
    fn order(&self, machine: &str, order: Option<AgentOrder>) {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match order {
            Some(order) => orders.insert(machine.to_owned(), order),
            None => orders.remove(machine),
        };
    }
}
