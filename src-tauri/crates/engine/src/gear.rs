//! Switch, router and other devices as they are read: present or lost, and what they say about machines.

use lab::{
    Body, Failure, Stamp,
    live::{Rates, RouterLive, SwitchLive},
    ports::{Link, PortError, RouterReading, SwitchReading},
};

use crate::turn::Engine;

/// Names of these devices in events and on screens.
pub const SWITCH_DEVICE: &str = lab::status::SWITCH;
pub const ROUTER_DEVICE: &str = "router";
pub const DISPLAY_DEVICE: &str = "display";

impl Engine {
    /// Only changes are events; a device that stays lost for another reason is told again.
    pub(crate) fn device_seen(&mut self, device: &str, stamp: &Stamp, failure: Option<Failure>) {
        let known = self.core.ahead.devices.get(device);
        let body = match (known, failure) {
            (Some(known), None) if known.present => return,
            (Some(known), Some(failure)) if known.failure.as_ref() == Some(&failure) => return,
            (_, None) => Body::DeviceFound { device: device.to_owned() },
            (_, Some(failure)) => Body::DeviceLost { device: device.to_owned(), failure },
        };
        self.record_at(device, stamp, None, body);
    }

    pub(crate) fn link_seen(&mut self, machine: &str, stamp: &Stamp, link: Link) {
        let known = self.core.ahead.machines.get(machine);
        let same = known.is_some_and(|m| m.link == Some(link.up) && m.link_speed == link.speed);
        if !same {
            let body = Body::LinkChanged { up: link.up, speed: link.speed };
            self.record_at(machine, stamp, None, body);
        }
    }

    pub(crate) fn switch_read(&mut self, stamp: Stamp, reading: Result<SwitchReading, PortError>) {
        let reading = match reading {
            Ok(reading) => reading,
            Err(error) => return self.device_seen(SWITCH_DEVICE, &stamp, Some(Failure::from(error))),
        };
        self.device_seen(SWITCH_DEVICE, &stamp, None);
        let board = self.config.board.clone();
        for machine in &board.machines {
            let Some((number, port)) = machine.port.and_then(|n| Some((n, reading.ports.get(&n)?))) else {
                continue;
            };
            let enabled = self.core.ahead.machines.get(&machine.name).and_then(|m| m.port_enabled);
            if let Some(now) = port.enabled.filter(|now| Some(*now) != enabled) {
                // The first look tells nothing new unless somebody has switched it off.
                let body = Body::PortChanged { port: number, enabled: now };
                self.record_at(&machine.name, &stamp, None, body);
            }
            if let Some(up) = port.link {
                self.link_seen(&machine.name, &stamp, Link { up, speed: port.speed.filter(|_| up) });
            }
        }
        self.core.live.switch = Some(SwitchLive { reading, stamp });
    }

    pub(crate) fn router_read(&mut self, stamp: Stamp, reading: Result<RouterReading, PortError>) {
        let reading = match reading {
            Ok(reading) => reading,
            Err(error) => return self.device_seen(ROUTER_DEVICE, &stamp, Some(Failure::from(error))),
        };
        self.device_seen(ROUTER_DEVICE, &stamp, None);
        if let Some(uplink) = &reading.uplink
            && self.core.ahead.uplink.as_ref().is_none_or(|known| changed(known, uplink))
        {
            let body = Body::UplinkChanged { uplink: uplink.clone() };
            self.record_at(ROUTER_DEVICE, &stamp, None, body);
        }
        let rates =
            self.core.live.router.as_ref().and_then(|before| Rates::between(before, &reading, &stamp));
        self.core.live.router = Some(RouterLive { reading, stamp, rates });
    }
}

/// A signal that is a little stronger or weaker is no event.
fn changed(known: &lab::ports::Uplink, now: &lab::ports::Uplink) -> bool {
    let still = |uplink: &lab::ports::Uplink| lab::ports::Uplink { signal: None, ..uplink.clone() };
    still(known) != still(now)
}
