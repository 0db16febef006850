//! Groups: which machines get which profile.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::golang;
use super::labels::{Labels, is_mac};

/// A file of `groups/`.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub id: String,
    pub name: String,
    /// The name of a file in `profiles/`.
    pub profile: String,
    /// Labels that a machine must have, all of them.
    pub selector: BTreeMap<String, String>,
    /// For `/metadata`.
    pub metadata: Option<Map<String, Value>>,
}

impl Group {
    /// Reads a group, or says why matchbox would pass it over.
    pub fn parse(bytes: &[u8]) -> Result<Group, String> {
        let value = golang::json(bytes)?;
        if !value.is_object() {
            return Err(format!("it should be an object and is {}", golang::kind(&value)));
        }
        let mut selector = BTreeMap::new();
        match golang::field(&value, "selector") {
            None => {}
            Some(Value::Object(fields)) => {
                for (name, value) in fields {
                    selector.insert(name.clone(), selected(name, value)?);
                }
            }
            Some(other) => {
                return Err(format!("\"selector\" should be an object and is {}", golang::kind(other)));
            }
        }
        let metadata = match golang::field(&value, "metadata") {
            None => None,
            Some(Value::Object(fields)) => Some(fields.clone()),
            Some(other) => {
                return Err(format!("\"metadata\" should be an object and is {}", golang::kind(other)));
            }
        };
        Ok(Group {
            id: golang::string(&value, "id")?,
            name: golang::string(&value, "name")?,
            profile: golang::string(&value, "profile")?,
            selector,
            metadata,
        })
    }

    /// Whether a machine has all labels asked for. An empty value is also that of a label nobody sent.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.selector.iter().all(|(name, value)| labels.get(name) == value.as_bytes())
    }

    /// More labels are more specific; among as many, the order of "name=value" texts decides.
    fn rank(&self) -> (usize, String) {
        let mut pairs: Vec<String> =
            self.selector.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.sort();
        (self.selector.len(), pairs.join(","))
    }
}

fn selected(name: &str, value: &Value) -> Result<String, String> {
    let text = match value {
        Value::Null => "",
        Value::String(text) => text,
        other => {
            return Err(format!("the selector \"{name}\" should be a text and is {}", golang::kind(other)));
        }
    };
    if is_mac(name.as_bytes()) {
        return golang::mac(text.as_bytes())
            .ok_or_else(|| format!("the selector \"{name}\" is no MAC address: {text:?}"));
    }
    Ok(text.to_owned())
}

/// The most specific group that a machine belongs to. Of groups that ask for the same, the first one counts.
pub fn select<'a>(groups: impl IntoIterator<Item = &'a Group>, labels: &Labels) -> Option<&'a Group> {
    let mut best: Option<(&Group, (usize, String))> = None;
    for group in groups.into_iter().filter(|group| group.matches(labels)) {
        let rank = group.rank();
        if best.as_ref().is_none_or(|(_, highest)| rank > *highest) {
            best = Some((group, rank));
        }
    }
    best.map(|(group, _)| group)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn group(id: &str, selector: &[(&str, &str)]) -> Group {
        let selector = selector.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Group { id: id.into(), name: String::new(), profile: "p".into(), selector, metadata: None }
    }

    fn chosen(groups: &[Group], query: &str) -> Option<String> {
        select(groups, &Labels::parse(query)).map(|group| group.id.clone())
    }

    #[test]
    fn the_most_specific_group_counts() {
        let groups = [
            group("all", &[]),
            group("arch", &[("arch", "x86_64")]),
            group("one", &[("mac", "52:da:00:89:d8:10"), ("arch", "x86_64")]),
            group("os", &[("os", "installed")]),
        ];
        for (query, id) in [
            ("", "all"),
            ("arch=x86_64", "arch"),
            ("mac=52-da-00-89-d8-10&arch=x86_64", "one"),
            ("mac=52-da-00-89-d8-11&arch=x86_64", "arch"),
            ("os=installed&arch=x86_64", "os"),
        ] {
            assert_eq!(chosen(&groups, query).as_deref(), Some(id), "{query}");
        }
        assert_eq!(chosen(&groups[1..], "arch=i386"), None);
    }

    #[test]
    fn equal_numbers_are_decided_by_their_text_and_twins_by_their_order() {
        let groups = [group("a", &[("a", "1")]), group("b", &[("b", "1")]), group("b2", &[("b", "1")])];
        assert_eq!(chosen(&groups, "a=1&b=1").as_deref(), Some("b"));
    }

    #[test]
    fn an_empty_value_also_stands_for_a_label_nobody_sent() {
        let groups = [group("empty", &[("os", "")])];
        assert_eq!(chosen(&groups, "x=1").as_deref(), Some("empty"));
        assert_eq!(chosen(&groups, "os=installed"), None);
    }

    #[test]
    fn a_group_passed_over_says_why() {
        for (text, why) in [
            ("{", "no JSON"),
            ("[]", "object"),
            (r#"{"id": 7}"#, "\"id\""),
            (r#"{"selector": {"mac": "nonsense"}}"#, "no MAC"),
            (r#"{"selector": {"rack": 7}}"#, "rack"),
            (r#"{"metadata": []}"#, "metadata"),
        ] {
            let said = Group::parse(text.as_bytes()).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
        let group =
            Group::parse(br#"{"Id": "x", "selector": {"MAC": "52-DA-00-89-D8-10"}, "other": 1}"#).unwrap();
        assert_eq!((group.id.as_str(), group.selector["MAC"].as_str()), ("x", "52:da:00:89:d8:10"));
    }

    proptest! {
        /// Whatever the order of files, unless two ask for the very same.
        #[test]
        fn the_choice_does_not_depend_on_the_order(
            selectors in prop::collection::btree_set(prop::collection::btree_map("[abc]", "[12]", 0..3), 1..8),
            query in "[abc]=[12](&[abc]=[12]){0,2}",
            turn in 0_usize..8,
        ) {
            let mut groups: Vec<Group> = selectors
                .into_iter()
                .enumerate()
                .map(|(i, selector)| Group { selector, ..group(&i.to_string(), &[]) })
                .collect();
            let first = chosen(&groups, &query);
            let turn = turn % groups.len();
            groups.rotate_left(turn);
            prop_assert_eq!(&first, &chosen(&groups, &query));
            if let Some(id) = first {
                let labels = Labels::parse(&query);
                let most = groups.iter().filter(|g| g.matches(&labels)).map(|g| g.selector.len()).max();
                let its = groups.iter().find(|g| g.id == id).map(|g| g.selector.len());
                prop_assert_eq!(its, most, "nothing more specific was passed over");
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Group::parse(&bytes);
        }
    }
}
