//! What the boot services tell about themselves and their neighbourhood, as facts of the board.

use lab::{Body, Code, Failure};
use netboot::seen::What;

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
        What::PoolFree => Body::ServiceRecovered { service: POOL.to_owned() },
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
        assert_eq!((failure.why.as_str(), failure.remedy.as_str()), ("no space", "free some"));
        assert_eq!(fact(&What::TimeAsked), None);
    }

    #[test]
    fn an_empty_pool_is_a_trouble_until_it_has_something_to_give() {
        let pool = ("192.168.122.200".parse().unwrap(), "192.168.122.209".parse().unwrap());
        let Some(Body::ServiceTroubled { service, failure }) = fact(&What::PoolEmpty { pool }) else {
            panic!("no trouble")
        };
        assert!(failure.why.contains("192.168.122.200 to 192.168.122.209"), "{failure}");
        assert!(failure.remedy.contains("`pool`"), "{}", failure.remedy);
        // Somebody may renew what it has while there is nothing for anybody else.
        let renewed = What::DhcpAnswered {
            kind: netboot::dhcp::Kind::Ack,
            address: pool.0,
            boot_file: None,
            no_boot_file: None,
            known: false,
            bytes: 300,
        };
        assert_eq!(fact(&renewed), None);
        assert_eq!(fact(&What::PoolFree), Some(Body::ServiceRecovered { service }));
    }

    #[test]
    fn another_server_is_named() {
        let heard = What::OtherServer { server: "192.168.122.9".parse().unwrap(), says: "it offers".into() };
        let Some(Body::RivalHeard { service, address, .. }) = fact(&heard) else { panic!("no rival") };
        assert_eq!((service.as_str(), address.as_str()), ("dhcp", "192.168.122.9"));
    }
}
