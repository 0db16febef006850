//! Whole boots of simulated machines against small servers of the test's own.

mod world;

use std::time::Duration;

use sim::{Fault, MachineState, RelayKnob};
use world::{Manners, World};

/// Presses the button of box 1 with this fault and waits for the end of the road.
async fn dead_end(world: &World, fault: Fault) -> String {
    world.board.set_fault(1, fault).expect("a box");
    world.relay("on 1");
    let end = |state: &MachineState| matches!(state, MachineState::Stuck(_) | MachineState::Panicked(_));
    match world.until(1, end).await {
        MachineState::Stuck(why) | MachineState::Panicked(why) => why,
        state => panic!("{state:?}"),
    }
}

#[tokio::test]
async fn a_machine_boots_reports_and_goes_down_when_told() {
    let world = World::start(Manners::default()).await;
    assert_eq!(world.board.machine_state(1).unwrap(), MachineState::Off);
    assert!(!world.board.link(1).unwrap());
    world.relay("on 1");
    world.running(1).await;
    assert!(world.board.link(1).unwrap());
    world.saw("POST /heartbeat").await;
    world.seen.lock().unwrap().orders.push_back("order: poweroff");
    world.until(1, |state| *state == MachineState::Off).await;
    let mut log = world.log();
    log.dedup();
    let story: Vec<&str> = log.iter().map(|line| line.strip_prefix("127.122.122.11 ").expect(line)).collect();
    assert_eq!(
        story,
        [
            "dhcp 1 firmware",
            "dhcp 3 firmware",
            "rrq loader.efi octet tsize 0",
            "tftp aborted",
            "rrq loader.efi octet blksize 1468",
            "tftp done",
            "dhcp 1 iPXE",
            "dhcp 3 iPXE",
            "GET /boot.ipxe",
            "GET /k",
            "GET /i",
            "dhcp 1 system",
            "dhcp 3 system",
            "POST /report",
            "POST /heartbeat",
            "POST /goodbye",
        ]
    );
    let report = world.seen.lock().unwrap().reports.remove(0);
    assert_eq!(report["box"], 1);
    assert_eq!(report["address"], "127.122.122.11");
    assert_eq!(report["heartbeat_ms"], 50, "1000 ms at speed 100, not below the fastest");
    assert_eq!(report["simulated"], true);
    assert_eq!(report["nics"][0]["mac"], "02:00:00:00:00:01");
    assert!(report["kernel"]["cmdline"].as_str().unwrap().ends_with(" quiet"));
    assert_eq!(world.board.machine_state(2).unwrap(), MachineState::Off, "nobody pressed the other's button");
}

#[tokio::test]
async fn a_wiper_asks_until_it_is_told_and_says_what_it_erased_before_it_reports() {
    let script = Manners::default().script.replace(" quiet", " statusinator.mode=wipe quiet");
    let world = World::start(Manners { script, ..Manners::default() }).await;
    world.relay("on 1");
    world.running(1).await;
    let log = world.log();
    let posts: Vec<&str> = log.iter().filter_map(|line| line.strip_prefix("127.122.122.11 POST ")).collect();
    assert_eq!(posts[..4], ["/wipe/ask", "/wipe/ask", "/wiped", "/report"]);
    let wipes = world.seen.lock().unwrap().wipes.clone();
    assert_eq!(wipes[0]["ticket"], wipes[2]["ticket"]);
    assert_eq!((&wipes[2]["disks"][0]["name"], &wipes[2]["disks"][0]["ok"]), (&"sda".into(), &true.into()));
    assert_eq!(wipes[0]["disks"][0]["bytes"], wipes[2]["disks"][0]["bytes"]);
}

#[tokio::test]
async fn two_machines_boot_side_by_side_from_their_own_addresses() {
    let world = World::start(Manners::default()).await;
    world.relay("on all");
    world.running(1).await;
    world.running(2).await;
    assert!(
        world.count("127.122.122.11 POST /report") == 1 && world.count("127.122.122.12 POST /report") == 1
    );
}

