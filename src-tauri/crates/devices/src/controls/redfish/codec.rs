//! The few properties of a Redfish service that power needs (DSP0266 1.20, schema ComputerSystem), read without trust:
//! each may be missing or of another type.

use lab::power::PowerState;
use serde_json::Value;

/// Paths of the systems that the service manages.
pub(super) fn members(collection: &Value) -> Vec<String> {
    let members = collection["Members"].as_array().map(Vec::as_slice).unwrap_or_default();
    members.iter().filter_map(|member| path(&member["@odata.id"])).collect()
}

/// A path on this service and nowhere else.
fn path(value: &Value) -> Option<String> {
    value.as_str().filter(|path| path.starts_with('/') && !path.starts_with("//")).map(str::to_owned)
}

/// Why no system could be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoSystem {
    None,
    Several(Vec<String>),
    Unknown(Vec<String>),
}

/// The system with the wanted id, or the only one.
pub(super) fn choose(members: Vec<String>, wanted: Option<&str>) -> Result<String, NoSystem> {
    let id = |path: &str| path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    let ids = |members: &[String]| members.iter().map(|path| id(path)).collect();
    match wanted {
        Some(wanted) => match members.iter().position(|path| id(path) == wanted) {
            Some(at) => Ok(members[at].clone()),
            None => Err(NoSystem::Unknown(ids(&members))),
        },
        None => match <[String; 1]>::try_from(members) {
            Ok([only]) => Ok(only),
            Err(members) if members.is_empty() => Err(NoSystem::None),
            Err(members) => Err(NoSystem::Several(ids(&members))),
        },
    }
}

/// `PoweringOn` and `PoweringOff` are neither.
pub(super) fn state(system: &Value) -> PowerState {
    match system["PowerState"].as_str() {
        Some("On") => PowerState::On,
        Some("Off") => PowerState::Off,
        _ => PowerState::Unknown,
    }
}

/// Where to order, and the word for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) target: String,
    pub(super) reset_type: &'static str,
}

/// Why there is nothing to order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoOrder {
    /// The system has no action to reset it.
    NoAction,
    /// It lists what it can, and this is not among it.
    NotAllowed(Vec<String>),
}

/// A hard off is `ForceOff`; what a service lists is respected, though what it lists may still be refused.
pub(super) fn order(system: &Value, to: PowerState) -> Result<Order, NoOrder> {
    let action = &system["Actions"]["#ComputerSystem.Reset"];
    let target = path(&action["target"]).ok_or(NoOrder::NoAction)?;
    let names: &[&'static str] = if to == PowerState::On { &["On", "ForceOn"] } else { &["ForceOff"] };
    let listed: Option<Vec<&str>> = action["ResetType@Redfish.AllowableValues"]
        .as_array()
        .map(|values| values.iter().filter_map(Value::as_str).collect());
    let Some(listed) = listed.filter(|listed| !listed.is_empty()) else {
        return Ok(Order { target, reset_type: names[0] });
    };
    match names.iter().find(|name| listed.contains(name)) {
        Some(reset_type) => Ok(Order { target, reset_type }),
        None => Err(NoOrder::NotAllowed(listed.into_iter().map(str::to_owned).collect())),
    }
}

/// What the service says of its refusal: the first extended message, else the error's own.
pub(super) fn message(error: &Value) -> Option<String> {
    let error = &error["error"];
    let said = error["@Message.ExtendedInfo"][0]["Message"].as_str().or_else(|| error["message"].as_str())?;
    let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect();
    (!said.is_empty()).then_some(said)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_system_is_the_one_wanted_or_the_only_one() {
        let two = json!({ "Members": [{ "@odata.id": "/redfish/v1/Systems/a" }, { "@odata.id": "/redfish/v1/Systems/b/" }] });
        assert_eq!(choose(members(&two), Some("b")), Ok("/redfish/v1/Systems/b/".into()));
        assert_eq!(choose(members(&two), None), Err(NoSystem::Several(vec!["a".into(), "b".into()])));
        assert_eq!(choose(members(&two), Some("c")), Err(NoSystem::Unknown(vec!["a".into(), "b".into()])));
        let one = json!({ "Members": [{ "@odata.id": "/x/1" }, { "@odata.id": "//evil.example/1" }, { "@odata.id": 7 }, 3] });
        assert_eq!(choose(members(&one), None), Ok("/x/1".into()));
        assert_eq!(choose(members(&json!({})), None), Err(NoSystem::None));
    }

    #[test]
    fn what_a_service_lists_is_respected() {
        let with = |values: Value| json!({ "Actions": { "#ComputerSystem.Reset": { "target": "/r", "ResetType@Redfish.AllowableValues": values } } });
        let word = |values, to| order(&with(values), to).map(|order| order.reset_type);
        assert_eq!(word(json!(["On", "ForceOn", "ForceOff"]), PowerState::On), Ok("On"));
        assert_eq!(word(json!(["ForceOn"]), PowerState::On), Ok("ForceOn"));
        assert_eq!(word(json!(null), PowerState::Off), Ok("ForceOff"));
        assert_eq!(word(json!([]), PowerState::Off), Ok("ForceOff"));
        let soft = Err(NoOrder::NotAllowed(vec!["GracefulShutdown".into()]));
        assert_eq!(word(json!(["GracefulShutdown"]), PowerState::Off), soft);
        assert_eq!(order(&json!({ "PowerState": "On" }), PowerState::On), Err(NoOrder::NoAction));
        let elsewhere =
            json!({ "Actions": { "#ComputerSystem.Reset": { "target": "http://evil.example/" } } });
        assert_eq!(order(&elsewhere, PowerState::On), Err(NoOrder::NoAction));
    }

    #[test]
    fn a_state_is_on_off_or_unknown_and_a_refusal_has_words() {
        for (value, expected) in [
            (json!({ "PowerState": "On" }), PowerState::On),
            (json!({ "PowerState": "Off" }), PowerState::Off),
            (json!({ "PowerState": "PoweringOff" }), PowerState::Unknown),
            (json!({ "PowerState": true }), PowerState::Unknown),
            (json!([]), PowerState::Unknown),
        ] {
            assert_eq!(state(&value), expected, "{value}");
        }
        let plain = json!({ "error": { "code": "Base.1.0.GeneralError", "message": "not\n supported" } });
        assert_eq!(message(&plain), Some("not supported".into()));
        let extended =
            json!({ "error": { "message": "general", "@Message.ExtendedInfo": [{ "Message": "exact" }] } });
        assert_eq!(message(&extended), Some("exact".into()));
        assert_eq!(message(&json!("no")), None);
    }

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(Value::from),
            "\\PC{0,20}".prop_map(Value::from)
        ];
        let names = "Members|PowerState|Actions|#ComputerSystem.Reset|target|error|@Message.ExtendedInfo|Message|@odata.id";
        leaf.prop_recursive(4, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((names, inner), 0..4)
                    .prop_map(|pairs| pairs.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_answer_is_too_strange_and_no_path_leaves_the_service(value in anything()) {
            let _ = (state(&value), message(&value));
            let mut paths = members(&value);
            paths.extend(order(&value, PowerState::Off).map(|order| order.target).ok());
            prop_assert!(paths.iter().all(|path| path.starts_with('/') && !path.starts_with("//")));
        }
    }
}
