//! What is kept for a while only stays within its bounds, and the newest stays.

use crate::history::boot_started;
use lab::{
    Body, Draft, Mac, Stamp,
    boot::BootState,
    journal::{Archive, Journal, Packet},
    live::UnknownMachine,
};
use store::{PACKET_BOOTS, PACKETS_PER_BOOT, STRANGERS_KEPT, Store};

fn packet(machine: &str, boot: Option<u64>, bytes: u64) -> Packet {
    Packet {
        machine: machine.into(),
        boot,
        stamp: Stamp { wall_us: 1, mono_us: 2, host_boot: "h".into() },
        direction: "in".into(),
        proto: "dhcp".into(),
        bytes,
        says: "DISCOVER".into(),
    }
}

async fn boot(store: &Store, id: u64, machine: &str) {
    let ended = Body::BootEnded { state: BootState::Abandoned, why: "again".into() };
    let began = boot_started(id, machine);
    store.append(vec![began.clone(), Draft { body: ended, ..began }]).await.unwrap();
}

#[tokio::test]
async fn packets_of_the_last_boots_of_each_machine_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path()).await.unwrap();
    boot(&store, 1, "node2").await;
    store.packets(vec![packet("node2", Some(1), 7)]).await.unwrap();
    let boots = u64::from(PACKET_BOOTS) + 3;
    for id in 2..2 + boots {
        boot(&store, id, "node1").await;
        store.packets(vec![packet("node1", Some(id), 1), packet("node1", Some(id), 2)]).await.unwrap();
    }
    let mut kept = Vec::new();
    for id in 1..2 + boots {
        match store.boot_packets(id).await.unwrap().as_slice() {
            [] => {}
            [only] => assert_eq!(only, &packet("node2", Some(1), 7), "another machine's boots do not count"),
            [first, second] => {
                assert_eq!((first.bytes, second.bytes), (1, 2), "oldest first");
                kept.push(id);
            }
            more => panic!("{} packets of boot {id}", more.len()),
        }
    }
    assert_eq!(kept, (5..2 + boots).collect::<Vec<_>>());
    assert_eq!(store.boot_packets(1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_boot_that_asks_all_night_keeps_its_newest_packets() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path()).await.unwrap();
    boot(&store, 1, "node1").await;
    let bound = u64::from(PACKETS_PER_BOOT);
    store.packets((0..bound).map(|n| packet("node1", Some(1), n)).collect()).await.unwrap();
    assert_eq!(store.boot_packets(1).await.unwrap().len() as u64, bound);
    store.packets((bound..bound + 5).map(|n| packet("node1", Some(1), n)).collect()).await.unwrap();
    let kept: Vec<u64> = store.boot_packets(1).await.unwrap().iter().map(|p| p.bytes).collect();
    assert_eq!(kept, (5..bound + 5).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_last_strangers_by_sight_are_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path()).await.unwrap();
    let stranger = |n: u32, times: u64| {
        let [a, b, c, d] = n.to_be_bytes();
        let stamp = Stamp { wall_us: -i64::from(n), mono_us: i64::from(n), host_boot: "h".into() };
        UnknownMachine {
            mac: Mac([2, 0, a, b, c, d]),
            code: format!("code {n}"),
            first: stamp.clone(),
            last: stamp,
            times,
        }
    };
    store.unknown((0..STRANGERS_KEPT).map(|n| stranger(n, 1)).collect()).await.unwrap();
    // The first is seen again and so outlives the second, although the wall clock runs backwards here.
    store.unknown(vec![stranger(0, 9), stranger(STRANGERS_KEPT, 1)]).await.unwrap();
    drop(store);
    let (store, _) = Store::open(dir.path()).await.unwrap();
    let kept = store.strangers().await.unwrap();
    assert_eq!(kept.len() as u32, STRANGERS_KEPT);
    assert_eq!(kept[0].mac, stranger(2, 1).mac, "number 1 is forgotten");
    let [.., again, newest] = kept.as_slice() else { panic!("too few") };
    assert_eq!((again.code.as_str(), again.times), ("code 0", 9));
    assert_eq!((again.last.wall_us, newest.mac), (0, stranger(STRANGERS_KEPT, 1).mac));
}
