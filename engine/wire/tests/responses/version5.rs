//! Version 5: what is read back is what messages say, by either path, whatever else is in a datagram.

use core::net::{Ipv4Addr, Ipv6Addr};

use dnsflow_wire::dns::{
    Answers, Dialect, Extent, MAX_NAMES_BYTES, MessageReject, Outcome, Outcomes, Rules, Scratch,
    Types,
};
use dnsflow_wire::encode::Encode;
use dnsflow_wire::response::{Endpoints, Envelope, Response, Tags, Timestamp, Transport};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::full::{A, AAAA, CNAME, Full, IN, Rr, any_full, wire};
use crate::message::Labels;
use crate::stream::{Answer, Found, Path, Stream, all_rules, usual_rules};
use crate::transport::{assembled, carried};

/// Datagrams of common MTUs, and the largest one.
const LIMITS: [usize; 4] = [1232, 1472, 8972, 65_507];

/// Bytes of a datagram that RDATA can't have: header, question, owner and all between.
const MOST_AROUND_RDATA: usize = 900;

/// Bytes of room for a client subnet that a shorter one leaves.
const MOST_SPARE: usize = 16;

/// Most RDATA that is kept of one message.
const MAX_RDATA_BYTES: usize = 65_535;

/// TC, as in a record.
const TRUNCATED: u8 = 0x20;

prop_compose! {
    fn envelope()(
        clients in any::<[u8; 16]>(),
        resolver in prop::sample::select(vec![[1_u8; 16], [2; 16], [3; 16], [0x20; 16]]),
        is_ipv6: bool,
        client_port: u16,
        resolver_port in prop_oneof![4 => Just(53), 1 => any::<u16>()],
        is_tcp: bool,
        vlan in option::weighted(0.3, 0_u16..4096),
        inner_vlan in option::weighted(0.2, 0_u16..4096),
        vni in option::weighted(0.2, any::<u32>()),
        seconds in prop_oneof![9 => 1_700_000_000_u64..1_700_000_100, 1 => 0..u64::from(u32::MAX)],
        nanoseconds in 0_u32..1_000_000_000,
    ) -> Envelope {
        let endpoints = if is_ipv6 {
            Endpoints::V6 { client: clients, resolver }
        } else {
            let [a, b, c, d, ..] = clients;
            Endpoints::V4 { client: [a, b, c, d], resolver: [192, 0, 2, resolver[0]] }
        };
        Envelope {
            endpoints,
            client_port,
            resolver_port,
            transport: if is_tcp { Transport::Tcp } else { Transport::Udp },
            tags: Tags { vlan, inner_vlan, vni },
            at: Timestamp { seconds, nanoseconds },
        }
    }
}

fn rules() -> impl Strategy<Value = Rules> {
    const OUTCOMES: [Outcome; 4] = [
        Outcome::Answered,
        Outcome::Nodata,
        Outcome::Nxdomain,
        Outcome::Error,
    ];
    let outcomes = prop::sample::subsequence(&OUTCOMES[..], 0..=4).prop_map(|outcomes| {
        let with = |all: Outcomes, outcome: Outcome| all.with(outcome);
        outcomes.into_iter().fold(Outcomes::NONE, with)
    });
    let types = prop_oneof![
        Just(Types::any()),
        Just(Rules::default().types),
        Just(Types::of([A])),
        Just(Types::of([AAAA, 65])),
    ];
    let any = (outcomes, types, any::<bool>()).prop_map(|(outcomes, types, authoritative)| Rules {
        outcomes,
        types,
        authoritative,
        details: true,
    });
    prop_oneof![Just(usual_rules()), Just(all_rules()), any]
}

/// The answers that are told of a message.
fn told(message: &Full) -> Vec<Answer> {
    let asked = message.question.as_ref().map_or(0, |(_, kind, _)| *kind);
    let mut names = message
        .question
        .as_ref()
        .map_or(0, |(name, ..)| wire(name).len());
    let mut rdata = 0;
    let mut told = Vec::new();
    for record in &message.answers {
        let data = record.rdata();
        let is_told = match record.kind {
            A | AAAA => true,
            CNAME => {
                names += data.len();
                names <= MAX_NAMES_BYTES
            }
            41 => false,
            46 | 47 | 50 => record.kind == asked,
            _ => true,
        };
        if !is_told {
            continue;
        }
        let is_kept = match record.kind {
            A | AAAA | CNAME => true,
            _ if rdata + data.len() <= MAX_RDATA_BYTES => {
                rdata += data.len();
                true
            }
            _ => false,
        };
        told.push(Answer {
            owner: record.owner.clone(),
            kind: record.kind,
            class: record.class,
            ttl: record.ttl,
            rdata: if is_kept {
                Ok(data)
            } else {
                Err(record.wire_bytes)
            },
        });
    }
    told
}

