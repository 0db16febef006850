//! A loader by TFTP, received by atftp.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use async_trait::async_trait;
use tokio::process::Command;

use super::dnsmasq;
use crate::bench::{Bench, SERVER};
use crate::process::{Port, Running};
use benches::row::{Aim, Measure, Row, Side};

const MEGABYTES: u32 = 10;
/// dnsmasq has no other.
const PORT: u16 = 69;

pub(crate) struct Tftp {
    word: &'static str,
    words: &'static str,
    options: &'static [&'static str],
    aim: f64,
}

impl Tftp {
    pub(crate) fn plain() -> Tftp {
        Tftp { word: "tftp", words: "no options", options: &[], aim: 1.0 }
    }

    /// The largest block of Ethernet, and the window that firmware asks for at most.
    pub(crate) fn windows() -> Tftp {
        let options = &["blksize 1468", "windowsize 16"];
        Tftp { word: "tftp-window", words: "blksize 1468, windowsize 16", options, aim: 3.0 }
    }

    /// The same with windows as large as we grant them.
    pub(crate) fn large_windows() -> Tftp {
        let options = &["blksize 1468", "windowsize 64"];
        Tftp { word: "tftp-window-64", words: "blksize 1468, windowsize 64", options, aim: 3.0 }
    }
}

#[async_trait]
impl Row<Bench> for Tftp {
    fn word(&self) -> &'static str {
        self.word
    }

    fn title(&self) -> String {
        format!("TFTP, {MEGABYTES} MB, {}", self.words)
    }

    fn theirs(&self) -> &'static str {
        "dnsmasq"
    }

    fn measures(&self) -> Vec<Measure> {
        let rate = Measure {
            name: "rate",
            unit: "MB/s",
            aim: Some(Aim::TimesAtLeast(self.aim)),
            why: "What the client does with a block is the same for both, and it is most of the time.",
        };
        let cpu = Measure { name: "server", unit: "CPU s/GB", aim: None, why: "" };
        vec![rate, cpu]
    }

    async fn run(&mut self, side: Side, bench: &Bench) -> Result<Vec<f64>> {
        let file = bench.file("loader", MEGABYTES).await?;
        let mut server = match side {
            Side::Ours => {
                let mut command = bench.ours("tftp_serve")?;
                command.arg("--listen").arg(format!("{SERVER}:{PORT}")).arg("--root").arg(bench.folder());
                Running::start(&mut command, "tftp_serve")?
            }
            Side::Theirs => {
                let mut command = dnsmasq::command();
                command.arg("--enable-tftp").arg(format!("--tftp-root={}", bench.folder().display()));
                Running::start(&mut command, "dnsmasq")?
            }
        };
        server.listens(Port::Udp(PORT)).await?;
        let copy = bench.folder().join("copy");
        // Once beforehand, and compared: whatever a server does with a file that it sees for the first time is not meant here,
        // nor is what a client needs to write it.
        self.fetch(bench, &copy).await?;
        bench.done(Command::new("cmp").arg(&file).arg(&copy)).await?;
        let (began, before) = (Instant::now(), server.cpu_seconds()?);
        self.fetch(bench, Path::new("/dev/null")).await?;
        let (took, used) = (began.elapsed().as_secs_f64(), server.cpu_seconds()? - before);
        ensure!(took > 0.0, "the clock stands still");
        server.stop().await?;
        let megabytes = f64::from(MEGABYTES);
        Ok(vec![megabytes / took, used / (megabytes / 1000.0)])
    }
}

impl Tftp {
    async fn fetch(&self, bench: &Bench, copy: &Path) -> Result<()> {
        let mut client = bench.client("atftp");
        client.args(["--get", "--remote-file", "loader", "--local-file"]).arg(copy);
        for option in self.options {
            client.args(["--option", option]);
        }
        client.args([SERVER, &PORT.to_string()]);
        bench.done(&mut client).await.map(|_| ())
    }
}
