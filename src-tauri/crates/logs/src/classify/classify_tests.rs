use lab::counts::Served;

use super::*;

/// What a record moves beside its level and the number of messages.
fn moved(classifier: &mut Classifier, view: View<'_>) -> (Vec<&'static str>, Vec<String>, bool) {
    let mut counts = Counts::default();
    let is_interesting = classifier.count(&view, &mut counts);
    assert_eq!(counts.get(Counter::Messages), 1);
    let numbers = Counter::ALL.into_iter().skip(9).filter(|counter| counts.get(*counter) > 0);
    let maps = Served::ALL.into_iter().flat_map(|map| {
        let addresses: Vec<_> = counts.served(map).keys().cloned().collect();
        addresses.into_iter().map(move |address| format!("{}[{address}]", map.name()))
    });
    (numbers.map(Counter::name).collect(), maps.collect(), is_interesting)
}

fn said<'a>(node: &'a str, service: &'a str, message: &'a str) -> View<'a> {
    View { node, service, message, ..View::default() }
}

/// Node, service, message; counters and maps to the letter; the same as corrected.
type Case = (&'static str, &'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const CASES: &[Case] = &[
    (
        "boss",
        "dnsmasq",
        "dnsmasq-dhcp: 7 DHCPDISCOVER(e) 16:09:01:1a:f4:30 ",
        &["NumDHCPDiscover"],
        &["NumDHCPDiscover"],
    ),
    (
        "boss",
        "dnsmasq.service",
        "dnsmasq-dhcp: 7 DHCPOFFER(e) 192.168.122.11 16:09:01:1a:f4:30 ",
        &["NumDHCPLeased", "DHCPServed[192.168.122.11]"],
        &["NumDHCPLeased", "DHCPServed[192.168.122.11]"],
    ),
    // Without --log-dhcp the fourth word is the MAC.
    (
        "boss",
        "dnsmasq.service",
        "dnsmasq-dhcp: DHCPOFFER(e) 192.168.122.11 16:09:01:1a:f4:30 ",
        &["NumDHCPLeased", "DHCPServed[16:09:01:1a:f4:30]"],
        &["NumDHCPLeased", "DHCPServed[192.168.122.11]"],
    ),
    ("boss", "dnsmasq.service", "dnsmasq-dhcp: 7 DHCPOFFER(e)", &["NumDHCPLeased"], &["NumDHCPLeased"]),
    ("boss", "dnsmasq.service", "dnsmasq-dhcp: query", &[], &["NumDNSQueries"]),
    // The bare copy of an offer counts only where its prefixed one was not seen.
    (
        "boss",
        "dnsmasq.service",
        "7 DHCPOFFER(e) 192.168.122.11 16:09:01:1a:f4:30 ",
        &[],
        &["NumDHCPLeased", "DHCPServed[192.168.122.11]"],
    ),
    (
        "boss",
        "dnsmasq.service",
        "query[A] boss.local from 192.168.122.11",
        &["NumDNSQueries"],
        &["NumDNSQueries"],
    ),
    ("boss", "dnsmasq.service", "dnsmasq: query[A] boss.local from 192.168.122.11", &[], &["NumDNSQueries"]),
    (
        "boss",
        "dnsmasq.service",
        "dnsmasq: config boss.local is 192.168.122.3",
        &["NumDNSLocal"],
        &["NumDNSLocal"],
    ),
    ("boss", "dnsmasq.service", "config error is REFUSED (EDE: network error)", &[], &["NumDNSLocal"]),
    ("boss", "dnsmasq.service", "forwarded x.org to 9.9.9.9", &["NumDNSRecursions"], &["NumDNSRecursions"]),
    ("boss", "dnsmasq.service", "cached x.org is 1.2.3.4", &["NumDNSCached"], &["NumDNSCached"]),
    ("boss", "dnsmasq.service", "reply x.org is 1.2.3.4", &[], &[]),
    ("boss", "dnsmasq.service", "dnsmasq-dhcp: 7 sent size: 4 option: 54", &[], &[]),
    // A and B end the chain on their condition alone.
    ("boss", "dnsmasq.service", "certificate does not need renewal", &[], &[]),
    ("wally", "kernel", "Starting cert-renewer@x", &[], &[]),
    ("boss", "dnsmasq[2151]", "query[A] boss.local", &[], &[]),
    (
        "wally",
        "kernel",
        "[1.0] drop wan in: IN=eth0",
        &["NumFirewallWanInDrops", "NumFirewallWanDrops"],
        &["NumFirewallWanInDrops", "NumFirewallWanDrops"],
    ),
    (
        "wally",
        "kernel",
        "[1.0] drop lan out: IN=eth0",
        &["NumFirewallLanDrops", "NumFirewallLanOutDrops"],
        &["NumFirewallLanDrops", "NumFirewallLanOutDrops"],
    ),
    ("wally", "kernel", "drop wwan in: IN=wifi0", &[], &["NumFirewallWanInDrops", "NumFirewallWanDrops"]),
    ("wally", "kernel", "drop wwan out: IN=", &[], &["NumFirewallWanOutDrops", "NumFirewallWanDrops"]),
    ("wally", "kernel", "reject wan in: IN=eth0", &[], &["NumFirewallWanInDrops", "NumFirewallWanDrops"]),
    ("wally", "kernel", "reject lan out: IN=eth0", &[], &["NumFirewallLanOutDrops", "NumFirewallLanDrops"]),
    ("boss", "kernel", "drop wan in: IN=eth0", &[], &[]),
    ("boss", "init.scope", "Starting cert-renewer@loki.service - x", &["NumCertChecks"], &["NumCertChecks"]),
    ("boss", "init.scope", "Starting cert-startup-checker@loki.service", &[], &[]),
    ("any", "any", "certificate does not need renewal", &["NumCertOK"], &["NumCertOK"]),
    ("any", "any", "certificate does not need renewal yet", &[], &[]),
    ("boss", "step-ca.service", "path=/sign x status=201", &["NumCertSigned"], &["NumCertSigned"]),
    ("boss", "step-ca.service", "path=/1.0/sign x status=201", &[], &["NumCertSigned"]),
    ("boss", "step-ca.service", "path=/sign x status=403", &[], &[]),
    ("boss", "step-ca.service", "path=/renew x status=201", &["NumCertRenewed"], &["NumCertRenewed"]),
    ("boss", "step-ca.service", "path=/1.0/renew x status=201", &[], &["NumCertRenewed"]),
    ("boss", "other", "path=/renew x status=201", &[], &[]),
];

#[test]
fn each_row_counts_what_it_says_in_both_profiles() {
    for (node, service, message, letter, corrected) in CASES {
        for (profile, expected) in [(Profile::Labinator, letter), (Profile::Corrected, corrected)] {
            let (numbers, maps, is_interesting) =
                moved(&mut Classifier::new(profile), said(node, service, message));
            let mut got: Vec<_> = numbers.into_iter().map(str::to_owned).chain(maps).collect();
            let mut expected: Vec<_> = expected.iter().map(|name| (*name).to_owned()).collect();
            got.sort();
            expected.sort();
            assert_eq!(got, expected, "{} {service} {message}", profile.word());
            assert_eq!(is_interesting, !expected.is_empty(), "{message}");
        }
    }
}

#[test]
fn what_was_fetched_stands_beside_the_chain() {
    let remote = Some("192.168.122.11");
    let fetched = |uri| View { service: "apache2", uri: Some(uri), remote, ..View::default() };
    let table: [(&str, &[&str], &[&str]); 8] = [
        ("/chain-boot.ipxe", &[], &["ChainServed[192.168.122.11]"]),
        ("/chain-boot.ipxe?x=1", &[], &[]),
        ("/nodes-ipxe/lab/16-09-01-1a-f4-30.ipxe", &["NumPhysicalPXEBoots"], &["IPXEServed[192.168.122.11]"]),
        ("/nodes-ipxe/lab/de-ad-be-ef-00-01.ipxe", &["NumVirtualPXEBoots"], &["IPXEServed[192.168.122.11]"]),
        ("/nodes-ipxe/physical/16-09-01-1a-f4-30.ipxe", &[], &[]),
        ("/assets/talos-vmlinuz-amd64.xz", &[], &["AssetsServed[192.168.122.11]"]),
        ("/assets", &[], &[]),
        ("", &[], &[]),
    ];
    for profile in [Profile::Labinator, Profile::Corrected] {
        for (uri, numbers, maps) in table {
            let got = moved(&mut Classifier::new(profile), fetched(uri));
            let is_interesting = !maps.is_empty();
            assert_eq!(
                got,
                (numbers.to_vec(), maps.iter().map(|map| (*map).into()).collect(), is_interesting),
                "{uri}"
            );
        }
        // Both sides of one record, and neither where the service is another.
        let both = View { message: "certificate does not need renewal", ..fetched("/assets/x") };
        let got = moved(&mut Classifier::new(profile), both);
        assert_eq!(got, (vec!["NumCertOK"], vec!["AssetsServed[192.168.122.11]".into()], true));
        let other = View { service: "nginx", ..fetched("/assets/x") };
        assert_eq!(moved(&mut Classifier::new(profile), other), (vec![], vec![], false));
        let nobody = View { remote: None, ..fetched("/assets/x") };
        assert_eq!(moved(&mut Classifier::new(profile), nobody), (vec![], vec![], true));
    }
}

/// To the letter one of dnsmasq's two copies counts because the rows know one form each; corrected, because it is told.
#[test]
fn both_copies_of_a_line_count_once_in_both_profiles() {
    let lines = [
        "dnsmasq-dhcp: 7 DHCPOFFER(e) 192.168.122.11 16:09:01:1a:f4:30 ",
        "7 DHCPOFFER(e) 192.168.122.11 16:09:01:1a:f4:30 ",
        "query[A] boss.local from 192.168.122.11",
        "dnsmasq: query[A] boss.local from 192.168.122.11",
        "config boss.local is 192.168.122.3",
        "dnsmasq: config boss.local is 192.168.122.3",
    ];
    for profile in [Profile::Labinator, Profile::Corrected] {
        let (mut classifier, mut counts) = (Classifier::new(profile), Counts::default());
        for line in lines {
            classifier.count(&said("boss", "dnsmasq.service", line), &mut counts);
        }
        let numbers = [Counter::DhcpLeased, Counter::DnsQueries, Counter::DnsLocal, Counter::Messages];
        assert_eq!(numbers.map(|counter| counts.get(counter)), [1, 1, 1, 6], "{}", profile.word());
    }
}
