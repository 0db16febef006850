//! Far sides that a real agent is not. The real one is in `tests/others.rs`.

use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio_util::task::AbortOnDropHandle;

use super::*;

/// Answers each packet with what this makes of it.
async fn agent(
    reply: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static,
) -> (SocketAddr, AbortOnDropHandle<()>) {
    let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = socket.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut packet = [0; 2048];
        while let Ok((length, peer)) = socket.recv_from(&mut packet).await {
            if let Some(answer) = reply(&packet[..length]) {
                socket.send_to(&answer, peer).await.unwrap();
            }
        }
    });
    (address, AbortOnDropHandle::new(task))
}

fn snmp(address: SocketAddr) -> Snmp {
    Snmp::new(SnmpConfig { address: address.ip(), port: address.port(), community: Secret::new("s3cret") })
}

#[tokio::test]
async fn a_closed_port_and_silence_are_absent_and_name_no_community() {
    let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = snmp(closed).read().await.unwrap_err();
    assert!(error.absent && error.why.contains("nobody listens"), "{error:?}");
    let (address, _agent) = agent(|_| None).await;
    let mut switch = snmp(address);
    switch.answer = Duration::from_millis(50);
    let error = switch.read().await.unwrap_err();
    assert!(error.absent && error.why.contains("no answer"), "{error:?}");
    assert!(error.remedy.contains("community") && !format!("{error:?}").contains("s3cret"), "{error:?}");
}

#[tokio::test]
async fn what_is_no_snmp_is_said_to_be_strange() {
    for bytes in [&b"HTTP/1.1 400 Bad Request\r\n"[..], b"", b"\x30\x82\xff\xff\x02\x01\x01", &[0x30; 1400]] {
        let (address, _agent) = agent(move |_| Some(bytes.to_vec())).await;
        let error = snmp(address).read().await.unwrap_err();
        assert!(!error.absent && error.why.contains("cannot be read"), "{error:?} for {bytes:?}");
    }
    // Our own question back: right number, right community, but no answer.
    let (address, _agent) = agent(|packet| Some(packet.to_vec())).await;
    assert!(!snmp(address).read().await.unwrap_err().absent);
}

#[tokio::test]
async fn it_is_only_read() {
    let (address, _agent) = agent(|_| unreachable!("nothing is sent")).await;
    let switch = snmp(address);
    assert!(!switch.writable());
    let error = switch.set(1, true).await.unwrap_err();
    assert!(error.why.contains("only read"), "{error:?}");
}

/// An agent that answers every question with the same row would be walked for ever.
#[tokio::test]
async fn a_table_that_does_not_ascend_is_left() {
    let (address, _agent) = agent(|packet| {
        let asked = snmp2::Pdu::from_bytes(packet).unwrap();
        let column = asked.varbinds.clone().next().unwrap().0;
        let mut name: Vec<u64> = column.iter().unwrap().collect();
        let base = Column::ALL.map(Column::oid).into_iter().find(|oid| name.starts_with(oid)).unwrap();
        name.truncate(base.len());
        name.push(3);
        Some(response(asked.req_id, &name))
    })
    .await;
    let reading = snmp(address).read().await.unwrap();
    assert_eq!(reading.ports.len(), 1, "row 3 of ifType says 6");
}

/// One row with the value 6, written byte by byte (RFC 1157 and RFC 3416).
fn response(id: i32, name: &[u64]) -> Vec<u8> {
    fn wrapped(kind: u8, content: &[u8]) -> Vec<u8> {
        assert!(content.len() < 128);
        [&[kind, content.len() as u8], content].concat()
    }
    let number = |number: i32| wrapped(2, &number.to_be_bytes());
    let mut oid = vec![43];
    oid.extend(name[2..].iter().map(|part| *part as u8));
    let row = wrapped(0x30, &[wrapped(6, &oid), number(6)].concat());
    let pdu = [number(id), number(0), number(0), wrapped(0x30, &row)].concat();
    wrapped(0x30, &[number(1), wrapped(4, b"s3cret"), wrapped(0xa2, &pdu)].concat())
}
