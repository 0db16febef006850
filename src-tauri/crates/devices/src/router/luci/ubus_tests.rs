//! Shapes as iwinfo and netifd print them; names and addresses are invented.

use super::*;

const SCAN: &str = r#"{"results":[
 {"ssid":"cafe","bssid":"02:00:00:00:00:01","mode":"Master","band":2,"channel":6,"mhz":2437,"signal":-71,"quality":39,"quality_max":70,
  "ht_operation":{"primary_channel":6,"secondary_channel_offset":"no secondary","channel_width":20},"encryption":{"enabled":false}},
 {"ssid":"home \"net\"","bssid":"02:00:00:00:00:02","mode":"Master","band":5,"channel":36,"signal":-44,
  "encryption":{"enabled":true,"wpa":[2],"authentication":["psk"],"ciphers":["ccmp"]}},
 {"bssid":"02:00:00:00:00:03","channel":100,"signal":-80,"encryption":{"enabled":true,"wpa":[2,3],"authentication":["psk","sae"]}},
 {"ssid":"six","bssid":"02:00:00:00:00:04","band":6,"channel":5,"signal":-60,"encryption":{"enabled":true,"wpa":[3],"authentication":["sae"]}},
 {"ssid":"old","bssid":"02:00:00:00:00:05","channel":1,"signal":-61,"encryption":{"enabled":true,"wep":["open"]}},
 {"ssid":"firm","bssid":"02:00:00:00:00:06","channel":1,"signal":-62,"encryption":{"enabled":true,"wpa":[2],"authentication":["802.1x"]}},
 {"ssid":"odd","bssid":7},
 {"ssid":"no signal","bssid":"02:00:00:00:00:07"}]}"#;

const DUMP: &str = r#"{"interface":[
 {"interface":"lan","up":true,"l3_device":"eth1","ipv4-address":[{"address":"192.168.122.1","mask":24}],"route":[]},
 {"interface":"loopback","up":true,"device":"lo"},
 {"interface":"wan","up":false,"pending":true,"device":"eth0"},
 {"interface":"wwan","up":true,"uptime":71,"l3_device":"wifi0","metric":20,"ipv4-address":[{"address":"10.1.2.3","mask":24}],
  "route":[{"target":"0.0.0.0","mask":0,"nexthop":"10.1.2.1"}]}]}"#;

#[test]
fn networks_are_read_strongest_first() {
    let heard = scan(SCAN).unwrap();
    let told: Vec<_> = heard
        .iter()
        .map(|Heard { network, band }| {
            (network.ssid.as_deref(), network.signal, *band, network.secured.as_deref())
        })
        .collect();
    let expected = [
        (Some("home \"net\""), -44, Some("5g"), Some("psk2")),
        (Some("six"), -60, Some("6g"), Some("sae")),
        (Some("old"), -61, Some("2g"), Some("wep")),
        (Some("firm"), -62, Some("2g"), Some("wpa2")),
        (Some("cafe"), -71, Some("2g"), None),
        (None, -80, Some("5g"), Some("sae-mixed")),
    ];
    assert_eq!(told, expected);
    assert_eq!(scan(r#"{"results":[]}"#).unwrap(), []);
}

#[test]
fn what_is_printed_instead_is_said() {
    assert_eq!(scan(" \n"), Err(UbusError::Nothing));
    assert_eq!(
        scan("Command failed: Not found\n"),
        Err(UbusError::Other("Command failed: Not found".into()))
    );
    assert!(interfaces("[]").is_err() && Association::read("{").is_err());
}

#[test]
fn the_way_out_is_what_has_a_route_there() {
    let mut all = interfaces(DUMP).unwrap();
    let out = way_out(&all).unwrap();
    assert_eq!(out.device(), Some("wifi0"));
    let uplink =
        Uplink { up: true, interface: "wwan".into(), address: Some("10.1.2.3".into()), ..Uplink::default() };
    assert_eq!(out.uplink(), uplink);
    let (route, addresses) = (all[3].route.clone(), all[3].addresses.clone());
    all[2] = Interface { up: true, route, addresses, ..all[2].clone() };
    assert_eq!(way_out(&all).unwrap().uplink().interface, "wan", "the smaller metric wins");
    all.truncate(3);
    all[2].up = false;
    assert_eq!(way_out(&all).unwrap().uplink(), Uplink { interface: "wan".into(), ..Uplink::default() });
    all.truncate(2);
    assert_eq!(way_out(&all), None, "the lab's own side leads nowhere");
}

#[test]
fn who_looks_for_a_network_is_not_connected() {
    let read = |text| Association::read(text).unwrap();
    let here = read(r#"{"ssid":"home","bssid":"02:00:00:00:00:02","signal":-44,"mode":"Client"}"#);
    assert_eq!((here.ssid(), here.signal()), (Some("home"), Some(-44)));
    assert_eq!(read(r#"{"ssid":"home","bssid":"00:00:00:00:00:00"}"#).ssid(), None);
    assert_eq!(read(r#"{"mode":"Client"}"#).ssid(), None);
}
