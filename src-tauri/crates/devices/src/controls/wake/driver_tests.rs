use std::sync::Arc;

use lab::gear::PowerGear;
use tokio::time::timeout;

use super::*;
use crate::controls::{ControlFor, build as any};
use crate::fake::Kept;
use crate::tls::Trust;

fn wake(broadcast: Ipv4Addr, port: u16) -> Result<Arc<dyn Control>, BadGear> {
    let gear = PowerGear::WakeOnLan { broadcast: None, port };
    let mac = "52:da:00:89:d8:10".parse().unwrap();
    let machine = ControlFor { name: "node4".into(), mac, broadcast };
    let trust: Arc<dyn Trust> = Arc::new(Kept::default());
    any(&gear, &machine, &|_| None, &trust)
}

#[tokio::test]
async fn three_packets_arrive_as_a_card_wants_them() {
    let card = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let control = wake(Ipv4Addr::LOCALHOST, card.local_addr().unwrap().port()).unwrap();
    control.on().await.unwrap();
    // Written out, from the publication alone.
    let expected = hex::decode("ff".repeat(6) + &"52da0089d810".repeat(16)).unwrap();
    let mut buffer = [0; 2048];
    for _ in 0..PACKETS {
        let length = timeout(Duration::from_secs(5), card.recv(&mut buffer)).await.unwrap().unwrap();
        assert_eq!(buffer[..length], expected);
    }
    assert!(card.try_recv(&mut buffer).is_err(), "no fourth one");
    assert_eq!((control.read().await, control.nature()), (Ok(None), Nature::Wake));
    assert!(control.off().await.unwrap_err().remedy.contains("its own system"));
}

#[tokio::test]
async fn a_closed_port_on_the_way_is_no_failure_and_a_wrong_address_is_said_at_once() {
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    wake(Ipv4Addr::LOCALHOST, port).unwrap().on().await.unwrap();
    for (to, port) in [(Ipv4Addr::UNSPECIFIED, 9), (Ipv4Addr::new(224, 0, 0, 1), 9), (Ipv4Addr::LOCALHOST, 0)]
    {
        assert!(wake(to, port).err().unwrap().remedy.contains("192.168.122.255"));
    }
}