#[tokio::test]
async fn answers_for_others_and_nonsense_are_passed_over() {
    let manners =
        Manners { decoys: true, naks: 1, refused_reports: 2, no_proxy_dhcp: false, ..Manners::default() };
    let world = World::start(manners).await;
    world.relay("on 1");
    world.running(1).await;
    assert_eq!(world.count("dhcp 1 firmware"), 2, "a NAK sends it back to the beginning");
    assert_eq!(world.count("POST /report"), 3, "sent again until received");
}

#[tokio::test]
async fn a_firmware_without_an_answer_asks_four_times_and_says_so() {
    let world = World::start(Manners { dhcp_answers: false, ..Manners::default() }).await;
    let why = dead_end(&world, Fault::None).await;
    assert!(why.starts_with("PXE-E51"), "{why}");
    assert_eq!(world.count("dhcp 1 firmware"), 4);
}

#[tokio::test]
async fn the_boot_file_must_stand_in_both_places() {
    for (header, option, words) in [(false, true, "in the BOOTP header"), (true, false, "in option 67")] {
        let world =
            World::start(Manners { file_in_header: header, file_in_option: option, ..Manners::default() })
                .await;
        let why = dead_end(&world, Fault::None).await;
        assert!(why.starts_with("PXE-E51") && why.contains(words), "{why}");
    }
}

#[tokio::test]
async fn a_missing_loader_and_a_bad_script_stop_the_boot_with_their_reasons() {
    let world = World::start(Manners { loader: false, ..Manners::default() }).await;
    let why = dead_end(&world, Fault::None).await;
    assert!(why.contains("loader.efi failed: the server says: no such file (code 1)"), "{why}");
    let script = "#!ipxe\nfrobnicate\n".to_owned();
    let world = World::start(Manners { script, ..Manners::default() }).await;
    let why = dead_end(&world, Fault::None).await;
    assert_eq!(why, "iPXE: frobnicate: command not found");
}

#[tokio::test]
async fn a_machine_without_link_or_network_boot_is_silent() {
    for (fault, link) in [(Fault::NoLink, false), (Fault::NeverAsks, true)] {
        let world = World::start(Manners::default()).await;
        dead_end(&world, fault).await;
        assert_eq!(world.log(), Vec::<String>::new(), "{fault:?}");
        assert_eq!(world.board.link(1).unwrap(), link);
    }
}

#[tokio::test]
async fn a_machine_that_stops_after_its_address_asks_for_no_file() {
    let world = World::start(Manners::default()).await;
    dead_end(&world, Fault::StopsAfterAddress).await;
    assert_eq!(world.log(), ["127.122.122.11 dhcp 1 firmware", "127.122.122.11 dhcp 3 firmware"]);
}

#[tokio::test]
async fn a_wrong_kernel_is_fetched_whole_and_never_calls_back() {
    let world = World::start(Manners::default()).await;
    let why = dead_end(&world, Fault::WrongKernel).await;
    assert!(why.contains("Unable to mount root fs"), "{why}");
    assert_eq!((world.count("GET /i"), world.count("broken off"), world.count("system")), (1, 0, 0));
}

#[tokio::test]
async fn a_truncated_initrd_is_seen_by_the_server_and_panics_the_kernel() {
    // Far more than the buffers of both ends hold, so that the server notices.
    let world = World::start(Manners { initrd_bytes: 40_000_000, ..Manners::default() }).await;
    let why = dead_end(&world, Fault::Truncates).await;
    assert!(why.contains("Initramfs"), "{why}");
    world.saw("GET /i was broken off").await;
    assert_eq!(world.count("dhcp 1 system"), 0);
}

#[tokio::test]
async fn a_slow_machine_takes_its_factor_longer() {
    let world = World::start(Manners::default()).await;
    let began = std::time::Instant::now();
    world.board.set_fault(1, Fault::SlowBy(8.0)).unwrap();
    world.relay("on all");
    world.saw("127.122.122.12 dhcp 1 firmware").await;
    let usual = began.elapsed();
    world.saw("127.122.122.11 dhcp 1 firmware").await;
    assert!(began.elapsed() > usual + Duration::from_millis(400), "{usual:?} and {:?}", began.elapsed());
}

