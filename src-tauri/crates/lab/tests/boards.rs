//! The board files that are shipped for real gear. The owner's is compared, value for value, with the owner's own list.

mod plain_yaml;

use std::collections::{BTreeMap, BTreeSet};

use lab::{
    Board, BoardKind, Machine,
    board::{DhcpMode, Mode, NameService, SecretUse},
    gear::{PowerGear, RouterGear, SwitchGear},
    ports::Nature,
};
use serde_json::Value;

const LABINATOR: &str = include_str!("../../../../boards/labinator.toml");
const HOME: &str = include_str!("../../../../boards/home.toml");
const NETWORK: &str = include_str!("../../../../tests/data/network.yaml");

fn labinator() -> Board {
    Board::parse("labinator", LABINATOR).expect("the shipped file is good")
}

fn home() -> Board {
    Board::parse("home", HOME).expect("the shipped file is good")
}

fn owners_list() -> Value {
    plain_yaml::parse(NETWORK)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value:?} is no text")).to_owned()
}

fn number(value: &Value) -> u32 {
    let number = value.as_u64().unwrap_or_else(|| panic!("{value:?} is no number"));
    number.try_into().expect("a small number")
}

#[test]
fn every_machine_is_the_owners_to_the_last_digit() {
    let (board, list) = (labinator(), owners_list());
    let nodes = list["nodes"].as_object().expect("nodes");
    let labnodes: Vec<_> = nodes.iter().filter(|(_, node)| text(&node["type"]) == "labnode").collect();
    assert_eq!(labnodes.len(), 6);
    assert_eq!(board.machines.len(), 6);
    let row = |m: &Machine| {
        let group = m.group.clone().expect("a group");
        (m.name.clone(), m.mac.to_string(), m.address.to_string(), u32::from(m.outlet), m.port, group)
    };
    for ((key, node), machine) in labnodes.into_iter().zip(&board.machines) {
        let (outlet, port) = (number(&node["relay_port"]), number(&node["switch_port"]));
        let owners = (
            text(&node["name"]),
            text(&node["mac"]),
            text(&node["ip"]),
            outlet,
            Some(port),
            text(&node["group"]),
        );
        assert_eq!(row(machine), owners);
        assert_eq!(*key, machine.name);
        assert_eq!(
            text(&list["dhcp_reservations"][machine.mac.to_string().as_str()]),
            machine.address.to_string()
        );
        assert_eq!(number(&list["switch"]["node_ports"][machine.name.as_str()]), port, "said twice there");
        assert_eq!(format!("node{}", machine.box_number), machine.name);
        assert_eq!(board.nature(machine), Nature::Button);
        assert!(machine.power.is_none() && machine.disabled.is_none());
    }
    let outlets: Vec<u32> = board.machines.iter().map(|m| u32::from(m.outlet)).collect();
    let all: Vec<u32> =
        list["relay_board"]["all_ports"].as_array().expect("ports").iter().map(number).collect();
    assert_eq!(outlets, all);
}

#[test]
fn groups_hold_the_owners_ports() {
    let list = owners_list();
    let mut ours: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for machine in labinator().machines {
        ours.entry(machine.group.unwrap()).or_default().insert(machine.port.unwrap());
    }
    let groups = list["switch"]["groups"].as_object().expect("groups");
    let theirs: BTreeMap<String, BTreeSet<u32>> = groups
        .iter()
        .map(|(name, ports)| (name.clone(), ports.as_array().expect("ports").iter().map(number).collect()))
        .collect();
    assert_eq!(ours, theirs);
}

#[test]
fn the_network_is_the_owners() {
    let (network, list) = (labinator().network, owners_list());
    let owners = &list["network"];
    assert_eq!(format!("{}/{}", network.address, network.prefix), text(&owners["subnet"]));
    assert_eq!(labinator().netmask().to_string(), text(&owners["netmask"]));
    let plan = &owners["address_plan"]["infrastructure"];
    assert_eq!(network.boss.to_string(), text(&plan["boss"]));
    let told = [
        ("gateway", network.gateway),
        ("dns", network.dns),
        ("ntp", network.ntp),
        ("syslog", network.syslog),
        ("dns_upstream", network.dns_forward),
    ];
    for (key, ours) in told {
        assert_eq!(ours.map(|a| a.to_string()), Some(text(&owners[key])), "{key}");
    }
    assert_eq!(network.domain, Some(text(&owners["dns_domain"])));
    let pool = (network.pool.0.to_string(), network.pool.1.to_string());
    assert_eq!(pool, (text(&owners["dhcp_range"]["start"]), text(&owners["dhcp_range"]["end"])));
    assert_eq!(network.interface, Some(text(&owners["boss_netdev"])));
    assert_eq!(network.names, NameService::Serve);
    assert_eq!(network.dhcp, DhcpMode::Serve, "it gives addresses only while no other server does");
}