/// The record of a message.
fn wanted(message: &Full, envelope: &Envelope, interface: Option<&str>) -> Found {
    let (name, question) = match &message.question {
        Some((name, kind, class)) => (name.clone(), Some((*kind, *class))),
        None => (message.answers[0].owner.clone(), None),
    };
    let subnet = message.edns.as_ref().and_then(|edns| edns.subnet.clone());
    Found {
        flags: message.flags,
        code: message.code,
        name,
        question,
        subnet: subnet.filter(|subnet| (4..=20).contains(&subnet.len())),
        answers: told(message),
        ..Found::empty(envelope, interface)
    }
}

/// Asserts that records say what is wanted; RDATA may be left out that has no room in a datagram.
fn assert_says(parts: &[Found], mut wanted: Found, limit: usize) {
    let found = Found::joined(parts);
    for (found, wanted) in found.answers.iter().zip(&mut wanted.answers) {
        if let (Err(bytes), Ok(rdata)) = (&found.rdata, &wanted.rdata) {
            assert_eq!(*bytes, rdata.len());
            assert!(rdata.len() + MOST_AROUND_RDATA > limit, "{bytes} left out");
            wanted.rdata = Err(*bytes);
        }
    }
    assert_eq!(found, wanted);
}

/// Asserts that a message that says something was rejected with reason.
fn assert_rejected(message: &Full, reason: MessageReject) {
    match reason {
        MessageReject::NameBytes => {}
        MessageReject::NoAddress => {
            assert!(message.code == 0 && message.flags & TRUNCATED != 0);
        }
        other => panic!("{other:?}"),
    }
}

/// Records by response.
fn responses(records: &[Found]) -> Vec<&[Found]> {
    records.chunk_by(|_, next| next.continues).collect()
}

/// Reads bytes that need not be a message in all ways: both paths say the same, and what they say can be
/// read back.
pub(crate) fn survive(message: &[u8], endpoints: Endpoints) {
    let envelope = endpoints.into();
    for rules in [all_rules(), usual_rules()] {
        let [mut fast, mut slow] = [(); 2].map(|()| Stream::new(&rules, 1232));
        let read = slow.push(Path::Slow, message, &envelope);
        let slow = slow.records();
        if let Some(found) = fast.push(Path::Fast, message, &envelope) {
            assert_eq!(Some(found), read);
            assert_eq!(fast.records(), slow);
        }
    }
    for (dialect, extent) in [
        (Dialect::Multicast, Extent::Whole),
        (Dialect::Unicast, Extent::Cut),
    ] {
        let mut stream = Stream::new(&all_rules(), 1232);
        (stream.dialect, stream.extent) = (dialect, extent);
        if let Some(Ok(parts)) = stream.push(Path::Slow, message, &envelope) {
            let records = stream.records();
            assert_eq!(records.len(), parts);
            Found::joined(&records);
        }
    }
}

/// What is done with a message of a stream.
#[derive(Clone, Copy, Debug)]
enum Act {
    Add(Path),
    /// Its record does not stay.
    Abandon,
    /// It ends in this fraction of 256.
    Cut(u8),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => Just(Act::Add(Path::Both)),
        2 => Just(Act::Add(Path::Slow)),
        1 => Just(Act::Abandon),
        1 => any::<u8>().prop_map(Act::Cut),
    ]
}

