//! One question, one answer. Pure.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, RecordType};

use super::zone::{self, Lookup, Zone};
use crate::Malformed;

/// RFC 1035, section 4.2.1: without EDNS.
const PLAIN_UDP: usize = 512;
/// The size that passes Ethernet without fragments, as resolvers agreed on the DNS flag day of 2020.
pub const EDNS_UDP: u16 = 1232;

/// How the question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// An answer that does not fit is cut off, and the client asks again by TCP.
    Udp,
    /// 64 KiB fit.
    Tcp,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The name in lower case, without the last dot.
    pub name: String,
    /// As in `A`.
    pub kind: String,
    /// Whether the answer has records in it.
    pub answered: bool,
    /// Who knew.
    pub by: Answerer,
}

/// Who answers a question. There is no cache: what is passed on is passed on each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answerer {
    /// Our own records, also when they say that there is no such name.
    Zone,
    /// Nobody: the name is not ours and there is no other server. It is refused.
    Nobody,
    /// The other server.
    Other,
}

/// What to do with a datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Send this.
    Reply(Vec<u8>, Option<Asked>),
    /// The name is somebody else's: pass the question on.
    PassOn(Asked),
}

/// Answers a question. `turn` rotates the addresses of a name with several; `forwards`: whether names that are not ours
/// can be passed on, otherwise they are refused, so that a client with another server goes on to that one at once.
pub fn answer(
    zone: &Zone,
    bytes: &[u8],
    transport: Transport,
    turn: usize,
    forwards: bool,
) -> Result<Answer, Malformed> {
    let question = Message::from_vec(bytes).map_err(|_| Malformed("not a DNS message"))?;
    if question.metadata.message_type != MessageType::Query {
        // Answering an answer could go on for ever.
        return Err(Malformed("a DNS answer that nobody asked for"));
    }
    let mut reply = Message::response(question.metadata.id, question.metadata.op_code);
    reply.metadata.recursion_desired = question.metadata.recursion_desired;
    reply.metadata.recursion_available = forwards;
    let refuse = |mut reply: Message, code| {
        reply.metadata.response_code = code;
        Ok(Answer::Reply(encode(&reply, &question, transport)?, None))
    };
    if question.metadata.op_code != OpCode::Query {
        return refuse(reply, ResponseCode::NotImp);
    }
    let [query] = &question.queries[..] else {
        return refuse(reply, ResponseCode::FormErr);
    };
    reply.add_query(query.clone());
    if question.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
        return refuse(reply, ResponseCode::BADVERS);
    }
    if !matches!(query.query_class(), DNSClass::IN | DNSClass::ANY) {
        return refuse(reply, ResponseCode::Refused);
    }
    let mut asked = Asked {
        name: zone::told(&query.name().to_lowercase()),
        kind: query.query_type().to_string(),
        answered: false,
        by: Answerer::Zone,
    };
    match zone.look(query.name()) {
        Lookup::Elsewhere if forwards => {
            asked.by = Answerer::Other;
            return Ok(Answer::PassOn(asked));
        }
        Lookup::Elsewhere => {
            asked.by = Answerer::Nobody;
            reply.metadata.response_code = ResponseCode::Refused;
        }
        found => fill(&mut reply, zone, query, &found, turn),
    }
    asked.answered = !reply.answers.is_empty();
    Ok(Answer::Reply(encode(&reply, &question, transport)?, Some(asked)))
}

