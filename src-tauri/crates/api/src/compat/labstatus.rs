//! The status object as the owner's pages read it: names, order and types are theirs.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// What `/status` answers.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(super) struct LabStatus {
    pub(super) initializer: Initializer,
    pub(super) kubernetes: Kubernetes,
    /// Always null there too: its watcher is switched off.
    pub(super) talos: Option<BTreeMap<String, ()>>,
    pub(super) power: Outlets,
    pub(super) switch: Ports,
    pub(super) openwrt: Packets,
    /// Ports of cluster nodes that are watched; null while there is no cluster.
    pub(super) ports: Option<BTreeMap<String, bool>>,
    pub(super) callbacks: Callbacks,
    /// The log counters; those that nobody tells are null.
    pub(super) logs: Value,
}

/// How the start of a lab goes.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Initializer {
    pub(super) lab_name: String,
    pub(super) num_hypervisors: u64,
    pub(super) initialized_hypervisors: u64,
    pub(super) num_nodes: u64,
    pub(super) initialized_nodes: u64,
    pub(super) num_pods: u64,
    pub(super) initialized_pods: u64,
    pub(super) current_step: String,
    pub(super) failed: bool,
    /// Whole seconds by step, of the steps that are over.
    pub(super) time_spent: Option<BTreeMap<String, u64>>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(super) struct Kubernetes {
    pub(super) pods: Option<BTreeMap<String, ()>>,
    pub(super) nodes: Option<BTreeMap<String, ()>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Outlets {
    pub(super) p1: bool,
    pub(super) p2: bool,
    pub(super) p3: bool,
    pub(super) p4: bool,
    pub(super) p5: bool,
    pub(super) p6: bool,
    pub(super) p7: bool,
    pub(super) p8: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Ports {
    pub(super) port1: bool,
    pub(super) port2: bool,
    pub(super) port3: bool,
    pub(super) port4: bool,
    pub(super) port5: bool,
    pub(super) port6: bool,
    pub(super) port7: bool,
    pub(super) port8: bool,
}

/// Packets since the router started.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Packets {
    pub(super) num_wan_in: u64,
    pub(super) num_wan_out: u64,
    pub(super) num_lan_in: u64,
    pub(super) num_lan_out: u64,
}

/// Who called back, by source address; null while nobody has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct Callbacks {
    #[serde(rename = "KVPairs")]
    pub(super) pairs: Option<BTreeMap<String, BTreeMap<String, String>>>,
    #[serde(rename = "ClientCount")]
    pub(super) counts: Option<BTreeMap<String, u64>>,
}
