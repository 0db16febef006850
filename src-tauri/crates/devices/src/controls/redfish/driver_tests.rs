//! A controller as DSP0266 describes one, with the faults that real ones have.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::*;
use crate::controls::tests::control;
use crate::fake::{Fake, answer, json as ok};

const SYSTEM: &str = "/redfish/v1/Systems/437XR1138R2";

/// Its knobs.
struct Bmc {
    on: AtomicBool,
    /// Looks until an order is done.
    lag: AtomicU32,
    /// What it lists, as JSON.
    lists: &'static str,
    /// Its answer to every order, where that is no success.
    refuses: Option<(&'static str, &'static str)>,
}

impl Default for Bmc {
    fn default() -> Self {
        let lists = "[\"On\",\"ForceOff\",\"Nmi\"]";
        Self { on: false.into(), lag: 0.into(), lists, refuses: None }
    }
}

async fn serve(bmc: Bmc) -> Fake {
    let mut due: Option<bool> = None;
    Fake::start(move |heard| {
        // root:correct horse.
        if heard.header("authorization") != Some("Basic cm9vdDpjb3JyZWN0IGhvcnNl") {
            let error = "{\"error\":{\"code\":\"Base.1.0.NoValidSession\",\"message\":\"no session\"}}";
            return answer("401 Unauthorized", &[], error);
        }
        let (method, path) = heard.line.split_once(' ').unwrap();
        let reset = format!("{SYSTEM}/Actions/ComputerSystem.Reset");
        if method == "POST" && path == reset {
            if let Some((status, body)) = bmc.refuses {
                return answer(status, &[], body);
            }
            let to = match heard.body.as_str() {
                "{\"ResetType\":\"On\"}" => true,
                "{\"ResetType\":\"ForceOff\"}" => false,
                _ => return answer("400 Bad Request", &[], "{}"),
            };
            bmc.lag.store(2, Ordering::Relaxed);
            due = Some(to);
            return answer("204 No Content", &[], "");
        }
        match path {
            "/redfish/v1/Systems" => ok(&format!("{{\"Members\":[{{\"@odata.id\":\"{SYSTEM}\"}}]}}")),
            SYSTEM => {
                if bmc.lag.load(Ordering::Relaxed) > 0 {
                    bmc.lag.fetch_sub(1, Ordering::Relaxed);
                } else if let Some(to) = due.take() {
                    bmc.on.store(to, Ordering::Relaxed);
                }
                let state = if bmc.on.load(Ordering::Relaxed) { "On" } else { "Off" };
                let action =
                    format!("{{\"target\":\"{reset}\",\"ResetType@Redfish.AllowableValues\":{}}}", bmc.lists);
                ok(&format!(
                    "{{\"PowerState\":\"{state}\",\"Actions\":{{\"#ComputerSystem.Reset\":{action}}}}}"
                ))
            }
            _ => answer("404 Not Found", &[], "{}"),
        }
    })
    .await
}

fn gear(fake: &Fake, system: Option<&str>) -> Value {
    json!({ "kind": "redfish", "url": fake.url(), "system": system, "user": "root", "secret": "plug" })
}

#[tokio::test]
async fn it_is_done_when_it_reads_as_done_and_not_when_it_says_so() {
    let fake = serve(Bmc::default()).await;
    let bmc = control(gear(&fake, None)).unwrap();
    assert_eq!(bmc.read().await, Ok(Some(PowerState::Off)));
    bmc.on().await.unwrap();
    assert_eq!(bmc.read().await, Ok(Some(PowerState::On)));
    let lines = fake.lines();
    let order = lines.iter().position(|line| line.starts_with("POST")).unwrap();
    assert!(lines.len() - order > 2, "{lines:?}");
    assert_eq!(lines.iter().filter(|line| *line == "GET /redfish/v1/Systems").count(), 1, "found once");
}

#[tokio::test]
async fn refusals_have_their_words() {
    let not = "{\"error\":{\"message\":\"general\",\"@Message.ExtendedInfo\":[{\"Message\":\"Property value not in list\"}]}}";
    for (lists, refuses, why) in [
        ("[\"On\",\"ForceOff\"]", Some(("501 Not Implemented", "{}")), "cannot carry it out (HTTP 501)"),
        ("[\"On\",\"ForceOff\"]", Some(("400 Bad Request", not)), "Property value not in list"),
        ("[\"GracefulShutdown\",\"Nmi\"]", None, "only: GracefulShutdown, Nmi"),
    ] {
        let fake = serve(Bmc { lists, refuses, ..Bmc::default() }).await;
        let bmc = control(gear(&fake, Some("437XR1138R2"))).unwrap();
        let error = bmc.on().await.unwrap_err();
        assert!(error.why.contains(why) && !error.absent, "{error}");
        // What is so already needs no order.
        assert_eq!(bmc.off().await, Ok(()));
    }
}

#[tokio::test]
async fn a_wrong_system_and_a_wrong_password_are_told_apart() {
    let fake = serve(Bmc::default()).await;
    let error = control(gear(&fake, Some("1"))).unwrap().read().await.unwrap_err();
    assert!(error.why.contains("no system `1`") && error.remedy.contains("437XR1138R2"), "{error:?}");
    let mut stranger = gear(&fake, None);
    stranger["user"] = "guest".into();
    let error = control(stranger).unwrap().on().await.unwrap_err();
    assert!(error.why.contains("refuses user and password (HTTP 401) and says: no session"), "{error}");
}
