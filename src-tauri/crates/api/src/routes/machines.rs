//! A machine's boots, and what it prints.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use charts::Look;
use jiff::tz::TimeZone;
use lab::{Boot, Code, Machine};
use serde::Deserialize;
use utoipa::IntoParams;

use super::history::{ListQuery, limit};
use crate::{
    extract::{Path, Query},
    refusal::Refusal,
    server::{ApiState, Site},
    wire::{BootWire, ConsoleWire, EventWire, PacketWire},
};

/// Bytes of a console in one answer: a few screens, and at most what a boot of Linux prints.
const CONSOLE_USUAL: u32 = 16 * 1024;
const CONSOLE_MOST: u32 = 256 * 1024;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct BootsQuery {
    /// Box number or name; all machines when absent.
    machine: Option<String>,
    /// How many of the last ones: 50, at most 500.
    limit: Option<u32>,
}

/// The last boots, oldest first.
#[utoipa::path(
    get, path = "/api/v1/boots", tag = "history", params(BootsQuery), responses((status = 200, body = Vec<BootWire>))
)]
pub(super) async fn boots(
    State(site): State<Arc<Site>>,
    Query(query): Query<BootsQuery>,
) -> Result<Json<Vec<BootWire>>, Refusal> {
    let state = &site.state;
    let machine = query.machine.as_deref().map(|who| machine(state, who)).transpose()?;
    let name = machine.map(|machine| machine.name.as_str());
    let boots = state.archive.boots(name, ListQuery::of(query.limit)?).await?;
    let status = state.engine.snapshot().status.clone();
    Ok(Json(boots.iter().map(|boot| BootWire::new(boot, &status)).collect()))
}

/// One boot.
#[utoipa::path(
    get, path = "/api/v1/boots/{id}", tag = "history",
    params(("id" = u64, Path, description = "Number of the boot")), responses((status = 200, body = BootWire))
)]
pub(super) async fn boot(
    State(site): State<Arc<Site>>,
    Path(id): Path<u64>,
) -> Result<Json<BootWire>, Refusal> {
    let boot = found(&site.state, id).await?;
    Ok(Json(BootWire::new(&boot, &site.state.engine.snapshot().status)))
}

/// The events of a boot, oldest first.
#[utoipa::path(
    get, path = "/api/v1/boots/{id}/events", tag = "history",
    params(("id" = u64, Path, description = "Number of the boot")), responses((status = 200, body = Vec<EventWire>))
)]
pub(super) async fn boot_events(
    State(site): State<Arc<Site>>,
    Path(id): Path<u64>,
) -> Result<Json<Vec<EventWire>>, Refusal> {
    found(&site.state, id).await?;
    let events = site.state.archive.boot_events(id).await?;
    Ok(Json(events.iter().map(EventWire::from).collect()))
}

/// The packets of a boot as they were seen; kept for the last twenty boots of a machine.
#[utoipa::path(
    get, path = "/api/v1/boots/{id}/packets", tag = "history",
    params(("id" = u64, Path, description = "Number of the boot")), responses((status = 200, body = Vec<PacketWire>))
)]
pub(super) async fn boot_packets(
    State(site): State<Arc<Site>>,
    Path(id): Path<u64>,
) -> Result<Json<Vec<PacketWire>>, Refusal> {
    found(&site.state, id).await?;
    let packets = site.state.archive.boot_packets(id).await?;
    Ok(Json(packets.iter().map(PacketWire::from).collect()))
}

