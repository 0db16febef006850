//! `/system`: end or restart the lab as a whole.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{
    Extension,
    extract::{Query, State},
    http::StatusCode,
};
use lab::Failure;
use serde::Deserialize;

use super::{door::Asker, no::No, site::Site};

/// The whole lab: switch ports, machines, display, controller, in this order.
#[async_trait]
pub trait SystemPort: Send + Sync {
    /// Begins to switch everything off. How it goes on is told by events.
    async fn shutdown(&self, actor: &str) -> Result<(), Failure>;
    /// Begins to switch the machines off and the controller off and on again.
    async fn restart(&self, actor: &str) -> Result<(), Failure>;
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    action: String,
}

pub(super) async fn system(
    State(site): State<Arc<Site>>,
    Extension(asker): Extension<Asker>,
    Query(asked): Query<Asked>,
) -> Result<StatusCode, No> {
    let what = "end the lab";
    let action = asked.action.to_ascii_lowercase();
    if !matches!(action.as_str(), "shutdown" | "restart") {
        let why = format!("{action:?} is no action");
        return Err(No::bad(what, why, "say action=shutdown or restart"));
    }
    let Some(system) = &site.state.system else {
        let why = "this program may not switch its own computer off";
        return Err(No::cannot(
            what,
            why,
            "switch the machines off on the screens, then use the computer's menu",
        ));
    };
    match action.as_str() {
        "shutdown" => system.shutdown(&asker.actor).await?,
        _ => system.restart(&asker.actor).await?,
    }
    Ok(StatusCode::OK)
}
