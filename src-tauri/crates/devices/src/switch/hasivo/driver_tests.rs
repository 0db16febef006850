//! The driver against a switch written from the description of its pages.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex as Shut},
};

use super::*;
use crate::fake::{Fake, Heard, Kept, answer};

const FORM: &str = include_str!("samples/login.html");

/// The far side.
struct Far {
    /// By port: name, enabled.
    ports: BTreeMap<u32, (String, bool)>,
    password: &'static str,
    logged_in: bool,
    /// Shows a change only after so many looks.
    slow: usize,
    /// Takes orders and does nothing.
    deaf: bool,
    /// Forgets who is logged in at the next order.
    forgetful: bool,
}

impl Far {
    fn new() -> Arc<Shut<Self>> {
        let ports = (1..=8).map(|port| (port, (format!("name {port}"), true))).collect();
        Arc::new(Shut::new(Self {
            ports,
            password: "hunter2",
            logged_in: false,
            slow: 0,
            deaf: false,
            forgetful: false,
        }))
    }

    fn page(&self) -> String {
        let mut page = String::from(
            "<html><table><tr><td>a form</table><table><tr><th rowspan=2>Port<th rowspan=2>Name<th rowspan=2>State\
             <th colspan=2>Speed/Duplex<tr><th>Config<th>Actual",
        );
        for (port, (name, enabled)) in &self.ports {
            let state = if *enabled && self.slow == 0 { "Enabled" } else { "Disabled" };
            page += &format!("<tr><td>Port {port}<td>{name}<td>{state}<td>Auto<td>Link Down");
        }
        page + "</table></html>"
    }

    fn obey(&mut self, heard: &Heard) -> String {
        let page = |text: &str| answer("200 OK", &["Content-Type: text/html"], text);
        // printf admin$password | md5sum
        let sum = if self.password == "hunter2" { "b7e0c81efd24af5fd698e10fe115c291" } else { "other" };
        let fields: BTreeMap<&str, &str> =
            heard.body.split('&').filter_map(|field| field.split_once('=')).collect();
        match heard.line.as_str() {
            "POST /login.cgi" => {
                let right = fields["password"] == self.password && fields["username"] == "admin";
                self.logged_in = right && fields["language"] == "EN" && fields["Response"] == sum;
                page("<html>welcome, or not")
            }
            _ if !self.logged_in || heard.header("cookie") != Some(&format!("admin={sum}")) => page(FORM),
            "GET /port.cgi" => {
                self.slow = self.slow.saturating_sub(1);
                page(&self.page())
            }
            "POST /port.cgi" => {
                if self.forgetful {
                    (self.forgetful, self.logged_in) = (false, false);
                    return page(FORM);
                }
                assert_eq!((fields["cmd"], fields["submit"]), ("port", "+++Apply+++"));
                assert_eq!((fields["speed_duplex"], fields["flow"]), ("0", "0"));
                let port: u32 = fields["portid"].parse().unwrap();
                if !self.deaf {
                    self.ports.insert(port + 1, (fields["name"].replace('+', " "), fields["state"] == "1"));
                }
                page(&self.page())
            }
            _ => page(&format!("<html>password is {}, sum is {sum}</html>", self.password)),
        }
    }
}

async fn serve(far: &Arc<Shut<Far>>) -> Fake {
    let far = Arc::clone(far);
    Fake::start(move |heard| far.lock().unwrap().obey(heard)).await
}

fn hasivo(url: String) -> Hasivo {
    let pin = Pin::First(Arc::new(Kept::default()));
    let (user, password) = ("admin".into(), Secret::new("hunter2"));
    Hasivo::new(HasivoConfig { url, user, password, protected: PROTECTED.to_vec(), pin }).unwrap()
}

#[tokio::test]
async fn it_logs_in_when_asked_to_and_reads() {
    let far = Far::new();
    let fake = serve(&far).await;
    let switch = hasivo(fake.url());
    let reading = switch.read().await.unwrap();
    assert_eq!(reading.ports.len(), 8);
    assert_eq!(reading.ports[&3].name.as_deref(), Some("name 3"));
    assert_eq!(fake.lines(), ["GET /port.cgi", "POST /login.cgi", "GET /port.cgi"]);
    switch.read().await.unwrap();
    assert_eq!(fake.lines().len(), 4, "one login is enough");
    far.lock().unwrap().logged_in = false;
    switch.read().await.unwrap();
    assert_eq!(fake.lines().len(), 7, "and it is repeated when the switch forgot");
}

