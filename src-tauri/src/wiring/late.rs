//! Ports that are filled when the board has been built. Until then they say so, in words.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use lab::fault::Fault;
use lab::gear::{RouterGear, SwitchGear};
use lab::ports::{
    Captures, Console, Faults, Link, Nature, Outlet, PortError, Power, PowerReading, Router, RouterReading,
    Switch, SwitchReading, Uplink, WifiNetwork, Wire, WireCounters,
};
use lab::{Board, Secret};

fn not_yet(what: &str) -> PortError {
    PortError {
        what: what.to_owned(),
        why: "the board is being built".to_owned(),
        remedy: "wait; System shows what it waits for".to_owned(),
        absent: true,
    }
}

/// Power buttons of a board that may not be there yet.
pub(super) struct LatePower {
    inner: OnceLock<Arc<dyn Power>>,
    /// What stands behind each outlet, as the board file says it.
    natures: BTreeMap<Outlet, Nature>,
}

impl LatePower {
    pub(super) fn new(board: &Board) -> Self {
        let natures = board.machines.iter().map(|m| (m.outlet, board.nature(m))).collect();
        Self { inner: OnceLock::new(), natures }
    }

    pub(super) fn fill(&self, power: Arc<dyn Power>) {
        // A board is built once; a second filling would be a mistake of wiring and changes nothing.
        let _ = self.inner.set(power);
    }
}

#[async_trait]
impl Power for LatePower {
    async fn read(&self) -> Result<PowerReading, PortError> {
        self.inner.get().ok_or_else(|| not_yet("read the power board"))?.read().await
    }
    async fn on(&self, outlet: Outlet) -> Result<(), PortError> {
        self.inner.get().ok_or_else(|| not_yet("press an outlet"))?.on(outlet).await
    }
    async fn off(&self, outlet: Outlet) -> Result<(), PortError> {
        self.inner.get().ok_or_else(|| not_yet("press an outlet"))?.off(outlet).await
    }
    fn nature(&self, outlet: Outlet) -> Nature {
        self.natures.get(&outlet).copied().unwrap_or(Nature::Button)
    }
}

/// Wire counters of a board that may not be there yet, or never counts.
#[derive(Default)]
pub(super) struct LateWire(OnceLock<Arc<dyn Wire>>);

impl LateWire {
    pub(super) fn fill(&self, wire: Arc<dyn Wire>) {
        let _ = self.0.set(wire);
    }
}

#[async_trait]
impl Wire for LateWire {
    async fn counters(&self, machine: &str) -> Option<WireCounters> {
        self.0.get()?.counters(machine).await
    }
    async fn link(&self, machine: &str) -> Option<Link> {
        self.0.get()?.link(machine).await
    }
    async fn own_link(&self) -> Option<bool> {
        self.0.get()?.own_link().await
    }
}

/// Consoles of a board that may not be there yet, or has none.
#[derive(Default)]
pub(super) struct LateConsole(OnceLock<Arc<dyn Console>>);

impl LateConsole {
    pub(super) fn fill(&self, console: Arc<dyn Console>) {
        let _ = self.0.set(console);
    }
}

#[async_trait]
impl Console for LateConsole {
    async fn tail(&self, machine: &str, limit: usize) -> Result<String, PortError> {
        match self.0.get() {
            Some(console) => console.tail(machine, limit).await,
            None => Err(PortError {
                what: format!("show the console of {machine}"),
                why: "this board has no serial consoles".to_owned(),
                remedy: "look at the machine's own screen".to_owned(),
                absent: true,
            }),
        }
    }

    async fn screen(&self, machine: &str) -> Result<Vec<u8>, PortError> {
        match self.0.get() {
            Some(console) => console.screen(machine).await,
            None => Err(not_yet("take a picture of a machine's screen")),
        }
    }
}

/// Faults of a board that may not be there yet.
#[derive(Default)]
pub(super) struct LateFaults(OnceLock<Arc<dyn Faults>>);

impl LateFaults {
    pub(super) fn fill(&self, faults: Arc<dyn Faults>) {
        let _ = self.0.set(faults);
    }
}

#[async_trait]
impl Faults for LateFaults {
    fn possible(&self) -> Vec<Fault> {
        self.0.get().map(|faults| faults.possible()).unwrap_or_default()
    }
    async fn set(&self, machine: &str, fault: Fault, on: bool) -> Result<(), PortError> {
        self.0.get().ok_or_else(|| not_yet("put a fault in"))?.set(machine, fault, on).await
    }
}

/// Captures of a board that may not be there yet, or has no frames.
#[derive(Default)]
pub(super) struct LateCaptures(OnceLock<Arc<dyn Captures>>);

impl LateCaptures {
    pub(super) fn fill(&self, captures: Arc<dyn Captures>) {
        let _ = self.0.set(captures);
    }
}

#[async_trait]
impl Captures for LateCaptures {
    async fn pcapng(&self, machine: &str, span: Option<(i64, i64)>) -> Result<Vec<u8>, PortError> {
        self.0.get().ok_or_else(|| not_yet("open a capture"))?.pcapng(machine, span).await
    }
}

/// The switch of a board that may not be there yet.
pub(super) struct LateSwitch {
    inner: OnceLock<Arc<dyn Switch>>,
    writable: bool,
}

impl LateSwitch {
    pub(super) fn new(gear: &SwitchGear) -> Self {
        Self { inner: OnceLock::new(), writable: matches!(gear, SwitchGear::Hasivo { .. }) }
    }

    pub(super) fn fill(&self, switch: Arc<dyn Switch>) {
        let _ = self.inner.set(switch);
    }
}

#[async_trait]
impl Switch for LateSwitch {
    async fn read(&self) -> Result<SwitchReading, PortError> {
        self.inner.get().ok_or_else(|| not_yet("read the switch"))?.read().await
    }
    async fn set(&self, port: u32, enabled: bool) -> Result<(), PortError> {
        self.inner.get().ok_or_else(|| not_yet("switch a port"))?.set(port, enabled).await
    }
    fn writable(&self) -> bool {
        self.writable
    }
    async fn capture(&self) -> Result<Vec<(String, String)>, PortError> {
        self.inner.get().ok_or_else(|| not_yet("save the switch's pages"))?.capture().await
    }
}

/// The router of a board that may not be there yet.
pub(super) struct LateRouter {
    inner: OnceLock<Arc<dyn Router>>,
    wifi: bool,
}

impl LateRouter {
    pub(super) fn new(gear: &RouterGear) -> Self {
        Self { inner: OnceLock::new(), wifi: matches!(gear, RouterGear::Luci { .. }) }
    }

    pub(super) fn fill(&self, router: Arc<dyn Router>) {
        let _ = self.inner.set(router);
    }
}

#[async_trait]
impl Router for LateRouter {
    async fn read(&self) -> Result<RouterReading, PortError> {
        self.inner.get().ok_or_else(|| not_yet("read the router"))?.read().await
    }
    fn has_wifi(&self) -> bool {
        self.wifi
    }
    async fn scan(&self) -> Result<Vec<WifiNetwork>, PortError> {
        self.inner.get().ok_or_else(|| not_yet("look for Wi-Fi networks"))?.scan().await
    }
    async fn join(&self, ssid: &str, password: Option<&Secret>) -> Result<Uplink, PortError> {
        self.inner.get().ok_or_else(|| not_yet("join a Wi-Fi network"))?.join(ssid, password).await
    }
}
