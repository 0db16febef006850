//! Debian's Prometheus scrapes us over TLS, with the token that may only read, and finds what it asks for.
//!
//! Run by `make test-real`.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use support::{Served, until};

struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn prometheus_scrapes_us_over_tls_with_a_token() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (dir.path().join("own.pem"), dir.path().join("own.key"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let data = dir.path().join("data");
    let pair = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let served = Served::start(&data, &pair);

    let target = served.url.trim_start_matches("https://");
    let config = format!(
        "scrape_configs:\n- job_name: board\n  scheme: https\n  scrape_interval: 1s\n  authorization:\n    \
         credentials_file: {}\n  tls_config:\n    ca_file: {}\n  static_configs:\n  - targets: [\"{target}\"]\n",
        data.join("metrics.token").display(),
        certificate.display()
    );
    let file = dir.path().join("prometheus.yml");
    fs::write(&file, config).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let log = fs::File::create(dir.path().join("prometheus.log")).unwrap();
    let _prometheus = Prometheus(
        Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus is among the packages that tests need"),
    );
    let ask = |query: &str| -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET /api/v1/query?query={query} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    };
    for (query, wanted) in [
        ("statusinator_build_info", "\"version\":"),
        ("statusinator_events_total", "\"__name__\":\"statusinator_events_total\""),
        ("up", ",\"1\"]"),
    ] {
        until(query, Duration::from_secs(60), || ask(query).filter(|answer| answer.contains(wanted)));
    }
    served.stop();
}
