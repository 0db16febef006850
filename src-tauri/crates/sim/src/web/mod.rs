//! A small HTTP server, as the web interfaces of cheap devices have one: one request a connection, and much that can go
//! wrong with it.
//!
//! [`request`] reads what came, [`server`] accepts, waits and answers. A device is a [`Site`].

mod request;
mod server;

#[cfg(test)]
mod server_tests;

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) use request::Request;
pub(crate) use server::{Door, Server};

/// What can be wrong with pages, whoever serves them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PageKnob {
    /// Connections are taken and nothing is answered.
    Silence(bool),
    /// Every answer comes this much later, in wall time.
    Delay(Duration),
    /// The body of every answer is noise of the same length.
    Garbage(bool),
    /// Every answer breaks off in the middle.
    Half(bool),
    /// Every answer goes on for 50 MB.
    Huge(bool),
    /// The network cable is out: nobody listens.
    Unplugged(bool),
}

/// How the server behaves at the moment.
#[derive(Debug, Clone, Copy, Default)]
struct Manners {
    silent: bool,
    delay: Duration,
    garbage: bool,
    half: bool,
    huge: bool,
    unplugged: bool,
    /// It starts anew and listens again then.
    dark_until: Option<Instant>,
}

impl Manners {
    fn turn(&mut self, knob: PageKnob) {
        match knob {
            PageKnob::Silence(on) => self.silent = on,
            PageKnob::Delay(delay) => self.delay = delay,
            PageKnob::Garbage(on) => self.garbage = on,
            PageKnob::Half(on) => self.half = on,
            PageKnob::Huge(on) => self.huge = on,
            PageKnob::Unplugged(on) => self.unplugged = on,
        }
    }

    fn listens(&self) -> bool {
        !self.unplugged && self.dark_until.is_none_or(|until| until <= Instant::now())
    }
}

type MannersNow = watch::Receiver<Manners>;

/// What is sent back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// How long the device works on it, in wall time.
    pub(crate) after: Duration,
}

impl Answer {
    pub(crate) fn new(status: u16, kind: &'static str, body: impl Into<Vec<u8>>) -> Answer {
        Answer { status, kind, headers: Vec::new(), body: body.into(), after: Duration::ZERO }
    }

    pub(crate) fn html(body: String) -> Answer {
        Answer::new(200, "text/html", body)
    }
}

/// A device's pages.
pub(crate) trait Site: Send + Sync + 'static {
    fn answer(&self, request: &Request) -> Answer;

    /// Whether packets reach it at all.
    fn hears(&self) -> bool {
        true
    }
}
