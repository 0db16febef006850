//! Profiles: what a machine boots.

use serde_json::Value;

use super::golang;

/// A file of `profiles/`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    pub id: String,
    pub name: String,
    pub ignition_id: String,
    pub cloud_id: String,
    pub generic_id: String,
    /// Without it a machine of this profile boots nothing.
    pub boot: Option<Boot>,
}

/// Kernel, initrds and arguments, as they go into a boot script.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Boot {
    pub kernel: String,
    pub initrd: Vec<String>,
    pub args: Vec<String>,
}

impl Profile {
    /// Reads a profile, or says why matchbox would have none.
    pub fn parse(bytes: &[u8]) -> Result<Profile, String> {
        let value = golang::json(bytes)?;
        if !value.is_object() {
            return Err(format!("it should be an object and is {}", golang::kind(&value)));
        }
        let boot = match golang::field(&value, "boot") {
            None => None,
            Some(boot @ Value::Object(_)) => Some(Boot {
                kernel: golang::string(boot, "kernel")?,
                initrd: texts(boot, "initrd")?,
                args: texts(boot, "args")?,
            }),
            Some(other) => {
                return Err(format!("\"boot\" should be an object and is {}", golang::kind(other)));
            }
        };
        let profile = Profile {
            id: golang::string(&value, "id")?,
            name: golang::string(&value, "name")?,
            ignition_id: golang::string(&value, "ignition_id")?,
            cloud_id: golang::string(&value, "cloud_id")?,
            generic_id: golang::string(&value, "generic_id")?,
            boot,
        };
        if profile.id.is_empty() {
            return Err("it has no \"id\"".into());
        }
        Ok(profile)
    }
}

fn texts(value: &Value, name: &str) -> Result<Vec<String>, String> {
    match golang::field(value, name) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| match item {
                Value::Null => Ok(String::new()),
                Value::String(text) => Ok(text.clone()),
                other => {
                    Err(format!("\"{name}\" should be a list of texts and holds {}", golang::kind(other)))
                }
            })
            .collect(),
        Some(other) => Err(format!("\"{name}\" should be a list of texts and is {}", golang::kind(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_or_says_why_not() {
        let text =
            br#"{"id": "p", "boot": {"Kernel": "/k", "initrd": ["/i", null], "args": null}, "extra": 1}"#;
        let profile = Profile::parse(text).unwrap();
        let boot = Boot { kernel: "/k".into(), initrd: vec!["/i".into(), String::new()], args: vec![] };
        assert_eq!(profile.boot, Some(boot));
        assert_eq!(Profile::parse(br#"{"id": "p"}"#).unwrap().boot, None);
        for (text, why) in [
            ("", "no JSON"),
            ("{}", "no \"id\""),
            (r#"{"id": "p", "boot": {"initrd": "/i"}}"#, "\"initrd\""),
            (r#"{"id": "p", "boot": {"args": [1]}}"#, "a number"),
            (r#"{"id": "p", "boot": []}"#, "\"boot\""),
        ] {
            let said = Profile::parse(text.as_bytes()).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
