//! Certificates inside YAML: kubeconfig, talosconfig, Talos's secrets bundle. Only read, and only these fields.

use std::{collections::BTreeMap, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;

use super::read_bounded;

/// A cluster has one or two; a file with more is no kubeconfig of a lab.
const MOST: usize = 64;

/// One certificate of such a file, in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// As in `admin@hybrid-2`, `os`.
    pub name: String,
    pub cert: Vec<u8>,
    pub key: Option<Vec<u8>>,
    pub ca: Option<Vec<u8>>,
}

#[derive(Deserialize)]
struct Kubeconfig {
    #[serde(rename = "current-context", default)]
    current: Option<String>,
    #[serde(default)]
    contexts: Vec<Named<KubeContext>>,
    #[serde(default)]
    users: Vec<Named<KubeUser>>,
    #[serde(default)]
    clusters: Vec<Named<KubeCluster>>,
}

/// `{name: …, user: …}`, with the value under a word that depends on what it is.
#[derive(Deserialize)]
struct Named<T> {
    name: String,
    #[serde(alias = "context", alias = "user", alias = "cluster")]
    value: Option<T>,
}

#[derive(Deserialize)]
struct KubeContext {
    cluster: Option<String>,
    user: Option<String>,
}

#[derive(Deserialize)]
struct KubeUser {
    #[serde(rename = "client-certificate-data")]
    cert_data: Option<String>,
    #[serde(rename = "client-certificate")]
    cert: Option<String>,
    #[serde(rename = "client-key-data")]
    key_data: Option<String>,
    #[serde(rename = "client-key")]
    key: Option<String>,
}

#[derive(Deserialize)]
struct KubeCluster {
    #[serde(rename = "certificate-authority-data")]
    ca_data: Option<String>,
    #[serde(rename = "certificate-authority")]
    ca: Option<String>,
}

/// Client certificates, that of the current context first; the cluster's CA beside them.
pub fn kubeconfig(bytes: &[u8], folder: &Path) -> Result<Vec<Entry>, String> {
    let file: Kubeconfig = yaml(bytes)?;
    let current = file.current.clone().unwrap_or_default();
    let mut contexts: Vec<_> = file.contexts.iter().take(MOST).collect();
    contexts.sort_by_key(|context| context.name != current);
    let mut entries: Vec<Entry> = Vec::new();
    for context in contexts {
        let Some(value) = &context.value else { continue };
        let user = file.users.iter().find(|user| Some(&user.name) == value.user.as_ref());
        let Some(user) = user.and_then(|user| user.value.as_ref()) else { continue };
        let cluster = file.clusters.iter().find(|cluster| Some(&cluster.name) == value.cluster.as_ref());
        let cluster = cluster.and_then(|cluster| cluster.value.as_ref());
        // A user with a token or a command has no certificate.
        let Some(cert) = given(&user.cert_data, &user.cert, folder)? else { continue };
        let key = given(&user.key_data, &user.key, folder)?;
        let ca = cluster.map(|cluster| given(&cluster.ca_data, &cluster.ca, folder)).transpose()?.flatten();
        entries.push(Entry { name: context.name.clone(), cert, key, ca });
    }
    if entries.is_empty() {
        return Err("no context in it has a client certificate".to_owned());
    }
    Ok(entries)
}

#[derive(Deserialize)]
struct Talosconfig {
    #[serde(default)]
    context: Option<String>,
    #[serde(default)]
    contexts: BTreeMap<String, TalosContext>,
}

#[derive(Deserialize)]
struct TalosContext {
    ca: Option<String>,
    crt: Option<String>,
    key: Option<String>,
}

/// Client certificates, that of the current context first.
pub fn talosconfig(bytes: &[u8], folder: &Path) -> Result<Vec<Entry>, String> {
    let file: Talosconfig = yaml(bytes)?;
    let current = file.context.unwrap_or_default();
    let mut contexts: Vec<_> = file.contexts.into_iter().take(MOST).collect();
    contexts.sort_by_key(|(name, _)| *name != current);
    let mut entries = Vec::new();
    for (name, context) in contexts {
        let Some(cert) = given(&context.crt, &None, folder)? else { continue };
        let (key, ca) = (given(&context.key, &None, folder)?, given(&context.ca, &None, folder)?);
        entries.push(Entry { name, cert, key, ca });
    }
    if entries.is_empty() {
        return Err("no context in it has a client certificate".to_owned());
    }
    Ok(entries)
}

#[derive(Deserialize)]
struct Bundle {
    certs: BTreeMap<String, BundleCert>,
}

#[derive(Deserialize)]
struct BundleCert {
    crt: Option<String>,
    key: Option<String>,
}

/// The CAs of a cluster (`os`, `k8s`, `k8saggregator`, `etcd`). Keys for tokens have no certificate.
pub fn secrets(bytes: &[u8], folder: &Path) -> Result<Vec<Entry>, String> {
    let file: Bundle = yaml(bytes)?;
    let mut certs: Vec<_> = file.certs.into_iter().take(MOST).collect();
    // Whose end stops the cluster from being managed at all comes first.
    certs.sort_by_key(|(name, _)| name != "os");
    let mut entries = Vec::new();
    for (name, cert) in certs {
        let Some(crt) = given(&cert.crt, &None, folder)? else { continue };
        entries.push(Entry { name, cert: crt, key: given(&cert.key, &None, folder)?, ca: None });
    }
    if entries.is_empty() {
        return Err("it holds no certificate".to_owned());
    }
    Ok(entries)
}

/// What stands in the file itself (base64 of PEM) or in another one.
fn given(data: &Option<String>, path: &Option<String>, folder: &Path) -> Result<Option<Vec<u8>>, String> {
    if let Some(data) = data.as_ref().filter(|data| !data.is_empty()) {
        let packed: String = data.split_whitespace().collect();
        return BASE64_STANDARD
            .decode(packed)
            .map(Some)
            .map_err(|_| "a certificate or key in it is no base64".to_owned());
    }
    let Some(path) = path.as_ref().filter(|path| !path.is_empty()) else { return Ok(None) };
    let path = folder.join(path);
    read_bounded(&path).map(Some).map_err(|error| format!("it names {}: {error}", path.display()))
}

/// The parser's own words quote the text, which holds keys.
fn yaml<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, String> {
    serde_saphyr::from_slice(bytes).map_err(|error| {
        let at = error.location().map_or(String::new(), |at| format!(" (line {})", at.line()));
        format!("it is not the YAML that such a file should be{at}")
    })
}
