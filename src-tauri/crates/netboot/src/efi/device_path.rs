//! Device paths: how firmware names a network card, a disk or a URL (UEFI 2.10, chapter 10).

use crate::{Mac, Malformed};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// 1 hardware, 2 ACPI, 3 messaging, 4 media, 0x7f end.
    pub kind: u8,
    /// Meaning depends on the kind.
    pub subkind: u8,
    /// What follows the four bytes of header.
    pub data: Vec<u8>,
}

const MESSAGING: u8 = 3;
const MAC_ADDRESS: u8 = 0x0b;
const IPV4: u8 = 0x0c;
const URI: u8 = 0x18;
const END: u8 = 0x7f;
/// End of the whole path; 1 would end one instance of several.
const END_ENTIRE: u8 = 0xff;
/// A path of a boot entry has a handful of steps; more is garbage.
const MOST: usize = 64;

impl Node {
    /// A URL; empty means the one that DHCP will name.
    pub fn uri(url: &str) -> Self {
        Self { kind: MESSAGING, subkind: URI, data: url.as_bytes().to_vec() }
    }

    /// Whether it is a URL.
    pub fn is_uri(&self) -> bool {
        (self.kind, self.subkind) == (MESSAGING, URI)
    }

    /// Whether it says IPv4.
    pub fn is_ipv4(&self) -> bool {
        (self.kind, self.subkind) == (MESSAGING, IPV4)
    }

    /// The card's address, when it names a card. The field has 32 bytes; Ethernet (interface type 1) uses six.
    pub fn mac(&self) -> Option<Mac> {
        let is_mac = (self.kind, self.subkind) == (MESSAGING, MAC_ADDRESS);
        let bytes: [u8; 6] = self.data.get(..6)?.try_into().ok()?;
        is_mac.then_some(Mac(bytes))
    }
}

/// Reads a path up to its end.
pub fn parse(mut bytes: &[u8]) -> Result<Vec<Node>, Malformed> {
    let mut nodes = Vec::new();
    loop {
        let [kind, subkind, low, high, ..] = *bytes else {
            return Err(Malformed("device path without an end"));
        };
        let length = usize::from(u16::from_le_bytes([low, high]));
        let data = bytes.get(4..length).ok_or(Malformed("device path node of a wrong length"))?;
        if (kind, subkind) == (END, END_ENTIRE) {
            return Ok(nodes);
        }
        if nodes.len() == MOST {
            return Err(Malformed("device path of too many nodes"));
        }
        nodes.push(Node { kind, subkind, data: data.to_vec() });
        bytes = &bytes[length..];
    }
}

/// The path as firmware reads it, its end included.
pub fn encode(nodes: &[Node]) -> Vec<u8> {
    let mut out = Vec::new();
    for node in nodes {
        // A node's data comes from a u16 length or from a URL that is bounded by its maker.
        let length = u16::try_from(node.data.len() + 4).unwrap_or(u16::MAX);
        out.extend([node.kind, node.subkind]);
        out.extend(length.to_le_bytes());
        out.extend(&node.data[..usize::from(length) - 4]);
    }
    out.extend([END, END_ENTIRE, 4, 0]);
    out
}

/// The network card a path goes through.
pub fn card(nodes: &[Node]) -> Option<Mac> {
    nodes.iter().find_map(Node::mac)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_comes_back_as_it_went() {
        let mac = Node { kind: 3, subkind: 0x0b, data: [&[0x52, 0x54, 0, 1, 2, 3][..], &[0; 27]].concat() };
        let nodes = vec![mac, Node { kind: 3, subkind: 0x0c, data: vec![0; 23] }, Node::uri("http://a/b")];
        let bytes = encode(&nodes);
        assert_eq!(parse(&bytes), Ok(nodes.clone()));
        assert_eq!(card(&nodes), Some(Mac([0x52, 0x54, 0, 1, 2, 3])));
        assert!(nodes[1].is_ipv4() && nodes[2].is_uri());
        for cut in 0..bytes.len() {
            assert!(parse(&bytes[..cut]).is_err(), "a path cut at {cut} has no end");
        }
    }

    proptest! {
        #[test]
        fn garbage_is_an_error_or_a_path(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(nodes) = parse(&bytes) {
                prop_assert_eq!(parse(&encode(&nodes)), Ok(nodes));
            }
        }
    }
}