proptest! {
    #[test]
    fn both_paths_say_the_same(
        mut message in any_full(),
        envelope in envelope(),
        rules in rules(),
        damage in option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut bytes = message.write();
        if let Some((at, byte)) = damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let [mut fast, mut slow] = [(); 2].map(|()| Stream::new(&rules, 8972));
        if let Some(found) = fast.push(Path::Fast, &bytes, &envelope) {
            prop_assert_eq!(Some(found), slow.push(Path::Slow, &bytes, &envelope));
            prop_assert_eq!(fast.records(), slow.records());
        }
    }

    #[test]
    fn a_stream_says_what_its_messages_say(
        messages in vec((any_full(), envelope(), act(), option::weighted(0.1, "[a-z]{1,17}")), 1..30),
        limit in prop::sample::select(&LIMITS[..]),
        rules in prop_oneof![Just(all_rules()), Just(usual_rules())],
    ) {
        let mut stream = Stream::new(&rules, limit);
        let mut interface = None;
        let mut all = Vec::new();
        for (mut message, envelope, act, name) in messages {
            let bytes = message.write();
            if let Some(name) = name {
                stream.encoder.on_interface(&name);
                interface = Some(name).filter(|name| name.len() <= 15);
            }
            let added = match act {
                Act::Add(path) => stream.push(path, &bytes, &envelope).expect("the slow path decides"),
                Act::Abandon => {
                    stream.abandon(&bytes, &envelope);
                    continue;
                }
                Act::Cut(part) => {
                    // In the middle of what it says, and so damaged.
                    let cut = &bytes[..bytes.len() * usize::from(part) / 256];
                    let mut other = Stream::new(&rules, limit);
                    if other.push(Path::Both, cut, &envelope).expect("decided").is_ok() {
                        continue;
                    }
                    stream.push(Path::Both, cut, &envelope).expect("decided").map(|_| 0)
                }
            };
            match added {
                Ok(parts) => {
                    prop_assert!(parts > 0);
                    all.push((wanted(&message, &envelope, interface.as_deref()), parts));
                    if parts > 1 {
                        // Only what is larger than a datagram is divided.
                        let mut alone = Stream::new(&rules, 65_507);
                        alone.encoder.on_interface(interface.as_deref().unwrap_or_default());
                        let _ = alone.push(Path::Slow, &bytes, &envelope);
                        alone.close();
                        prop_assert!(alone.datagrams[0].len() + MOST_SPARE > limit);
                    }
                }
                Err(reason) if rules == all_rules() && matches!(act, Act::Add(_)) => {
                    assert_rejected(&message, reason);
                }
                Err(_) => {}
            }
        }
        let records = stream.records();
        let found = responses(&records);
        prop_assert_eq!(found.len(), all.len());
        for (parts, (wanted, count)) in found.into_iter().zip(all) {
            prop_assert_eq!(parts.len(), count);
            assert_says(parts, wanted, limit);
        }
    }

    #[test]
    fn version_4_says_as_much(mut message in any_full(), envelope in envelope()) {
        let bytes = message.write();
        let mut scratch = Scratch::default();
        let rules = usual_rules();
        let answers = Answers::parse_by(&rules, &bytes, Dialect::Unicast, Extent::Whole, &mut scratch);
        let Ok(answers) = answers else { return Ok(()) };
        if answers.ipv4().is_empty() && answers.ipv6().is_empty() {
            return Ok(());
        }
        let old = assembled(&carried(&Response { envelope, answers }, 1464));
        for path in [Path::Both, Path::Slow] {
            let mut stream = Stream::new(&rules, 1472);
            prop_assert!(matches!(stream.push(path, &bytes, &envelope), Some(Ok(_))));
            let found = Found::joined(&stream.records());
            let of = |kind| {
                let answers = found.answers.iter().filter(move |answer| answer.kind == kind);
                answers.map(|answer| answer.rdata.clone().expect("these have room"))
            };
            let names = std::iter::once(wire(&found.name)).chain(of(CNAME));
            prop_assert!(names.eq(old.names.iter().map(|name| wire(name))));
            prop_assert!(of(A).eq(old.ipv4.iter().map(|ip| ip.octets().to_vec())));
            prop_assert!(of(AAAA).eq(old.ipv6.iter().map(|ip| ip.octets().to_vec())));
            prop_assert_eq!((found.client.0, Some(found.resolver.0)), (old.client, old.resolver));
        }
    }

    #[test]
    fn a_message_that_is_cut_says_its_start(
        mut message in any_full(),
        envelope in envelope(),
        cut: prop::sample::Index,
    ) {
        let bytes = message.write();
        let mut stream = Stream::new(&all_rules(), 1472);
        stream.extent = Extent::Cut;
        let length = cut.index(bytes.len());
        if let Some(Ok(_)) = stream.push(Path::Slow, &bytes[..length], &envelope) {
            let found = Found::joined(&stream.records());
            let wanted = wanted(&message, &envelope, None);
            let count = found.answers.len();
            prop_assert!(count <= wanted.answers.len());
            prop_assert!(found.is_incomplete || count == wanted.answers.len());
            let start = Found {
                code: found.code,
                subnet: found.subnet.clone(),
                is_incomplete: found.is_incomplete,
                answers: wanted.answers[..count].to_vec(),
                ..wanted
            };
            assert_says(&[found], start, 1472);
        }
    }

    /// Multicast DNS.
    #[test]
    fn a_message_without_a_question(
        mut message in any_full(),
        envelope in envelope(),
        flush: u64,
        limit in prop::sample::select(&LIMITS[..]),
    ) {
        message.question = None;
        // The class has a bit that says that there are no other records (RFC 6762, section 10.2).
        for (at, record) in message.answers.iter_mut().enumerate() {
            record.class = IN | u16::from(flush >> (at % 64) & 1 != 0) << 15;
        }
        let bytes = message.write();
        let mut stream = Stream::new(&all_rules(), limit);
        stream.dialect = Dialect::Multicast;
        match stream.push(Path::Slow, &bytes, &envelope).expect("decided") {
            Ok(_) => {
                let mut wanted = wanted(&message, &envelope, None);
                // Of addresses and aliases it is not told.
                let not_told = |answer: &&mut Answer| matches!(answer.kind, A | AAAA | CNAME);
                wanted.answers.iter_mut().filter(not_told).for_each(|answer| answer.class = IN);
                let first = wire(&message.answers[0].owner).len();
                let aliases = message.answers.iter().filter(|record| record.kind == CNAME);
                let names = first + aliases.map(|record| record.rdata().len()).sum::<usize>();
                if names <= MAX_NAMES_BYTES {
                    assert_says(&stream.records(), wanted, limit);
                }
            }
            Err(MessageReject::NoAddress) if message.answers.is_empty() => {}
            Err(reason) => assert_rejected(&message, reason),
        }
    }
}

