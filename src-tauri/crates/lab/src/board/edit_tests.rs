use super::*;
use proptest::prelude::*;

const HOME: &str = include_str!("../../../../../boards/home.toml");
const LABINATOR: &str = include_str!("../../../../../boards/labinator.toml");

fn mac(text: &str) -> Mac {
    text.parse().unwrap()
}

#[test]
fn a_new_machine_takes_the_place_and_nothing_else_in_the_file_moves() {
    let new = mac("16:09:01:1a:aa:01");
    let text = replace_mac(LABINATOR, 4, new).unwrap();
    let board = Board::parse("b.toml", &text).unwrap();
    assert_eq!(board.machine("4").unwrap().mac, new);
    let changed: Vec<_> = LABINATOR.lines().zip(text.lines()).filter(|(old, now)| old != now).collect();
    assert_eq!(changed, [("mac = \"16:09:01:1a:f1:d8\"", "mac = \"16:09:01:1a:aa:01\"")]);
    assert_eq!(text.lines().count(), LABINATOR.lines().count());
    assert_eq!(replace_mac(&text, 4, mac("16:09:01:1a:f1:d8")).unwrap(), LABINATOR, "and back");
}

#[test]
fn a_comment_behind_the_address_stays() {
    let text = replace_mac(LABINATOR, 1, mac("16:09:01:1a:aa:01")).unwrap();
    assert!(text.contains("mac = \"16:09:01:1a:aa:01\"     # of the network adapter that it boots from"));
}

#[test]
fn an_address_that_another_machine_has_is_refused_with_its_name() {
    let error = replace_mac(LABINATOR, 4, mac("16:09:01:1a:f3:55")).unwrap_err();
    assert!(error.why.contains("node3 in box 3"), "{error}");
    assert_eq!(
        replace_mac(LABINATOR, 3, mac("16:09:01:1a:f3:55")).unwrap(),
        LABINATOR,
        "its own is no other's"
    );
}

#[test]
fn an_address_of_no_adapter_and_a_box_that_is_not_there_are_refused() {
    for none in ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "00:00:00:00:00:00"] {
        assert!(
            replace_mac(LABINATOR, 4, mac(none)).unwrap_err().why.contains("no network adapter"),
            "{none}"
        );
    }
    let error = replace_mac(LABINATOR, 9, mac("16:09:01:1a:aa:01")).unwrap_err();
    assert!(error.why.contains("no box 9") && error.remedy.contains("1, 2, 3"), "{error} {}", error.remedy);
}

#[test]
fn machines_on_one_line_are_found_too() {
    let (head, _) = HOME.split_once("# A PC on a smart plug.").unwrap();
    let head = head.replace("shelf = [[1, 2, 3]]", "shelf = [[1]]");
    let text = format!(
        "machine = [{{ box = 1, name = \"a\", mac = \"00:00:5e:00:53:01\", address = \"192.0.2.11\", \
         power = {{ kind = \"wake-on-lan\" }} }}]\n{head}"
    );
    let text = replace_mac(&text, 1, mac("00:00:5e:00:53:09")).unwrap();
    assert!(text.contains("mac = \"00:00:5e:00:53:09\", address"), "{text}");
}

#[test]
fn a_network_moves_with_everything_in_it_and_nothing_outside_it() {
    let mut edited = BoardText::read("b.toml", LABINATOR).unwrap();
    edited.move_network((Ipv4Addr::new(192, 168, 122, 0), 24), (Ipv4Addr::new(10, 1, 0, 0), 16)).unwrap();
    let text = edited.finish().unwrap();
    assert!(!text.contains("192.168.122."), "{text}");
    let board = Board::parse("b.toml", &text).unwrap();
    assert_eq!((board.network.address, board.network.prefix), (Ipv4Addr::new(10, 1, 0, 0), 16));
    assert_eq!(board.network.dns_forward, Some(Ipv4Addr::new(192, 168, 0, 1)), "that is another network");
    assert_eq!(board.machine("6").unwrap().address, Ipv4Addr::new(10, 1, 0, 16));
    assert!(text.contains("http://10.1.0.1:9100/metrics"));
}

#[test]
fn a_network_without_room_is_refused() {
    let mut edited = BoardText::read("b.toml", HOME).unwrap();
    let from = (Ipv4Addr::new(192, 0, 2, 0), 24);
    let error = edited.move_network(from, (Ipv4Addr::new(10, 0, 0, 0), 28)).unwrap_err();
    assert!(error.why.contains("no room") && error.remedy.contains("1 to 24"), "{error}");
}

#[test]
fn a_table_goes_with_its_comment_and_a_key_comes_where_it_was_missing() {
    let mut edited = BoardText::read("b.toml", LABINATOR).unwrap();
    edited.remove("display");
    edited.set("router", "fingerprint", "ab");
    edited.set("boot", "matchbox", "m");
    let text = edited.finish().unwrap();
    assert!(!text.contains("display]") && !text.contains("small status display"), "{text}");
    assert!(text.contains("fingerprint = \"ab\"\n"));
    assert!(Board::parse("b.toml", &text).unwrap().boot.matchbox.is_some());
}

#[test]
fn what_is_made_is_checked_before_it_is_given_out() {
    let mut edited = BoardText::read("b.toml", LABINATOR).unwrap();
    edited.remove("relay");
    let error = edited.finish().unwrap_err();
    assert!(error.why.contains("no [relay]"), "{error}");
}

proptest! {
    #[test]
    fn any_text_is_scanned_and_one_without_addresses_is_kept(text in "\\PC*") {
        let kept = moved(&text, (Ipv4Addr::new(203, 0, 113, 0), 24), Ipv4Addr::new(10, 0, 0, 0));
        if !text.contains("203.0.113.") {
            prop_assert_eq!(kept, text);
        }
    }

    #[test]
    fn moving_there_and_back_changes_nothing(net in 1u8..=223, host in 0u8..=255) {
        let text = format!("a = \"http://192.168.122.{host}:80/x\" # .192.168.122.{host}. 1.2.3.4.5");
        let (here, there) = (Ipv4Addr::new(192, 168, 122, 0), Ipv4Addr::new(net, 7, 7, 0));
        let back = moved(&moved(&text, (here, 24), there), (there, 24), here);
        prop_assert_eq!(back, text);
    }
}