fn fill(reply: &mut Message, zone: &Zone, query: &Query, found: &Lookup<'_>, turn: usize) {
    let (name, kind) = (query.name(), query.query_type());
    let wants = |offered| kind == offered || kind == RecordType::ANY;
    reply.metadata.authoritative = true;
    match found {
        Lookup::Addresses(addresses) if wants(RecordType::A) => {
            // Round robin: each answer begins one further on.
            let first = turn % addresses.len().max(1);
            let (later, sooner) = addresses.split_at(first);
            reply.add_answers(sooner.iter().chain(later).map(|address| zone::a(name, *address)));
        }
        Lookup::Called(called) if wants(RecordType::PTR) => {
            reply.add_answer(zone::ptr(name, called));
        }
        Lookup::Apex if wants(RecordType::SOA) => {
            reply.add_answer(zone.soa(name));
        }
        Lookup::Apex if wants(RecordType::NS) => {
            reply.add_answer(zone.ns(name));
        }
        Lookup::Nothing => reply.metadata.response_code = ResponseCode::NXDomain,
        // RFC 4074: a name without an IPv6 address exists all the same. Saying that there is no such name would make
        // clients that ask for AAAA first give up on the A record too.
        Lookup::Addresses(_) | Lookup::Called(_) | Lookup::Apex | Lookup::Empty | Lookup::Elsewhere => {}
    }
    if reply.answers.is_empty() {
        reply.add_authority(zone.soa(name));
    }
}

