//! What tests with far sides that others wrote have in common.
#![allow(dead_code)] // each test uses some of it

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use devices::controls::{ControlFor, build};
use devices::tls::{Fingerprint, Trust};
use lab::ports::Control;
use lab::secret::Secret;
use serde_json::Value;

/// Certificates seen.
#[derive(Default)]
pub(crate) struct Kept(pub(crate) Mutex<BTreeMap<String, Fingerprint>>);

impl Trust for Kept {
    fn known(&self, host: &str) -> Option<Fingerprint> {
        self.0.lock().unwrap().get(host).copied()
    }

    fn first_seen(&self, host: &str, fingerprint: Fingerprint) {
        self.0.lock().unwrap().insert(host.to_owned(), fingerprint);
    }
}

/// The driver for what a board file says; every secret is `secret`.
pub(crate) fn control(gear: Value, secret: &str, trust: &Arc<Kept>) -> Arc<dyn Control> {
    let mac = "52:da:00:89:d8:10".parse().unwrap();
    let machine = ControlFor { name: "node4".into(), mac, broadcast: Ipv4Addr::LOCALHOST };
    let trust: Arc<dyn Trust> = trust.clone();
    let gear = serde_json::from_value(gear).unwrap();
    build(&gear, &machine, &|_| Some(Secret::new(secret)), &trust).unwrap()
}

/// A program that ends with the test.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command, package: &str) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        Self(command.spawn().unwrap_or_else(|error| panic!("{name}: {error}; it comes with {package}")))
    }

    /// It still runs.
    pub(crate) fn alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Free a moment ago: programs that take no port 0 are told this one.
pub(crate) fn free_tcp() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) fn free_udp() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Until the program takes connections.
pub(crate) async fn listens(program: &mut Running, port: u16, within: Duration) {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let wait = async {
        while TcpStream::connect(address).is_err() {
            assert!(program.alive(), "the program ended before it listened");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(within, wait).await.expect("the program listens in time");
}