#[test]
fn the_gear_is_the_owners() {
    let (board, list) = (labinator(), owners_list());
    let relay = board.relay.expect("a relay board");
    assert_eq!(relay.path.display().to_string(), text(&list["relay_board"]["device"]));
    assert!(!relay.allow_8, "the spare outlet is not wired");
    assert_eq!(number(&list["relay_board"]["controller_port"]), u32::from(lab::power::BOSS_OUTLET));
    let display = board.display.expect("a display");
    assert_eq!(display.path.display().to_string(), text(&list["status_display"]["device"]));
    let switch = board.switch.expect("a switch");
    let protected = [number(&list["switch"]["controller_port"]), number(&list["switch"]["router_port"])];
    assert_eq!(switch.protected(), protected);
    let SwitchGear::Hasivo { url, .. } = switch else { panic!("{switch:?}") };
    assert_eq!(url, text(&list["switch"]["base_url"]));
    let Some(RouterGear::Luci { url, metrics, radio, wifi, .. }) = board.router else {
        panic!("a LuCI router")
    };
    assert_eq!(format!("{url}/cgi-bin/luci/rpc"), text(&list["network"]["endpoints"]["router_rpc"]));
    assert_eq!(metrics, Some(text(&list["network"]["endpoints"]["router_metrics"])));
    assert_eq!((radio.as_str(), wifi.as_str()), ("radio0", "wifi0"));
    let compat = board.compat.expect("the earlier addresses").listen;
    let boss = text(&list["nodes"]["boss"]["ip"]);
    let names = list["network"]["endpoints"]["orchestrator"].as_str().expect("an address");
    assert_eq!(format!("http://boss.local:{}", compat.port()), names);
    assert_eq!(compat.ip().to_string(), boss);
}

#[test]
fn the_owners_board_is_driven_and_rehearses() {
    let board = labinator();
    assert_eq!((board.board.kind, board.board.mode), (BoardKind::Labinator, Mode::Drive));
    assert_eq!(board.board.shelf, [[1, 3, 5], [2, 4, 6]]);
    assert!(board.lab("rehearsal").is_some_and(|lab| lab.machines.is_none()));
    assert!(board.watch.is_some_and(|watch| watch.status.is_some()), "one word makes it watch");
}

#[test]
fn no_board_file_holds_a_password_and_each_names_its_own() {
    let uses = |who: &str, name: &str| SecretUse { who: who.into(), name: name.into() };
    let labinator_uses =
        [("the switch", "switch"), ("the router", "router"), ("the CA's provisioner", "step-ca")];
    assert_eq!(labinator().secrets_named(), labinator_uses.map(|(who, name)| uses(who, name)));
    assert_eq!(home().secrets_named(), [uses("the power control of node1", "plug")]);
    for word in ["password =", "passwd", "token ="] {
        assert!(!LABINATOR.contains(word) && !HOME.contains(word), "{word}");
    }
}

#[test]
fn the_template_has_three_machines_with_a_control_each() {
    let board = home();
    let natures: Vec<Nature> = board.machines.iter().map(|machine| board.nature(machine)).collect();
    assert_eq!(natures, [Nature::Supply, Nature::Supply, Nature::Wake]);
    assert!(
        board.relay.is_none() && board.switch.is_none() && board.router.is_none() && board.compat.is_none()
    );
    assert_eq!(board.network.dhcp, DhcpMode::Proxy, "the router of a home goes on giving addresses");
}

/// What a comment offers is believed: with its mark removed it must be taken.
#[test]
fn everything_that_the_template_offers_in_comments_is_good() {
    let offered = |from: &str, to: &str| {
        let (_, rest) = HOME.split_once(from).unwrap_or_else(|| panic!("no {from}"));
        let (part, _) = rest.split_once(to).unwrap_or_else(|| panic!("no {to} after {from}"));
        let whole = format!("{from}{part}");
        let lines: Vec<_> = whole.lines().map(|line| line.strip_prefix("# ").unwrap_or_default()).collect();
        lines.join("\n")
    };
    let fourth =
        "\n[[machine]]\nbox = 4\nname = \"node4\"\nmac = \"00:00:5e:00:53:04\"\naddress = \"192.0.2.14\"\n";
    let base = HOME.replace("shelf = [[1, 2, 3]]", "shelf = [[1, 2, 3, 4]]");
    let with = |power: &str| {
        let text = format!("{base}{fourth}{power}\n");
        let board = Board::parse("home", &text).unwrap_or_else(|e| panic!("{e}; {}\n{power}", e.remedy));
        board.machines[3].power.clone().expect("a control")
    };
    let ipmi = with(&offered("# [machine.power]\n# kind = \"ipmi\"", "\n#\n"));
    assert!(matches!(ipmi, PowerGear::Ipmi { cipher: 3, port: 623, .. }), "{ipmi:?}");
    let redfish = with(&offered("# [machine.power]\n# kind = \"redfish\"", "\n\n"));
    assert!(matches!(redfish, PowerGear::Redfish { fingerprint: Some(_), .. }), "{redfish:?}");
    let http = with(&offered("# [machine.power]\n# kind = \"http\"", "\n#\n"));
    assert!(
        matches!(&http, PowerGear::Http(http) if http.switches_supply && http.read.is_some()),
        "{http:?}"
    );
    let command = with(&offered("# [machine.power]\n# kind = \"command\"", "\n\n"));
    assert!(matches!(command, PowerGear::Command { read: Some(_), .. }), "{command:?}");

    for (from, to) in [("# [switch]\n", "\n\n"), ("# [router]\n", "\n\n")] {
        let text = format!("{HOME}\n{}\n", offered(from, to));
        let board = Board::parse("home", &text).unwrap_or_else(|e| panic!("{e}; {}", e.remedy));
        assert!(board.switch.is_some() || board.router.is_some());
    }
}
