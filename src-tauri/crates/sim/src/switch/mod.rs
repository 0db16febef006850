//! The managed switch, by its web pages: a login that is none, a table of ports, a form that sets one.
//!
//! `pages` writes the HTML; here are the ports behind it. Switching a machine's port off takes its link, and what was
//! switched is forgotten at the next power cycle, since nobody saves it.

mod pages;
#[cfg(test)]
mod site_tests;

use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex, PoisonError};

use md5::{Digest, Md5};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::SwitchPlug;
use crate::link::{Link, Links};
use crate::pace::Pace;
use crate::web::{Answer, Door, PageKnob, Request, Site};

/// The ports that machines may hang on; the controller and the router have the other two.
pub const MACHINE_PORTS: u32 = 6;
const PORTS: u32 = 8;
const BOSS: u32 = 7;
/// From the supply to the first page, in seconds at speed 1.
const BOOT_S: f64 = 25.0;
/// Mbit/s of the controller and the router.
const UPLINK_SPEED: u32 = 1000;

/// How the status page is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// The owner's model: one form, then the table, with names.
    #[default]
    Owner,
    /// Others of the same make: two forms, no names, other words for the state.
    Sibling,
}

/// A switch to simulate.
#[derive(Debug, Clone)]
pub struct SwitchSim {
    /// Port 0 is any; [`SwitchView::address`] tells.
    pub listen: SocketAddrV4,
    pub user: String,
    pub password: String,
    pub layout: Layout,
}

/// What can be done to the switch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SwitchKnob {
    Pages(PageKnob),
    /// Its supply is cut for a moment: all links drop, and it comes back with what was saved.
    Reboot,
}

/// One port as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchPortState {
    /// Empty when it was cleared.
    pub name: String,
    pub enabled: bool,
    pub link: Link,
}

#[derive(Debug, Clone)]
struct Port {
    name: String,
    enabled: bool,
}

struct State {
    config: SwitchSim,
    ports: Vec<Port>,
    saved: Vec<Port>,
    links: Links,
    /// The far ends of the machines' cables.
    plugs: Vec<SwitchPlug>,
    /// It has its supply and has started.
    live: bool,
    logins: u64,
    changes: u64,
}

/// The switch, for as long as the board runs.
#[derive(Clone)]
pub struct SwitchView {
    state: Arc<Mutex<State>>,
    door: Door,
    rebooted: Arc<Notify>,
    pace: Pace,
}

impl std::fmt::Debug for SwitchView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SwitchView").field("address", &self.door.address).finish_non_exhaustive()
    }
}

impl SwitchView {
    pub(crate) fn new(
        config: SwitchSim,
        door: Door,
        links: Links,
        plugs: Vec<SwitchPlug>,
        names: &[(u32, String)],
        pace: Pace,
    ) -> SwitchView {
        let name = |port: u32| match port {
            BOSS => "boss".to_owned(),
            PORTS => "wally".to_owned(),
            _ => names
                .iter()
                .find(|(known, _)| *known == port)
                .map(|(_, name)| name.clone())
                .unwrap_or_default(),
        };
        let ports: Vec<Port> = (1..=PORTS).map(|port| Port { name: name(port), enabled: true }).collect();
        let (saved, live) = (ports.clone(), true);
        let state = State { config, ports, saved, links, plugs, live, logins: 0, changes: 0 };
        SwitchView { state: Arc::new(Mutex::new(state)), door, rebooted: Arc::default(), pace }
    }

    /// Where its pages are.
    pub fn address(&self) -> SocketAddrV4 {
        self.door.address
    }

    /// All eight, port 1 first.
    pub fn ports(&self) -> Vec<SwitchPortState> {
        self.with(|state| {
            let port = |(number, port): (u32, &Port)| SwitchPortState {
                name: port.name.clone(),
                enabled: port.enabled,
                link: state.link(number),
            };
            (1..).zip(&state.ports).map(port).collect()
        })
    }

