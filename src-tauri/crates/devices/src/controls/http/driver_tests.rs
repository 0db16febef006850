//! Devices as their makers document them: each preset switches, reads back, and tells its refusals.

use serde_json::{Value, json};

use super::*;
use crate::controls::tests::control;
use crate::fake::{Fake, Heard, answer, json as ok};

/// Remembers whether it is on; `reply` sees the path with its query.
async fn plug(mut reply: impl FnMut(&Heard, &str, &mut bool) -> String + Send + 'static) -> Fake {
    let mut on = false;
    Fake::start(move |heard| {
        let path = heard.line.split_once(' ').unwrap().1.to_owned();
        reply(heard, &path, &mut on)
    })
    .await
}

async fn switches(fake: &Fake, mut gear: Value) -> Box<[String]> {
    gear["url"] = fake.url().into();
    let control = control(gear).unwrap();
    assert_eq!(control.read().await, Ok(Some(PowerState::Off)));
    control.on().await.unwrap();
    assert_eq!(control.read().await, Ok(Some(PowerState::On)));
    control.off().await.unwrap();
    assert_eq!(control.read().await, Ok(Some(PowerState::Off)));
    fake.lines().into()
}

/// Its orders, each once.
fn orders<'a>(lines: &'a [String], read: &str) -> Vec<&'a str> {
    lines.iter().map(String::as_str).filter(|line| *line != read).collect()
}

fn flag(on: bool, yes: &str, no: &str) -> String {
    if on { yes.to_owned() } else { no.to_owned() }
}

#[tokio::test]
async fn shelly_of_the_first_generation() {
    let fake = plug(|heard, path, on| {
        // The example of RFC 7617's encoding: admin:correct horse.
        if heard.header("authorization") != Some("Basic YWRtaW46Y29ycmVjdCBob3JzZQ==") {
            return answer(
                "401 Unauthorized",
                &["WWW-Authenticate: Basic realm=\"shelly\""],
                "401 Unauthorized",
            );
        }
        match path {
            "/relay/1?turn=on" => *on = true,
            "/relay/1?turn=off" => *on = false,
            "/relay/1" => {}
            _ => return answer("404 Not Found", &[], "Not Found"),
        }
        ok(&format!("{{\"ison\":{on},\"has_timer\":false,\"timer_started\":0,\"source\":\"http\"}}"))
    })
    .await;
    let lines = switches(&fake, json!({ "kind": "shelly-gen1", "relay": 1, "secret": "plug" })).await;
    assert_eq!(orders(&lines, "GET /relay/1"), ["GET /relay/1?turn=on", "GET /relay/1?turn=off"]);
    let wrong = control(json!({ "kind": "shelly-gen1", "url": fake.url() })).unwrap();
    let error = wrong.read().await.unwrap_err();
    assert!(error.why.contains("refuses user and password") && !error.absent, "{error}");
    let other =
        control(json!({ "kind": "shelly-gen1", "url": fake.url(), "relay": 3, "secret": "plug" })).unwrap();
    assert!(other.on().await.unwrap_err().why.contains("no such relay"));
}

#[tokio::test]
async fn shelly_of_the_second_generation_asks_for_a_digest() {
    let fake = plug(|heard, path, on| {
        let challenge = "WWW-Authenticate: Digest qop=\"auth\", realm=\"shellyplus1-08b61fce\", \
                         nonce=\"60dc2c69\", algorithm=SHA-256";
        let Some(line) = heard.header("authorization") else {
            return answer("401 Unauthorized", &[challenge], "");
        };
        assert!(line.contains("username=\"admin\"") && line.contains("algorithm=SHA-256"), "{line}");
        match path {
            "/rpc/Switch.Set?id=0&on=true" => ok(&format!("{{\"was_on\":{}}}", std::mem::replace(on, true))),
            "/rpc/Switch.Set?id=0&on=false" => {
                ok(&format!("{{\"was_on\":{}}}", std::mem::replace(on, false)))
            }
            "/rpc/Switch.GetStatus?id=0" => {
                ok(&format!("{{\"id\":0,\"source\":\"HTTP_in\",\"output\":{on},\"apower\":0.0}}"))
            }
            _ => answer(
                "500 Internal Server Error",
                &[],
                "{\"code\":-105,\"message\":\"Argument 'id', value 7 not found!\"}",
            ),
        }
    })
    .await;
    switches(&fake, json!({ "kind": "shelly-gen2", "secret": "plug" })).await;
    let other =
        control(json!({ "kind": "shelly-gen2", "url": fake.url(), "relay": 7, "secret": "plug" })).unwrap();
    let error = other.on().await.unwrap_err();
    assert!(error.why.contains("value 7 not found") && error.remedy.contains("`relay`"), "{error:?}");
}