/// A boot drawn as a waterfall, beside what is usual for its machine.
#[utoipa::path(
    get, path = "/api/v1/boots/{id}/waterfall.svg", tag = "history",
    params(("id" = u64, Path, description = "Number of the boot")),
    responses((status = 200, body = String, content_type = "image/svg+xml"))
)]
pub(super) async fn boot_waterfall(
    State(site): State<Arc<Site>>,
    Path(id): Path<u64>,
) -> Result<Response, Refusal> {
    let boot = found(&site.state, id).await?;
    let picture = site.state.picture();
    let machine = picture.machines.iter().find(|machine| machine.name == boot.machine);
    let usual = machine.and_then(|machine| machine.usual.as_ref()).map(|usual| usual.phases.as_slice());
    let look = Look { badge: picture.board.badge.as_deref(), zone: TimeZone::system(), ..Look::default() };
    let svg = charts::boot_waterfall(&boot, usual, &look).map_err(|error| {
        Refusal::new(
            Code::Internal,
            format!("draw boot {id}"),
            error.to_string(),
            "report this with the boot's events",
        )
    })?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsoleQuery {
    /// How many bytes of the end: 16384, at most 262144.
    limit: Option<u32>,
}

/// The end of what a machine printed on its serial console.
#[utoipa::path(
    get, path = "/api/v1/machines/{machine}/console", tag = "now",
    params(("machine" = String, Path, description = "Box number or name"), ConsoleQuery),
    responses((status = 200, body = ConsoleWire))
)]
pub(super) async fn console(
    State(site): State<Arc<Site>>,
    Path(who): Path<String>,
    Query(query): Query<ConsoleQuery>,
) -> Result<Json<ConsoleWire>, Refusal> {
    let machine = machine(&site.state, &who)?;
    let limit = limit(query.limit, CONSOLE_USUAL, CONSOLE_MOST)?;
    let consoles = site.state.consoles.as_ref().ok_or_else(|| {
        Refusal::new(
            Code::NotFound,
            format!("read the console of {}", machine.name),
            "the machines of this board have no serial console",
            "look at the machine's own screen",
        )
    })?;
    let text = consoles.tail(&machine.name, limit as usize).await.map_err(lab::Failure::from)?;
    Ok(Json(ConsoleWire { machine: machine.name.clone(), text }))
}

/// What a machine's own display shows now, where the board can see it.
#[utoipa::path(
    get, path = "/api/v1/machines/{machine}/screen.png", tag = "now",
    params(("machine" = String, Path, description = "Box number or name; `stranger` for the one that is not known")),
    responses((status = 200, body = Vec<u8>, content_type = "image/png"))
)]
pub(super) async fn picture(
    State(site): State<Arc<Site>>,
    Path(who): Path<String>,
) -> Result<Response, Refusal> {
    // A stranger is no machine of the board, but the virtual board can have one that has a screen.
    let name = match who.as_str() {
        STRANGER => STRANGER,
        _ => machine(&site.state, &who)?.name.as_str(),
    };
    let consoles = site.state.consoles.as_ref().ok_or_else(|| {
        Refusal::new(
            Code::NotFound,
            format!("take a picture of {name}'s screen"),
            "this board cannot see its machines' screens",
            "look at the machine's own screen",
        )
    })?;
    let png = consoles.screen(name).await.map_err(lab::Failure::from)?;
    Ok(([(header::CONTENT_TYPE, "image/png"), (header::CACHE_CONTROL, "no-store")], png).into_response())
}

/// Name of the machine that a virtual board has and its file does not know.
const STRANGER: &str = "stranger";

pub(super) async fn found(state: &ApiState, id: u64) -> Result<Boot, Refusal> {
    let boot = state.archive.boot(id).await?;
    boot.ok_or_else(|| Refusal::not_found(format!("find boot {id}"), "this board has no such boot"))
}

pub(super) fn machine<'a>(state: &'a ApiState, who: &str) -> Result<&'a Machine, Refusal> {
    state.board.machine(who).ok_or_else(|| {
        let known = state.board.machines.iter().map(|m| format!("{} ({})", m.box_number, m.name));
        Refusal::new(
            Code::UnknownMachine,
            format!("find machine {who:?}"),
            "this board has no machine with that number or name",
            format!("one of: {}", known.collect::<Vec<_>>().join(", ")),
        )
    })
}
