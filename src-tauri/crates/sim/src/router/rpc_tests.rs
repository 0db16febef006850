//! Requests as they arrive, sessions, and LuCI's own answers.

use super::super::wifi::{Security, WifiSim};
use super::*;
use crate::pace::Pace;

struct Bench {
    rpc: Rpc,
    core: Core,
}

fn bench() -> Bench {
    let home = WifiSim {
        ssid: "home".into(),
        hidden: false,
        bssid: "02:00:00:00:00:01".into(),
        signal: -50,
        channel: 36,
        security: Security::Wpa2,
        key: "long enough".into(),
    };
    let rpc = Rpc::new("root".into(), "secret".into(), Duration::from_secs(3600), 1);
    Bench { rpc, core: Core::new(vec![home], None, Pace::new(1.0)) }
}

impl Bench {
    fn post(&mut self, library: &str, cookie: &str, body: &str) -> Answer {
        let text = format!(
            "POST {BASE}{library} HTTP/1.1\r\nCookie: sysauth={cookie}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let request = Request::parse_for_tests(text.as_bytes());
        self.rpc.answer(&mut self.core, &request, Duration::from_secs(100))
    }

    fn call(&mut self, library: &str, cookie: &str, method: &str, params: Json) -> Json {
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        let answer = self.post(library, cookie, &body.to_string());
        assert_eq!(answer.status, 200, "{method}");
        serde_json::from_slice(&answer.body).unwrap()
    }

    fn login(&mut self) -> String {
        let answer = self.call("auth", "", "login", json!(["root", "secret"]));
        answer["result"].as_str().expect("a session").to_owned()
    }

    fn result(&mut self, cookie: &str, library: &str, method: &str, params: Json) -> Json {
        let mut answer = self.call(library, cookie, method, params);
        assert_eq!((&answer["id"], &answer["jsonrpc"]), (&json!(7), &json!("2.0")));
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].take()
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_given_for_the_right_words_and_ends_when_nobody_uses_it() {
    let mut b = bench();
    for wrong in [json!(["root", "x"]), json!(["admin", "secret"]), json!([]), json!([1, 2])] {
        assert_eq!(b.call("auth", "", "login", wrong.clone())["result"], Json::Null, "{wrong}");
    }
    assert_eq!((b.rpc.logins, b.rpc.refused), (0, 4));
    let id = b.login();
    assert_eq!(id.len(), 32);
    assert_ne!(b.login(), id);
    let echo = json!({ "id": 1, "method": "exec", "params": ["echo hello"] }).to_string();
    assert_eq!(b.post("sys", "nonsense", &echo).status, 403);
    let answer = b.post("sys", &id, &echo);
    let body: Json = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body, json!({ "id": 1, "result": "hello\n", "error": null }), "version 1 names no version");
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(3000)).await;
        assert_eq!(b.post("sys", &id, &echo).status, 200, "use prolongs it");
    }
    tokio::time::advance(Duration::from_secs(3601)).await;
    assert_eq!(b.post("sys", &id, &echo).status, 403);
    let id = b.login();
    b.rpc.forget();
    assert_eq!(b.post("sys", &id, &echo).status, 403);
    let id = b.login();
    let text = format!("POST {BASE}sys?auth={id} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{echo}", echo.len());
    let request = Request::parse_for_tests(text.as_bytes());
    assert_eq!(b.rpc.answer(&mut b.core, &request, Duration::ZERO).status, 200, "also in the address");
}

#[tokio::test]
async fn commands_take_time_and_say_nothing_on_errors() {
    let mut b = bench();
    let id = b.login();
    let scan =
        json!({ "id": 1, "method": "exec", "params": ["ubus call iwinfo scan '{\"device\":\"radio0\"}'"] });
    assert_eq!(b.post("sys", &id, &scan.to_string()).after, Duration::from_secs(2));
    assert_eq!(b.result(&id, "sys", "exec", json!(["no-such-command"])), json!(""));
    assert_eq!(b.result(&id, "sys", "call", json!(["no-such-command"])), json!(127));
    assert_eq!(b.result(&id, "sys", "uptime", json!([])), json!(100));
}

#[tokio::test]
async fn the_configuration_by_its_library() {
    let mut b = bench();
    let id = b.login();
    let wifi = |b: &mut Bench, method: &str, params: Json| b.result(&id, "uci", method, params);
    assert_eq!(wifi(&mut b, "get", json!(["wireless", "wifi0", "mode"])), json!("sta"));
    assert_eq!(wifi(&mut b, "get", json!(["wireless", "wifi0", "nothing"])), Json::Null);
    assert_eq!(wifi(&mut b, "set", json!(["wireless", "wifi0", "ssid", "home"])), json!(true));
    assert_eq!(
        wifi(&mut b, "set", json!(["wireless", "wifi9", "ssid", "home"])),
        Json::Null,
        "false is null"
    );
    assert_eq!(wifi(&mut b, "tset", json!(["wireless", "wifi0", { "key": "long enough" }])), json!(true));
    assert_eq!(wifi(&mut b, "get_all", json!(["wireless", "wifi0"]))["key"], json!("long enough"));
    assert_eq!(
        wifi(&mut b, "changes", json!(["wireless"])),
        json!(["wireless.wifi0.ssid='home'", "wireless.wifi0.key='long enough'"])
    );
    assert_eq!(wifi(&mut b, "revert", json!(["wireless"])), json!(true));
    assert_eq!(wifi(&mut b, "changes", json!([])), json!([]));
    wifi(&mut b, "set", json!(["wireless", "wifi0", "ssid", "home"]));
    wifi(&mut b, "set", json!(["wireless", "wifi0", "key", "long enough"]));
    assert_eq!(wifi(&mut b, "commit", json!(["wireless"])), json!(true));
    assert_eq!(wifi(&mut b, "apply", json!(["wireless"])), json!(true));
    assert!(b.core.wifi.associated(Duration::from_secs(200)).is_some());
    let guest = wifi(&mut b, "add", json!(["wireless", "wifi-iface"]));
    assert_eq!(wifi(&mut b, "get_all", json!(["wireless"]))[guest.as_str().unwrap()][".anonymous"], true);
    assert_eq!(wifi(&mut b, "delete", json!(["wireless", guest])), json!(true));
    assert_eq!(wifi(&mut b, "set", json!(["wireless", "guest", "wifi-iface"])), json!(true));
}

#[tokio::test]
async fn what_is_no_call_has_a_code() {
    let mut b = bench();
    let id = b.login();
    let table = [
        ("{", -32700),
        ("[]", -32700),
        ("{\"id\":1}", -32600),
        ("{\"id\":1,\"method\":\"exec\",\"params\":{}}", -32600),
        ("{\"id\":1,\"method\":\"format_flash\",\"params\":[]}", -32601),
        ("{\"id\":1,\"method\":\"exec\",\"params\":[3]}", -32602),
    ];
    for (body, code) in table {
        let answer: Json = serde_json::from_slice(&b.post("sys", &id, body).body).unwrap();
        assert_eq!(answer["error"]["code"], code, "{body}");
    }
    assert_eq!(b.post("fs", &id, "{\"id\":1,\"method\":\"readfile\"}").status, 404);
}
