//! What the boot services tell about themselves and their neighbourhood, as facts of the board.

use lab::{Body, Code, Failure};
use netboot::{dhcp::Kind, seen::What};

const DHCP: &str = "dhcp";
/// Parts of DHCP that fail each by itself.
const POOL: &str = "dhcp pool";
const LEASES: &str = "dhcp leases";

/// The fact in a sighting, where there is one; what is known already the engine passes over.
pub(super) fn fact(what: &What) -> Option<Body> {
    let troubled = |service: &str, failure| Body::ServiceTroubled { service: service.to_owned(), failure };
    Some(match what {
        What::OtherServer { server, says } => {
            Body::RivalHeard { service: DHCP.to_owned(), address: server.to_string(), says: says.clone() }
        }
        What::OtherServerGone { server } => {
            Body::RivalGone { service: DHCP.to_owned(), address: server.to_string() }
        }
        What::PoolEmpty { pool } => troubled(
            POOL,
            Failure::new(
                Code::Busy,
                "give a machine an address",
                format!("every address from {} to {} is taken", pool.0, pool.1),
                "make `pool` in the board file larger, or wait until a lease ends",
            ),
        ),
        // One that is no machine of the board was given an address: there was one.
        What::DhcpAnswered { kind: Kind::Ack, known: false, .. } => {
            Body::ServiceRecovered { service: POOL.to_owned() }
        }
        What::LeaseStoreLost { why, remedy } => {
            troubled(LEASES, Failure::new(Code::Storage, "keep the leases", why.clone(), remedy.clone()))
        }
        What::LeaseStoreBack => Body::ServiceRecovered { service: LEASES.to_owned() },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_and_its_end_have_one_name() {
        let lost = What::LeaseStoreLost { why: "no space".into(), remedy: "free some".into() };
        let Some(Body::ServiceTroubled { service, failure }) = fact(&lost) else { panic!("no trouble") };
        assert_eq!(fact(&What::LeaseStoreBack), Some(Body::ServiceRecovered { service }));
        assert_eq!(failure.why, "no space");
        assert_eq!(fact(&What::TimeAsked), None);
    }

    #[test]
    fn another_server_is_named() {
        let heard = What::OtherServer { server: "192.168.122.9".parse().unwrap(), says: "it offers".into() };
        let Some(Body::RivalHeard { service, address, .. }) = fact(&heard) else { panic!("no rival") };
        assert_eq!((service.as_str(), address.as_str()), ("dhcp", "192.168.122.9"));
    }
}
