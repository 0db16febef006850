//! What a machine says of itself in a query.

use std::collections::BTreeMap;

use super::golang;

/// Labels by name. Bytes, because percent-encoding carries any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    by_name: BTreeMap<Vec<u8>, Vec<u8>>,
    raw: String,
}

impl Labels {
    /// Reads a query as it came. Of several values the first counts; a MAC in any notation is put into one, and one
    /// that is none is as good as not sent.
    pub fn parse(raw: &str) -> Labels {
        let mut by_name: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for pair in raw.split('&') {
            // Go refuses semicolons, which others take for separators, and with them the whole pair.
            if pair.is_empty() || pair.contains(';') {
                continue;
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (golang::query_unescape(name), golang::query_unescape(value))
            else {
                continue;
            };
            by_name.entry(name).or_insert(value);
        }
        let normal = by_name.into_iter().filter_map(|(name, value)| {
            let value = if is_mac(&name) { golang::mac(&value)?.into_bytes() } else { value };
            Some((name, value))
        });
        Labels { by_name: normal.collect(), raw: raw.to_owned() }
    }

    /// The value of a label; that of a missing one is empty.
    pub fn get(&self, name: &str) -> &[u8] {
        self.by_name.get(name.as_bytes()).map_or(&[], Vec::as_slice)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.by_name.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// The query as it came.
    pub fn raw(&self) -> &str {
        &self.raw
    }
}

/// Matchbox knows the name in any case.
pub(super) fn is_mac(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"mac")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_query_is_read_as_matchbox_reads_it() {
        let labels =
            Labels::parse("uuid=a%20b+c&uuid=later&mac=52-DA-00-89-D8-10&MAC=none&arch&bad=%zz&x=1;y=2&=e");
        assert_eq!(labels.get("uuid"), b"a b c", "the first value counts");
        assert_eq!(labels.get("mac"), b"52:da:00:89:d8:10");
        let names: Vec<_> =
            labels.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
        assert_eq!(names, ["", "arch", "mac", "uuid"], "what cannot be read is not there");
        assert_eq!(labels.get("arch"), b"");
    }

    proptest! {
        #[test]
        fn any_query_is_read(raw in "\\PC{0,80}") {
            let labels = Labels::parse(&raw);
            prop_assert!(labels.iter().count() <= raw.split('&').count());
        }
    }
}