/// Off at once, and on again by itself after it was seen off.
#[tokio::test]
async fn a_cycle_is_timed_by_the_device_and_seen_from_off_to_on() {
    for (kind, order, off, on) in [
        ("shelly-gen1", "/relay/0?turn=off&timer=10", "{\"ison\":false}", "{\"ison\":true}"),
        (
            "shelly-gen2",
            "/rpc/Switch.Set?id=0&on=false&toggle_after=10",
            "{\"output\":false}",
            "{\"output\":true}",
        ),
        (
            "tasmota",
            "/cm?cmnd=Backlog%20Power1%20Off%3B%20Delay%20100%3B%20Power1%20On",
            "{\"POWER\":\"OFF\"}",
            "{\"POWER\":\"ON\"}",
        ),
    ] {
        let mut looks = None;
        let fake = plug(move |_, path, _| {
            if path == order {
                looks = Some(0);
                return ok("{}");
            }
            looks = looks.map(|looks| looks + 1);
            ok(if looks.is_some_and(|looks| looks <= 2) { off } else { on })
        })
        .await;
        let control = control(json!({ "kind": kind, "url": fake.url() })).unwrap();
        assert_eq!(control.cycle().await, Some(Ok(())), "{kind}");
        assert_eq!(fake.lines().len(), 4, "{kind}: the order, off twice, on");
    }
    let none = control(json!({ "kind": "esphome", "url": "http://127.0.0.1:9", "name": "a" })).unwrap();
    assert_eq!(none.cycle().await, None);
}

fn tasmota(path: &str) -> Option<(bool, String)> {
    let query = path.strip_prefix("/cm?")?;
    let (who, command) = query.rsplit_once("cmnd=")?;
    Some((who == "user=admin&password=correct%20horse&", command.replace("%20", " ")))
}

#[tokio::test]
async fn tasmota_with_each_of_its_answers() {
    for several in [false, true] {
        let fake = plug(move |_, path, on| {
            let (_, command) = tasmota(path).unwrap();
            match command.as_str() {
                "Power1 On" => *on = true,
                "Power1 Off" => *on = false,
                "Power1" => {}
                _ => return ok("{\"Command\":\"Unknown\"}"),
            }
            let key = flag(several, "POWER1", "POWER");
            ok(&format!("{{\"{key}\":\"{}\"}}", flag(*on, "ON", "OFF")))
        })
        .await;
        switches(&fake, json!({ "kind": "tasmota", "secret": "plug" })).await;
        let other = control(json!({ "kind": "tasmota", "url": fake.url(), "relay": 4 })).unwrap();
        assert!(other.on().await.unwrap_err().why.contains("no such relay"));
    }
    // An answer without a state, as when the command went into its log: the order is not refused, but read back.
    let fake = plug(|_, path, on| match tasmota(path).unwrap().1.as_str() {
        "Power1" if *on => ok("{\"POWER\":\"ON\"}"),
        "Power1" => ok("{}"),
        _ => {
            *on = true;
            ok("{\"WARNING\":\"Enable weblog 2 if response expected\"}")
        }
    })
    .await;
    let control = control(json!({ "kind": "tasmota", "url": fake.url() })).unwrap();
    assert!(control.read().await.unwrap_err().why.contains("nothing at /POWER1 or /POWER"));
    assert_eq!(control.on().await, Ok(()));
}

