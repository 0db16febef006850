//! OpenWrt by the JSON-RPC of luci-mod-rpc: a login, and commands that it runs. Read in this order:

/// What the router's commands print. Pure.
pub mod ubus;

/// Settings by UCI, and what may stand in them. Pure.
mod uci;

/// The login and the commands.
mod rpc;

/// Joining a Wi-Fi network, and the way back.
mod join;

/// The port of lab in front of them.
mod driver;

/// A router to test against.
#[cfg(test)]
mod far_side;

pub use driver::{Luci, LuciConfig};
