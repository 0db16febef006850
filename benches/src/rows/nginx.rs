//! How nginx is started, the same for every row.

use std::path::Path;

use anyhow::{Context, Result};
use tokio::process::Command;

/// One site.
pub(super) struct Site<'a> {
    /// As in `10.77.0.1:8080`.
    pub(super) listen: &'a str,
    /// What is served.
    pub(super) root: &'a Path,
    /// One line a request, when it has ended: seconds since 1970, who, method, path, code, bytes of the body.
    pub(super) log: Option<&'a Path>,
    /// More for the `server` block.
    pub(super) more: &'a str,
}

/// As Debian configures it (workers by processor, sendfile, tcp_nopush), its own files below `folder`.
pub(super) fn command(folder: &Path, site: &Site<'_>) -> Result<Command> {
    std::fs::create_dir_all(folder).context("make nginx's folder")?;
    let log = site.log.map_or_else(|| "off".to_owned(), |path| format!("{} requests", path.display()));
    let configuration = format!(
        "worker_processes auto; daemon off; pid {folder}/pid; error_log stderr crit;
        events {{ worker_connections 768; }}
        http {{
          log_format requests '$msec $remote_addr $request_method $uri $status $body_bytes_sent';
          sendfile on; tcp_nopush on; types_hash_max_size 2048; access_log {log}; default_type application/octet-stream;
          client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
          uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
          server {{ listen {listen}; root {root}; {more} }}
        }}\n",
        folder = folder.display(),
        listen = site.listen,
        root = site.root.display(),
        more = site.more,
    );
    let path = folder.join("nginx.conf");
    std::fs::write(&path, configuration).context("write nginx's configuration")?;
    // As root its workers would change to another user, which a namespace with one user refuses.
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-user=33", "--map-group=33", "--", "nginx", "-c"])
        .arg(path)
        .arg("-p")
        .arg(folder);
    Ok(command)
}
