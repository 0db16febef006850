//! One boot of one machine: firmware, address, loader, kernel, system.

use std::net::{Ipv4Addr, SocketAddrV4};

use tokio::sync::Notify;

use super::dhcp::{self, Identity};
use super::ipxe::{Loader, Outcome};
use super::lane::Protocol;
use super::system::{Orders, System};
use super::{Conditions, Machine, MachineState, causes, http, tftp};
use crate::config::Fault;
use crate::pace::{Dice, Profile};

/// Where the servers of this board are found; see [`crate::SimConfig`].
#[derive(Debug, Clone)]
pub(crate) struct Wires {
    pub(crate) dhcp: SocketAddrV4,
    pub(crate) client_port: u16,
    pub(crate) tftp_port: u16,
}

/// How a life ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Off,
    Reboot,
}

/// A dead end: the machine stays in this state until somebody presses its button.
struct Halt(MachineState);

fn stuck(why: impl Into<String>) -> Halt {
    Halt(MachineState::Stuck(why.into()))
}

pub(super) struct Life<'a> {
    machine: &'a Machine,
    conditions: &'a Conditions,
    profile: Profile,
    dice: Dice,
    dhcp: dhcp::Client,
    /// A short press while the system runs.
    asked_down: &'a Notify,
}

impl<'a> Life<'a> {
    pub(super) fn new(machine: &'a Machine, boot: u64, asked_down: &'a Notify) -> Life<'a> {
        let spec = &machine.spec;
        let box_number = u64::from(spec.box_number);
        Life {
            machine,
            conditions: &machine.conditions,
            profile: Profile::new(machine.seed, spec.box_number, boot),
            dice: Dice::new(machine.seed, &[box_number, boot, 0x78_6964]),
            dhcp: dhcp::Client {
                source: spec.source,
                port: machine.wires.client_port,
                servers: machine.wires.dhcp,
                mac: spec.mac,
                uuid: super::hardware::uuid(machine.seed, spec.box_number),
                pace: machine.conditions.pace,
                lane: machine.conditions.lane(Protocol::Dhcp),
            },
            asked_down,
        }
    }

    pub(super) async fn run(mut self) -> End {
        match self.boot().await {
            Ok(end) => end,
            Err(Halt(state)) => {
                tracing::debug!(machine = %self.machine.spec.name, ?state, "a simulated boot came to a dead end");
                self.conditions.enter(state);
                std::future::pending().await
            }
        }
    }

    async fn boot(&mut self) -> Result<End, Halt> {
        let address = self.firmware().await?;
        self.conditions.enter(MachineState::Loader);
        let mut loader = Loader {
            conditions: self.conditions,
            profile: &self.profile,
            dhcp: &self.dhcp,
            http: self.http(address, "iPXE/1.21.1 (simulated)"),
            dice: &mut self.dice,
            whole: true,
        };
        match loader.run().await {
            Outcome::Reboot => Ok(End::Reboot),
            Outcome::Stuck(why) => Err(stuck(why)),
            Outcome::Kernel { cmdline, whole } => self.kernel(cmdline, whole).await,
        }
    }

    /// UEFI's PXE client: an address, then the boot file; the address the machine has from now on.
    async fn firmware(&mut self) -> Result<Ipv4Addr, Halt> {
        self.conditions.enter(MachineState::Firmware);
        self.conditions.pause(self.profile.firmware).await;
        let trouble = self.conditions.trouble();
        if !self.conditions.link() {
            return Err(stuck("PXE-E61: media test failure, check cable"));
        }
        if trouble.no_network_boot || self.conditions.fault() == Fault::NeverAsks {
            return Err(stuck("no boot device: network boot is disabled"));
        }
        self.conditions.enter(MachineState::Address);
        let lease = self
            .dhcp
            .acquire(Identity::Firmware, &mut self.dice)
            .await
            .map_err(|error| stuck(causes(&error)))?;
        if self.conditions.fault() == Fault::StopsAfterAddress {
            return Err(stuck("the firmware has an address and does nothing with it"));
        }
        let address = self.own_address(lease.address);
        // An answer without a file was dropped on the way here.
        let file = lease.boot_file.unwrap_or_default();
        self.conditions.pause(self.profile.step).await;
        self.conditions.enter(MachineState::Loader);
        let server = SocketAddrV4::new(lease.next_server, self.machine.wires.tftp_port);
        let lane = self.conditions.lane(Protocol::Tftp);
        let client = tftp::Client { source: address, server, pace: self.conditions.pace, lane };
        let between = self.conditions.pace.delay(self.profile.step);
        match client.fetch(&file, between).await {
            Ok(0) => Err(stuck(format!("PXE-E79: {file} is empty"))),
            // A loader for BIOS is no PE image, and these machines are UEFI.
            Ok(_) if file.ends_with(".kpxe") => Err(stuck(format!("{file}: load error: unsupported image"))),
            Ok(_) => Ok(address),
            Err(error) => Err(stuck(causes(&error))),
        }
    }

    async fn kernel(&mut self, cmdline: String, whole: bool) -> Result<End, Halt> {
        let panic = |why: &str| Halt(MachineState::Panicked(why.to_owned()));
        self.conditions.enter(MachineState::Os);
        self.conditions.pause(self.profile.kernel).await;
        if !whole {
            return Err(panic("Initramfs unpacking failed; unable to mount root fs"));
        }
        let orders = Orders::parse(&cmdline);
        if let Some(init) = &orders.missing_init {
            if let Some(seconds) = orders.restart_s {
                self.conditions.enter(MachineState::Panicked(format!("restarts in {seconds} s")));
                self.conditions.pause(seconds).await;
                return Ok(End::Reboot);
            }
            return Err(panic(&format!("Requested init {init} failed (error -2)")));
        }
        if self.conditions.fault() == Fault::WrongKernel || self.conditions.trouble().spoiled {
            return Err(panic("VFS: Unable to mount root fs on unknown-block(0,0)"));
        }
        self.conditions.pause(self.profile.system).await;
        let mut system = System {
            spec: &self.machine.spec,
            seed: self.machine.seed,
            orders,
            cmdline,
            conditions: self.conditions,
            profile: &self.profile,
            dhcp: &self.dhcp,
            dice: &mut self.dice,
            asked_down: self.asked_down,
        };
        Ok(system.run().await)
    }

    fn http(&self, source: Ipv4Addr, agent: &'static str) -> http::Client {
        let lane = self.conditions.lane(Protocol::Http);
        http::Client { source, agent, pace: self.conditions.pace, lane }
    }

    /// The leased address where this host can bind it, which it can inside the loopback network only.
    fn own_address(&self, leased: Ipv4Addr) -> Ipv4Addr {
        if leased.is_loopback() { leased } else { self.machine.spec.source }
    }
}