fn encode(reply: &Message, question: &Message, transport: Transport) -> Result<Vec<u8>, Malformed> {
    let mut reply = reply.clone();
    let mut room = PLAIN_UDP;
    if let Some(edns) = &question.edns {
        let mut ours = Edns::new();
        ours.set_max_payload(EDNS_UDP);
        ours.set_rcode_high(reply.metadata.response_code.high());
        reply.set_edns(ours);
        room = usize::from(edns.max_payload().clamp(PLAIN_UDP as u16, EDNS_UDP));
    }
    let unwritable = |_| Malformed("a question that cannot be repeated");
    let bytes = reply.to_vec().map_err(unwritable)?;
    if transport == Transport::Udp && bytes.len() > room {
        return reply.truncate().to_vec().map_err(unwritable);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hickory_proto::rr::{Name, RData};
    use proptest::prelude::*;

    use super::*;
    use crate::dns::zone::tests::lab;

    fn question(name: &str, kind: RecordType) -> Message {
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        message
    }

    fn replied(question: &Message, turn: usize) -> Message {
        let zone = Zone::new(&lab()).unwrap();
        match answer(&zone, &question.to_vec().unwrap(), Transport::Udp, turn, false).unwrap() {
            Answer::Reply(bytes, _) => Message::from_vec(&bytes).unwrap(),
            Answer::PassOn(asked) => panic!("passed on: {asked:?}"),
        }
    }

    fn addresses(reply: &Message) -> Vec<Ipv4Addr> {
        let address = |record: &hickory_proto::rr::Record| match &record.data {
            RData::A(a) => Some(a.0),
            _ => None,
        };
        reply.answers.iter().filter_map(address).collect()
    }

    #[test]
    fn a_known_name_is_answered_with_authority_and_repeats_the_question_as_written() {
        let asked = question("NoDe1.LOCAL.", RecordType::A);
        let reply = replied(&asked, 0);
        assert_eq!(addresses(&reply), [Ipv4Addr::new(192, 168, 122, 11)]);
        assert!(reply.metadata.authoritative && reply.metadata.recursion_desired);
        assert!(!reply.metadata.recursion_available);
        assert_eq!(reply.metadata.id, asked.metadata.id);
        assert!(reply.queries[0].name().eq_case(asked.queries[0].name()), "0x20 bits come back");
    }

    #[test]
    fn a_name_without_ipv6_exists_all_the_same() {
        let reply = replied(&question("node1.local.", RecordType::AAAA), 0);
        assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
        assert!(reply.answers.is_empty());
        assert_eq!(reply.authorities[0].record_type(), RecordType::SOA);
    }

    #[test]
    fn several_addresses_take_turns() {
        let first = |turn| addresses(&replied(&question("physical-workers.local.", RecordType::A), turn))[0];
        let firsts: Vec<u8> = (0..4).map(|turn| first(turn).octets()[3]).collect();
        assert_eq!(firsts, [12, 14, 16, 12]);
    }

    #[test]
    fn what_each_question_is_answered_with() {
        use ResponseCode::{NXDomain, NoError, Refused};
        let table = [
            ("node9.local.", RecordType::A, NXDomain, 0),
            ("local.", RecordType::SOA, NoError, 1),
            ("local.", RecordType::NS, NoError, 1),
            ("local.", RecordType::A, NoError, 0),
            ("node1.local.", RecordType::ANY, NoError, 1),
            ("node1.local.", RecordType::MX, NoError, 0),
            ("11.122.168.192.in-addr.arpa.", RecordType::PTR, NoError, 1),
            ("99.122.168.192.in-addr.arpa.", RecordType::PTR, NXDomain, 0),
            ("example.org.", RecordType::A, Refused, 0),
        ];
        for (name, kind, code, answers) in table {
            let reply = replied(&question(name, kind), 0);
            assert_eq!((reply.metadata.response_code, reply.answers.len()), (code, answers), "{name} {kind}");
        }
    }

    #[test]
    fn senseless_questions_get_their_codes() {
        let mut none = Message::query();
        assert_eq!(replied(&none, 0).metadata.response_code, ResponseCode::FormErr);
        none.metadata.op_code = OpCode::Status;
        assert_eq!(replied(&none, 0).metadata.response_code, ResponseCode::NotImp);
        let mut newer = question("node1.local.", RecordType::A);
        let mut edns = Edns::new();
        edns.set_version(1);
        newer.set_edns(edns);
        let reply = replied(&newer, 0);
        assert_eq!(reply.edns.as_ref().map(Edns::rcode_high), Some(1), "BADVERS is 16");
        assert!(reply.answers.is_empty());
    }

    #[test]
    fn an_answer_that_does_not_fit_is_cut_off_and_whole_by_tcp() {
        let mut names = lab();
        let many = (0..100).map(|last| Ipv4Addr::new(192, 168, 122, last)).collect();
        names.records.push(("many".into(), many));
        let zone = Zone::new(&names).unwrap();
        let asked = question("many.local.", RecordType::A).to_vec().unwrap();
        let reply = |transport| match answer(&zone, &asked, transport, 0, false) {
            Ok(Answer::Reply(bytes, _)) => (bytes.len(), Message::from_vec(&bytes).unwrap()),
            other => panic!("{other:?}"),
        };
        let (length, short) = reply(Transport::Udp);
        assert!(short.metadata.truncation && length <= PLAIN_UDP, "{length}");
        let (_, whole) = reply(Transport::Tcp);
        assert!(!whole.metadata.truncation && addresses(&whole).len() == 100);
    }

    #[test]
    fn answers_are_not_answered_and_others_names_are_passed_on() {
        let zone = Zone::new(&lab()).unwrap();
        let reply = Message::response(1, OpCode::Query).to_vec().unwrap();
        assert!(answer(&zone, &reply, Transport::Udp, 0, false).is_err());
        let other = question("example.org.", RecordType::A).to_vec().unwrap();
        let passed = answer(&zone, &other, Transport::Udp, 0, true).unwrap();
        let Answer::PassOn(asked) = passed else { panic!("{passed:?}") };
        assert_eq!((asked.name.as_str(), asked.by), ("example.org", Answerer::Other));
    }

    #[test]
    fn who_knew_is_told() {
        let zone = Zone::new(&lab()).unwrap();
        for (name, by) in [
            ("node1.local.", Answerer::Zone),
            ("node9.local.", Answerer::Zone),
            ("example.org.", Answerer::Nobody),
        ] {
            let asked = question(name, RecordType::A).to_vec().unwrap();
            match answer(&zone, &asked, Transport::Udp, 0, false).unwrap() {
                Answer::Reply(_, Some(asked)) => assert_eq!(asked.by, by, "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_or_refused(bytes: Vec<u8>, turn: usize) {
            let zone = Zone::new(&lab()).unwrap();
            if let Ok(Answer::Reply(reply, _)) = answer(&zone, &bytes, Transport::Udp, turn, false) {
                prop_assert!(reply.len() <= usize::from(EDNS_UDP));
            }
        }
    }
}
