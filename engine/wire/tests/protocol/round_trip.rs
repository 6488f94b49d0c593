//! What is written by the page is read as it was meant, and any bytes are read without a panic.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use dnsflow_wire::dns::MAX_NAME_BYTES;
use dnsflow_wire::response::Transport;
use dnsflow_wire::v5;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::writer::{Answer, Data, Name, Origin, Record, Writer};
use crate::{assert_line, lines};

/// The time of all datagrams, in microseconds.
const TIME: u64 = 1_700_000_000_000_000;

/// Names that share labels.
fn name() -> impl Strategy<Value = Name> {
    let label = prop_oneof![
        3 => prop::sample::select(vec!["a", "www", "example", "com"]).prop_map(Vec::from),
        1 => vec(any::<u8>(), 1..=40),
    ];
    vec(label, 0..=5)
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<Ipv4Addr>().prop_map(IpAddr::V4),
        any::<Ipv6Addr>().prop_map(IpAddr::V6)
    ]
}

fn origin() -> impl Strategy<Value = Origin> {
    let resolver = (address(), prop_oneof![Just(53), any::<u16>()]);
    let seen = (
        option::of(vec(any::<u8>(), 1..=15)),
        option::of(0_u16..4096),
        option::of(0_u16..4096),
        option::of(any::<u32>()),
    );
    (resolver, seen).prop_map(
        |((address, port), (interface, vlan, inner_vlan, vni))| Origin {
            address,
            port,
            interface,
            vlan,
            inner_vlan,
            vni,
        },
    )
}

/// Addresses that share bytes at their front.
fn ipv6() -> impl Strategy<Value = [u8; 16]> {
    (0_usize..=16, any::<[u8; 16]>()).prop_map(|(shared, mut octets)| {
        octets[..shared].fill(0x20);
        octets
    })
}

/// Types that are not those of addresses and aliases.
fn other_type() -> impl Strategy<Value = u16> {
    (0_u16..70).prop_filter("is known", |kind| ![1, 5, 28].contains(kind))
}

fn data() -> impl Strategy<Value = Data> {
    prop_oneof![
        4 => any::<[u8; 4]>().prop_map(Data::Ipv4),
        4 => ipv6().prop_map(Data::Ipv6),
        2 => name().prop_map(Data::Alias),
        1 => (other_type(), any::<u16>(), vec(any::<u8>(), 0..200))
            .prop_map(|(record_type, class, rdata)| Data::Other(record_type, class, rdata)),
        1 => any::<(u16, u16, u16)>()
            .prop_map(|(record_type, class, length)| Data::LeftOut(record_type, class, length)),
    ]
}

fn answers() -> impl Strategy<Value = Vec<Answer>> {
    let ttl = prop_oneof![Just(60), any::<u32>()];
    let owners = vec(name(), 1..4);
    let answer = (any::<prop::sample::Index>(), ttl, data());
    (owners, vec(answer, 0..20)).prop_map(|(owners, answers)| {
        let answer = |(owner, ttl, data): (prop::sample::Index, u32, Data)| Answer {
            owner: owner.get(&owners).clone(),
            ttl,
            data,
        };
        answers.into_iter().map(answer).collect()
    })
}

prop_compose! {
    fn record(origins: Vec<Origin>)(
        offset in prop_oneof![-1_000_000..1_000_000_i64, any::<i64>()],
        (client, client_port) in (address(), any::<u16>()),
        (form, flags) in (any::<u8>().prop_map(|form| form & 0b0111_1000), any::<u8>()),
        origin in prop::sample::select(origins),
        rcode in prop_oneof![Just(0), 0_u16..4096],
        name in name(),
        question in option::of(prop_oneof![Just((1, 1)), Just((28, 1)), any::<(u16, u16)>()]),
        answers in answers(),
        subnet in option::of((0_u16..4, any::<u8>(), any::<u8>(), vec(any::<u8>(), 0..=16))),
    ) -> Record {
        Record {
            offset, client, client_port, form, flags, origin, rcode, name, question, answers, subnet,
        }
    }
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    vec(origin(), 1..4).prop_flat_map(|origins| vec(record(origins), 0..6))
}

fn owned(name: v5::Name<'_>) -> Name {
    let labels: Name = name.labels().map(<[u8]>::to_vec).collect();
    let mut memory = [0xee; MAX_NAME_BYTES];
    let wire = name.to_wire(&mut memory).to_vec();
    let bytes = labels.iter().flat_map(|label| {
        let length = u8::try_from(label.len()).unwrap();
        std::iter::once(length).chain(label.iter().copied())
    });
    assert!(bytes.chain([0]).eq(wire.iter().copied()));
    assert_eq!(wire.len(), name.wire_len());
    labels
}

/// What was read, as it was before it was written.
fn read(record: &v5::Record<'_>) -> Record {
    let origin = &record.origin;
    let answer = |answer: v5::Answer<'_>| Answer {
        owner: owned(answer.owner),
        ttl: answer.ttl,
        data: match answer.data {
            v5::Data::Ipv4(address) => Data::Ipv4(address.octets()),
            v5::Data::Ipv6(address) => Data::Ipv6(address.octets()),
            v5::Data::Name(target) => Data::Alias(owned(target)),
            v5::Data::Rdata(rdata) => Data::Other(answer.record_type, answer.class, rdata.into()),
            v5::Data::LeftOut(length) => {
                let length = length.try_into().unwrap();
                Data::LeftOut(answer.record_type, answer.class, length)
            }
        },
    };
    let form = u8::from(record.transport == Transport::Tcp) << 6
        | u8::from(record.is_incomplete) << 5
        | u8::from(record.continues) << 4
        | u8::from(record.has_more) << 3;
    Record {
        offset: 0,
        client: record.client,
        client_port: record.client_port,
        form,
        flags: record.flags.0,
        origin: Origin {
            address: origin.address,
            port: origin.port,
            interface: origin.interface.map(<[u8]>::to_vec),
            vlan: origin.vlan,
            inner_vlan: origin.inner_vlan,
            vni: origin.vni,
        },
        rcode: record.rcode,
        name: owned(record.name),
        question: record
            .question
            .map(|question| (question.record_type, question.class)),
        answers: record.answers().map(answer).collect(),
        subnet: record.subnet.map(|subnet| {
            let v5::Subnet {
                family,
                source_prefix,
                scope_prefix,
                address,
            } = subnet;
            (family, source_prefix, scope_prefix, address.to_vec())
        }),
    }
}

