//! What counts: the reference's table 9.4 as data, once to the letter and once with what section 9 advises.
//!
//! Groups A to F are one chain. A and B are entered on their condition alone, C to F only where a row fits too. G stands
//! beside the chain. Inside a group the first row that fits wins.

use lab::counts::{Counter, Counter as C, Served};

/// Rows under one condition.
pub(super) struct Group {
    pub(super) when: When,
    /// Whether the condition alone ends the chain.
    pub(super) ends_chain: bool,
    pub(super) form: Form,
    pub(super) rows: &'static [Row],
}

/// Which records a group is about.
pub(super) enum When {
    Any,
    /// The service is one of these.
    Service(&'static [&'static str]),
    /// Node and service.
    From(&'static str, &'static str),
}

/// What of the message the rows look at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    AsIs,
    /// dnsmasq's message without its own prefix and without DHCP's transaction number; of the two copies that dnsmasq
    /// writes of a line (9.5), only the first one.
    Bare,
}

pub(super) struct Row {
    /// All must hold.
    pub(super) tests: &'static [Test],
    pub(super) counters: &'static [Counter],
    pub(super) served: Option<(Served, Address)>,
}

pub(super) enum Test {
    Starts(&'static str),
    Has(&'static str),
    /// At least one of these.
    HasAny(&'static [&'static str]),
    Is(&'static str),
    UriIs(&'static str),
    UriHas(&'static str),
}

/// Under which address a row counts in a map; without one it does not.
pub(super) enum Address {
    /// The n-th of the words between blanks, from 0.
    Word(usize),
    /// The first word that reads as an IPv4 address.
    FirstIpv4,
    Remote,
}

use Test::{Has, HasAny, Is, Starts, UriHas, UriIs};

const fn row(tests: &'static [Test], counters: &'static [Counter]) -> Row {
    Row { tests, counters, served: None }
}

const fn serves(tests: &'static [Test], counters: &'static [Counter], map: Served, address: Address) -> Row {
    Row { tests, counters, served: Some((map, address)) }
}

const DNSMASQ: When = When::Service(&["dnsmasq.service", "dnsmasq"]);
const FIREWALL: When = When::From("wally", "kernel");
const CA: When = When::Service(&["step-ca.service"]);

/// C and D: what systemd and the step CLI say when a certificate is looked at.
const CHECKED: Group = Group {
    when: When::Any,
    ends_chain: false,
    form: Form::AsIs,
    rows: &[row(&[Starts("Starting cert-renewer")], &[C::CertChecks])],
};
const GOOD: Group = Group {
    when: When::Any,
    ends_chain: false,
    form: Form::AsIs,
    rows: &[row(&[Is("certificate does not need renewal")], &[C::CertOk])],
};

/// G: what was fetched from the web server. Its status is not looked at, in either profile: a machine that asked for its own
/// script has booted over the network, whether there was one for it or not.
pub(super) const FETCHED: Group = Group {
    when: When::Service(&["apache2"]),
    ends_chain: false,
    form: Form::AsIs,
    rows: &[
        serves(&[UriIs("/chain-boot.ipxe")], &[], Served::Chain, Address::Remote),
        serves(&[UriHas("/nodes-ipxe/lab/16")], &[C::PhysicalPxeBoots], Served::Ipxe, Address::Remote),
        serves(&[UriHas("/nodes-ipxe/lab/de")], &[C::VirtualPxeBoots], Served::Ipxe, Address::Remote),
        serves(&[UriHas("/assets/")], &[], Served::Assets, Address::Remote),
    ],
};

const WAN_IN: &[Counter] = &[C::FirewallWanInDrops, C::FirewallWanDrops];
const WAN_OUT: &[Counter] = &[C::FirewallWanOutDrops, C::FirewallWanDrops];
const LAN_IN: &[Counter] = &[C::FirewallLanInDrops, C::FirewallLanDrops];
const LAN_OUT: &[Counter] = &[C::FirewallLanOutDrops, C::FirewallLanDrops];

/// A to F, to the letter.
pub(super) const LABINATOR: &[Group] = &[
    Group {
        when: DNSMASQ,
        ends_chain: true,
        form: Form::AsIs,
        rows: &[
            row(&[Starts("dnsmasq-dhcp:"), Has("DHCPDISCOVER")], &[C::DhcpDiscover]),
            serves(
                &[Starts("dnsmasq-dhcp:"), Has("DHCPOFFER")],
                &[C::DhcpLeased],
                Served::Dhcp,
                Address::Word(3),
            ),
            row(&[Starts("query")], &[C::DnsQueries]),
            row(&[Starts("dnsmasq: config")], &[C::DnsLocal]),
            row(&[Starts("forwarded")], &[C::DnsRecursions]),
            row(&[Starts("cached")], &[C::DnsCached]),
        ],
    },
    Group {
        when: FIREWALL,
        ends_chain: true,
        form: Form::AsIs,
        rows: &[
            row(&[Has("drop wan in")], WAN_IN),
            row(&[Has("drop wan out")], WAN_OUT),
            row(&[Has("drop lan in")], LAN_IN),
            row(&[Has("drop lan out")], LAN_OUT),
        ],
    },
    CHECKED,
    GOOD,
    Group {
        when: CA,
        ends_chain: false,
        form: Form::AsIs,
        rows: &[row(&[Has("path=/sign"), Has("status=201")], &[C::CertSigned])],
    },
    Group {
        when: CA,
        ends_chain: false,
        form: Form::AsIs,
        rows: &[row(&[Has("path=/renew"), Has("status=201")], &[C::CertRenewed])],
    },
];

/// A to F with what the reference advises; docs/LOGS.md goes through the differences row by row.
pub(super) const CORRECTED: &[Group] = &[
    Group {
        when: DNSMASQ,
        ends_chain: true,
        form: Form::Bare,
        rows: &[
            row(&[Starts("DHCPDISCOVER")], &[C::DhcpDiscover]),
            serves(&[Starts("DHCPOFFER")], &[C::DhcpLeased], Served::Dhcp, Address::FirstIpv4),
            row(&[Starts("query")], &[C::DnsQueries]),
            row(&[Starts("config")], &[C::DnsLocal]),
            row(&[Starts("forwarded")], &[C::DnsRecursions]),
            row(&[Starts("cached")], &[C::DnsCached]),
        ],
    },
    Group {
        when: FIREWALL,
        ends_chain: true,
        form: Form::AsIs,
        // The uplink by Wi-Fi is a zone of its own; a zone whose policy is REJECT says so where it drops (4.4).
        rows: &[
            row(&[HasAny(&["drop wan in", "drop wwan in", "reject wan in", "reject wwan in"])], WAN_IN),
            row(&[HasAny(&["drop wan out", "drop wwan out", "reject wan out", "reject wwan out"])], WAN_OUT),
            row(&[HasAny(&["drop lan in", "reject lan in"])], LAN_IN),
            row(&[HasAny(&["drop lan out", "reject lan out"])], LAN_OUT),
        ],
    },
    CHECKED,
    GOOD,
    // Called with the prefix of its version, step-ca logs the prefix too.
    Group {
        when: CA,
        ends_chain: false,
        form: Form::AsIs,
        rows: &[row(&[HasAny(&["path=/sign", "path=/1.0/sign"]), Has("status=201")], &[C::CertSigned])],
    },
    Group {
        when: CA,
        ends_chain: false,
        form: Form::AsIs,
        rows: &[row(&[HasAny(&["path=/renew", "path=/1.0/renew"]), Has("status=201")], &[C::CertRenewed])],
    },
];
