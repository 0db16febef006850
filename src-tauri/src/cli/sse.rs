//! Server-sent events (the HTML standard's section 9.2), as the engine sends them: one line of data each.

use anyhow::{Context, Result};
use futures::StreamExt;

/// Calls for each message with its kind and its data, until the stream ends, which is an error: these have no end.
pub(super) async fn each(
    answer: reqwest::Response,
    mut with: impl FnMut(&str, &str) -> Result<()>,
) -> Result<()> {
    let mut bytes = answer.bytes_stream();
    let (mut text, mut kind) = (Vec::new(), String::new());
    while let Some(chunk) = bytes.next().await {
        text.extend_from_slice(&chunk.context("the engine ended the stream")?);
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end();
            if let Some(name) = line.strip_prefix("event:") {
                name.trim().clone_into(&mut kind);
            } else if let Some(data) = line.strip_prefix("data:") {
                with(&kind, data.trim())?;
            }
        }
    }
    anyhow::bail!("the engine has ended")
}
