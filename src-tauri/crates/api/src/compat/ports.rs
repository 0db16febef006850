//! `/switch`: ports of the switch, one by one or by group.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Query, State},
    http::StatusCode,
};
use engine::{Command, Order};
use serde::Deserialize;

use super::{door::Asker, no::No, site::Site, targets};

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    action: String,
    #[serde(default)]
    port: String,
}

/// The driver reads each port back before the next is switched.
pub(super) async fn switch(
    State(site): State<Arc<Site>>,
    Extension(asker): Extension<Asker>,
    Query(asked): Query<Asked>,
) -> Result<StatusCode, No> {
    let enabled = match asked.action.to_ascii_lowercase().as_str() {
        "enable" => true,
        "disable" => false,
        other => {
            let why = format!("{other:?} is no action");
            return Err(No::bad("switch a port", why, "say action=enable or disable"));
        }
    };
    for port in targets::ports(&site.state.board, &asked.port)? {
        let command = Command::SetPort { port, enabled };
        let order = Order { command, actor: asker.actor.clone(), reason: asker.reason("/switch") };
        site.state.engine.order(order).await?;
    }
    Ok(StatusCode::OK)
}
