//! An initrd by HTTP to six machines at once, received by curl.

use std::time::Instant;

use anyhow::{Context, Result};
use async_trait::async_trait;
use tokio::process::Command;
use tokio::task::JoinSet;

use super::nginx::{self, Site};
use crate::bench::{Bench, SERVER};
use crate::process::{Port, Running};
use benches::row::{Aim, Measure, Row, Side};

const MEGABYTES: u32 = 300;
const CLIENTS: u32 = 6;
const PORT: u16 = 8080;

pub(crate) struct Http;

#[async_trait]
impl Row<Bench> for Http {
    fn word(&self) -> &'static str {
        "http"
    }

    fn title(&self) -> String {
        format!("HTTP, {MEGABYTES} MB to {CLIENTS} clients at once")
    }

    fn theirs(&self) -> &'static str {
        "nginx, sendfile on"
    }

    fn measures(&self) -> Vec<Measure> {
        let rate = Measure {
            name: "rate",
            unit: "MB/s",
            aim: Some(Aim::TimesAtLeast(1.0)),
            why: "Six clients and the server share the processors; the clients take most of them.",
        };
        let cpu = Measure {
            name: "server",
            unit: "CPU s/GB",
            aim: Some(Aim::TimesAtMost(1.2)),
            why: "Both spend it in the kernel's own TCP, which also counts what it does for the clients' end of the wire.",
        };
        vec![rate, cpu]
    }

    async fn run(&mut self, side: Side, bench: &Bench) -> Result<Vec<f64>> {
        bench.file("initrd", MEGABYTES).await?;
        let mut server = match side {
            Side::Ours => {
                let mut command = bench.ours("http_serve")?;
                command.arg("--listen").arg(format!("{SERVER}:{PORT}")).arg("--root").arg(bench.folder());
                Running::start(&mut command, "http_serve")?
            }
            Side::Theirs => {
                let listen = format!("{SERVER}:{PORT}");
                let site = Site { listen: &listen, root: bench.folder(), log: None, more: "" };
                Running::start(&mut nginx::command(&bench.folder().join("nginx"), &site)?, "nginx")?
            }
        };
        server.listens(Port::Tcp(PORT)).await?;
        let url = format!("http://{SERVER}:{PORT}/initrd");
        // Once beforehand, one client: files in memory, hashed (ours), workers up (nginx).
        bench.done(&mut curl(bench, &url)).await?;
        let (began, before) = (Instant::now(), server.cpu_seconds()?);
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let mut client = curl(bench, &url);
            let child = client.kill_on_drop(true).spawn().context("start curl")?;
            clients.spawn(child.wait_with_output());
        }
        while let Some(ended) = clients.join_next().await {
            let output = ended??;
            anyhow::ensure!(output.status.success(), "curl: {}", output.status);
        }
        let (took, used) = (began.elapsed().as_secs_f64(), server.cpu_seconds()? - before);
        server.stop().await?;
        let megabytes = f64::from(MEGABYTES * CLIENTS);
        Ok(vec![megabytes / took, used / (megabytes / 1000.0)])
    }
}

fn curl(bench: &Bench, url: &str) -> Command {
    let mut client = bench.client("curl");
    client.args(["--silent", "--fail", "--max-time", "100", "--output", "/dev/null", url]);
    client
}
