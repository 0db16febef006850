//! Speaks to the engine of a data folder: finds it, shows the token, turns refusals into words.

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use api::{tls::Pins, wire::FailureWire};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::exit::{NoEngine, Refused};
use crate::config::{DataDir, EngineFile};

/// An engine in the same machine answers within milliseconds; two seconds mean that it is gone.
const CONNECT: Duration = Duration::from_secs(2);
/// The longest answer is a page of history.
const ANSWER: Duration = Duration::from_secs(35);
const SLOW: Duration = Duration::from_secs(100);

/// A running engine.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: FailureWire,
}

impl Client {
    /// Finds the engine of this data folder and checks that it answers.
    pub(super) async fn find(data: &DataDir) -> Result<Self> {
        let missing = |why: String| NoEngine { data: data.path().display().to_string(), why };
        let file =
            EngineFile::read(data).ok_or_else(|| missing("nothing says that one was started".into()))?;
        let http = api::tls::pinned_http(Pins::new(file.pins().unwrap_or_default()))
            .context("prepare an HTTP client")?
            .connect_timeout(CONNECT)
            .build()
            .context("make an HTTP client")?;
        let alive = http.get(format!("{}/healthz", file.url)).timeout(CONNECT).send().await;
        let said = match alive {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("pid {} at {} says {}", file.pid, file.url, answer.status())),
            Err(_) => {
                Err(format!("pid {} at {} does not answer; it has ended or was killed", file.pid, file.url))
            }
        };
        said.map_err(missing)?;
        let path = data.control_token();
        let token = fs::read_to_string(&path).with_context(|| {
            format!("read {}; run the command as the user who runs the engine", path.display())
        })?;
        Ok(Self { http, base: file.url, token: token.trim().to_owned() })
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = self.http.get(self.url(path)).bearer_auth(&self.token).timeout(ANSWER).send().await;
        read(answer.with_context(|| format!("ask the engine for {path}"))?).await
    }

    pub(super) async fn post<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T> {
        let ask = self.http.post(self.url(path)).bearer_auth(&self.token).json(body).timeout(ANSWER);
        read(ask.send().await.with_context(|| format!("ask the engine for {path}"))?).await
    }

    /// An order whose answer has no words.
    pub(super) async fn order(&self, path: &str) -> Result<()> {
        let ask = self.http.post(self.url(path)).bearer_auth(&self.token).timeout(ANSWER);
        let answer = ask.send().await.with_context(|| format!("ask the engine for {path}"))?;
        if answer.status().is_success() { Ok(()) } else { Err(refusal(answer).await) }
    }

    pub(super) async fn text(&self, path: &str) -> Result<String> {
        let answer = self.http.get(self.url(path)).bearer_auth(&self.token).timeout(ANSWER).send().await;
        let answer = answer.with_context(|| format!("ask the engine for {path}"))?;
        if !answer.status().is_success() {
            return Err(refusal(answer).await);
        }
        answer.text().await.context("read the engine's answer")
    }

    /// What may take as long as a radio needs to join a network.
    pub(super) async fn post_slowly<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T> {
        let ask = self.http.post(self.url(path)).bearer_auth(&self.token).json(body).timeout(SLOW);
        read(ask.send().await.with_context(|| format!("ask the engine for {path}"))?).await
    }

    pub(super) async fn delete<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T> {
        let ask = self.http.delete(self.url(path)).bearer_auth(&self.token).json(body).timeout(ANSWER);
        read(ask.send().await.with_context(|| format!("ask the engine for {path}"))?).await
    }

    /// What is no JSON, and takes its time.
    pub(super) async fn post_for_bytes(&self, path: &str) -> Result<reqwest::Response> {
        let ask = self.http.post(self.url(path)).bearer_auth(&self.token).timeout(SLOW);
        let answer = ask.send().await.with_context(|| format!("ask the engine for {path}"))?;
        if answer.status().is_success() { Ok(answer) } else { Err(refusal(answer).await) }
    }

    /// A stream without an end of its own.
    pub(super) async fn stream(&self, path: &str) -> Result<reqwest::Response> {
        let answer = self
            .http
            .get(self.url(path))
            .bearer_auth(&self.token)
            .send()
            .await
            .context("open the event stream")?;
        if answer.status().is_success() { Ok(answer) } else { Err(refusal(answer).await) }
    }
}

async fn read<T: DeserializeOwned>(answer: reqwest::Response) -> Result<T> {
    if answer.status().is_success() {
        return answer.json().await.context("read the engine's answer");
    }
    Err(refusal(answer).await)
}

async fn refusal(answer: reqwest::Response) -> anyhow::Error {
    let status = answer.status();
    match answer.json::<ErrorBody>().await {
        Ok(body) => Refused(body.error).into(),
        Err(_) => anyhow::anyhow!("the engine answered {status} without words"),
    }
}
