//! What must not pass, and what must.

use std::sync::LazyLock;

use super::*;

/// Made once: its patterns are many.
static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| {
    let known = Known { values: vec!["k7#Wlan pass".into(), "9a1".into()], names: vec!["relay-pass".into()] };
    Redactor::new(known).unwrap()
});

fn clean(text: &str) -> String {
    REDACTOR.clean(text).0.into_owned()
}

const KEY: &str = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIGkPlantedPlantedPlanted0123456789abcdef\nAAAA+/==\n-----END EC PRIVATE KEY-----";

#[test]
fn surroundings_of_a_secret_give_it_away() {
    let jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlUGxhbnRlZA";
    let escaped = KEY.replace('\n', "\\n");
    let encoded = "LS0tLS1CRUdJTiBFRDI1NTE5IFBSSVZBVEUgS0VZLS0tLS0KUGxhbnRlZA==";
    let table = [
        format!("before\n{KEY}\nafter"),
        format!("{{\"body\":\"{escaped}\"}}"),
        format!("{{\"body\":\"{}\"}}", &escaped[..70]),
        format!("a log line. {}", &KEY[..60]),
        format!("...\n{}", &KEY[40..]),
        format!("    key: {encoded}"),
        format!("data {encoded} data"),
        "Authorization: Bearer PlantedPlantedPlanted".into(),
        "authorization: Basic cGxhbnRlZDpQbGFudGVk".into(),
        r#"{"headers":{"authorization":"Digest username=\"x\", response=\"PlantedPlanted\""}}"#.into(),
        r#"-H 'Authorization: PlantedPlanted'"#.into(),
        "sent bearer PlantedPlanted to it".into(),
        "Cookie: a=b; statusinator-7122=PlantedPlanted".into(),
        "statusinator-7122=0123Planted".into(),
        "https://user:Planted@host/x".into(),
        "ftp://Planted@host/".into(),
        "GET /login?code=0123Planted HTTP/1.1".into(),
        "GET /x?a=b&token=Planted&c=d".into(),
        "password=Planted".into(),
        "password = \"Planted with spaces\"".into(),
        "db_password: 'Planted with spaces'".into(),
        r#"{"wifiPassword":"Planted \"and\" more"}"#.into(),
        r#"{"password":"other \"Planted"}"#.into(),
        r#"{"m":"{\"password\":\"other \\\"Planted\\\" Planted\",\"n\":1}"}"#.into(),
        "password: \"other Planted".into(),
        r#"{"m":"Authorization: Digest username=\"x\", response=\"Planted\"\r\nHost: x"}"#.into(),
        r#"{"message":"{\"psk\":\"Planted it\"}"}"#.into(),
        "wpa_passphrase=Planted".into(),
        "option key 'Planted'".into(),
        "--password Planted".into(),
        "--provisioner-password=Planted".into(),
        "secretboxEncryptionSecret: PlantedPlanted".into(),
        "token: abcdef.0123456789abcdef".into(),
        "kubeadm join abcdef.0123456789abcdef".into(),
        format!("ott {jwt}"),
        format!("saw {jwt} in a request"),
        "  key: UGxhbnRlZFBsYW50ZWRQbGFudGVkUGxhbnRlZA==".into(),
        "\"clusterKey\": \"UGxhbnRlZFBsYW50ZWRQbGFudGVkUGxhbnRlZA==\"".into(),
        "root:$6$salt$PlantedPlanted:19000".into(),
        "community = Planted".into(),
        "k7#Wlan pass".into(),
        "psk k7%23Wlan%20pass".into(),
        "its code 9a1 is short".into(),
    ];
    let left =
        ["Planted", "planted", "UGxhbnRlZ", "cGxhbnRlZ", "abcdef", "k7#", "k7%23", "9a1", "MHcCAQ", "AAAA+"];
    for text in &table {
        let clean = clean(text);
        assert!(clean.contains(GONE), "{text} became {clean}");
        assert!(!left.iter().any(|left| clean.contains(left)), "{text} became {clean}");
    }
}

#[test]
fn the_rest_is_left_as_it_is() {
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIQ\n-----END CERTIFICATE-----";
    let table = [
        certificate,
        "certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJzekNDQVZt",
        r#"{"seq":17,"kind":"boot-started","subject":"pc1","says":"the key fits","key_matches":true}"#,
        "secret = \"relay-pass\"",
        r#"{"fingerprint":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}"#,
        "monkey business at 10:22:13, keyboard found",
        "password: null",
        r#"{"secrets":{"names":["relay"]}}"#,
        "http://192.168.122.3:8080/assets/talos?arch=amd64",
        "user 69a1b and 9a12",
        "tokens are kept as hashes",
    ];
    for text in table {
        assert_eq!(clean(text), text);
    }
}

#[test]
fn json_is_json_afterwards() {
    for text in [
        r#"{"password":"a, b","n":1}"#,
        r#"{"password":12345,"n":1}"#,
        r#"{"token":"x","list":["secret=abc","k7#Wlan pass"]}"#,
        r#"{"m":"Authorization: Digest username=\"x\", response=\"y\"\r\nHost: x","n":1}"#,
        r#"{"m":"{\"password\":\"other \\\"x\\\" y\",\"n\":1}"}"#,
        r#"{"authorization":"Digest username=\"x\"","n":[1]}"#,
        r#"{"body":"{\"secret\":\"x y\",\"n\":1}"}"#,
        r#"{"cookie":"a=b; c=d","n":"-----BEGIN PRIVATE KEY-----\nMIIB"}"#,
    ] {
        let clean = clean(text);
        assert_ne!(clean, text);
        serde_json::from_str::<serde_json::Value>(&clean).unwrap_or_else(|error| panic!("{clean}: {error}"));
    }
}

#[test]
fn cleaning_twice_changes_nothing_more() {
    let once = clean(&format!("password: \"x y\"\n{KEY}\nAuthorization: Bearer abcdefgh\nk7#Wlan pass"));
    assert_eq!(clean(&once), once);
}
