//! A router that has nothing but a Prometheus exporter: its packets are counted, and that is all.

use async_trait::async_trait;
use lab::{
    gear::RouterDevices,
    ports::{PortError, Router, RouterReading, Uplink, WifiNetwork},
    secret::Secret,
};

use super::metrics;
use crate::{
    http::{BadUrl, Client},
    tls::Pin,
};

/// A node exporter with all its collectors on a large machine stays below this.
const PAGE_LIMIT: usize = 2 * 1024 * 1024;

/// Where the exporter is.
#[derive(Debug, Clone)]
pub struct ExporterConfig {
    /// As in `http://192.168.122.1:9100/metrics`.
    pub url: String,
    pub devices: RouterDevices,
    /// Of an exporter that speaks HTTPS.
    pub pin: Pin,
}

/// The exporter.
#[derive(Debug, Clone)]
pub struct Exporter {
    client: Client,
    devices: RouterDevices,
}

impl Exporter {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(config: ExporterConfig) -> Result<Self, BadUrl> {
        let client = Client::new(&config.url, config.pin)?.limit(PAGE_LIMIT);
        Ok(Self { client, devices: config.devices })
    }

    /// Its page, read.
    pub(super) async fn look(&self) -> Result<RouterReading, PortError> {
        let what = "read the router's counters";
        let answer = self.client.get("").await.map_err(|fault| fault.port_error(what))?;
        let refused = |why: String| PortError {
            what: what.to_owned(),
            why,
            remedy: "check `metrics`, `wan` and `lan` of the router in the board file".to_owned(),
            absent: false,
        };
        if !answer.ok() {
            return Err(refused(format!("the exporter answers with HTTP status {}", answer.status)));
        }
        metrics::read(&answer.text(), &self.devices).map_err(|error| refused(error.to_string()))
    }
}

fn no_wifi(what: &str) -> PortError {
    PortError {
        what: what.to_owned(),
        why: "of this router only counters are known".to_owned(),
        remedy: "use the router's own page; an OpenWrt router with luci-mod-rpc can be described as `luci` in the board file"
            .to_owned(),
        absent: false,
    }
}

#[async_trait]
impl Router for Exporter {
    async fn read(&self) -> Result<RouterReading, PortError> {
        self.look().await
    }

    fn has_wifi(&self) -> bool {
        false
    }

    async fn scan(&self) -> Result<Vec<WifiNetwork>, PortError> {
        Err(no_wifi("look for Wi-Fi networks"))
    }

    async fn join(&self, _: &str, _: Option<&Secret>) -> Result<Uplink, PortError> {
        Err(no_wifi("join a Wi-Fi network"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fake::{Fake, Kept, answer};

    fn exporter(fake: &Fake) -> Exporter {
        let devices = RouterDevices { wan: "eth0".into(), lan: "eth1".into() };
        let pin = Pin::First(Arc::new(Kept::default()));
        Exporter::new(ExporterConfig { url: format!("{}/metrics", fake.url()), devices, pin }).unwrap()
    }

    #[tokio::test]
    async fn it_is_read_at_its_own_address() {
        let page = "node_network_receive_packets_total{device=\"eth0\"} 7\n";
        let fake = Fake::start(move |_| answer("200 OK", &["Content-Type: text/plain"], page)).await;
        let router = exporter(&fake);
        assert_eq!(router.read().await.unwrap().wan_in, Some(7));
        assert_eq!(fake.lines(), ["GET /metrics"]);
        assert!(!router.has_wifi() && router.scan().await.is_err() && router.join("a", None).await.is_err());
    }

    #[tokio::test]
    async fn what_is_wrong_is_said() {
        for (status, page, why) in [
            ("404 Not Found", "", "HTTP status 404"),
            ("200 OK", "<html>login</html>", "no Prometheus exporter"),
            ("200 OK", "up 1\n", "no packets of eth0 or eth1"),
        ] {
            let fake = Fake::start(move |_| answer(status, &[], page)).await;
            let error = exporter(&fake).read().await.unwrap_err();
            assert!(
                error.why.contains(why) && !error.absent && error.remedy.contains("`metrics`"),
                "{error:?}"
            );
        }
    }
}
