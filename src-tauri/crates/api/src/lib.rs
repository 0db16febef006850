//! HTTP and the event stream: what the rest of the world sees of an engine, and what it may ask of it.
//!
//! Reading order: [`wire`] says what is sent, [`rights`] and [`tokens`] who may ask, [`server`] which addresses there are,
//! `feed` how one stream is told, [`gateway`] what a window puts between its pages and all that. Every request passes the
//! same walls (`guard`), every failure leaves in the same shape (`refusal`).

pub mod wire;

mod attempts;
pub mod compat;
mod desks;
mod extract;
mod feed;
pub mod gateway;
mod guard;
mod listen;
mod metrics;
mod openapi;
mod origin;
mod plain;
mod refusal;
mod rights;
mod routes;
mod secret;
pub mod server;
mod sessions;
pub mod tls;
pub mod tokens;
mod ui;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use desks::{Bundle, BundleDesk, CertificateDesk, CountersNow, LogDesk, Stick, Talker, Written};
pub use openapi::openapi_json;
pub use plain::{named_http, plain_http};
pub use rights::{Right, Rights};
pub use routes::BoardFile;
pub use secret::Secret;
pub use server::{ApiState, Gear, serve};
pub use sessions::Sessions;
pub use tokens::Tokens;
