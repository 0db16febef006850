//! The rows, in the order of the table.

mod boots;
mod dhcp;
mod dnsmasq;
mod http;
mod nginx;
mod tftp;

use benches::row::Row;

use crate::bench::Bench;

/// All of them.
pub(crate) fn all() -> Vec<Box<dyn Row<Bench>>> {
    vec![
        Box::new(boots::Boots::one("boot-http", "http")),
        Box::new(boots::Boots::one("boot-ipxe", "ipxe")),
        Box::new(boots::Boots::six("boot-six", "http")),
        Box::new(dhcp::Dhcp::reservations()),
        Box::new(dhcp::Dhcp::pool()),
        Box::new(http::Http),
        Box::new(tftp::Tftp::plain()),
        Box::new(tftp::Tftp::windows()),
        Box::new(tftp::Tftp::large_windows()),
    ]
}
