//! The port of lab in front of the router: its counters, its way to the world, its Wi-Fi.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use lab::{
    gear::RouterDevices,
    ports::{PortError, Router, RouterReading, Uplink, WifiNetwork},
    secret::Secret,
};
use tokio::sync::Mutex;

use super::{
    join::{self, Join, Patience},
    rpc::Rpc,
    uci,
};
use crate::{
    http::{BadUrl, Client},
    router::{Exporter, ExporterConfig},
    tls::Pin,
};

/// A list of all networks of a city's centre stays below this.
const ANSWER_LIMIT: usize = 512 * 1024;

/// Where the router is, and who we are to it.
#[derive(Debug, Clone)]
pub struct LuciConfig {
    /// As in `https://192.168.122.1`.
    pub url: String,
    pub user: String,
    pub password: Secret,
    pub pin: Pin,
    /// As in `http://192.168.122.1:9100/metrics`; without it nothing is counted.
    pub metrics: Option<String>,
    pub devices: RouterDevices,
    pub radio: String,
    pub wifi: String,
}

/// The router.
#[derive(Debug)]
pub struct Luci {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    rpc: Rpc,
    exporter: Option<Exporter>,
    radio: String,
    wifi: String,
    /// Two that join at once would undo each other.
    turn: Mutex<()>,
    /// One of the two sides is silent, and that was logged.
    told: AtomicBool,
    patience: Patience,
}

impl Luci {
    /// Nothing is asked of the router yet.
    ///
    /// # Errors
    /// When an address or a name is none.
    pub fn new(config: LuciConfig) -> Result<Self, BadUrl> {
        for name in [&config.radio, &config.wifi] {
            uci::check_identifier(name)
                .map_err(|unfit| BadUrl { url: name.clone(), why: unfit.to_string() })?;
        }
        let client = Client::new(&config.url, config.pin.clone())?.limit(ANSWER_LIMIT);
        let metrics =
            config.metrics.map(|url| ExporterConfig { url, devices: config.devices, pin: config.pin });
        let exporter = metrics.map(Exporter::new).transpose()?;
        let rpc = Rpc::new(client, config.user, config.password);
        let (turn, told, patience) = (Mutex::default(), AtomicBool::new(false), Patience::default());
        let (radio, wifi) = (config.radio, config.wifi);
        Ok(Self { inner: Arc::new(Inner { rpc, exporter, radio, wifi, turn, told, patience }) })
    }
}

impl Inner {
    /// Of its two sides, one that is silent may be off; what refuses needs a person, whatever the other one says.
    async fn read(&self) -> Result<RouterReading, PortError> {
        let way_out = async {
            let found = join::way_out(&self.rpc, &self.wifi).await;
            found.map_err(|trouble| trouble.error("read the router's way to the world"))
        };
        let Some(exporter) = &self.exporter else {
            return Ok(RouterReading { uplink: way_out.await?, ..RouterReading::default() });
        };
        let (counted, uplink) = tokio::join!(exporter.look(), way_out);
        let (reading, silent) = match (counted, uplink) {
            (Ok(counted), Ok(uplink)) => (RouterReading { uplink, ..counted }, None),
            (Ok(counted), Err(error)) if error.absent => (counted, Some(error)),
            (Err(error), Ok(uplink)) if error.absent => {
                (RouterReading { uplink, ..RouterReading::default() }, Some(error))
            }
            (_, Err(error)) | (Err(error), _) => return Err(error),
        };
        if !self.told.swap(silent.is_some(), Ordering::Relaxed)
            && let Some(error) = silent
        {
            tracing::warn!(%error, remedy = error.remedy, "the router answers in part");
        }
        Ok(reading)
    }

    async fn join(&self, ssid: &str, password: Option<&Secret>) -> Result<Uplink, PortError> {
        let _turn = self.turn.try_lock().map_err(|_| PortError {
            what: "join the Wi-Fi network".to_owned(),
            why: "another attempt to join one is under way".to_owned(),
            remedy: "wait a minute for its end".to_owned(),
            absent: false,
        })?;
        let (radio, wifi) = (self.radio.as_str(), self.wifi.as_str());
        Join { rpc: &self.rpc, radio, wifi, ssid, password, patience: self.patience }.run().await
    }
}

#[async_trait]
impl Router for Luci {
    async fn read(&self) -> Result<RouterReading, PortError> {
        self.inner.read().await
    }

    fn has_wifi(&self) -> bool {
        true
    }

    async fn scan(&self) -> Result<Vec<WifiNetwork>, PortError> {
        let heard = join::scan(&self.inner.rpc, &self.inner.radio).await;
        let heard = heard.map_err(|trouble| trouble.error("look for Wi-Fi networks"))?;
        Ok(heard.into_iter().map(|heard| heard.network).collect())
    }

    /// Goes on to its end when who asked has gone: half a change would be worse. Every wait in it has a deadline.
    async fn join(&self, ssid: &str, password: Option<&Secret>) -> Result<Uplink, PortError> {
        let (inner, ssid, password) = (Arc::clone(&self.inner), ssid.to_owned(), password.cloned());
        let joining = tokio::spawn(async move { inner.join(&ssid, password.as_ref()).await });
        joining.await.unwrap_or_else(|_| {
            Err(PortError {
                what: "join the Wi-Fi network".to_owned(),
                why: "the attempt ended in the middle".to_owned(),
                remedy: "look at the router's own page".to_owned(),
                absent: false,
            })
        })
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
