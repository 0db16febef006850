//! Pages written by hand after the descriptions of the owner's model and its siblings.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const OWNERS: &str = include_str!("samples/owners.html");
const SIBLING: &str = include_str!("samples/sibling.html");
const SFP: &str = include_str!("samples/sfp.html");
const STRANGE: &str = include_str!("samples/strange.html");
const LOGIN: &str = include_str!("samples/login.html");

fn port(name: Option<&str>, enabled: Option<bool>, link: Option<bool>, speed: Option<u32>) -> SwitchPort {
    SwitchPort { name: name.map(str::to_owned), enabled, link, speed, ..SwitchPort::default() }
}

#[test]
fn the_owners_model_is_read() {
    let page = read(OWNERS).unwrap();
    let expected = [
        port(Some("node5"), Some(true), Some(true), Some(1000)),
        port(None, Some(true), Some(true), Some(100)),
        port(Some("node 4 <spare>"), Some(false), Some(false), None),
        port(None, Some(true), Some(false), None),
    ];
    assert_eq!(page.reading.ports, (1..).zip(expected).collect());
    let kept = &page.kept[&2];
    assert_eq!((kept.portid.as_str(), kept.speed_duplex.as_str(), kept.flow.as_str()), ("1", "4", "1"));
    assert_eq!(page.kept[&3].name, "node 4 <spare>");
    assert!(page.kept.values().all(|kept| kept.unsaid.is_empty()), "{:?}", page.kept);
}

#[test]
fn a_sibling_has_its_state_in_the_second_column_and_no_names() {
    let page = read(SIBLING).unwrap();
    let expected = [
        port(None, Some(true), Some(true), Some(1000)),
        port(None, Some(false), Some(false), None),
        port(None, Some(true), Some(true), Some(2500)),
    ];
    assert_eq!(page.reading.ports, (1..).zip(expected).collect());
    assert_eq!(page.kept[&3].portid, "2", "a form that does not name its ports counts from zero");
    assert_eq!(page.kept[&3].name, "");
}

#[test]
fn with_sfp_ports_the_third_table_is_it() {
    let page = read(SFP).unwrap();
    let expected =
        [port(None, Some(true), Some(true), Some(100)), port(None, Some(true), Some(true), Some(10_000))];
    assert_eq!(page.reading.ports, [1, 9].into_iter().zip(expected).collect());
    assert_eq!(page.kept[&9].portid, "8");
}

#[test]
fn words_nobody_knows_are_unknown() {
    let page = read(STRANGE).unwrap();
    let expected = [
        port(Some("a"), None, None, None),
        port(Some("b"), None, Some(true), None),
        port(Some("c"), Some(false), None, None),
    ];
    assert_eq!(page.reading.ports, (1..).zip(expected).collect());
    assert_eq!(page.kept[&1].unsaid, ["Turbo"]);
}

#[test]
fn a_login_form_is_not_a_switch_without_ports() {
    for page in [
        LOGIN,
        "<script>top.location.href='/login.html'</script>",
        "<meta http-equiv=refresh content='0;url=login.cgi'>",
    ] {
        assert_eq!(read(page), Err(PageError::Login), "{page}");
    }
    let other = "<html><title>FRITZ!Box</title><body><h1>It  works!</h1><table><tr><td>Portal 1</table>";
    assert_eq!(read(other), Err(PageError::NoPorts { said: "It works! Portal 1".into() }));
    assert_eq!(read(""), Err(PageError::NoPorts { said: String::new() }));
}

#[test]
fn a_page_that_was_cut_says_nothing_false() {
    let whole = read(OWNERS).unwrap();
    for end in (0..OWNERS.len()).filter(|end| OWNERS.is_char_boundary(*end)) {
        let Ok(page) = read(&OWNERS[..end]) else { continue };
        for (number, port) in page.reading.ports {
            let full = &whole.reading.ports[&number];
            assert!(port.enabled.is_none() || port.enabled == full.enabled, "port {number} of {end} bytes");
            assert!(port.link.is_none() || port.link == full.link, "port {number} of {end} bytes");
        }
    }
}

/// The bound is generous: a busy machine is no reason to fail, a parser in the square of its input is.
#[test]
fn pages_made_to_take_long_do_not() {
    let many = |text: &str, times: usize| text.repeat(times);
    let pages = [
        many("<p>Port 1 is a port. ", 5 * 1024 * 1024 / 21),
        many("<table><tr><td>Port 1<td>", 6_600),
        many("<div>", 19_999),
        format!("{}{}", many("<div>", 9_900), many("<p>", 9_900)),
        many("<b><i>Port 1", 9_900),
        format!("<table>{}", many("<tr><td colspan=1000 rowspan=1000>Port 1<td>Enabled", 6_000)),
        format!("<table><tr><td>{}", many("x", 1024 * 1024)),
    ];
    for page in pages {
        let start = Instant::now();
        let result = read(&page);
        assert!(start.elapsed() < Duration::from_secs(5), "{:?} for {:.40}", start.elapsed(), page);
        assert!(result.is_err() || page.contains("Port 1"));
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_read_or_refused(page in "(<(/?(table|tr|td|th|select|option|form|input))[^>]{0,12}>|Port [0-9]{1,4}|Enabled|State|[^<]{0,8}){0,60}") {
        let _ = read(&page);
    }

    #[test]
    fn what_a_switch_has_is_what_is_read(
        ports in prop::collection::vec((any::<bool>(), prop_oneof![Just(None), Just(Some(10)), Just(Some(100)), Just(Some(1000))], "[a-zA-Z0-9]{0,10}"), 1..30),
        named: bool,
    ) {
        let mut page = String::from("<table><tr><th>Port");
        page += if named { "<th>Name" } else { "" };
        page += "<th>State<th>Actual Speed</tr>";
        for (number, (enabled, speed, name)) in (1..).zip(&ports) {
            page += &format!("<tr><td>Port {number}");
            if named { page += &format!("<td>{name}"); }
            let speed = speed.map_or("Link Down".into(), |speed: u32| format!("{speed}Full"));
            page += &format!("<td>{}<td>{speed}", if *enabled { "Enable" } else { "Disable" });
        }
        let reading = read(&page).unwrap().reading;
        prop_assert_eq!(reading.ports.len(), ports.len());
        for (read, (enabled, speed, name)) in reading.ports.values().zip(&ports) {
            prop_assert_eq!(read.enabled, Some(*enabled));
            prop_assert_eq!((read.link, read.speed), (Some(speed.is_some()), *speed));
            prop_assert_eq!(read.name.as_ref(), Some(name).filter(|name| named && !name.is_empty()));
        }
    }
}
