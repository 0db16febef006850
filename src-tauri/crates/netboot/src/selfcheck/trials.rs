//! All promises, one after the other: there are few, and a check must not be a load.

use std::error::Error;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::ServerName;

use super::fetch::{self, FetchError};
use super::promises::{NamesPromised, Promises};
use super::{Complaint, Finding};
use crate::syslog::LoopBack;
use crate::{clock, dns, ntp};

/// For a handshake, on a processor that is busy with six booting machines.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// For a line of ours to come round.
const LOOP: Duration = Duration::from_secs(3);
/// Machines of one board may be this far from the world, not from each other.
const FAR_US: i64 = 60_000_000;

/// Tries everything. Takes some seconds where something is silent, milliseconds otherwise.
pub async fn check(promises: &Promises) -> Vec<Finding> {
    let mut found = Vec::new();
    let (server, files) = &promises.tftp;
    for file in files {
        let tried = fetch::tftp(promises.from, *server, file).await;
        found.push(fetched(
            "tftp",
            format!("fetch {file} by TFTP"),
            tried.map(|size| (size, false)),
            *server,
        ));
    }
    for url in &promises.http {
        found.push(by_http(promises, url).await);
    }
    if let Some(https) = &promises.https {
        found.push(by_https(promises, https).await);
    }
    if let Some(names) = &promises.names {
        found.push(by_name(promises.from.into(), names).await);
    }
    for server in &promises.time {
        found.push(by_clock(promises.from.into(), *server).await);
    }
    if let Some((server, own)) = &promises.log {
        found.push(by_line(promises, *server, own.as_ref()).await);
    }
    found
}

async fn by_http(promises: &Promises, url: &str) -> Finding {
    let what = format!("fetch {url}");
    let (server, path) = match fetch::parts(url) {
        Ok(parts) => parts,
        Err(error) => {
            let remedy = "put an address into the URL: without IPv6 iPXE fails on names".to_owned();
            let complaint = Complaint { why: error.to_string(), remedy, port: None };
            return Finding { service: "http", what, result: Err(complaint) };
        }
    };
    let tried = async {
        let mut stream = fetch::connect(promises.from, server).await?;
        fetch::http(&mut stream, server, path).await
    };
    fetched("http", what, tried.await, server)
}

async fn by_https(
    promises: &Promises,
    (server, name, identity, path): &(SocketAddrV4, String, crate::http::tls::Identity, String),
) -> Finding {
    let what = format!("fetch https://{name}/{path}");
    let to = SocketAddr::V4(*server);
    let spoiled = |why: String| FetchError::Spoiled { server: to, why };
    let tried = async {
        let stream = fetch::connect(promises.from, *server).await?;
        let name = ServerName::try_from(name.clone()).map_err(|error| spoiled(error.to_string()))?;
        let handshake = timeout(HANDSHAKE, identity.connector().connect(name, stream)).await;
        let silent = FetchError::Silent { server: to, limit: HANDSHAKE };
        let mut stream = handshake.map_err(|_| silent)?.map_err(|error| spoiled(error.to_string()))?;
        fetch::http(&mut stream, *server, path).await
    };
    fetched("https", what, tried.await, *server)
}

async fn by_name(from: IpAddr, names: &NamesPromised) -> Finding {
    let what = format!("ask for the lab's {} names", names.records.len());
    let result = |result| Finding { service: "dns", what: what.clone(), result };
    let mut wrong = Vec::new();
    for server in &names.servers {
        for (name, expected) in &names.records {
            match dns::client::addresses(from, (*server).into(), name).await {
                Ok(mut found) => {
                    let mut expected = expected.clone();
                    expected.sort_unstable();
                    found.sort_unstable();
                    if found != expected {
                        let list = |all: &[std::net::Ipv4Addr]| {
                            let all: Vec<_> = all.iter().map(ToString::to_string).collect();
                            if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
                        };
                        wrong.push(format!("{name} is {} there, not {}", list(&found), list(&expected)));
                    }
                }
                Err(error @ (dns::client::AskError::Refused { .. } | dns::client::AskError::Name { .. })) => {
                    wrong.push(words(&error));
                }
                // Who is silent once is silent to the other names too.
                Err(error) => {
                    let remedy = if names.external {
                        format!(
                            "start the name server at {}, or set `names = \"serve\"` in [network]",
                            server.ip()
                        )
                    } else {
                        "end the program that holds the port, then start the engine again".to_owned()
                    };
                    let port = Some(server.port()).filter(|_| !names.external);
                    return result(Err(Complaint { why: words(&error), remedy, port }));
                }
            }
        }
    }
    if wrong.is_empty() {
        let servers: Vec<_> = names.servers.iter().map(|server| server.ip().to_string()).collect();
        return result(Ok(format!("{} knows them", servers.join(", "))));
    }
    // The first tell what is wrong; all of them would fill a screen.
    let more = wrong.len().saturating_sub(3);
    wrong.truncate(3);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let remedy = "add these records to the name server, or set `names = \"serve\"` in [network]".to_owned();
    result(Err(Complaint { why: wrong.join("; ") + &more, remedy, port: None }))
}

