//! The rows, in the order of the table.

mod dhcp;
mod dnsmasq;
mod http;
mod tftp;

use crate::row::Row;

/// All of them.
pub(crate) fn all() -> Vec<Box<dyn Row>> {
    vec![
        Box::new(dhcp::Dhcp::reservations()),
        Box::new(dhcp::Dhcp::pool()),
        Box::new(http::Http),
        Box::new(tftp::Tftp::plain()),
        Box::new(tftp::Tftp::windows()),
    ]
}
