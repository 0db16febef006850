//! Router advertisements (RFC 4861), so that nobody waits for them.
//!
//! Loaders and kernels ask for an IPv6 router when they start and wait for one before they call their network
//! configured; iPXE of 2019 waits some 12 seconds. Answered at once, with a prefix of our own and "no DHCPv6 here", the
//! wait is over. We never offer to route.
//!
//! - [`message`]: bytes to a solicitation, an advertisement to bytes and back.
//! - [`pace`]: when to speak, and how often at most. No I/O.
//! - [`server`]: the raw socket.

mod filter;
pub mod message;
pub mod pace;
mod server;

pub use message::{Advertisement, unique_local_prefix};
pub use server::{OpenError, RouterSocket, run};