async fn by_clock(from: IpAddr, server: SocketAddrV4) -> Finding {
    let what = format!("ask {} for the time", server.ip());
    let result = match ntp::client::ask(from, server.into()).await {
        Err(error) => {
            let remedy = "end the program that holds the port, or name a time server that answers".to_owned();
            Err(Complaint { why: words(&error), remedy, port: Some(server.port()) })
        }
        Ok(sample) if sample.leap == 3 || !(1..16).contains(&sample.stratum) => Err(Complaint {
            why: "its clock says that it is not synchronised, and machines refuse such a clock".to_owned(),
            remedy: format!("synchronise {}, or let the boss serve the time", server.ip()),
            port: None,
        }),
        Ok(sample) if sample.offset_us.abs() > FAR_US => Err(Complaint {
            why: format!("its clock and ours are {} s apart", sample.offset_us.abs() / 1_000_000),
            remedy: "synchronise one of the two; certificates need them to agree".to_owned(),
            port: None,
        }),
        Ok(sample) => {
            Ok(format!("stratum {}, {:.1} ms from our clock", sample.stratum, sample.offset_us as f64 / 1e3))
        }
    };
    Finding { service: "ntp", what, result }
}

async fn by_line(promises: &Promises, server: SocketAddrV4, own: Option<&LoopBack>) -> Finding {
    let what = format!("send a log line to {}", server.ip());
    let line = format!("self-check {}", clock::mono_us());
    if let Some(own) = own {
        own.expect(&line);
    }
    let sent = async {
        let socket = UdpSocket::bind((promises.from, 0)).await?;
        // Facility 1 (user), severity 7 (debug).
        socket.send_to(format!("<15>{line}").as_bytes(), server).await
    };
    let result = match (sent.await, own) {
        (Err(error), _) => Err(Complaint {
            why: error.to_string(),
            remedy: "bring the lab's interface up".to_owned(),
            port: None,
        }),
        (Ok(_), None) => Ok("sent; nobody confirms a log line, so that only that server knows".to_owned()),
        (Ok(_), Some(own)) => match timeout(LOOP, own.heard()).await {
            Ok(()) => Ok("it came back to us".to_owned()),
            Err(_) => Err(Complaint {
                why: format!("it did not arrive within {} s", LOOP.as_secs()),
                remedy: "end the program that holds the port, then start the engine again".to_owned(),
                port: Some(server.port()),
            }),
        },
    };
    Finding { service: "syslog", what, result }
}

fn fetched(
    service: &'static str,
    what: String,
    tried: Result<(u64, bool), FetchError>,
    server: SocketAddrV4,
) -> Finding {
    let result = match tried {
        Ok((size, true)) => Ok(format!("{size} bytes, hash as told")),
        Ok((size, false)) => Ok(format!("{size} bytes")),
        Err(error) => {
            let nobody = matches!(error, FetchError::Connect { .. } | FetchError::Silent { .. });
            let remedy = match &error {
                FetchError::Connect { .. } | FetchError::Silent { .. } => {
                    "end the program that holds the port, then start the engine again"
                }
                FetchError::Refused { .. } => "see System for the boot files that are missing",
                FetchError::Spoiled { .. } => "verify the boot files; one has changed on disk",
                FetchError::Url { .. } => "put an address into the URL",
            };
            let port = Some(server.port()).filter(|_| nobody);
            Err(Complaint { why: words(&error), remedy: remedy.to_owned(), port })
        }
    };
    Finding { service, what, result }
}

/// An error with all its reasons.
fn words(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        words = format!("{words}: {reason}");
        source = reason.source();
    }
    words
}