/// `example`, or a name that ends in it.
fn name(front: &str) -> Labels {
    let labels = front.split('.').filter(|label| !label.is_empty());
    labels
        .chain(["example"])
        .map(|label| label.as_bytes().to_vec())
        .collect()
}

fn record(owner: &str, kind: u16, class: u16, rdata: &[u8]) -> Rr {
    Rr {
        owner: name(owner),
        kind,
        class,
        ttl: 60,
        data: vec![crate::full::Piece::Bytes(rdata.to_vec())],
        wire_bytes: 0,
    }
}

fn message(answers: Vec<Rr>) -> Full {
    Full {
        flags: 0x18,
        code: 0,
        question: Some((name("www"), A, IN)),
        answers,
        authority: Vec::new(),
        edns: None,
        compression: crate::message::Compression::Suffixes,
    }
}

fn plain() -> Envelope {
    let (client, resolver) = ([192, 0, 2, 7], [192, 0, 2, 53]);
    Endpoints::V4 { client, resolver }.into()
}

/// An address of another class is told with it, and so is no address of an A record.
#[test]
fn classes_of_addresses() {
    for path in [Path::Slow, Path::Both] {
        let mut message = message(vec![
            record("www", A, IN, &[192, 0, 2, 1]),
            record("www", A, 3, &[192, 0, 2, 2]),
            record("www", AAAA, 3, &[0x20; 16]),
            record("www", CNAME, 4, b"\0"),
            record("www", A, IN, &[192, 0, 2, 3]),
        ]);
        let bytes = message.write();
        let mut stream = Stream::new(&all_rules(), 1472);
        assert_eq!(stream.push(path, &bytes, &plain()), Some(Ok(1)));
        assert_says(&stream.records(), wanted(&message, &plain(), None), 1472);
    }
}

#[test]
fn addresses_are_those_of_the_message() {
    // Sixteen make two groups; addresses of two kinds alternate.
    let mut answers: Vec<_> = (0..16)
        .map(|last| record("www", A, IN, &[192, 0, 2, last]))
        .collect();
    for last in 0..16_u8 {
        answers.push(record(
            "www",
            AAAA,
            IN,
            &Ipv6Addr::from(u128::from(last + 1_u8)).octets(),
        ));
        answers.push(record("www", A, IN, &Ipv4Addr::LOCALHOST.octets()));
    }
    let mut message = message(answers);
    let bytes = message.write();
    for path in [Path::Slow, Path::Both] {
        let mut stream = Stream::new(&usual_rules(), 1472);
        assert_eq!(stream.push(path, &bytes, &plain()), Some(Ok(1)));
        assert_says(&stream.records(), wanted(&message, &plain(), None), 1472);
    }
}

/// More origins than a datagram can number, names that recur from far away, and a client in each of them.
#[test]
fn many_origins_and_names_of_one_datagram() {
    const ORIGINS: u16 = 600;
    let mut stream = Stream::new(&usual_rules(), 65_507);
    let mut all = Vec::new();
    for number in (0..ORIGINS).chain(0..ORIGINS).chain((0..ORIGINS).rev()) {
        let [high, low] = number.to_be_bytes();
        let mut envelope = plain();
        envelope.endpoints = Endpoints::V4 {
            client: [192, 0, 2, low],
            resolver: [10, 0, high, low],
        };
        let owner = format!("{}.zone{}", number % 7, number % 300);
        let mut message = message(vec![record(&owner, A, IN, &[192, 0, 2, low])]);
        message.question = Some((name(&owner), A, IN));
        let bytes = message.write();
        let path = if number % 3 == 0 {
            Path::Slow
        } else {
            Path::Both
        };
        assert_eq!(stream.push(path, &bytes, &envelope), Some(Ok(1)));
        all.push(wanted(&message, &envelope, None));
    }
    stream.close();
    assert_eq!(stream.datagrams.len(), 1);
    assert_eq!(stream.records(), all);
}
