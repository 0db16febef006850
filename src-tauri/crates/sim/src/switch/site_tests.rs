//! The switch's pages as its driver meets them.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::sync::watch;

use super::*;
use crate::link::{Cable, Place};
use crate::machine::MachineState;
use crate::web::Server;

const ANY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);

struct Bench {
    switch: SwitchView,
    machine: watch::Sender<MachineState>,
}

fn bench(speed: f64) -> Bench {
    let (machine, state) = watch::channel(MachineState::Running);
    let (plug, port) = watch::channel(true);
    let cable = Cable { state, port, ..Cable::clear() };
    let links = Links(vec![Place { box_number: 1, port: Some(6), cable }]);
    let config =
        SwitchSim { listen: ANY, user: "admin".into(), password: "secret".into(), layout: Layout::Owner };
    let (_, door) = Server::open("switch", ANY).unwrap();
    let switch =
        SwitchView::new(config, door, links, vec![(6, plug)], &[(6, "node1".into())], Pace::new(speed));
    Bench { switch, machine }
}

/// MD5 of "adminsecret", by md5sum.
const TOKEN: &str = "71a4a17a658b90a7f847585721b5a217";

impl Bench {
    fn ask(&self, method: &str, path: &str, cookie: &str, body: &str) -> String {
        let text = format!(
            "{method} {path} HTTP/1.1\r\nCookie: admin={cookie}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let request = Request::parse_for_tests(text.as_bytes());
        let answer = self.switch.answer(&request);
        assert_eq!(answer.status, 200, "such firmware says 200 to everything");
        String::from_utf8(answer.body).unwrap()
    }

    fn page(&self) -> String {
        self.ask("GET", "/port.cgi", &self.switch.with(|state| state.token()), "")
    }

    fn set(&self, id: u32, state: u32) -> String {
        let body =
            format!("portid={id}&name=&state={state}&speed_duplex=0&flow=0&submit=+++Apply+++&cmd=port");
        self.ask("POST", "/port.cgi", &self.switch.with(|state| state.token()), &body)
    }
}

fn is_login(page: &str) -> bool {
    page.contains("name=\"password\"") && !page.contains("Port 1")
}

#[tokio::test]
async fn only_the_right_cookie_opens_the_pages() {
    let b = bench(1.0);
    let token = b.switch.with(|state| state.token());
    assert_eq!(token, TOKEN);
    for cookie in ["", "x", &token[..31]] {
        assert!(is_login(&b.ask("GET", "/port.cgi", cookie, "")));
        assert!(is_login(&b.ask("POST", "/port.cgi", cookie, "portid=5&name=&state=0&cmd=port")));
    }
    assert!(b.switch.ports()[5].enabled, "nothing was set");
    let login = |password: &str, response: &str| {
        let body = format!("username=admin&password={password}&language=EN&Response={response}");
        b.ask("POST", "/login.cgi", "", &body)
    };
    assert!(is_login(&login("wrong", &token)) && is_login(&login("secret", "wrong")));
    assert_eq!(b.switch.logins(), 0);
    assert!(!is_login(&login("secret", &token)));
    assert_eq!(b.switch.logins(), 1);
    assert!(b.page().contains("<td>Port 6</td><td>node1</td><td>Enabled</td><td>Auto</td><td>1000Full</td>"));
}

#[tokio::test]
async fn setting_a_port_counts_from_zero_clears_its_name_and_takes_its_link() {
    let b = bench(1.0);
    assert!(b.set(5, 0).contains("<td>Port 6</td><td></td><td>Disabled</td><td>Auto</td><td>Link Down</td>"));
    let ports = b.switch.ports();
    assert_eq!((ports[5].enabled, ports[5].link), (false, Link::DOWN));
    assert!(ports[4].enabled && ports[6].link.up);
    b.set(5, 1);
    assert_eq!(b.switch.ports()[5].link, Link::at(1000));
    b.machine.send_replace(MachineState::Off);
    assert!(b.page().contains("<td>Port 6</td><td></td><td>Enabled</td><td>Auto</td><td>Link Down</td>"));
    for nonsense in ["portid=8", "portid=-1", "portid=x", "", "state=2&portid=1"] {
        b.ask("POST", "/port.cgi", &b.switch.with(|state| state.token()), &format!("{nonsense}&cmd=port"));
    }
    assert_eq!(b.switch.changes(), 2);
    let several = "portid=0&portid=1&name=&state=0&cmd=port";
    b.ask("POST", "/port.cgi", &b.switch.with(|state| state.token()), several);
    let off: Vec<bool> = b.switch.ports().iter().map(|port| !port.enabled).collect();
    assert_eq!(off, [true, true, false, false, false, false, false, false]);
}

#[tokio::test]
async fn switching_the_controllers_port_off_ends_the_conversation() {
    let b = bench(1.0);
    assert!(b.switch.hears());
    b.set(6, 0);
    assert!(!b.switch.hears());
}

#[tokio::test(start_paused = true)]
async fn a_power_cycle_drops_all_links_and_forgets_what_was_not_saved() {
    let b = bench(1.0);
    let stop = CancellationToken::new();
    let task = tokio::spawn(b.switch.clone().run(stop.clone()));
    b.set(4, 0);
    b.switch.turn(SwitchKnob::Reboot);
    assert!(!b.switch.hears());
    assert!(b.switch.ports().iter().all(|port| !port.link.up), "also the controller's");
    tokio::time::sleep(Duration::from_secs(10)).await;
    b.switch.turn(SwitchKnob::Reboot);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(!b.switch.hears(), "cut again while it started");
    tokio::time::sleep(Duration::from_secs(6)).await;
    let ports = b.switch.ports();
    assert!(b.switch.hears() && ports[4].enabled && ports[5].link.up);
    assert_eq!(ports[5].name, "node1");
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), task).await.unwrap().unwrap();
}