#[tokio::test]
async fn dropped_heartbeats_are_missed_until_the_machine_is_mended() {
    let world = World::start(Manners::default()).await;
    world.board.set_fault(1, Fault::DropsHeartbeats).unwrap();
    world.relay("on 1");
    world.running(1).await;
    world.relay("on 2");
    world.saw("127.122.122.12 POST /heartbeat").await;
    assert_eq!(world.count("127.122.122.11 POST /heartbeat"), 0, "it ran all the while");
    world.board.set_fault(1, Fault::None).unwrap();
    world.saw("127.122.122.11 POST /heartbeat").await;
}

#[tokio::test]
async fn a_dead_machine_ignores_its_button() {
    let world = World::start(Manners::default()).await;
    world.board.set_fault(1, Fault::Dead).unwrap();
    world.relay("on all");
    world.running(2).await;
    assert_eq!(world.board.machine_state(1).unwrap(), MachineState::Off);
}

#[tokio::test]
async fn a_long_press_cuts_the_power_and_the_machine_starts_again() {
    let world = World::start(Manners::default()).await;
    world.relay("on 1");
    world.running(1).await;
    world.relay("off 1");
    world.until(1, |state| *state == MachineState::Off).await;
    assert_eq!(world.count("goodbye"), 0, "nobody had time for it");
    // The board takes "on" only when the long press is over.
    let again = async {
        while !world.board.machine_state(1).unwrap().is_powered() {
            world.relay("on 1");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(world::DEADLINE, again).await.expect("starts again");
    world.running(1).await;
    assert_eq!(world.count("POST /report"), 2);
}

#[tokio::test]
async fn after_a_reset_of_the_relay_board_on_shuts_a_running_machine_down() {
    let world = World::start(Manners::default()).await;
    world.relay("on 1");
    world.running(1).await;
    world.relay("on 1");
    world.relay("status");
    assert!(
        world.board.machine_state(1).unwrap().is_powered(),
        "the board knows it is on and presses nothing"
    );
    world.board.turn(RelayKnob::Reboot).unwrap();
    let pressed = async {
        while world.board.machine_state(1).unwrap().is_powered() {
            world.relay("on 1");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(world::DEADLINE, pressed)
        .await
        .expect("the states are lost, so the button is pressed");
    world.saw("POST /goodbye").await;
}

#[tokio::test]
async fn a_pulled_plug_ends_it_without_a_goodbye() {
    let world = World::start(Manners::default()).await;
    world.relay("on 1");
    world.running(1).await;
    world.board.kill(1).unwrap();
    world.until(1, |state| *state == MachineState::Off).await;
    assert_eq!(world.count("goodbye"), 0);
    assert!(world.board.kill(9).is_err(), "there is no box 9");
}

#[tokio::test]
async fn an_order_to_reboot_boots_again_without_a_press() {
    let world = World::start(Manners::default()).await;
    world.relay("on 1");
    world.running(1).await;
    world.seen.lock().unwrap().orders.push_back("reboot");
    world.until(1, |state| *state == MachineState::Firmware).await;
    world.running(1).await;
    assert_eq!((world.count("dhcp 1 firmware"), world.count("goodbye")), (2, 0));
}

#[tokio::test]
async fn the_end_of_the_board_is_the_end_of_everything() {
    let world = World::start(Manners::default()).await;
    let path = world.board.relay_path().unwrap();
    world.relay("on all");
    world.running(1).await;
    let states = world.board.watch_machine(1).unwrap();
    let World { board, seen, _servers, .. } = world;
    board.shutdown().await;
    assert!(states.has_changed().is_err(), "the machine's task is gone");
    assert!(std::fs::read_link(path).is_err(), "and so is the link to the pty");
    drop(seen);
}
