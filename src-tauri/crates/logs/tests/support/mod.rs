//! A sink that keeps everything, and the inputs in front of it.

#![allow(dead_code, clippy::unwrap_used)] // each test takes a part; one that finds nothing must fail

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    process::Child,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use lab::{
    counts::{Counts, Source, Sources},
    event::Stamp,
    gear::LogsGear,
    log::{Batch, Offset, Record},
    ports::PortError,
};
use logs::{Clock, Inputs, LogsConfig, Sink};
use tokio_util::sync::CancellationToken;

#[derive(Default)]
pub(crate) struct Shelf(pub(crate) Mutex<Kept>);

#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) records: Vec<Record>,
    pub(crate) counts: Counts,
    pub(crate) offsets: BTreeMap<String, Vec<Offset>>,
}

#[async_trait]
impl Sink for Shelf {
    async fn commit(&self, batch: &Batch) -> Result<(), PortError> {
        let mut kept = self.0.lock().unwrap();
        kept.records.extend(batch.records.iter().cloned());
        kept.counts.merge(&batch.counts);
        kept.offsets.extend(batch.offsets.clone());
        Ok(())
    }
}

impl Shelf {
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().records.len()
    }
}

/// Inputs that go on where the shelf's last batch ended.
pub(crate) struct Bench {
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) inputs: Inputs,
    stop: CancellationToken,
}

impl Bench {
    pub(crate) fn start(gear: LogsGear, shelf: Arc<Shelf>) -> Self {
        let sources = Sources { levels: Source::Log, firewall: Source::Log, ..Sources::default() };
        let offsets = shelf.0.lock().unwrap().offsets.clone();
        let stop = CancellationToken::new();
        let config = LogsConfig { gear, sources, offsets, name_of: Arc::new(|_| None) };
        let inputs = Inputs::start(config, shelf.clone(), clock(), &stop);
        Self { shelf, inputs, stop }
    }

    pub(crate) async fn address(&self, stream: &str) -> SocketAddr {
        until("the input listens", || self.inputs.address(stream).is_some()).await;
        self.inputs.address(stream).unwrap()
    }

    pub(crate) async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(10), self.inputs.ended()).await.unwrap();
    }
}

fn clock() -> Clock {
    let began = std::time::Instant::now();
    Arc::new(move || {
        let mono_us = i64::try_from(began.elapsed().as_micros()).unwrap();
        Stamp { wall_us: jiff::Timestamp::now().as_microsecond(), mono_us, host_boot: "one".into() }
    })
}

pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waits = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), waits).await.is_ok(), "{what}");
}

/// A port that is free in this moment.
pub(crate) fn free() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A process of ours, ended with the test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