#[tokio::test]
async fn tasmota_refuses_with_success_and_the_password_is_never_shown() {
    for status in ["200 OK", "401 Unauthorized"] {
        let fake = plug(move |_, path, _| match tasmota(path) {
            Some((true, _)) => panic!("the password was right"),
            _ => answer(status, &[], "{\"WARNING\":\"Need user=<username>&password=<password>\"}"),
        })
        .await;
        let gear = json!({ "kind": "tasmota", "url": fake.url(), "user": "hunter", "secret": "plug" });
        let error = control(gear).unwrap().on().await.unwrap_err();
        assert!(error.why.contains("refuses user and password"), "{error}");
        assert!(!error.absent && !format!("{error:?}").contains("horse"), "{error:?}");
        assert!(fake.lines()[0].contains("user=hunter&password=correct%20horse"));
    }
}

#[tokio::test]
async fn esphome_by_its_name_and_done_after_it_said_so() {
    let mut due: Option<(u32, bool)> = None;
    let fake = plug(move |heard, path, on| {
        if path != "/switch/Node%204%20%C3%BC%2F" && heard.line.starts_with("GET") {
            return answer("404 Not Found", &[], "");
        }
        if heard.line.starts_with("POST") {
            due = Some((2, path.ends_with("/turn_on")));
            return answer("200 OK", &[], "");
        }
        // Deferred to its main loop.
        if let Some((left, to)) = due {
            due = (left > 1).then_some((left - 1, to));
            if left == 1 {
                *on = to;
            }
        }
        ok(&format!("{{\"id\":\"switch-node_4\",\"value\":{on},\"state\":\"{}\"}}", flag(*on, "ON", "OFF")))
    })
    .await;
    let lines = switches(&fake, json!({ "kind": "esphome", "name": "Node 4 ü/" })).await;
    let name = "/switch/Node%204%20%C3%BC%2F";
    assert_eq!(
        orders(&lines, &format!("GET {name}")),
        [format!("POST {name}/turn_on"), format!("POST {name}/turn_off")]
    );
    let other = control(json!({ "kind": "esphome", "url": fake.url(), "name": "Node 5" })).unwrap();
    assert!(other.read().await.unwrap_err().remedy.contains("exactly as"));
}

#[tokio::test]
async fn home_assistant_says_yes_to_everybody() {
    let fake = plug(|heard, path, on| {
        if heard.header("authorization") != Some("Bearer correct horse") {
            return answer(
                "401 Unauthorized",
                &["Content-Type: text/plain; charset=utf-8"],
                "401: Unauthorized",
            );
        }
        let ours = heard.body == "{\"entity_id\":\"switch.node4\"}";
        match path {
            "/api/services/switch/turn_on" if ours => *on = true,
            "/api/services/switch/turn_off" if ours => *on = false,
            "/api/services/switch/turn_on" | "/api/services/switch/turn_off" => return ok("[]"),
            "/api/states/switch.node4" => {
                let state = flag(*on, "on", "off");
                return ok(&format!(
                    "{{\"entity_id\":\"switch.node4\",\"state\":\"{state}\",\"attributes\":{{\"p\":7}}}}"
                ));
            }
            "/api/states/switch.lost" => return ok("{\"state\":\"unavailable\"}"),
            _ => {
                return answer(
                    "404 Not Found",
                    &["Content-Type: application/json"],
                    "{\"message\":\"Entity not found.\"}",
                );
            }
        }
        ok("[{\"entity_id\":\"switch.node4\"}]")
    })
    .await;
    switches(&fake, json!({ "kind": "home-assistant", "name": "switch.node4", "secret": "plug" })).await;
    let named = |name: &str| {
        control(json!({ "kind": "home-assistant", "url": fake.url(), "name": name, "secret": "plug" }))
            .unwrap()
    };
    let error = named("switch.node5").on().await.unwrap_err();
    assert!(error.why.contains("no such entity") && error.why.contains("was taken"), "{error}");
    assert_eq!(named("switch.lost").read().await, Ok(Some(PowerState::Unknown)));
}

