//! Switch, router, display: orders for them, and a test of each device.

use std::{sync::Arc, time::Instant};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use engine::{Command, DISPLAY_DEVICE, Order, ROUTER_DEVICE, SWITCH_DEVICE};
use lab::{Code, Failure, Secret};

use crate::{
    extract::{self, Body, Path},
    refusal::Refusal,
    rights::Caller,
    server::Site,
    wire::{
        DeviceTestWire, JoinWire, PortOrderWire, PortsSetWire, SavedPageWire, UplinkWire, WifiNetworkWire,
    },
};

/// Name of the relay board among the devices.
const POWER_DEVICE: &str = "power";

/// Devices that have a test button.
pub(crate) fn testable(device: &str) -> bool {
    let known = [POWER_DEVICE, SWITCH_DEVICE, ROUTER_DEVICE, DISPLAY_DEVICE];
    known.contains(&device) || device.starts_with("power ")
}

/// Switch one port of the switch on or off.
#[utoipa::path(
    post, path = "/api/v1/switch/ports/{port}", tag = "orders",
    params(("port" = u32, Path, description = "Number of the port, from 1")),
    request_body = PortOrderWire,
    responses((status = 200, body = PortsSetWire))
)]
pub(super) async fn set_port(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(port): Path<u32>,
    Body(order): Body<PortOrderWire>,
) -> Result<Json<PortsSetWire>, Refusal> {
    set(&site, caller, vec![port], order).await
}

/// Switch the ports of a group of machines on or off, one after the other.
#[utoipa::path(
    post, path = "/api/v1/switch/groups/{group}", tag = "orders",
    params(("group" = String, Path, description = "Name of the group, as the board file has it")),
    request_body = PortOrderWire,
    responses((status = 200, body = PortsSetWire))
)]
pub(super) async fn set_group(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(group): Path<String>,
    Body(order): Body<PortOrderWire>,
) -> Result<Json<PortsSetWire>, Refusal> {
    let machines = site.state.board.machines.iter();
    let ports: Vec<u32> =
        machines.filter(|m| m.group.as_deref() == Some(&group)).filter_map(|m| m.port).collect();
    if ports.is_empty() {
        let mut known: Vec<&str> =
            site.state.board.machines.iter().filter_map(|m| m.group.as_deref()).collect();
        known.sort_unstable();
        known.dedup();
        return Err(Refusal::new(
            Code::NotFound,
            format!("switch the group {group:?}"),
            "no machine of this board is in it",
            format!("groups here: {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") }),
        ));
    }
    set(&site, caller, ports, order).await
}

async fn set(
    site: &Site,
    caller: Caller,
    ports: Vec<u32>,
    order: PortOrderWire,
) -> Result<Json<PortsSetWire>, Refusal> {
    let reason = extract::reason(order.reason)?;
    for port in &ports {
        let command = Command::SetPort { port: *port, enabled: order.enabled };
        let order = Order { command, actor: caller.actor.clone(), reason: reason.clone() };
        site.state.engine.order(order).await?;
    }
    Ok(Json(PortsSetWire { ports, enabled: order.enabled }))
}

/// The switch's pages as they came, without passwords and cookies.
#[utoipa::path(
    get, path = "/api/v1/switch/capture", tag = "now",
    responses((status = 200, body = Vec<SavedPageWire>))
)]
pub(super) async fn capture(State(site): State<Arc<Site>>) -> Result<Json<Vec<SavedPageWire>>, Refusal> {
    let switch = site.state.gear.switch.as_ref().ok_or_else(|| none(SWITCH_DEVICE))?;
    let pages = switch.capture().await.map_err(Failure::from)?;
    Ok(Json(pages.into_iter().map(|(name, content)| SavedPageWire { name, content }).collect()))
}

/// Wi-Fi networks that the router hears now.
#[utoipa::path(
    get, path = "/api/v1/router/networks", tag = "now",
    responses((status = 200, body = Vec<WifiNetworkWire>))
)]
pub(super) async fn networks(State(site): State<Arc<Site>>) -> Result<Json<Vec<WifiNetworkWire>>, Refusal> {
    let router = wifi(&site)?;
    let networks = router.scan().await.map_err(Failure::from)?;
    Ok(Json(networks.into_iter().map(WifiNetworkWire::from).collect()))
}

