//! The certificate of the API: the user's own, or one of the lab's CA; told to the command line and to windows in the
//! engine's file, and renewed without a connection being lost.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use api::{
    ApiState,
    tls::{Live, Pair, PairError, Turn},
};
use engine::{Observation, ObservationSink};
use lab::{Code, Failure};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::config::{BadBoard, DataDir, EngineFile};

/// Name of this certificate among the troubles of services.
const SERVICE: &str = "certificate of the API";
/// The lab's CA makes a certificate within a second; after this long it is in trouble, and waited for all the same.
const MADE_WITHIN: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(200);

/// How the API is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiTls {
    /// In clear; on this computer alone.
    Plain,
    /// With this pair, which is the user's own.
    Own(Pair),
    /// With the pair that the lab's CA makes.
    Lab,
}

impl ApiTls {
    /// What the options and the place come to. Beyond this computer there is no clear text.
    ///
    /// # Errors
    /// When the pair cannot be used, or there is none and there must be one. That is wrong use, before anything starts.
    pub fn choose(own: Option<Pair>, listen: SocketAddr, data: &DataDir) -> Result<Self> {
        if let Some(pair) = own {
            Live::load(pair.clone()).map_err(refused)?;
            return Ok(Self::Own(pair));
        }
        if listen.ip().is_loopback() {
            return Ok(Self::Plain);
        }
        if Live::load(data.api_pair()).is_ok() {
            return Ok(Self::Lab);
        }
        let remedy = "name a certificate with --tls-cert FILE --tls-key FILE, or listen at 127.0.0.1";
        let why = format!("--listen {listen} is reached from other computers, and there only TLS is spoken");
        Err(anyhow!(why).context(BadBoard { remedy: remedy.into() }))
    }

    /// How the program is reached from this computer.
    pub(super) fn url(&self, listen: SocketAddr) -> String {
        let scheme = if *self == Self::Plain { "http" } else { "https" };
        let here = match listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        format!("{scheme}://{}", SocketAddr::new(here, listen.port()))
    }
}

fn refused(error: PairError) -> anyhow::Error {
    let remedy = error.remedy();
    anyhow::Error::new(error).context(BadBoard { remedy })
}

/// What the listener's certificate needs.
pub(super) struct Certificate {
    pub(super) tls: ApiTls,
    pub(super) data: DataDir,
    /// Without certificates.
    pub(super) file: EngineFile,
    pub(super) sink: ObservationSink,
    pub(super) stop: CancellationToken,
}

impl Certificate {
    /// The certificate to begin with, once it is there; `None` for plain HTTP. Then the engine's file is written: who reads
    /// it can come in.
    pub(super) async fn first(&self) -> Result<Option<Live>> {
        let live = match &self.tls {
            ApiTls::Plain => None,
            ApiTls::Own(pair) => Some(Live::load(pair.clone()).map_err(refused)?),
            ApiTls::Lab => match self.made().await {
                Some(live) => Some(live),
                None => return Ok(None),
            },
        };
        self.tell(live.iter().map(|live| live.fingerprint().to_string()).collect())?;
        Ok(live)
    }

    /// Waits for the lab's CA; `None` when told to stop.
    async fn made(&self) -> Option<Live> {
        let begun = Instant::now();
        let mut troubled = false;
        loop {
            match Live::load(self.data.api_pair()) {
                Ok(live) => {
                    if troubled {
                        self.trouble(None);
                    }
                    return Some(live);
                }
                Err(error) if !troubled && (begun.elapsed() > MADE_WITHIN || !error.absent()) => {
                    troubled = true;
                    self.trouble(Some(failure("speak TLS", &error)));
                }
                Err(_) => {}
            }
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = sleep(LOOK) => {}
            }
        }
    }

    /// Serves the API until told to stop: at once by a certificate that is there (or by none), else when it came.
    /// Renewed ones are taken as they come.
    pub(super) async fn serve(self, shown: Option<Option<Live>>, listener: TcpListener, state: ApiState) {
        let shown = match shown {
            Some(shown) => shown,
            None => match self.first().await {
                Ok(Some(live)) => Some(live),
                Ok(None) => return,
                Err(error) => return tracing::error!("the API does not begin: {error:#}"),
            },
        };
        let served = async {
            if let Err(error) = api::serve(listener, state, shown.clone(), self.stop.clone()).await {
                tracing::error!(%error, "the API ended");
            }
        };
        let followed = async {
            if let Some(live) = &shown {
                live.follow(self.stop.clone(), |turn| self.turned(turn)).await;
            }
        };
        tokio::join!(served, followed);
    }

    fn turned(&self, turn: Turn) {
        let known = match turn {
            Turn::Coming { new, old } => vec![new.to_string(), old.to_string()],
            Turn::Shown(new) => {
                tracing::info!(fingerprint = %new, "a renewed certificate is shown");
                self.trouble(None);
                vec![new.to_string()]
            }
            Turn::Refused(error) => {
                return self.trouble(Some(failure("take the new certificate; the old one stays", &error)));
            }
            Turn::Back => return self.trouble(None),
        };
        if let Err(error) = self.tell(known) {
            tracing::error!("the engine's file does not name the renewed certificate: {error:#}");
        }
    }

    fn tell(&self, certificates: Vec<String>) -> Result<()> {
        EngineFile { certificates, ..self.file.clone() }
            .write(&self.data)
            .context("say how the engine is reached")
    }

    fn trouble(&self, failure: Option<Failure>) {
        self.sink.put(Observation::Trouble { service: SERVICE.into(), failure });
    }
}

fn failure(what: &str, error: &PairError) -> Failure {
    let why = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    Failure::new(Code::BadConfig, what, why, error.remedy())
}