#[tokio::test]
async fn pikvm_is_busy_while_it_presses() {
    let mut busy = 0;
    let fake = plug(move |heard, path, on| {
        let who = (heard.header("x-kvmd-user"), heard.header("x-kvmd-passwd"));
        if who != (Some("admin"), Some("correct horse")) {
            let error =
                "{\"ok\":false,\"result\":{\"error\":\"UnauthorizedError\",\"error_msg\":\"Unauthorized\"}}";
            return answer("401 Unauthorized", &[], error);
        }
        match path {
            "/api/atx" => {
                busy = i32::max(busy - 1, 0);
                let leds = format!("{{\"hdd\":false,\"power\":{on}}}");
                return ok(&format!(
                    "{{\"ok\":true,\"result\":{{\"busy\":{},\"enabled\":true,\"leds\":{leds}}}}}",
                    busy > 0
                ));
            }
            _ if busy > 0 => {
                let said = "Performing another ATX operation, please try again later";
                let error = format!(
                    "{{\"ok\":false,\"result\":{{\"error\":\"AtxIsBusyError\",\"error_msg\":\"{said}\"}}}}"
                );
                return answer("409 Conflict", &[], &error);
            }
            "/api/atx/power?action=on" => *on = true,
            "/api/atx/power?action=off_hard" => *on = false,
            _ => return answer("400 Bad Request", &[], "{\"ok\":false}"),
        }
        busy = 2;
        ok("{\"ok\":true,\"result\":{}}")
    })
    .await;
    let control = control(json!({ "kind": "pikvm", "url": fake.url(), "secret": "plug" })).unwrap();
    control.on().await.unwrap();
    let error = control.off().await.unwrap_err();
    assert!(error.why.contains("busy") && error.why.contains("another ATX operation"), "{error}");
    control.off().await.unwrap();
    assert_eq!(control.read().await, Ok(Some(PowerState::Off)));
}

/// MAAS's contract, as odd hardware has it: any method, any body, a state in a text.
#[tokio::test]
async fn the_users_own_requests() {
    let fake = plug(|heard, path, on| match (heard.line.split(' ').next().unwrap(), path) {
        ("PUT", "/outlet?n=3") if heard.header("content-type") == Some("text/plain") => {
            *on = heard.body == "1";
            answer("204 No Content", &[], "")
        }
        ("GET", "/outlets") => answer("200 OK", &[], &format!("outlet 3: {}\n", flag(*on, "closed", "open"))),
        _ => answer("404 Not Found", &[], ""),
    })
    .await;
    let call = |body: &str| json!({ "method": "PUT", "url": fake.url() + "/outlet?n=3#x", "body": body, "content_type": "text/plain" });
    let read = json!({ "url": fake.url() + "/outlets", "on": "(?m)^outlet 3: closed", "off": "(?m)^outlet 3: open" });
    let gear = json!({ "kind": "http", "on": call("1"), "off": call("0"), "read": read });
    switches(&fake, gear).await;
    // Nothing to read: the order was taken, and that is all.
    let blind = control(json!({ "kind": "http", "on": call("1") })).unwrap();
    let before = fake.lines().len();
    assert_eq!((blind.on().await, blind.read().await), (Ok(()), Ok(None)));
    assert_eq!(fake.lines().len(), before + 1);
    assert!(blind.off().await.unwrap_err().why.contains("names no request"));
}

#[tokio::test]
async fn a_login_page_and_a_redirect_to_one_are_told_as_such() {
    let page = "<html><title>Sign in</title><form><input name=p TYPE=\"password\"></form></html>";
    for (reply, why) in [
        (answer("200 OK", &["Content-Type: text/html"], page), "\"Sign in\""),
        (answer("302 Found", &["Location: /login"], ""), "sends us elsewhere (HTTP 302)"),
        (answer("503 Service Unavailable", &[], ""), "is busy"),
        (
            answer("500 Internal Server Error", &[], "{\"error\":{\"message\":\"fuse\"}}"),
            "failed (HTTP 500): fuse",
        ),
    ] {
        let fake = plug(move |_, _, _| reply.clone()).await;
        let gear = json!({ "kind": "http", "on": { "url": fake.url() }, "read": { "url": fake.url(), "on": ".", "off": "x" } });
        let control = control(gear).unwrap();
        for error in [control.on().await.unwrap_err(), control.read().await.unwrap_err()] {
            assert!(error.why.contains(why) && !error.absent, "{error}");
        }
    }
}
