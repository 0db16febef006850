//! Calls for what is not here: a second browser to steer, programs on the bottom screen, a cluster to scale.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};

use super::{no::No, site::Site};

const COMMANDS: [&str; 7] = ["htop", "top", "journal", "apache", "tcpdump", "loki", "vnc"];

#[derive(Deserialize)]
pub(super) struct Where {
    #[serde(default)]
    url: String,
}

pub(super) async fn navigate(
    State(site): State<Arc<Site>>,
    Query(to): Query<Where>,
) -> Result<StatusCode, No> {
    let what = "show a page";
    if to.url.trim().is_empty() {
        return Err(No::bad(what, "no address is named", "say url= with a percent-encoded address"));
    }
    let why = "this program steers no second browser: its own windows are the bottom screen";
    Err(No::cannot(what, why, format!("open {} there", site.state.screens)))
}

#[derive(Deserialize)]
pub(super) struct Program {
    #[serde(default)]
    command: String,
    #[serde(default)]
    node: String,
    #[serde(default)]
    vm: String,
}

pub(super) async fn launch(
    State(site): State<Arc<Site>>,
    Query(program): Query<Program>,
) -> Result<StatusCode, No> {
    let what = "start a program";
    let command = program.command.to_ascii_lowercase();
    if !COMMANDS.contains(&command.as_str()) {
        return Err(No::bad(what, format!("{command:?} is none of them"), COMMANDS.join(", ")));
    }
    let within = |text: &str, most: u8| text.parse::<u8>().is_ok_and(|n| (1..=most).contains(&n));
    if command == "vnc" && !(within(&program.node, 6) && within(&program.vm, 9)) {
        return Err(No::bad(what, "vnc needs a machine and a VM", "say node=1 to 6 and vm=1 to 9"));
    }
    let why = "this program opens no windows of others on the bottom screen";
    let remedy = format!("use a terminal, or what {} shows of logs and screens", site.state.screens);
    Err(No::cannot(what, why, remedy))
}

#[derive(Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    load: String,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    number: String,
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Scaled {
    success: bool,
    message: String,
    deployment: String,
    old_replicas: u32,
    new_replicas: u32,
}

impl Scaled {
    fn not(deployment: &str, message: &str) -> Self {
        Self {
            success: false,
            message: message.to_owned(),
            deployment: deployment.to_owned(),
            old_replicas: 0,
            new_replicas: 0,
        }
    }
}

/// As there, 200 also when nothing was scaled.
pub(super) async fn scale(Query(wish): Query<Wish>) -> (StatusCode, Json<Scaled>) {
    let bad = |message| (StatusCode::BAD_REQUEST, Json(Scaled::not("", message)));
    let deployment = match wish.load.to_ascii_lowercase().as_str() {
        "client" => "counterclient",
        "server" => "counterserver",
        _ => return bad("load must be client or server"),
    };
    if !["add", "sub"].contains(&wish.operation.to_ascii_lowercase().as_str()) {
        return bad("operation must be add or sub");
    }
    if wish.number.parse::<u32>().is_err() {
        return bad("number must be 0 or more");
    }
    let why =
        "there is no cluster on this board yet, so there is nothing to scale: start a lab that makes one";
    (StatusCode::OK, Json(Scaled::not(deployment, why)))
}
