//! The pages over HTTP, one request at a time, and the port of lab in front of them.
//!
//! The switch answers 200 to everything: to a wrong password with its login form, to a port it did not set with the page.
//! So nothing counts but what the port page then shows.

use std::time::Duration;

use async_trait::async_trait;
use lab::{
    ports::{PortError, Switch, SwitchReading},
    secret::Secret,
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};

use super::{
    credentials::Credentials,
    page::{self, Page, PageError},
};
use crate::{
    http::{Answer, Ask, BadUrl, Client, HttpFault},
    tls::Pin,
};

/// A page of ports has some ten kilobytes.
const PAGE_LIMIT: usize = 1024 * 1024;
/// The controller and the router hang on these; who switches them off cannot switch them on again.
pub const PROTECTED: [u32; 2] = [7, 8];
/// Between a port's setting and the page that shows it.
const SHOWN_WITHIN: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(250);
/// Of everything that one question may take: turns of others, a login, the setting and its reading back.
const DEADLINE: Duration = Duration::from_secs(30);
/// Pages that the maker of the next driver wants to see.
const CAPTURED: [(&str, &str); 4] = [
    ("port.html", "/port.cgi"),
    ("login.html", "/login.cgi"),
    ("index.html", "/"),
    ("info.html", "/info.cgi"),
];

/// Where the switch is, and who we are to it.
#[derive(Debug, Clone)]
pub struct HasivoConfig {
    /// As in `http://192.168.122.2`.
    pub url: String,
    pub user: String,
    pub password: Secret,
    /// Ports that are never set; [`PROTECTED`] on the owner's board.
    pub protected: Vec<u32>,
    /// Of a switch that speaks HTTPS.
    pub pin: Pin,
}

/// The switch.
#[derive(Debug)]
pub struct Hasivo {
    protected: Vec<u32>,
    wire: Mutex<Wire>,
}

/// What only one may use at a time: the switch has a small web server.
#[derive(Debug)]
struct Wire {
    client: Client,
    credentials: Credentials,
    shown_within: Duration,
}

/// Why a page did not come.
#[derive(Debug)]
enum Trouble {
    Http(HttpFault),
    Page(PageError),
    /// It shows the login form although we have just logged in.
    Refused,
    Status(u16),
}

impl Hasivo {
    /// Nothing is asked of the switch yet.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(config: HasivoConfig) -> Result<Self, BadUrl> {
        let client = Client::new(&config.url, config.pin)?.limit(PAGE_LIMIT);
        let credentials = Credentials::new(config.user, config.password);
        let wire = Wire { client, credentials, shown_within: SHOWN_WITHIN };
        Ok(Self { protected: config.protected, wire: Mutex::new(wire) })
    }

    /// One question, alone and within its deadline.
    async fn alone<T>(
        &self,
        what: &str,
        question: impl AsyncFnOnce(&Wire) -> Result<T, PortError>,
    ) -> Result<T, PortError> {
        let turn = async { question(&*self.wire.lock().await).await };
        timeout(DEADLINE, turn).await.unwrap_or_else(|_| {
            Err(PortError {
                what: what.to_owned(),
                why: format!("the switch was not done within {} s", DEADLINE.as_secs()),
                remedy: "check the switch's cable, and whether its web page opens in a browser".to_owned(),
                absent: true,
            })
        })
    }
}

#[async_trait]
impl Switch for Hasivo {
    async fn read(&self) -> Result<SwitchReading, PortError> {
        let what = "read the switch";
        self.alone(what, async |wire| {
            let page = wire.page().await.map_err(|trouble| trouble.error(what))?;
            Ok(page.reading)
        })
        .await
    }

    async fn set(&self, port: u32, enabled: bool) -> Result<(), PortError> {
        let what = format!("switch port {port} {}", if enabled { "on" } else { "off" });
        if self.protected.contains(&port) {
            return Err(PortError {
                what,
                why: "the controller or the router hangs on it, and nobody could switch it on again"
                    .to_owned(),
                remedy: "use the switch's own web page, from a computer on another port".to_owned(),
                absent: false,
            });
        }
        self.alone(&what, async |wire| wire.set(&what, port, enabled).await).await
    }

    fn writable(&self) -> bool {
        true
    }

    async fn capture(&self) -> Result<Vec<(String, String)>, PortError> {
        let what = "capture the switch's pages";
        self.alone(what, async |wire| {
            // Whatever the page is, it is what is wanted; only silence is an error.
            if let Err(trouble @ Trouble::Http(HttpFault::Unreachable { .. } | HttpFault::Silent { .. })) =
                wire.page().await
            {
                return Err(trouble.error(what));
            }
            let mut pages = Vec::new();
            for (name, path) in CAPTURED {
                match wire.get(path).await {
                    Ok(answer) => {
                        let page = wire.credentials.blanked(&answer.text());
                        pages.push((
                            name.to_owned(),
                            format!("<!-- {path}: HTTP {} -->\n{page}", answer.status),
                        ));
                    }
                    Err(fault) => pages.push((format!("{name}.error.txt"), format!("{path}: {fault}\n"))),
                }
            }
            Ok(pages)
        })
        .await
    }
}

