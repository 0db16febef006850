//! The self-check on this board: what is promised, when it is tried, and how it is told.

use std::{collections::BTreeMap, net::SocketAddrV4, sync::Arc, time::Duration};

use engine::{Observation, ObservationSink};
use lab::{Board, Code, Failure, board::NameService, dial::Dial, live::ServiceState};
use netboot::{
    dhcp::DhcpConfig,
    dns::Zone,
    selfcheck::{self, Complaint, Finding, NamesPromised, Promises},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    boot_files::LOADER_EFI,
    names::{DNS, HTTPS, NTP, Running, SYSLOG, records},
};
use crate::ports;

/// Between two checks while all is well: what broke meanwhile is found before the next visitor comes.
const PERIOD: Duration = Duration::from_secs(600);
/// While something is wrong, a person may be mending it.
const AGAIN: Duration = Duration::from_secs(20);
const SELF: &str = "self-check";

/// Reads the promises off DHCP's configuration and the board file.
pub(super) fn promises(board: &Board, dial: &Dial, config: &DhcpConfig, running: Running) -> Promises {
    let network = &board.network;
    // Other hosts than the boss are where the board file says, on the port that everybody knows.
    let at = |address, port| {
        if address == network.boss {
            dial.socket(address, port)
        } else {
            SocketAddrV4::new(dial.address(address), port)
        }
    };
    let zone = Zone::new(&records::of(board, dial)).ok();
    let known = |zone: &Zone| zone.names().map(|(name, addresses)| (name, addresses.to_vec())).collect();
    let names = network.dns.zip(zone.as_ref()).map(|(server, zone)| NamesPromised {
        servers: vec![at(server, DNS)],
        external: network.names == NameService::External || server != network.boss,
        records: known(zone),
    });
    let log = network.syslog.map(|server| {
        let own = running.log.filter(|_| server == network.boss);
        (at(server, SYSLOG), own)
    });
    let https = running.https.map(|identity| {
        (dial.socket(network.boss, HTTPS), records::boss(board), identity, LOADER_EFI.to_owned())
    });
    Promises {
        names,
        log,
        https,
        time: network.ntp.map(|server| at(server, NTP)).into_iter().collect(),
        ..Promises::of_boot_files(config, dial.port(69))
    }
}

/// Checks at once, after each change of what machines are sent to, and from time to time, until told to stop.
pub(super) async fn run(
    mut promises: Promises,
    mut configs: watch::Receiver<Arc<DhcpConfig>>,
    engine: ObservationSink,
    stop: CancellationToken,
) {
    let mut troubles = BTreeMap::new();
    loop {
        let findings = tokio::select! {
            () = stop.cancelled() => return,
            findings = selfcheck::check(&promises) => findings,
        };
        let count = findings.len();
        let wrong = findings.iter().filter(|finding| finding.result.is_err()).count();
        let now = failures(findings);
        let first = now.values().flatten().next();
        let says = first.map_or_else(
            || format!("{count} promises of DHCP tried, all kept"),
            |first| format!("{wrong} of {count} promises of DHCP are not kept: {first}; {}", first.remedy),
        );
        engine.put(Observation::Service(ServiceState { name: SELF.into(), ready: wrong == 0, says }));
        for (service, failure) in &now {
            if let Some(failure) = failure
                && troubles.get(service) != Some(&Some(failure.clone()))
            {
                tracing::warn!(service, %failure, remedy = failure.remedy, "a promise is not kept");
            }
            engine.put(Observation::Trouble { service: (*service).to_owned(), failure: failure.clone() });
        }
        troubles = now;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(if wrong == 0 { PERIOD } else { AGAIN }) => {}
            () = changed(&mut promises, &mut configs) => {}
        }
    }
}

/// Ends when machines are sent to other files than before; never, once DHCP has ended.
async fn changed(promises: &mut Promises, configs: &mut watch::Receiver<Arc<DhcpConfig>>) {
    while configs.changed().await.is_ok() {
        let config = configs.borrow_and_update().clone();
        if promises.take_boot_files(&config) {
            return;
        }
    }
    std::future::pending().await
}

/// One word for each service: its first failure, with how many more there are; or that all is well.
fn failures(findings: Vec<Finding>) -> BTreeMap<&'static str, Option<Failure>> {
    let mut found: BTreeMap<&'static str, (Option<Failure>, usize)> = BTreeMap::new();
    for finding in findings {
        let (failure, more) = found.entry(finding.service).or_default();
        match finding.result {
            Ok(says) => tracing::debug!(service = finding.service, finding.what, says, "a promise kept"),
            Err(_) if failure.is_some() => *more += 1,
            Err(complaint) => *failure = Some(told(finding.what, complaint)),
        }
    }
    let with_count = |(service, (failure, more)): (_, (Option<Failure>, usize))| {
        let failure = failure.map(|mut failure| {
            if more > 0 {
                failure.why = format!("{} (and {more} more like this)", failure.why);
            }
            failure
        });
        (service, failure)
    };
    found.into_iter().map(with_count).collect()
}

