//! How an answer looks on the wire.

use std::net::Ipv4Addr;

use super::answer::{Decision, Grant};
use super::config::DhcpConfig;
use super::message::{Client, Kind, Request};

/// The size of a BOOTP message (RFC 951): old PXE ROMs drop anything shorter.
const SHORTEST: usize = 300;

/// A client that says nothing takes as much as an Ethernet frame carries; one that says something means its IP packet.
const LONGEST: usize = 1500 - IP_AND_UDP;
const IP_AND_UDP: usize = 28;
/// RFC 2132, section 9.10: nobody may take less.
const LEAST: usize = 576 - IP_AND_UDP;

/// Header and magic.
const HEADER: usize = 240;

/// PXE's own options, inside option 43: PXE_DISCOVERY_CONTROL (6) = 8, "boot the file named in this message".
///
/// Firmware that finds option 60 `PXEClient` in an answer looks for these. Without them some of it starts to search for
/// a boot server on UDP 4011. ROMs that are said to ignore answers with option 43 do so for ProxyDHCP answers, which
/// come without an address and here without it; this is the main server's answer, and the reference lab's server sends
/// its real boards the same four bytes.
const BOOT_THE_NAMED_FILE: [u8; 4] = [6, 1, 8, 255];

/// iPXE's own options, inside option 175: `no-pxedhcp` (176) = 1. Otherwise iPXE waits about three seconds for a
/// ProxyDHCP server that does not exist.
const NO_PXEDHCP: [u8; 3] = [176, 1, 1];

/// Told only to clients that ask for them, or ask for nothing in particular (option 55).
const WHERE_WANTED: [u8; 6] = [7, 12, 15, 28, 42, 119];

/// Left out, in this order, where a client cannot take them all (option 57): it boots without any of them. The last
/// three say what it computes itself (RFC 2131, section 4.4.5), or finds in the header.
const DISPENSABLE: [u8; 10] = [119, 42, 7, 28, 15, 12, 6, 58, 59, 66];

/// The datagram for a decision, and which kind it is; `None` when the decision is to say nothing.
pub fn encode(config: &DhcpConfig, request: &Request, decision: &Decision) -> Option<(Kind, Vec<u8>)> {
    let (kind, grant) = match decision {
        Decision::Offer(grant) => (Kind::Offer, Some(grant)),
        Decision::Ack(grant) => (Kind::Ack, Some(grant)),
        Decision::Nak(_) => (Kind::Nak, None),
        Decision::Silent(_) | Decision::Noted => return None,
    };
    let mut bytes = header(config, request, kind, grant);
    let mut options = Options::default();
    options.put(53, [kind.number()]);
    options.put(54, config.server_id.octets());
    if let Some(grant) = grant {
        if !grant.beside {
            put_network(config, request, grant, &mut options);
        }
        put_boot(config, request, grant, &mut options);
    } else if let Decision::Nak(why) = decision {
        options.put(56, why.to_string());
    }
    if let Some(id) = &request.client_id {
        options.put(61, id.as_slice());
    }
    let most = request.max_size.map_or(LONGEST, |most| usize::from(most).saturating_sub(IP_AND_UDP));
    let relay = request.relay_notes.as_deref();
    let fixed = HEADER + 1 + relay.map_or(0, |notes| 2 + notes.len());
    options.fit(most.clamp(LEAST, LONGEST).saturating_sub(fixed));
    options.write(&mut bytes);
    if let Some(notes) = relay.filter(|notes| notes.len() < 256) {
        // RFC 3046, section 2.2: the last option, as it came.
        bytes.extend([82, notes.len() as u8]);
        bytes.extend_from_slice(notes);
    }
    bytes.push(255);
    if bytes.len() < SHORTEST {
        bytes.resize(SHORTEST, 0);
    }
    Some((kind, bytes))
}

/// RFC 2131, table 3.
fn header(config: &DhcpConfig, request: &Request, kind: Kind, grant: Option<&Grant>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    bytes.resize(HEADER, 0);
    bytes[..3].copy_from_slice(&[2, 1, 6]);
    bytes[4..8].copy_from_slice(&request.xid.to_be_bytes());
    // A relay must broadcast a NAK: the client believes in an address it does not have.
    let broadcast = if kind == Kind::Nak && !request.giaddr.is_unspecified() { 0x8000 } else { 0 };
    bytes[10..12].copy_from_slice(&(request.flags | broadcast).to_be_bytes());
    bytes[24..28].copy_from_slice(&request.giaddr.octets());
    bytes[28..34].copy_from_slice(&request.mac.0);
    bytes[236..240].copy_from_slice(&[99, 130, 83, 99]);
    let Some(grant) = grant else { return bytes };
    if kind == Kind::Ack {
        bytes[12..16].copy_from_slice(&request.ciaddr.octets());
    }
    bytes[16..20].copy_from_slice(&grant.address.unwrap_or(Ipv4Addr::UNSPECIFIED).octets());
    if let Some(file) = grant.boot.file() {
        // Some clients read the header, others the options: send both. A URL too long for the field is in 67 alone.
        bytes[20..24].copy_from_slice(&config.next_server.octets());
        if file.len() < 128 {
            bytes[108..108 + file.len()].copy_from_slice(file.as_bytes());
        }
    }
    bytes
}

