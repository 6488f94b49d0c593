//! What is read is what was written.

use core::net::{Ipv4Addr, Ipv6Addr};

use dnsflow_wire::dns::{Answers, Dialect, Extent, MAX_NAMES_BYTES, Scratch};
use dnsflow_wire::response::{Endpoints, Response};
use dnsflow_wire::v4::MIN_SET_ROOM_BYTES;
use proptest::prelude::*;

use crate::message::{Compression, Labels, Message, any_message};
use crate::transport::{Set, assembled, carried, is_transcribed};

/// Size limits of sets, in bytes: those of common MTUs, and the edges.
const ROOMS: [usize; 7] = [
    0,
    MIN_SET_ROOM_BYTES,
    MIN_SET_ROOM_BYTES + 1,
    584,
    1464,
    8964,
    65_499,
];

fn any_endpoints() -> impl Strategy<Value = Endpoints> {
    prop_oneof![
        any::<([u8; 4], [u8; 4])>()
            .prop_map(|(client, resolver)| Endpoints::V4 { client, resolver }),
        any::<([u8; 16], [u8; 16])>()
            .prop_map(|(client, resolver)| Endpoints::V6 { client, resolver }),
    ]
}

/// The names of a message, as far as they are kept.
fn kept(message: &Message) -> Vec<Labels> {
    let mut names = message.names();
    let mut bytes = 0;
    let omitted = names.iter().position(|labels| {
        bytes += name_bytes(labels);
        bytes > MAX_NAMES_BYTES
    });
    names.truncate(omitted.unwrap_or(names.len()));
    names
}

fn wanted(message: &Message, endpoints: &Endpoints) -> Set {
    Set {
        client: endpoints.client(),
        resolver: Some(endpoints.resolver()),
        names: kept(message),
        ipv4: message.ipv4().into_iter().map(Ipv4Addr::from).collect(),
        ipv6: message.ipv6().into_iter().map(Ipv6Addr::from).collect(),
    }
}

/// Bytes of a name in wire format.
fn name_bytes(labels: &Labels) -> usize {
    1 + labels.iter().map(|label| 1 + label.len()).sum::<usize>()
}

/// Bytes of a set that has all of it.
fn bytes(set: &Set) -> usize {
    let names: usize = set.names.iter().map(name_bytes).sum();
    40 + names.next_multiple_of(4) + 4 * set.ipv4.len() + 16 * set.ipv6.len()
}

proptest! {
    #[test]
    fn every_name_and_address_once(
        mut message in any_message(),
        endpoints in any_endpoints(),
        room in MIN_SET_ROOM_BYTES..3000,
    ) {
        let bytes_on_wire = message.write();
        prop_assume!(!message.ipv4().is_empty() || !message.ipv6().is_empty());
        is_transcribed(&bytes_on_wire, endpoints);
        let mut scratch = Scratch::default();
        let answers = Answers::parse(&bytes_on_wire, Dialect::Unicast, Extent::Whole, &mut scratch);
        let response = Response { envelope: endpoints.into(), answers: answers.expect("a response that qualifies") };
        let wanted = wanted(&message, &endpoints);
        let omitted = message.names().len() - wanted.names.len();
        prop_assert_eq!(response.answers.omitted_names(), omitted);
        let most = wanted.names.len().max(wanted.ipv4.len()).max(wanted.ipv6.len());
        for room in ROOMS.into_iter().chain([room]) {
            let sets = carried(&response, room);
            prop_assert_eq!(&assembled(&sets), &wanted);
            let fits = most <= 255 && bytes(&wanted) <= room.max(MIN_SET_ROOM_BYTES);
            prop_assert_eq!(fits, sets.len() == 1, "{} sets in room {}", sets.len(), room);
        }
    }

    #[test]
    fn compression_changes_nothing(mut message in any_message()) {
        let mut found = Vec::new();
        for compression in [
            Compression::Suffixes,
            Compression::Owners,
            Compression::None,
        ] {
            message.compression = compression;
            let bytes = message.write();
            prop_assume!(!message.ipv4().is_empty() || !message.ipv6().is_empty());
            let mut scratch = Scratch::default();
            let answers = Answers::parse(&bytes, Dialect::Unicast, Extent::Whole, &mut scratch);
            let answers = answers.expect("a response that qualifies");
            let names: Vec<Labels> = answers
                .names()
                .map(|name| name.labels().map(<[u8]>::to_vec).collect())
                .collect();
            found.push((message.answers.len(), names));
        }
        // Without compression fewer may fit: then that is all there was to find.
        let (fewest, names) = &found[2];
        for (count, other) in &found {
            prop_assert!(count >= fewest && other.starts_with(names));
        }
    }

    #[test]
    fn a_cut_message_gives_what_was_whole(mut message in any_message(), cut: prop::sample::Index) {
        let bytes = message.write();
        let mut scratch = Scratch::default();
        let length = cut.index(bytes.len());
        let parsed = Answers::parse(&bytes[..length], Dialect::Unicast, Extent::Cut, &mut scratch);
        if let Ok(answers) = parsed {
            let ipv4: Vec<[u8; 4]> = answers.ipv4().to_vec();
            let ipv6: Vec<[u8; 16]> = answers.ipv6().to_vec();
            prop_assert!(message.ipv4().starts_with(&ipv4));
            prop_assert!(message.ipv6().starts_with(&ipv6));
            let names: Vec<Labels> = answers
                .names()
                .map(|name| name.labels().map(<[u8]>::to_vec).collect())
                .collect();
            prop_assert!(message.names().starts_with(&names));
        }
    }
}