    /// Logins that were right.
    pub fn logins(&self) -> u64 {
        self.with(|state| state.logins)
    }

    /// Ports that were set, whether or not it changed them.
    pub fn changes(&self) -> u64 {
        self.with(|state| state.changes)
    }

    pub(crate) fn turn(&self, knob: SwitchKnob) {
        match knob {
            SwitchKnob::Pages(knob) => self.door.turn(knob),
            SwitchKnob::Reboot => {
                self.with(|state| {
                    state.ports = state.saved.clone();
                    state.live = false;
                    state.settle();
                });
                self.door.darken(self.pace.delay(BOOT_S));
                self.rebooted.notify_one();
            }
        }
    }

    /// Brings the ports back after each reboot.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let reboots = async {
            loop {
                self.rebooted.notified().await;
                // Cut once more while it starts, it starts once more.
                while tokio::time::timeout(self.pace.delay(BOOT_S), self.rebooted.notified()).await.is_ok() {}
                self.with(|state| {
                    state.live = true;
                    state.settle();
                });
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = reboots => {}
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn enabled(&self, port: u32) -> bool {
        port.checked_sub(1).and_then(|index| self.ports.get(index as usize)).is_some_and(|port| port.enabled)
    }

    fn link(&self, port: u32) -> Link {
        match port {
            BOSS | PORTS if self.live && self.enabled(port) => Link::at(UPLINK_SPEED),
            BOSS | PORTS => Link::DOWN,
            _ => self.links.on_port(port).unwrap_or(Link::DOWN),
        }
    }

    /// Tells the machines' cables whether they lead anywhere.
    fn settle(&self) {
        for (port, plug) in &self.plugs {
            let open = self.live && self.enabled(*port);
            plug.send_if_modified(|was| std::mem::replace(was, open) != open);
        }
    }

    /// The cookie is nothing but the credentials, so that it is good for ever.
    fn token(&self) -> String {
        let digest = Md5::digest(format!("{}{}", self.config.user, self.config.password));
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn login(&mut self, form: &[(String, String)]) -> Answer {
        let field =
            |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let right = field("username") == Some(&self.config.user)
            && field("password") == Some(&self.config.password)
            && field("Response") == Some(&self.token());
        if !right {
            return Answer::html(pages::login());
        }
        self.logins += 1;
        Answer::html(pages::frames())
    }

    fn set(&mut self, form: &[(String, String)]) {
        let field =
            |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let enabled = match field("state") {
            Some("1") => true,
            Some("0") => false,
            _ => return,
        };
        if field("cmd") != Some("port") {
            return;
        }
        let chosen = form.iter().filter(|(name, _)| name == "portid");
        for index in chosen.filter_map(|(_, number)| number.parse::<usize>().ok()) {
            let Some(port) = self.ports.get_mut(index) else { continue };
            self.changes += 1;
            *port = Port { name: field("name").unwrap_or_default().to_owned(), enabled };
        }
        self.settle();
    }
}

impl Site for SwitchView {
    fn answer(&self, request: &Request) -> Answer {
        self.with(|state| {
            if request.path == "/login.cgi" && request.method == "POST" {
                return state.login(&request.form());
            }
            if request.cookie("admin") != Some(&state.token()) {
                return Answer::html(pages::login());
            }
            match (request.method.as_str(), request.path.as_str()) {
                ("GET", "/") => Answer::html(pages::frames()),
                (method @ ("GET" | "POST"), "/port.cgi") => {
                    if method == "POST" {
                        state.set(&request.form());
                    }
                    let links: Vec<Link> = (1..=PORTS).map(|port| state.link(port)).collect();
                    Answer::html(pages::ports(state.config.layout, &state.ports, &links))
                }
                _ => Answer::new(404, "text/html", "<html><body>404 Not Found</body></html>"),
            }
        })
    }

    /// Whoever switches the controller's port off talks to nobody any more.
    fn hears(&self) -> bool {
        self.with(|state| state.live && state.enabled(BOSS))
    }
}