fn told(what: String, complaint: Complaint) -> Failure {
    let Complaint { why, remedy, port } = complaint;
    let holder =
        port.and_then(|port| ports::other_holder(port).map(|holder| format!("; {holder} holds port {port}")));
    Failure::new(Code::BootFile, what, why + &holder.unwrap_or_default(), remedy)
}

#[cfg(test)]
mod tests {
    use devices::qemu::Firmware;
    use lab::{
        Stamp, Status,
        status::{HeldBack, MachineStatus, Wiping},
    };
    use netboot::{files::Asker, files::Files as _, seen::SeenSink};
    use tokio::net::TcpListener;

    use super::*;
    use crate::{
        config::{BoardChoice, choose_board},
        wiring::{
            boot_files::BootFiles, boot_services::dhcp_config, picture::Picture, site::BootSite,
            trees::Trees, ways::BoardWays,
        },
    };

    /// One machine each that is disabled, held back, armed to be erased, being erased, and nothing of all this.
    fn refused_on_purpose() -> (Arc<Board>, Arc<Picture>) {
        let mut board = choose_board("simulated", BoardChoice::default()).unwrap();
        board.machines[0].disabled = Some("its fan is broken".into());
        let held = HeldBack {
            why: "it began 4 times".into(),
            rearm: "pressed".into(),
            since: Stamp::default(),
            seq: 1,
        };
        let wiping = Wiping { disks: vec!["sda".into()], ticket: "t1".into(), ..Wiping::default() };
        let machines = [
            MachineStatus { held_back: Some(held), ..MachineStatus::default() },
            MachineStatus { wipe: Some(Vec::new()), ..MachineStatus::default() },
            MachineStatus { wiping: Some(wiping), ..MachineStatus::default() },
        ];
        let names = board.machines[1..].iter().map(|machine| machine.name.clone());
        let status = Status { machines: names.zip(machines).collect(), ..Status::default() };
        (Arc::new(board), Arc::new(Picture::of(status)))
    }

    #[tokio::test]
    async fn what_is_refused_on_purpose_is_not_missing() {
        let (board, picture) = refused_on_purpose();
        let mut dial = Dial::new(board.board.kind);
        let listener = TcpListener::bind((dial.address(board.network.boss), 0)).await.unwrap();
        dial.move_port(80, listener.local_addr().unwrap().port());
        let ways = BoardWays::new(board.clone(), Firmware::Uefi, None, false, Arc::default());
        ways.serve(dial.clone(), true);
        let config = dhcp_config(&board, &dial, &ways);
        let files = BootFiles::simulated_with_images();
        let desk = Arc::default();
        let site = BootSite::new(board.clone(), dial.clone(), files, 1000, desk, picture, Trees::default());
        let site = Arc::new(site);
        let stop = CancellationToken::new();
        let served = netboot::http::run(listener, site.clone(), SeenSink::new(64).0, stop.clone());
        let served = tokio::spawn(served);

        let mut promises = Promises::of_boot_files(&config, dial.port(69));
        let images: Vec<String> = promises.http.iter().filter(|url| url.contains("/uki/")).cloned().collect();
        assert_eq!(images.len(), board.machines.len(), "an image is promised to each: {images:?}");
        // Nothing serves TFTP here.
        promises.tftp.1.clear();
        for finding in selfcheck::check(&promises).await {
            finding.result.unwrap_or_else(|why| panic!("{}: {why:?}", finding.what));
        }
        for (machine, gets) in board.machines.iter().zip([false, false, true, true, true]) {
            let mac = netboot::Mac(machine.mac.0);
            let own = Asker { peer: dial.address(machine.address).into(), mac: Some(mac) };
            let path = super::super::ways::image_path(mac);
            assert_eq!(site.open(&own, &path).is_some(), gets, "{} itself", machine.name);
        }
        stop.cancel();
        served.await.unwrap().unwrap();
    }

    #[test]
    fn a_service_is_told_once_with_its_first_failure_and_the_count_of_the_rest() {
        let finding = |service, result| Finding { service, what: "fetch it".into(), result };
        let bad = || Err(Complaint { why: "gone".into(), remedy: "put it back".into(), port: None });
        let found = failures(vec![
            finding("tftp", Ok("fine".into())),
            finding("http", bad()),
            finding("http", bad()),
            finding("http", Ok("fine".into())),
        ]);
        assert_eq!(found["tftp"], None);
        let failure = found["http"].clone().unwrap();
        assert_eq!(failure.to_string(), "fetch it: gone (and 1 more like this)");
        assert_eq!(failure.remedy, "put it back");
    }
}