/// The class of addresses and aliases is that of the question.
fn check_answers(record: &v5::Record<'_>) {
    let class = record
        .question
        .map_or(1, |question| question.class & 0x7fff);
    let class = if class == 255 { 1 } else { class };
    for answer in record.answers() {
        let of_question = match answer.data {
            v5::Data::Ipv4(_) => answer.record_type == 1,
            v5::Data::Ipv6(_) => answer.record_type == 28,
            v5::Data::Name(_) => answer.record_type == 5,
            _ => continue,
        };
        assert!(of_question && answer.class == class);
    }
    let targets = record.answers().filter_map(|answer| match answer.data {
        v5::Data::Name(target) => Some(target),
        _ => None,
    });
    assert!(record.names().skip(1).eq(targets) && record.names().next() == Some(record.name));
    assert_eq!(
        record.ipv4().count(),
        record
            .answers()
            .filter(|answer| matches!(answer.data, v5::Data::Ipv4(_)))
            .count()
    );
    assert_eq!(
        record.ipv6().count(),
        record
            .answers()
            .filter(|answer| matches!(answer.data, v5::Data::Ipv6(_)))
            .count()
    );
}

proptest! {
    #[test]
    fn records_come_back_as_they_were_written(
        records in records(),
        sensor in vec(any::<u8>(), 1..=63),
        choices: u64,
        padding in 0_usize..50,
    ) {
        let mut writer = Writer::new(records.len().try_into().unwrap(), TIME, &sensor, choices);
        for record in &records {
            writer.record(record);
        }
        let bytes = writer.finish(padding);
        let datagram = v5::Datagram::parse(&bytes).unwrap();
        prop_assert_eq!(datagram.sensor_name(), Some(&sensor[..]));
        prop_assert_eq!((datagram.sequence(), datagram.boot(), datagram.core()), (77, 0xb007, 3));
        prop_assert_eq!(datagram.time(), Duration::from_micros(TIME));
        prop_assert!(!datagram.is_stats());
        let v5::Content::Records(found) = datagram.content() else { panic!("{datagram:?}") };
        let found: Vec<_> = found.map(|record| record.unwrap()).collect();
        prop_assert_eq!(found.len(), records.len());
        for (found, mut written) in found.iter().zip(records) {
            let time = TIME.saturating_add_signed(written.offset);
            prop_assert_eq!(found.time, Duration::from_micros(time));
            written.offset = 0;
            prop_assert_eq!(format!("{:?}", read(found)), format!("{written:?}"));
            check_answers(found);
        }
        lines(&bytes).0.iter().for_each(|line| assert_line(line));
    }

    #[test]
    fn bytes_behind_a_header_are_read_without_a_panic(
        is_stats: bool,
        count in 0_u16..6,
        tail in vec(prop_oneof![
            3 => Just(0_u8), 3 => 0_u8..6, 1 => 0x20_u8..0x24, 1 => 0xc0_u8..0xc2, 1 => any::<u8>()
        ], 0..300),
    ) {
        let mut bytes = vec![5, 8, 0, u8::from(is_stats), 0, 0];
        bytes.extend(count.to_be_bytes());
        bytes.extend([0; 24]);
        bytes.extend(tail);
        lines(&bytes).0.iter().for_each(|line| assert_line(line));
    }

    #[test]
    fn changed_bytes_are_read_without_a_panic(
        records in records(),
        choices: u64,
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut writer = Writer::new(records.len().try_into().unwrap(), TIME, b"s", choices);
        for record in &records {
            writer.record(record);
        }
        let mut bytes = writer.finish(0);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        lines(&bytes).0.iter().for_each(|line| assert_line(line));
    }

    #[test]
    fn counters_come_back_as_they_were_written(
        counters in vec(("[a-z0-9_]{1,63}", any::<u64>()), 0..20),
    ) {
        let mut bytes = [0; v5::HEADER_BYTES];
        let header = v5::Header {
            words: 8,
            flags: v5::FLAG_STATS,
            core: 7,
            count: counters.len().try_into().unwrap(),
            sequence: 8,
            boot: 9,
            time: TIME,
        };
        header.write(&mut bytes);
        prop_assert_eq!(v5::Header::parse(&bytes), Ok(header));
        let mut bytes = bytes.to_vec();
        for (name, value) in &counters {
            let mut memory = [0xee; 100];
            let counter = v5::Counter { name, value: *value };
            let length = counter.write(&mut memory).unwrap();
            prop_assert_eq!(counter.write(&mut memory[..length - 1]), None);
            bytes.extend(&memory[..length]);
        }
        let v5::Content::Stats(found) = v5::Datagram::parse(&bytes).unwrap().content() else {
            panic!("not statistics")
        };
        let found: Vec<_> = found
            .map(|counter| counter.unwrap())
            .map(|counter| (counter.name.to_owned(), counter.value))
            .collect();
        prop_assert_eq!(found, counters);
    }
}
