//! The same files over HTTPS: for loaders that insist, and for clients that check hashes only over a safe way.
//!
//! The certificate is one of our own making, RSA because iPXE takes nothing else, and lasts until the lab's own
//! authority issues a better one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::{ToSpan, Zoned};
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, RsaKeySize, SanType,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, server::TlsStream};
use tokio_util::sync::CancellationToken;

use super::carrier::Carrier;
use super::server::run_over;
use crate::Proto;
use crate::files::Site;
use crate::seen::SeenSink;

/// The key and its certificate in one file, readable by us alone.
const FILE: &str = "boot-https.pem";
/// Browsers take no certificate that lives longer.
const LIFE_DAYS: i32 = 825;
/// A new one is made this long after the last, well before it ends.
const RENEW: Duration = Duration::from_secs(400 * 24 * 3600);

impl Carrier for TlsStream<TcpStream> {
    const PROTO: Proto = Proto::Https;
    const PLAIN: bool = false;

    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Why there is no HTTPS.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file with key and certificate.
    #[error("{action} {}", path.display())]
    File {
        /// Read or write.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A certificate could not be made.
    #[error("make a certificate for {name}")]
    Make {
        /// For whom.
        name: String,
        /// Why.
        source: rcgen::Error,
    },
    /// What the file holds is no key with its certificate.
    #[error("use the key and certificate in {}: {why}", path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
}

impl IdentityError {
    /// What the person at the bench should do.
    pub fn remedy(&self) -> String {
        match self {
            Self::File { path, .. } => format!("let this user write {}", path.display()),
            Self::Make { .. } => "correct the name of the board's domain".to_owned(),
            Self::Unusable { path, .. } => format!("delete {}; a new one is made", path.display()),
        }
    }
}

/// Key and certificate, ready to be used.
#[derive(Clone)]
pub struct Identity {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    /// Where the certificate lies, for clients that are told whom to trust.
    pub file: PathBuf,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key stays out of logs.
        f.debug_struct("Identity").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Identity {
    /// The one in `folder`; a new one where there is none, where it is for others, or where it is old.
    pub fn load_or_make(folder: &Path, name: &str, address: Ipv4Addr) -> Result<Identity, IdentityError> {
        let path = folder.join(FILE);
        let owner = format!("# {name} {address}\n");
        let kept = fs::read_to_string(&path).ok().filter(|text| text.starts_with(&owner) && !is_old(&path));
        let text = match kept {
            Some(text) => text,
            None => {
                let text = owner + &make(name, address)?;
                write(&path, &text)?;
                text
            }
        };
        Self::of(&path, &text)
    }

    fn of(path: &Path, text: &str) -> Result<Identity, IdentityError> {
        let unusable = |why: String| IdentityError::Unusable { path: path.to_owned(), why };
        let key =
            PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| unusable(error.to_string()))?;
        let certificate =
            CertificateDer::from_pem_slice(text.as_bytes()).map_err(|error| unusable(error.to_string()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = |error: rustls::Error| unusable(error.to_string());
        let server = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(tls)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .map_err(tls)?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate).map_err(tls)?;
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Identity { server: Arc::new(server), client: Arc::new(client), file: path.to_owned() })
    }

    /// For a client that trusts this certificate and no other.
    pub fn connector(&self) -> TlsConnector {
        TlsConnector::from(Arc::clone(&self.client))
    }
}

fn is_old(path: &Path) -> bool {
    let made = fs::metadata(path).and_then(|data| data.modified());
    made.is_ok_and(|made| SystemTime::now().duration_since(made).is_ok_and(|age| age > RENEW))
}

fn make(name: &str, address: Ipv4Addr) -> Result<String, IdentityError> {
    let failed = |source| IdentityError::Make { name: name.to_owned(), source };
    let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(failed)?;
    params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(address)));
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // A machine's clock may be a day behind.
    let day = |at: Zoned| {
        rcgen::date_time_ymd(at.year().into(), at.month().unsigned_abs(), at.day().unsigned_abs())
    };
    let now = Zoned::now();
    params.not_before = day(now.saturating_sub(1.day()));
    params.not_after = day(now.saturating_add(LIFE_DAYS.days()));
    let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(failed)?;
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok(certificate.pem() + &key.serialize_pem())
}

/// Whole or not at all, and never readable by others, not even for a moment.
fn write(path: &Path, text: &str) -> Result<(), IdentityError> {
    let failed = |source| IdentityError::File { action: "write", path: path.to_owned(), source };
    let beside = path.with_extension("new");
    // A leftover of a crash may have other rights.
    let _ = fs::remove_file(&beside);
    let mut file: File =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}

/// Serves over TLS until told to stop; returns when the last connection has ended.
pub async fn run(
    listener: TcpListener,
    identity: &Identity,
    site: Arc<dyn Site>,
    sink: SeenSink,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let acceptor = TlsAcceptor::from(Arc::clone(&identity.server));
    run_over(listener, move |stream| acceptor.accept(stream), site, sink, shutdown).await
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_kept_to_ourselves_and_made_anew_for_another_name() {
        let folder = tempfile::tempdir().unwrap();
        let address = Ipv4Addr::new(192, 168, 122, 3);
        let read = |name: &str| {
            let identity = Identity::load_or_make(folder.path(), name, address).unwrap();
            fs::read_to_string(identity.file).unwrap()
        };
        let first = read("boss.local");
        assert_eq!(read("boss.local"), first);
        assert_ne!(read("boss.lab"), first);
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_spoiled_file_is_named_with_its_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, "# boss.local 192.168.122.3\nnonsense").unwrap();
        let error = Identity::load_or_make(folder.path(), "boss.local", Ipv4Addr::new(192, 168, 122, 3))
            .expect_err("nonsense is no key");
        assert!(error.remedy().contains(FILE), "{error}: {}", error.remedy());
    }
}
