//! Which machine stands behind an address, as DHCP knows it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{PoisonError, RwLock};

use crate::Mac;

/// A /20 full of machines. More than any board has; a flood of invented addresses ends here.
const MOST: usize = 4096;

/// Address → hardware address. TFTP and HTTP see addresses only; without this they could not say who asked.
#[derive(Debug, Default)]
pub struct Neighbours {
    table: RwLock<HashMap<IpAddr, Mac>>,
}

impl Neighbours {
    /// An address was handed to a machine (or reserved for it). The machine before it there is forgotten. `false`
    /// when the table is full.
    pub fn learn(&self, address: IpAddr, mac: Mac) -> bool {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if table.len() >= MOST && !table.contains_key(&address) {
            return false;
        }
        table.insert(address, mac);
        true
    }

    /// Who has the address.
    pub fn mac_of(&self, address: IpAddr) -> Option<Mac> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).get(&address).copied()
    }
}