#[tokio::test]
async fn a_wrong_password_is_told_from_a_page_that_is_something_else() {
    let far = Far::new();
    far.lock().unwrap().password = "changed";
    let fake = serve(&far).await;
    let error = hasivo(fake.url()).read().await.unwrap_err();
    assert!(error.why.contains("login form again"), "{error:?}");
    assert!(error.remedy.contains("password") && !error.absent, "{error:?}");

    for (page, said) in [
        (answer("200 OK", &[], "<html><title>Plug</title>Tasmota</html>"), "it says \"Tasmota\""),
        (answer("404 Not Found", &[], ""), "HTTP status 404"),
    ] {
        let fake = Fake::start(move |_| page.clone()).await;
        let error = hasivo(fake.url()).read().await.unwrap_err();
        assert!(error.why.contains("not the switch we know") && error.why.contains(said), "{error:?}");
        assert!(error.remedy.contains("capture switch") && !error.absent);
        assert_eq!(fake.lines(), ["GET /port.cgi"], "no password is told to what is no switch");
    }
    let fake = Fake::start(|_| answer("302 Found", &["Location: /login.cgi"], "")).await;
    assert!(hasivo(fake.url()).read().await.unwrap_err().why.contains("login form again"));
    assert_eq!(fake.lines(), ["GET /port.cgi", "POST /login.cgi", "GET /port.cgi"]);
}

#[tokio::test]
async fn a_port_is_set_and_keeps_its_name() {
    let far = Far::new();
    let fake = serve(&far).await;
    let switch = hasivo(fake.url());
    switch.set(6, false).await.unwrap();
    assert_eq!(far.lock().unwrap().ports[&6], ("name 6".into(), false));
    far.lock().unwrap().slow = 3;
    switch.set(6, true).await.unwrap();
    assert_eq!(far.lock().unwrap().ports[&6], ("name 6".into(), true));
    let orders = |fake: &Fake| fake.lines().iter().filter(|line| *line == "POST /port.cgi").count();
    let before = orders(&fake);
    switch.set(6, true).await.unwrap();
    assert_eq!(orders(&fake), before, "what is as it should be is left alone");
}

#[tokio::test]
async fn the_ports_of_controller_and_router_are_never_touched() {
    let fake = serve(&Far::new()).await;
    let switch = hasivo(fake.url());
    for port in PROTECTED {
        for enabled in [false, true] {
            let error = switch.set(port, enabled).await.unwrap_err();
            assert!(error.why.contains("controller"), "{error:?}");
        }
    }
    assert_eq!(fake.lines(), [""; 0]);
    let error = switch.set(9, false).await.unwrap_err();
    assert!(error.why.contains("no such port, but 1, 2, 3"), "{error:?}");
    assert!(!fake.lines().contains(&"POST /port.cgi".to_owned()));
}

#[tokio::test]
async fn that_it_was_taken_is_no_success() {
    let far = Far::new();
    far.lock().unwrap().deaf = true;
    let fake = serve(&far).await;
    let mut switch = hasivo(fake.url());
    switch.wire.get_mut().shown_within = LOOK;
    let error = switch.set(1, false).await.unwrap_err();
    assert!(error.why.contains("still shows the port enabled"), "{error:?}");
    assert_eq!(error.what, "switch port 1 off");
}

#[tokio::test]
async fn a_login_forgotten_between_page_and_order_loses_no_order() {
    let far = Far::new();
    let fake = serve(&far).await;
    let switch = hasivo(fake.url());
    switch.read().await.unwrap();
    far.lock().unwrap().forgetful = true;
    switch.set(2, false).await.unwrap();
    assert!(!far.lock().unwrap().ports[&2].1);
}

#[tokio::test]
async fn a_switch_that_is_not_there_is_absent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let switch = hasivo(url);
    for error in [
        switch.read().await.unwrap_err(),
        switch.set(1, true).await.unwrap_err(),
        switch.capture().await.unwrap_err(),
    ] {
        assert!(error.absent && !error.remedy.is_empty(), "{error:?}");
    }
}

#[tokio::test]
async fn a_page_without_end_is_refused_while_it_is_read() {
    let fake = Fake::start(|_| answer("200 OK", &[], &"<p>".repeat(17_000_000))).await;
    let error = hasivo(fake.url()).read().await.unwrap_err();
    assert!(error.why.contains("more than 1024 kB"), "{error:?}");
}

#[tokio::test]
async fn pages_are_captured_without_secrets() {
    let far = Far::new();
    let fake = serve(&far).await;
    let pages = hasivo(fake.url()).capture().await.unwrap();
    let names: Vec<_> = pages.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["port.html", "login.html", "index.html", "info.html"]);
    assert!(pages[0].1.contains("Port 3"));
    assert!(pages[2].1.contains("password is ********, sum is ********"), "{}", pages[2].1);
    assert!(pages.iter().all(|(_, page)| !page.contains("hunter2") && !page.contains("b7e0c81efd24")));
}
