//! Asking a name server: for checks, and to pass questions on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::answer::EDNS_UDP;

/// For one try. A server of the same network answers within milliseconds.
const TRY: Duration = Duration::from_secs(1);
const TRIES: u32 = 2;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Not a name.
    #[error("{name} is no name that can be asked for")]
    Name {
        /// What was to be asked for.
        name: String,
    },
    /// The kernel refused.
    #[error("ask {server} for {name}")]
    Socket {
        /// Who was asked.
        server: SocketAddr,
        /// For what.
        name: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Nobody answered.
    #[error("{server} did not answer when asked for {name}")]
    Silent {
        /// Who was asked.
        server: SocketAddr,
        /// For what.
        name: String,
    },
    /// It answered that it has or knows nothing.
    #[error("{server} says {code} to {name}")]
    Refused {
        /// Who was asked.
        server: SocketAddr,
        /// For what.
        name: String,
        /// Its code, in words.
        code: String,
    },
}

/// The addresses of a name, as one server has them. Empty where the name exists without an address. `from` is our own
/// address towards it.
pub async fn addresses(from: IpAddr, server: SocketAddr, name: &str) -> Result<Vec<Ipv4Addr>, AskError> {
    let unnameable = |_| AskError::Name { name: name.to_owned() };
    let mut asked = Name::from_ascii(name).map_err(unnameable)?;
    asked.set_fqdn(true);
    let mut question = Message::query();
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(asked, RecordType::A));
    let bytes = question.to_vec().map_err(unnameable)?;
    let socket = |source| AskError::Socket { server, name: name.to_owned(), source };
    for _ in 0..TRIES {
        let Ok(reply) = timeout(TRY, exchange(from, server, &bytes)).await else { continue };
        let reply = match reply {
            Ok((_, reply)) => reply,
            // Nobody listens there: an ICMP error came back.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
            Err(error) => return Err(socket(error)),
        };
        if reply.metadata.response_code != ResponseCode::NoError {
            let code = reply.metadata.response_code.to_string();
            return Err(AskError::Refused { server, name: name.to_owned(), code });
        }
        let address = |record: &hickory_proto::rr::Record| match &record.data {
            RData::A(a) => Some(a.0),
            _ => None,
        };
        return Ok(reply.answers.iter().filter_map(address).collect());
    }
    Err(AskError::Silent { server, name: name.to_owned() })
}

/// Passes a question on as it is, and its answer back; says whether that has records.
pub(super) async fn relay(server: SocketAddr, question: &[u8]) -> io::Result<(Vec<u8>, bool)> {
    let any = Ipv4Addr::UNSPECIFIED.into();
    let (bytes, reply) = exchange(any, server, question).await?;
    Ok((bytes, !reply.answers.is_empty()))
}

/// One question, one answer that belongs to it. The port is a fresh one and the socket hears that server alone, so that a
/// forged answer has to guess both port and number.
async fn exchange(from: IpAddr, server: SocketAddr, question: &[u8]) -> io::Result<(Vec<u8>, Message)> {
    let socket = UdpSocket::bind((from, 0)).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let asked = Message::from_vec(question).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut buffer = vec![0; usize::from(EDNS_UDP.max(4096))];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let bytes = &buffer[..length];
        let Ok(reply) = Message::from_vec(bytes) else { continue };
        let same = reply.metadata.id == asked.metadata.id
            && reply.metadata.message_type == MessageType::Response
            && reply.queries == asked.queries;
        if same {
            return Ok((bytes.to_vec(), reply));
        }
    }
}

/// Our word to the client when the other server gave none.
pub(super) fn server_failure(question: &[u8]) -> Option<Vec<u8>> {
    let asked = Message::from_vec(question).ok()?;
    let mut reply = Message::response(asked.metadata.id, asked.metadata.op_code);
    reply.metadata.response_code = ResponseCode::ServFail;
    reply.metadata.recursion_desired = asked.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    reply.add_queries(asked.queries);
    reply.to_vec().ok()
}
