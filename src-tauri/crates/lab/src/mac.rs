//! A hardware address, written as the board file writes it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Six bytes, shown in lower-case hex with colons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

/// The text was no hardware address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a hardware address such as 16:09:01:1a:f4:30")]
pub struct BadMac(pub String);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for Mac {
    type Err = BadMac;

    fn from_str(text: &str) -> Result<Self, BadMac> {
        let bad = || BadMac(text.to_owned());
        let mut bytes = [0; 6];
        let mut parts = text.split([':', '-']);
        for byte in &mut bytes {
            let part = parts.next().filter(|p| p.len() == 2).ok_or_else(bad)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| bad())?;
        }
        if parts.next().is_some() { Err(bad()) } else { Ok(Self(bytes)) }
    }
}

impl TryFrom<String> for Mac {
    type Error = BadMac;
    fn try_from(text: String) -> Result<Self, BadMac> {
        text.parse()
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> Self {
        mac.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_colons_and_hyphens_and_writes_colons() {
        let mac: Mac = "16-09-01-1A-f4-30".parse().unwrap();
        assert_eq!(mac.to_string(), "16:09:01:1a:f4:30");
    }

    #[test]
    fn refuses_what_is_no_address() {
        for text in ["", "16:09", "16:09:01:1a:f4:30:00", "16:09:01:1a:f4:zz", "1:2:3:4:5:6"] {
            assert!(text.parse::<Mac>().is_err(), "{text} was taken");
        }
    }
}
