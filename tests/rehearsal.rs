//! A person starts the simulated board, starts the rehearsal, and looks at what it left.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use serde_json::Value;
use support::{Served, ask, is_good_boot, text};

#[test]
fn six_machines_are_rehearsed_and_everything_can_be_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), &["--board", "simulated", "--speed", "20"]);

    let ended = served.json(&["lab", "start", "rehearsal", "--wait"]);
    assert_eq!(
        (&ended["state"], &ended["lab"]),
        (&Value::from("done"), &Value::from("rehearsal")),
        "{ended}"
    );
    let machines = ended["machines"].as_array().unwrap();
    assert_eq!(machines.len(), 6);
    for machine in machines {
        assert_eq!(machine["state"], "done", "{machine}");
        assert!(machine["facts"]["firmware"]["vendor"].is_string(), "facts are the result: {machine}");
        assert!(machine["facts"]["simulated"].as_bool().unwrap(), "a simulated machine says so");
    }

    let boots = served.lines(&["boots"]);
    assert_eq!(boots.len(), 6);
    boots.iter().for_each(is_good_boot);
    assert_eq!(served.lines(&["boots", "--machine", "3"]).len(), 1);
    let id = boots[0]["id"].to_string();
    assert_eq!(served.json(&["boot", &id]), boots[0]);
    let svg = dir.path().join("boot.svg");
    served.json(&["boot", &id, "--svg", svg.to_str().unwrap()]);
    let drawing = std::fs::read_to_string(svg).unwrap();
    assert!(
        drawing.contains("SIMULATED") && drawing.contains("firmware"),
        "the drawing is marked and labelled"
    );

    let status = served.json(&["status"]);
    let machines = status["machines"].as_array().unwrap();
    assert!(machines.iter().all(|m| m["word"] == "off" && m["power"]["observed"] == "off"), "{status}");
    assert!(status["machines"][0]["facts"]["firmware"]["vendor"].is_string());
    assert_eq!(status["board"]["badge"], "SIMULATED");

    let events = served.lines(&["events"]);
    let numbers: Vec<u64> = events.iter().map(|e| e["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>(), "events count from 1 without gaps");
    let started = events.iter().find(|e| e["kind"] == "run-started").unwrap();
    assert_eq!(started["actor"], "control", "who gave the command is recorded");
    assert_eq!(served.lines(&["events", "--since", "5"])[0]["seq"], 6);
    let labs = served.lines(&["lab", "list"]);
    assert_eq!((&labs[0]["good"], &labs[0]["total"]), (&Value::from(1), &Value::from(1)));
    served.stop();
    let rebuilt = ask(dir.path(), &["rebuild", "--json"]);
    assert!(rebuilt.status.success(), "folding from zero gives the same status: {}", text(&rebuilt.stdout));
}

#[test]
fn refusals_have_their_codes_and_say_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), &["--board", "simulated"]);
    let output = served.ask(&["lab", "start", "rehersal"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("rehearsal"),
        "names the labs that exist: {}",
        text(&output.stderr)
    );
    let output = served.ask(&["boots", "--machine", "9"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("node1"),
        "names the machines that exist: {}",
        text(&output.stderr)
    );

    let started = served.json(&["lab", "start", "rehearsal"]);
    assert_eq!((&started["run"], &started["lab"]), (&Value::from(1), &Value::from("rehearsal")));
    let second = served.ask(&["lab", "start", "rehearsal"]);
    assert_eq!(second.status.code(), Some(4), "a run under way has its own code");
    let cancelled = served.ask(&["lab", "cancel", "--wait", "--json"]);
    assert!(cancelled.status.success(), "{}", text(&cancelled.stderr));
    let run: Value = serde_json::from_slice(&cancelled.stdout).unwrap();
    assert_eq!(run["state"], "cancelled");
    served.stop();
    let gone = ask(dir.path(), &["status"]);
    assert_eq!(gone.status.code(), Some(3));
    assert!(text(&gone.stderr).contains("statusinator serve"), "{}", text(&gone.stderr));
}

#[test]
fn engines_run_side_by_side_but_never_on_one_folder() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = Served::start(one.path(), &["--speed", "50"]);
    let second = Served::start(two.path(), &["--speed", "50"]);
    std::thread::scope(|scope| {
        for served in [&first, &second] {
            scope
                .spawn(|| assert_eq!(served.json(&["lab", "start", "rehearsal", "--wait"])["state"], "done"));
        }
    });
    assert_eq!(first.lines(&["boots"]).len(), 6, "no machine of the other board was taken for one of this");
    assert_eq!(second.lines(&["boots"]).len(), 6);

    let third = ask(one.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(third.status.code(), Some(1));
    let pid = first.child.id().to_string();
    assert!(text(&third.stderr).contains(&pid), "names who holds the folder: {}", text(&third.stderr));
}

#[test]
fn a_taken_port_names_its_holder_and_a_bad_board_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = holder.local_addr().unwrap().to_string();
    let output = ask(dir.path(), &["serve", "--listen", &place]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains(&format!("pid {}", std::process::id())) && said.contains("--listen"), "{said}");

    // Beyond this computer nothing is said in clear: not where the lab's CA has no place for a certificate, and a pair that
    // is none is no reason to.
    std::fs::write(dir.path().join("tls"), "in the way").unwrap();
    let missing = dir.path().join("missing.pem");
    let missing = missing.to_str().unwrap();
    for tls in [&[][..], &["--tls-cert", missing, "--tls-key", missing], &["--tls-cert", missing]] {
        let output = ask(dir.path(), &[&["serve", "--listen", "0.0.0.0:0"], tls].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{tls:?}: {said}");
        assert!(said.contains("--tls-") || said.contains("missing.pem"), "{tls:?}: {said}");
    }

    let board = dir.path().join("board.toml");
    let good = include_str!("../boards/simulated.toml");
    std::fs::write(&board, good.replacen("outlet = 1", "outlett = 1", 1)).unwrap();
    let path = board.to_str().unwrap();
    for args in [["check-config", path, "--json"], ["serve", "--board", path]] {
        let output = ask(dir.path(), &args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stderr));
        let said = text(&output.stderr) + &text(&output.stdout);
        assert!(
            said.contains("line") && said.contains("outlett") && said.contains("\"outlet\"")
                || said.contains("\\\"outlet\\\""),
            "{said}"
        );
    }
    std::fs::write(&board, good).unwrap();
    assert!(ask(dir.path(), &["check-config", path]).status.success());
}

#[test]
fn with_a_certificate_the_api_speaks_tls_and_the_command_line_knows_it() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["board.example".to_owned()]).unwrap();
    let (certificate, key) = (dir.path().join("own.pem"), dir.path().join("own.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let pair = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let served = Served::start(&dir.path().join("data"), &pair);
    assert!(served.url.starts_with("https://127.0.0.1:"), "{}", served.url);
    assert_eq!(served.json(&["status"])["board"]["name"], "simulated");
    served.stop();
}
