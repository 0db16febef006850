//! Certificates that the board depends on, and who signs them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Who signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum CaGear {
    /// The CA in this program: its keys lie encrypted in the data folder.
    Lab {
        /// Life of a certificate.
        #[serde(default = "day")]
        leaf_hours: u64,
    },
    /// smallstep's step-ca.
    Step {
        /// As in `https://boss.local:9000`.
        url: String,
        /// Its root certificate (PEM).
        root: PathBuf,
        /// SHA-256 of the root in hexadecimal, where the file alone is not to be believed.
        fingerprint: Option<String>,
        /// Name of the JWK provisioner.
        provisioner: String,
        /// Names the provisioner's password; without it nothing can be signed anew, only renewed.
        secret: Option<String>,
        #[serde(default = "day")]
        leaf_hours: u64,
    },
}

impl Default for CaGear {
    fn default() -> Self {
        Self::Lab { leaf_hours: day() }
    }
}

fn day() -> u64 {
    24
}

/// One certificate. Exactly one of `cert`, `endpoint`, `kubeconfig`, `talosconfig`, `secrets` says where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateGear {
    pub name: String,
    /// Who uses it, in words for the screen.
    pub used_by: String,
    /// PEM file; the chain may follow the certificate.
    pub cert: Option<PathBuf>,
    /// Its key, where it is ours to renew.
    pub key: Option<PathBuf>,
    /// A TLS server, as in `192.168.122.1:443`.
    pub endpoint: Option<String>,
    pub kubeconfig: Option<PathBuf>,
    pub talosconfig: Option<PathBuf>,
    /// Talos's secrets bundle.
    pub secrets: Option<PathBuf>,
    /// Names and addresses it must have; also what is asked for when it is made.
    #[serde(default)]
    pub names: Vec<String>,
    /// Whether this program renews it.
    #[serde(default)]
    pub renew: bool,
    /// Program and arguments that make its user take the new one.
    #[serde(default)]
    pub reload: Vec<String>,
    /// Of a file that is made for the first time: user and group, as in `otelcol:ssl-cert`.
    pub owner: Option<String>,
    /// What to do when it lapses, where it is not ours to renew.
    pub note: Option<String>,
}