fn put_network(config: &DhcpConfig, request: &Request, grant: &Grant, options: &mut Options) {
    if grant.address.is_some() {
        // RFC 2131, section 4.4.5: renew at a half, rebind at seven eighths.
        let lease = u32::try_from(config.lease.as_secs()).unwrap_or(u32::MAX);
        options.put(51, lease.to_be_bytes());
        options.put(58, (lease / 2).to_be_bytes());
        options.put(59, (lease - lease / 8).to_be_bytes());
    }
    let from = options.list.len();
    options.put(1, config.netmask.octets());
    if let Some(router) = config.router {
        options.put(3, router.octets());
    }
    options.put_addresses(6, &config.dns);
    if let Some(server) = config.log_server {
        options.put(7, server.octets());
    }
    if let Some(name) = &grant.host_name {
        options.put(12, name.as_bytes());
    }
    if let Some(domain) = &config.domain {
        options.put(15, domain.as_bytes());
        options.put(119, domain_search(domain));
    }
    options.put(28, config.broadcast().octets());
    options.put_addresses(42, &config.ntp);
    if let Some(wants) = &request.wants {
        let wanted = |code: &u8| !WHERE_WANTED.contains(code) || wants.contains(code);
        options.list.retain(|(code, _)| wanted(code));
        // RFC 2132, section 9.8: in the order asked for, where that can be.
        let place = |code: &u8| wants.iter().position(|want| want == code).unwrap_or(usize::MAX);
        options.list[from..].sort_by_key(|(code, _)| place(code));
    }
}

fn put_boot(config: &DhcpConfig, request: &Request, grant: &Grant, options: &mut Options) {
    let (file, proxy) = (grant.boot.file(), grant.beside);
    if let Some(file) = file {
        options.put(67, file.as_bytes());
        options.put(66, config.next_server.to_string());
    }
    let client = request.client();
    match client {
        Client::Firmware => {
            options.put(60, *b"PXEClient");
            match request.boot_item {
                // PXE 2.1, section 2.2.6: a boot server says which of its items it means.
                Some([a, b, c, d]) if proxy => options.put(43, [71, 4, a, b, c, d, 255]),
                _ if file.is_some() && !proxy => options.put(43, BOOT_THE_NAMED_FILE),
                _ => {}
            }
        }
        // EDK2 takes an answer as one for HTTP Boot by this option alone.
        Client::HttpFirmware => options.put(60, *b"HTTPClient"),
        // iPXE knows a proxy's answer by it. In a server's own it would start a search for a PXE boot server.
        Client::Ipxe if proxy => options.put(60, *b"PXEClient"),
        Client::Ipxe | Client::Grub | Client::System => {}
    }
    let plain = config.boot_of(request.mac).plain;
    if !proxy && !plain && (client == Client::Ipxe || request.has_ipxe_options) {
        options.put(175, NO_PXEDHCP);
    }
    // PXE 2.1 wants the machine's identifier back; some ROMs drop answers without it.
    if let Some(id) = request.machine_id.as_ref().filter(|_| !matches!(client, Client::System | Client::Grub))
    {
        options.put(97, id.as_slice());
    }
}

/// Options in the order in which they will stand.
#[derive(Default)]
struct Options {
    list: Vec<(u8, Vec<u8>)>,
}

impl Options {
    fn put(&mut self, code: u8, data: impl Into<Vec<u8>>) {
        let mut data = data.into();
        // `DhcpConfig::check` lets nothing longer through; what a client sent came out of such an option.
        data.truncate(255);
        self.list.push((code, data));
    }

    fn put_addresses(&mut self, code: u8, addresses: &[Ipv4Addr]) {
        if !addresses.is_empty() {
            self.put(code, addresses.iter().flat_map(|address| address.octets()).collect::<Vec<u8>>());
        }
    }

    fn size(&self) -> usize {
        self.list.iter().map(|(_, data)| 2 + data.len()).sum()
    }

    fn fit(&mut self, most: usize) {
        for code in DISPENSABLE {
            if self.size() <= most {
                return;
            }
            self.list.retain(|(at, _)| *at != code);
        }
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        for (code, data) in &self.list {
            bytes.extend([*code, data.len() as u8]);
            bytes.extend_from_slice(data);
        }
    }
}

/// One name in DNS form (RFC 3397); `DhcpConfig::check` has seen its labels.
fn domain_search(domain: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(domain.len() + 2);
    for label in domain.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

#[cfg(test)]
mod tests;