/// Join a Wi-Fi network: answered when it has an address there, or when everything is as it was before.
#[utoipa::path(
    post, path = "/api/v1/router/join", tag = "orders",
    request_body = JoinWire,
    responses((status = 200, body = UplinkWire))
)]
pub(super) async fn join(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Body(join): Body<JoinWire>,
) -> Result<Json<UplinkWire>, Refusal> {
    if site.state.board.board.mode == lab::board::Mode::Watch {
        return Err(Refusal::new(
            Code::WatchOnly,
            "join a Wi-Fi network",
            "this board is only watched: other programs drive it",
            "use the router's own pages",
        ));
    }
    let router = wifi(&site)?;
    let password = join.password.filter(|text| !text.is_empty()).map(Secret::new);
    let joined = router.join(&join.ssid, password.as_ref()).await.map_err(Failure::from);
    // Whoever asked and however it ended: on record, without the password.
    let body = Box::new(lab::Body::WifiJoined { ssid: join.ssid, failure: joined.as_ref().err().cloned() });
    let command = Command::Record { subject: ROUTER_DEVICE.to_owned(), body };
    site.state.engine.order(Order { command, actor: caller.actor, reason: None }).await?;
    Ok(Json(UplinkWire::from(&joined?)))
}

fn wifi(site: &Site) -> Result<&Arc<dyn lab::ports::Router>, Refusal> {
    let router = site.state.gear.router.as_ref().filter(|router| router.has_wifi());
    router.ok_or_else(|| {
        Refusal::new(
            Code::NotFound,
            "look for Wi-Fi networks",
            "this board has no router that could be asked",
            "describe it as [router] with kind = \"luci\" in the board file",
        )
    })
}

/// What the status display shows: drawn from the lines that are sent to it, whether or not there is one.
#[utoipa::path(
    get, path = "/api/v1/display.png", tag = "now",
    responses((status = 200, body = Vec<u8>, content_type = "image/png"))
)]
pub(super) async fn display(State(site): State<Arc<Site>>) -> Result<Response, Refusal> {
    let panel = site.state.gear.panel.as_ref().ok_or_else(|| none(DISPLAY_DEVICE))?;
    let png = panel.picture().await.map_err(Failure::from)?;
    Ok(([(header::CONTENT_TYPE, "image/png"), (header::CACHE_CONTROL, "no-store")], png).into_response())
}

fn none(device: &str) -> Refusal {
    Refusal::new(
        Code::NotFound,
        format!("speak to the {device}"),
        "this board has none",
        "describe it in the board file",
    )
}

/// Ask a device something harmless, and say what it answered.
#[utoipa::path(
    post, path = "/api/v1/devices/{device}/test", tag = "orders",
    params(("device" = String, Path, description = "As in the list of devices")),
    responses((status = 200, body = DeviceTestWire))
)]
pub(super) async fn test(
    State(site): State<Arc<Site>>,
    _caller: Caller,
    Path(device): Path<String>,
) -> Result<(StatusCode, Json<DeviceTestWire>), Refusal> {
    let gear = &site.state.gear;
    let began = Instant::now();
    let says = match device.as_str() {
        SWITCH_DEVICE => {
            let switch = gear.switch.as_ref().ok_or_else(|| none(SWITCH_DEVICE))?;
            let reading = switch.read().await.map_err(Failure::from)?;
            let linked = reading.ports.values().filter(|port| port.link == Some(true)).count();
            format!("{} ports, {linked} with a link", reading.ports.len())
        }
        ROUTER_DEVICE => {
            let router = gear.router.as_ref().ok_or_else(|| none(ROUTER_DEVICE))?;
            let reading = router.read().await.map_err(Failure::from)?;
            let uplink = reading.uplink.map_or("its uplink is not told".to_owned(), |uplink| {
                format!("uplink {} by {}", if uplink.up { "up" } else { "down" }, uplink.interface)
            });
            format!("it answers; {uplink}")
        }
        DISPLAY_DEVICE => {
            let panel = gear.panel.as_ref().ok_or_else(|| none(DISPLAY_DEVICE))?;
            panel.test().await.map_err(Failure::from)?
        }
        name if testable(name) => {
            let reading = gear.power.read().await.map_err(Failure::from)?;
            let machine = name.strip_prefix("power ").and_then(|name| site.state.board.machine(name));
            match machine {
                Some(machine) => match reading.failed.get(&machine.outlet) {
                    Some(error) => return Err(Failure::from(error.clone()).into()),
                    None => {
                        let outlet = reading.outlets.get(&machine.outlet).and_then(|o| o.observed);
                        format!("it says {}", outlet.unwrap_or_default().word())
                    }
                },
                None => {
                    let on = reading.outlets.values().filter(|o| o.commanded == lab::PowerState::On).count();
                    format!("{} outlets, {on} remembered as on; nothing was pressed", reading.outlets.len())
                }
            }
        }
        _ => return Err(none(&device)),
    };
    let seconds = (began.elapsed().as_secs_f64() * 1e3).round() / 1e3;
    Ok((StatusCode::OK, Json(DeviceTestWire { device, says, seconds })))
}
