//! Staged and committed, and the words in which `uci` shows them.

use super::*;

fn uci() -> Uci {
    let wifi = section("wifi0", "wifi-iface", &[("ssid", "old"), ("key", "it's long")]);
    Uci::with(vec![("wireless", vec![section("radio0", "wifi-device", &[]), wifi]), ("network", vec![])])
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn one(text: &str) -> Value {
    Value::One(text.into())
}

#[test]
fn what_is_set_is_staged_until_it_is_committed() {
    let mut uci = uci();
    let ssid = path("wireless.wifi0.ssid");
    uci.set(&ssid, one("new")).unwrap();
    assert_eq!(uci.get(&ssid), Ok(one("new")));
    assert_eq!(uci.committed("wireless")[1].text("ssid").unwrap(), "old", "services do not see it");
    assert_eq!(uci.changes(None), ["wireless.wifi0.ssid='new'"]);
    let mut rebooted = uci.clone();
    rebooted.reboot();
    assert_eq!(rebooted.get(&ssid), Ok(one("old")));
    uci.commit(Some("wireless")).unwrap();
    assert_eq!(uci.committed("wireless")[1].text("ssid").unwrap(), "new");
    assert_eq!(uci.changes(None), [""; 0]);
}

#[test]
fn reverting_takes_back_as_much_as_is_named() {
    let mut uci = uci();
    uci.set(&path("wireless.wifi0.ssid"), one("new")).unwrap();
    uci.set(&path("wireless.wifi0.mode"), one("sta")).unwrap();
    uci.delete(&path("wireless.wifi0.key")).unwrap();
    uci.set(&path("wireless.guest"), one("wifi-iface")).unwrap();
    uci.revert(&path("wireless.wifi0.mode")).unwrap();
    uci.revert(&path("wireless.wifi0.key")).unwrap();
    uci.revert(&path("wireless.guest")).unwrap();
    assert_eq!(uci.changes(Some("wireless")), ["wireless.wifi0.ssid='new'"]);
    uci.revert(&path("wireless")).unwrap();
    assert_eq!(uci.get(&path("wireless.wifi0.ssid")), Ok(one("old")));
    assert_eq!(uci.revert(&path("nothing")), Err(Refusal::NotFound));
}

#[test]
fn it_shows_what_can_be_typed_again() {
    let mut uci = uci();
    let name = uci.add("network", "rule").unwrap();
    uci.add_to_list(&path("network.@rule[-1].port"), "1".into()).unwrap();
    uci.add_to_list(&path(&format!("network.{name}.port")), "2".into()).unwrap();
    assert_eq!(
        uci.show(&path("network")).unwrap(),
        ["network.@rule[0]=rule", "network.@rule[0].port='1' '2'"]
    );
    let lines = uci.show(&path("wireless.wifi0")).unwrap();
    assert_eq!(
        lines,
        ["wireless.wifi0=wifi-iface", "wireless.wifi0.ssid='old'", "wireless.wifi0.key='it'\\''s long'",]
    );
    assert_eq!(uci.get(&path("wireless.radio0")), Ok(one("wifi-device")));
}

#[test]
fn what_is_not_there_is_refused_and_leaves_no_trace() {
    let mut uci = uci();
    assert_eq!(uci.get(&path("wireless.wifi9.ssid")), Err(Refusal::NotFound));
    assert_eq!(uci.set(&path("wireless.wifi9.ssid"), one("x")), Err(Refusal::Invalid));
    assert_eq!(uci.set(&path("nothing.a"), one("b")), Err(Refusal::NotFound));
    assert_eq!(uci.delete(&path("wireless.wifi0.mode")), Err(Refusal::NotFound));
    assert_eq!(uci.set(&path("wireless.wifi0.mode"), one("")), Ok(()), "taking away what is not there");
    assert_eq!(uci.changes(None), [""; 0]);
    for text in ["", ".", "a b", "wireless.@x", "wireless.wifi0.a b", "wireless..x"] {
        assert_eq!(Path::parse(text), Err(Refusal::Invalid), "{text:?}");
    }
}

proptest::proptest! {
    /// Whatever is done in whatever order: committing or reverting everything leaves nothing staged.
    #[test]
    fn the_layers_stay_apart(steps in proptest::collection::vec((0u8..6, "[ab]", "[cd]", "[ef]?"), 0..30)) {
        let mut uci = uci();
        for (what, section, option, value) in steps {
            let option = path(&format!("wireless.{section}.{option}"));
            let section = path(&format!("wireless.{section}"));
            let _ = match what {
                0 => uci.set(&section, one("kind")),
                1 | 2 => uci.set(&option, one(&value)),
                3 => uci.delete(&option),
                4 => uci.revert(&section),
                _ => uci.add_to_list(&option, value),
            };
            let mut kept = uci.clone();
            kept.commit(None).unwrap();
            assert!(kept.changes(None).is_empty() && kept.view("wireless") == uci.view("wireless"));
            let mut thrown = uci.clone();
            thrown.revert(&path("wireless")).unwrap();
            assert_eq!(thrown.committed("wireless"), super::tests::uci().committed("wireless"));
        }
    }
}