impl Wire {
    async fn get(&self, path: &str) -> Result<Answer, HttpFault> {
        self.client.send(&Ask::get(path).header("cookie", &self.credentials.cookie())).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Result<Answer, HttpFault> {
        self.client.send(&Ask::form(path, fields).header("cookie", &self.credentials.cookie())).await
    }

    /// The port page; when it is the login form instead, once more after a login.
    async fn page(&self) -> Result<Page, Trouble> {
        match self.page_once().await {
            Err(Trouble::Page(PageError::Login)) => {}
            other => return other,
        }
        let Credentials { user, password, hash } = &self.credentials;
        let fields = [
            ("username", user.as_str()),
            ("password", password.reveal()),
            ("language", "EN"),
            ("Response", hash.reveal()),
        ];
        self.post("/login.cgi", &fields).await.map_err(Trouble::Http)?;
        match self.page_once().await {
            Err(Trouble::Page(PageError::Login)) => Err(Trouble::Refused),
            other => other,
        }
    }

    async fn page_once(&self) -> Result<Page, Trouble> {
        seen(self.get("/port.cgi").await.map_err(Trouble::Http)?).await
    }

    async fn set(&self, what: &str, port: u32, enabled: bool) -> Result<(), PortError> {
        let page = self.page().await.map_err(|trouble| trouble.error(what))?;
        let (Some(shown), Some(kept)) = (page.reading.ports.get(&port), page.kept.get(&port)) else {
            let ports: Vec<_> = page.reading.ports.keys().map(u32::to_string).collect();
            return Err(PortError {
                what: what.to_owned(),
                why: format!("the switch shows no such port, but {}", ports.join(", ")),
                remedy: "correct the machine's switch port in the board file".to_owned(),
                absent: false,
            });
        };
        if shown.enabled == Some(enabled) {
            return Ok(());
        }
        for words in &kept.unsaid {
            tracing::warn!(
                port,
                words,
                "the switch's form has no value for this setting, its default is set"
            );
        }
        let fields = [
            ("portid", kept.portid.as_str()),
            ("name", &kept.name),
            ("state", if enabled { "1" } else { "0" }),
            ("speed_duplex", &kept.speed_duplex),
            ("flow", &kept.flow),
            ("submit", "   Apply   "),
            ("cmd", "port"),
        ];
        let order =
            async || self.post("/port.cgi", &fields).await.map_err(|fault| Trouble::Http(fault).error(what));
        let answer = order().await?;
        // A login that ended between the page and the order: the order went nowhere.
        if matches!(seen(answer).await, Err(Trouble::Page(PageError::Login))) {
            self.page().await.map_err(|trouble| trouble.error(what))?;
            order().await?;
        }
        self.shows(what, port, enabled).await
    }

    /// Reads until the page shows it.
    async fn shows(&self, what: &str, port: u32, enabled: bool) -> Result<(), PortError> {
        let deadline = Instant::now() + self.shown_within;
        loop {
            let page = self.page().await;
            let shown = match &page {
                Ok(page) => page.reading.ports.get(&port).and_then(|port| port.enabled),
                Err(_) => None,
            };
            if shown == Some(enabled) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(match page {
                    Err(trouble) => trouble.error(what),
                    Ok(_) => not_shown(what, shown),
                });
            }
            sleep(LOOK).await;
        }
    }
}

fn not_shown(what: &str, shown: Option<bool>) -> PortError {
    let shown = match shown {
        Some(true) => "still shows the port enabled",
        Some(false) => "still shows the port disabled",
        None => "does not say in known words whether the port is enabled",
    };
    PortError {
        what: what.to_owned(),
        why: format!("the switch took the order, but its page {shown}"),
        remedy:
            "set the port on the switch's own web page; if that works, run `statusinator capture switch` and \
                 send its pages to the makers of this program"
                .to_owned(),
        absent: false,
    }
}

/// What an answer shows.
async fn seen(answer: Answer) -> Result<Page, Trouble> {
    match answer.status {
        200..=299 => {}
        // Some send who is not logged in away, to the form.
        301..=303 | 307 | 308 | 401 | 403 => return Err(Trouble::Page(PageError::Login)),
        status => return Err(Trouble::Status(status)),
    }
    // A parser of HTML may take long over a page made for that; others go on meanwhile.
    match tokio::task::spawn_blocking(move || page::read(&answer.text())).await {
        Ok(read) => read.map_err(Trouble::Page),
        Err(_) => {
            Err(Trouble::Page(PageError::NoPorts { said: "what makes the parser of pages fail".to_owned() }))
        }
    }
}

impl Trouble {
    fn error(self, what: &str) -> PortError {
        const CAPTURE: &str = "check the switch's address in the board file; if it is right, run `statusinator capture \
                               switch` and send its pages to the makers of this program";
        let (why, remedy) = match self {
            Self::Http(fault) => return fault.port_error(what),
            Self::Refused => (
                "the switch shows its login form again after a login".to_owned(),
                "correct the switch's user in the board file and its password in the secrets file",
            ),
            Self::Page(PageError::Login) => (
                "the switch asks for a login".to_owned(),
                "correct the switch's user in the board file and its password in the secrets file",
            ),
            Self::Page(error) => (format!("what answers is not the switch we know: {error}"), CAPTURE),
            Self::Status(status) => {
                (format!("what answers is not the switch we know: HTTP status {status}"), CAPTURE)
            }
        };
        PortError { what: what.to_owned(), why, remedy: remedy.to_owned(), absent: false }
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
