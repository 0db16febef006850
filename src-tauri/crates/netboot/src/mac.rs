//! Hardware addresses, the name by which machines are known.

use std::fmt;
use std::str::FromStr;

/// An Ethernet address. Shown in lower case with colons, as `16:09:01:1a:f4:30`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Lower-case hex with hyphens, the form iPXE calls `hexhyp` and file names use.
    pub fn hexhyp(&self) -> String {
        self.joined('-')
    }

    /// Whether one interface can own it: not all zero, and the group bit (lowest of the first byte) is clear.
    pub fn is_unicast(&self) -> bool {
        self.0 != [0; 6] && self.0[0] & 1 == 0
    }

    /// The hardware address inside a link-local address made of it (modified EUI-64, RFC 4291, appendix A).
    pub fn of_link_local(address: std::net::Ipv6Addr) -> Option<Mac> {
        let octets = address.octets();
        let made_of_it = address.is_unicast_link_local() && octets[11..13] == [0xff, 0xfe];
        let [a, b, c, d, e, f] = [octets[8] ^ 2, octets[9], octets[10], octets[13], octets[14], octets[15]];
        made_of_it.then_some(Mac([a, b, c, d, e, f])).filter(Mac::is_unicast)
    }

    fn joined(&self, separator: char) -> String {
        let mut text = String::with_capacity(17);
        for (index, byte) in self.0.iter().enumerate() {
            if index > 0 {
                text.push(separator);
            }
            text.push_str(&format!("{byte:02x}"));
        }
        text
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.joined(':'))
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mac({self})")
    }
}

/// Text that is no hardware address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a hardware address; write six pairs of hex digits as in 16:09:01:1a:f4:30")]
pub struct NotAMac(String);

impl FromStr for Mac {
    type Err = NotAMac;

    fn from_str(text: &str) -> Result<Self, NotAMac> {
        let refused = || NotAMac(text.chars().take(40).collect());
        let separator = if text.contains('-') { '-' } else { ':' };
        let mut bytes = [0; 6];
        let mut pairs = text.split(separator);
        for byte in &mut bytes {
            let pair = pairs.next().ok_or_else(refused)?;
            // `from_str_radix` alone would take "+1".
            if pair.len() != 2 || !pair.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(refused());
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| refused())?;
        }
        if pairs.next().is_some() {
            return Err(refused());
        }
        Ok(Mac(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_colons_and_hyphens_and_shows_colons() {
        let mac: Mac = "16:09:01:1A:f4:30".parse().unwrap();
        assert_eq!(mac.to_string(), "16:09:01:1a:f4:30");
        assert_eq!(mac.hexhyp(), "16-09-01-1a-f4-30");
        assert_eq!(mac.hexhyp().parse::<Mac>().unwrap(), mac);
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "16:09:01:1a:f4",
            "16:09:01:1a:f4:30:00",
            "16:09:01:1a:f4:3",
            "16:09-01:1a:f4:30",
            "+6:09:01:1a:f4:30",
            "1609011af430",
            "ü:09:01:1a:f4:30",
        ] {
            assert!(text.parse::<Mac>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn finds_itself_in_a_link_local_address() {
        let address = "fe80::1409:1ff:fe1a:f430".parse().unwrap();
        assert_eq!(Mac::of_link_local(address), Some(Mac([0x16, 9, 1, 0x1a, 0xf4, 0x30])));
        for other in ["fe80::1", "fd00::1409:1ff:fe1a:f430", "::"] {
            assert_eq!(Mac::of_link_local(other.parse().unwrap()), None, "{other}");
        }
    }

    #[test]
    fn knows_group_addresses() {
        assert!(Mac([0x16, 9, 1, 0x1a, 0xf4, 0x30]).is_unicast());
        assert!(!Mac([0; 6]).is_unicast());
        assert!(!Mac([0xff; 6]).is_unicast());
        assert!(!Mac([1, 0, 0x5e, 0, 0, 1]).is_unicast());
    }
}
