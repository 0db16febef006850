//! The certificate of a listener, from two files. When the files change, new connections get the new certificate and old
//! ones live on; a pair that cannot be used is told, and the old one stays.

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::Fingerprint;

/// Pace of looking at the files: a renewed certificate has hours left, its reader need not hurry.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// From the moment a new certificate is told until it is shown: those who hold fast to the old one learn the new one first.
const TOLD_BEFORE: Duration = Duration::from_secs(2);
/// A chain of a few certificates has 10 kB.
const LONGEST: u64 = 1 << 20;

/// Where certificate (with its chain) and key lie, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// A pair that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    #[error("read {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} holds no {what}", path.display())]
    Empty { path: PathBuf, what: &'static str },
    #[error("the key in {} does not fit the certificate in {}", key.display(), certificate.display())]
    Unfit { certificate: PathBuf, key: PathBuf },
    #[error("the pair {} cannot be used", certificate.display())]
    Unusable {
        certificate: PathBuf,
        #[source]
        source: rustls::Error,
    },
}

impl PairError {
    /// Whether there is simply none yet.
    pub fn absent(&self) -> bool {
        matches!(self, Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// What the person at the bench should do.
    pub fn remedy(&self) -> String {
        match self {
            Self::File { path, .. } => format!("let this user read {}", path.display()),
            Self::Empty { path, .. } => format!("write PEM into {}", path.display()),
            Self::Unfit { .. } => "write certificate and key of one and the same renewal".to_owned(),
            Self::Unusable { .. } => {
                "write a pair that `openssl x509` and `openssl pkey` can read".to_owned()
            }
        }
    }
}

/// What became of the files.
#[derive(Debug)]
pub enum Turn {
    /// A good new pair: shown to new connections soon.
    Coming { new: Fingerprint, old: Fingerprint },
    /// It is shown from now on.
    Shown(Fingerprint),
    /// The new pair is not taken, twice in a row; the old one stays.
    Refused(PairError),
    /// After a refusal the files are again those that are shown.
    Back,
}

/// A certificate that is shown, and looked for in its files. Clones share it.
#[derive(Clone)]
pub struct Live {
    pair: Pair,
    shown: Arc<Shown>,
    acceptor: TlsAcceptor,
}

struct Shown(RwLock<Loaded>);

#[derive(Clone)]
struct Loaded {
    key: Arc<CertifiedKey>,
    fingerprint: Fingerprint,
    names: Arc<[String]>,
    stamps: [Stamp; 2],
}

/// Tells one version of a file from the next.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Live {
    /// # Errors
    /// When a file cannot be read, holds something else, or the two do not belong together.
    pub fn load(pair: Pair) -> Result<Self, PairError> {
        let shown = Arc::new(Shown(RwLock::new(Loaded::read(&pair)?)));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|source| PairError::Unusable { certificate: pair.certificate.clone(), source })?
            .with_no_client_auth()
            .with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A resumed session would go on under a certificate that was replaced since.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { pair, shown, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    pub fn fingerprint(&self) -> Fingerprint {
        self.shown.loaded().fingerprint
    }

    /// DNS names of the certificate: who asks for one of them means us.
    pub(crate) fn names(&self) -> Arc<[String]> {
        self.shown.loaded().names
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Looks at the files until told to stop, and tells what became of them.
    pub async fn follow(&self, stop: CancellationToken, tell: impl Fn(Turn)) {
        self.follow_at(LOOK_EVERY, TOLD_BEFORE, stop, tell).await;
    }

    pub(super) async fn follow_at(
        &self,
        look_every: Duration,
        told_before: Duration,
        stop: CancellationToken,
        tell: impl Fn(Turn),
    ) {
        let mut refused = 0_u32;
        while !ended(&stop, look_every).await {
            match self.look() {
                Ok(None) if refused == 0 => {}
                Ok(None) => {
                    if refused > 1 {
                        tell(Turn::Back);
                    }
                    refused = 0;
                }
                Ok(Some(loaded)) => {
                    refused = 0;
                    let (new, old) = (loaded.fingerprint, self.fingerprint());
                    tell(Turn::Coming { new, old });
                    if ended(&stop, told_before).await {
                        return;
                    }
                    self.shown.show(loaded);
                    tell(Turn::Shown(new));
                }
                // Two files are replaced one after the other; a look in between sees a pair that is none.
                Err(error) => {
                    refused = refused.saturating_add(1);
                    if refused == 2 {
                        tell(Turn::Refused(error));
                    }
                }
            }
        }
    }

    /// The files' pair, where it is another than the one shown.
    fn look(&self) -> Result<Option<Loaded>, PairError> {
        let shown = self.shown.loaded().stamps;
        if stamps(&self.pair)? == shown { Ok(None) } else { Loaded::read(&self.pair).map(Some) }
    }
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("pair", &self.pair).finish_non_exhaustive()
    }
}

/// Waits; true when that was ended by `stop`.
async fn ended(stop: &CancellationToken, pause: Duration) -> bool {
    tokio::select! {
        () = stop.cancelled() => true,
        () = sleep(pause) => false,
    }
}

impl Shown {
    fn loaded(&self) -> Loaded {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn show(&self, loaded: Loaded) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = loaded;
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Shown").field(&self.loaded().fingerprint).finish()
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.loaded().key)
    }
}

impl Loaded {
    fn read(pair: &Pair) -> Result<Self, PairError> {
        // Before the contents: whatever changes in between is read again at the next look.
        let stamps = stamps(pair)?;
        let (certificate, key) = (read(&pair.certificate)?, read(&pair.key)?);
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&certificate).filter_map(Result::ok).collect();
        let empty = |path: &Path, what| PairError::Empty { path: path.to_owned(), what };
        let leaf = chain.first().ok_or_else(|| empty(&pair.certificate, "certificate"))?;
        let (fingerprint, names) = (Fingerprint::of(leaf), dns_names(leaf).into());
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| empty(&pair.key, "private key"))?;
        let key =
            CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(
                |source| match source {
                    rustls::Error::InconsistentKeys(_) => {
                        PairError::Unfit { certificate: pair.certificate.clone(), key: pair.key.clone() }
                    }
                    source => PairError::Unusable { certificate: pair.certificate.clone(), source },
                },
            )?;
        Ok(Self { key: Arc::new(key), fingerprint, names, stamps })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PairError> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(LONGEST).read_to_end(&mut bytes))
        .map_err(|source| PairError::File { path: path.to_owned(), source })?;
    Ok(bytes)
}

fn stamps(pair: &Pair) -> Result<[Stamp; 2], PairError> {
    let stamp = |path: &Path| {
        let meta = fs::metadata(path).map_err(|source| PairError::File { path: path.to_owned(), source })?;
        let changed = (meta.mtime(), meta.mtime_nsec());
        Ok(Stamp { device: meta.dev(), inode: meta.ino(), size: meta.size(), changed })
    };
    Ok([stamp(&pair.certificate)?, stamp(&pair.key)?])
}

fn dns_names(certificate: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let dns = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(dns).collect()
}
