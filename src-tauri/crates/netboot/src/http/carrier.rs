//! What a connection is carried by: plain TCP, or an encrypted stream over it.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::Proto;

/// A stream that requests come in on. Whatever lies between, at the bottom is TCP, and the kernel knows how much of what
/// it was given the peer has acknowledged.
pub trait Carrier: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static {
    /// The word under which its sightings and counts go.
    const PROTO: Proto;

    /// Whether what is written goes to the socket byte by byte: then the kernel may send files there itself.
    const PLAIN: bool;

    /// The socket underneath.
    fn socket(&self) -> &TcpStream;
}

impl Carrier for TcpStream {
    const PROTO: Proto = Proto::Http;
    const PLAIN: bool = true;

    fn socket(&self) -> &TcpStream {
        self
    }
}
