//! Handwritten datagrams of every version, each way to damage them, and random bytes.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::dns::{Answers, Dialect, Extent, Scratch};
use crate::response::{Endpoints, Response};
use crate::text::{NameText, write_response, write_set};

fn header(version: u8, sets: u8, flags: u16) -> Vec<u8> {
    let mut out = vec![version, sets];
    out.extend(flags.to_be_bytes());
    out.extend(7_u32.to_be_bytes());
    out
}

/// A version 4 set of 40 + 8 + 4 + 16 bytes.
fn set_v4() -> Vec<u8> {
    let mut out = vec![4, 2, 1, 1, 0, 8, 0, 0];
    for last in [7, 53] {
        out.extend([192, 0, 2, last]);
        out.extend([0; 12]);
    }
    out.extend(*b"\x03a.b\x00\x01c\x00");
    out.push(0);
    out.truncate(48);
    out.extend([203, 0, 113, 80]);
    out.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    out
}

fn datagram(version: u8, sets: &[Vec<u8>]) -> Vec<u8> {
    let mut out = header(version, u8::try_from(sets.len()).unwrap(), 0);
    out.extend(sets.iter().flatten());
    out
}

fn sets(bytes: &[u8]) -> Vec<Result<Set<'_>, DecodeError>> {
    match Datagram::parse(bytes).unwrap().content().unwrap() {
        Content::Sets(sets) => sets.collect(),
        Content::Stats(stats) => panic!("{stats:?}"),
    }
}

/// All fields of a set, as text to compare.
fn show(set: &Set<'_>) -> String {
    let names: Vec<String> = set.names().map(|name| NameText(name).to_string()).collect();
    let ipv4: Vec<_> = set.ipv4().collect();
    let ipv6: Vec<_> = set.ipv6().collect();
    format!(
        "{} {:?} {names:?} {ipv4:?} {ipv6:?}",
        set.client(),
        set.resolver()
    )
}

fn only_error(bytes: &[u8]) -> DecodeError {
    let mut found = sets(bytes);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0).unwrap_err()
}

#[test]
fn version_4() {
    let bytes = datagram(4, &[set_v4(), set_v4()]);
    let header = Datagram::parse(&bytes).unwrap();
    assert_eq!(header.version(), Version::V4);
    assert_eq!(
        (header.sets_count(), header.sequence(), header.is_stats()),
        (2, 7, false)
    );
    let found = sets(&bytes);
    assert_eq!(found.len(), 2);
    for set in found {
        assert_eq!(
            show(&set.unwrap()),
            r#"192.0.2.7 Some(192.0.2.53) ["a\\046b", "c"] [203.0.113.80] [2001:db8::1]"#
        );
    }
}

#[test]
fn version_4_over_ipv6() {
    let mut set = vec![6, 1, 0, 0, 0, 4, 0, 0];
    set.extend([0xfd; 16]);
    set.extend([0xfe; 16]);
    set.extend([0; 4]);
    let bytes = datagram(4, &[set]);
    let found = sets(&bytes).remove(0).unwrap();
    assert_eq!(found.client(), IpAddr::from([0xfd; 16]));
    assert_eq!(found.resolver(), Some(IpAddr::from([0xfe; 16])));
    assert_eq!(
        found
            .names()
            .map(|name| NameText(name).to_string())
            .collect::<Vec<_>>(),
        ["."]
    );
}

#[test]
fn version_3_has_a_short_client_and_no_resolver() {
    let mut four = vec![4, 1, 1, 0, 0, 4, 0, 0, 192, 0, 2, 7];
    four.extend(*b"\x02ab\x00\xcb\x00\x71\x50");
    let mut six = vec![6, 1, 0, 0, 0, 4, 0, 0];
    six.extend([0xfd; 16]);
    six.extend(*b"\x02ab\x00");
    let bytes = datagram(3, &[four, six]);
    let found: Vec<_> = sets(&bytes)
        .into_iter()
        .map(|set| show(&set.unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            r#"192.0.2.7 None ["ab"] [203.0.113.80] []"#,
            r#"fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd None ["ab"] [] []"#
        ]
    );
}

#[test]
fn versions_1_and_2_know_ipv4_only() {
    let set = b"\xc0\x00\x02\x07\x01\x01\x00\x04\x02ab\x00\xcb\x00\x71\x50".to_vec();
    for version in [1, 2] {
        let bytes = datagram(version, core::slice::from_ref(&set));
        let found = sets(&bytes).remove(0).unwrap();
        assert_eq!(show(&found), r#"192.0.2.7 None ["ab"] [203.0.113.80] []"#);
    }
}

#[test]
fn version_0_has_names_as_text() {
    let mut set = b"\xc0\x00\x02\x07\x03\x01\x00\x10".to_vec();
    set.extend(*b"www.a|b.org\0c.\0\0");
    set.extend([203, 0, 113, 80]);
    let bytes = datagram(0, &[set]);
    let found = sets(&bytes).remove(0).unwrap();
    assert_eq!(
        show(&found),
        r#"192.0.2.7 None ["www.a\\124b.org", "c", "."] [203.0.113.80] []"#
    );
}

#[test]
fn stats_grow_a_fifth_counter_in_version_2() {
    for (version, counters) in [(0, 4), (1, 4), (2, 5), (3, 5), (4, 5)] {
        let mut bytes = header(version, 1, 1);
        for counter in 1..=counters {
            bytes.extend(u32::to_be_bytes(counter));
        }
        let parsed = Datagram::parse(&bytes).unwrap();
        assert!(parsed.is_stats());
        let Ok(Content::Stats(stats)) = parsed.content() else {
            panic!("{parsed:?}")
        };
        let want = Stats {
            captured: 1,
            received: 2,
            dropped: 3,
            if_dropped: 4,
            sample_rate: (counters == 5).then_some(5),
        };
        assert_eq!(stats, want);

        for len in [bytes.len() - 1, bytes.len() - 4, bytes.len() + 4] {
            let mut other = bytes.clone();
            other.resize(len, 0);
            let error = Datagram::parse(&other).unwrap().content().unwrap_err();
            assert_eq!(
                error,
                DecodeError::StatsLength {
                    len,
                    want: bytes.len()
                }
            );
        }
    }
}

#[test]
fn broken_headers() {
    assert_eq!(
        Datagram::parse(&[4; 7]).unwrap_err(),
        DecodeError::ShortHeader { len: 7 }
    );
    assert_eq!(
        Datagram::parse(&header(5, 1, 0)).unwrap_err(),
        DecodeError::Version(5)
    );
    assert_eq!(
        Datagram::parse(&header(4, 0, 0)).unwrap_err(),
        DecodeError::NoSets
    );
}

#[test]
fn a_set_with_one_byte_wrong_says_where() {
    // Offset in the set, value written there, resulting error.
    let cases = [
        (0, 5, DecodeError::IpVersion { at: 8, found: 5 }),
        (1, 0, DecodeError::NoNames { at: 8 }),
        (1, 1, DecodeError::Padding { at: 53 }),
        (1, 9, DecodeError::NameEnd { at: 56 }),
        (5, 7, DecodeError::NamesLength { at: 12, found: 7 }),
        (4, 1, DecodeError::CutNames { at: 48 }),
        (7, 1, DecodeError::NotZero { at: 14 }),
        (12, 1, DecodeError::NotZero { at: 16 }),
        (39, 1, DecodeError::NotZero { at: 32 }),
        (40, 64, DecodeError::LabelLength { at: 48, found: 64 }),
        (40, 63, DecodeError::NameEnd { at: 48 }),
        (2, 99, DecodeError::CutAddresses { at: 56 }),
        (2, 0, DecodeError::Trailing { at: 72, count: 4 }),
    ];
    for (at, value, want) in cases {
        let mut set = set_v4();
        set[at] = value;
        let bytes = datagram(4, &[set]);
        if let DecodeError::Trailing { .. } = want {
            let found = sets(&bytes);
            assert_eq!(found.len(), 2);
            assert_eq!(*found[1].as_ref().unwrap_err(), want);
        } else {
            assert_eq!(only_error(&bytes), want);
        }
        assert!(!want.to_string().is_empty());
    }
}

#[test]
fn a_cut_anywhere_keeps_the_sets_before_it() {
    let bytes = datagram(4, &[set_v4(), set_v4()]);
    let whole = set_v4().len();
    for len in HEADER_BYTES..bytes.len() {
        let found = sets(&bytes[..len]);
        let good = found.iter().filter(|set| set.is_ok()).count();
        assert_eq!(good, (len - HEADER_BYTES) / whole, "cut at {len}");
        assert!(found.last().unwrap().is_err());
    }
}

#[test]
fn a_set_alone() {
    let mut bytes = set_v4();
    bytes.push(9);
    let (set, len) = Set::parse(Version::V4, &bytes).unwrap();
    assert_eq!((len, set.names().len()), (bytes.len() - 1, 2));
}

/// Calls every accessor of a datagram and its sets.
fn walk(bytes: &[u8]) -> usize {
    let Ok(datagram) = Datagram::parse(bytes) else {
        return 0;
    };
    let Ok(Content::Sets(sets)) = datagram.content() else {
        return 0;
    };
    let mut seen = 0;
    for set in sets.filter_map(Result::ok) {
        assert_eq!(set.names().count(), set.names().len());
        seen += show(&set).len();
    }
    seen
}

/// Datagrams with a valid header, so that random bytes reach the sets.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    let tail = prop::collection::vec(
        prop_oneof![3 => Just(0_u8), 2 => 0_u8..8, 1 => any::<u8>()],
        0..200,
    );
    (0_u8..5, 1_u8..4, tail).prop_map(|(version, count, tail)| {
        let mut bytes = header(version, count, 0);
        if version >= 3 {
            bytes.push(4);
        }
        bytes.extend(tail);
        bytes
    })
}

proptest! {
    #[test]
    fn random_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        walk(&bytes);
    }

    #[test]
    fn plausible_bytes_do_not_panic(bytes in plausible()) {
        walk(&bytes);
    }

    #[test]
    fn changed_bytes_do_not_panic(at in 0_usize..144, value: u8) {
        let mut bytes = datagram(4, &[set_v4(), set_v4()]);
        bytes[at] = value;
        walk(&bytes);
    }
}

/// A recursive resolver's answer: aliases and addresses, each record owned by the question's name.
fn message(names: &[Vec<Vec<u8>>], ipv4: &[[u8; 4]], ipv6: &[[u8; 16]]) -> Vec<u8> {
    let wire = |labels: &[Vec<u8>]| {
        let mut out = Vec::new();
        for label in labels {
            out.push(u8::try_from(label.len()).unwrap());
            out.extend(label);
        }
        out.push(0);
        out
    };
    let mut records: Vec<(u8, Vec<u8>)> = names[1..].iter().map(|name| (5, wire(name))).collect();
    records.extend(ipv4.iter().map(|octets| (1, octets.to_vec())));
    records.extend(ipv6.iter().map(|octets| (28, octets.to_vec())));
    let mut out = vec![0, 1, 0x81, 0x80, 0, 1];
    out.extend(u16::try_from(records.len()).unwrap().to_be_bytes());
    out.extend([0; 4]);
    out.extend(wire(&names[0]));
    out.extend([0, 1, 0, 1]);
    for (kind, data) in records {
        out.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60]);
        out.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        out.extend(data);
    }
    out
}

fn names() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    let label = prop::collection::vec(any::<u8>(), 1..20);
    prop::collection::vec(prop::collection::vec(label, 0..5), 1..8)
}

proptest! {
    /// What the encode side writes is read back as the same names and addresses, and the line of a
    /// response is the line of its set.
    #[test]
    fn sets_come_back_as_they_were_written(
        names in names(),
        ipv4 in prop::collection::vec(any::<[u8; 4]>(), 0..20),
        ipv6 in prop::collection::vec(any::<[u8; 16]>(), 1..20),
        over_ipv6: bool,
        sequence: u32,
    ) {
        let message = message(&names, &ipv4, &ipv6);
        let mut scratch = Scratch::default();
        let answers =
            Answers::parse(&message, Dialect::Unicast, Extent::Whole, &mut scratch).unwrap();
        let endpoints = if over_ipv6 {
            Endpoints::V6 { client: [7; 16], resolver: [53; 16] }
        } else {
            Endpoints::V4 { client: [7; 4], resolver: [53; 4] }
        };
        let response = Response { envelope: endpoints.into(), answers };
        let mut memory = vec![0xff; 65_535];
        let mut builder = Builder::default();
        for part in parts(&response, 60_000) {
            prop_assert!(builder.push(&part, &mut memory));
        }
        let len = builder.finish(sequence, &mut memory);

        let datagram = Datagram::parse(&memory[..len]).unwrap();
        prop_assert_eq!((datagram.version(), datagram.sequence()), (Version::V4, sequence));
        let found = sets(&memory[..len]);
        prop_assert_eq!(found.len(), 1);
        let set = *found[0].as_ref().unwrap();
        let read: Vec<Vec<Vec<u8>>> =
            set.names().map(|name| name.labels().map(<[u8]>::to_vec).collect()).collect();
        prop_assert_eq!(read, names);
        prop_assert!(set.ipv4().eq(ipv4.into_iter().map(Ipv4Addr::from)));
        prop_assert!(set.ipv6().eq(ipv6.into_iter().map(Ipv6Addr::from)));

        let (mut exported, mut imported) = (String::new(), String::new());
        let time = Duration::from_secs(u64::from(sequence));
        write_response(&mut exported, None, time, &response).unwrap();
        write_set(&mut imported, None, time, &set).unwrap();
        prop_assert_eq!(exported, imported);
    }

    #[test]
    fn counters_come_back_as_they_were_written(sequence: u32, counters: [u32; 5]) {
        let [captured, received, dropped, if_dropped, sample_rate] = counters;
        let written = Stats {
            captured,
            received,
            dropped,
            if_dropped,
            sample_rate: Some(sample_rate),
        };
        let bytes = written.datagram(sequence);
        let read = Datagram::parse(&bytes).unwrap();
        prop_assert_eq!(read.sequence(), sequence);
        let Ok(Content::Stats(stats)) = read.content() else { panic!("{read:?}") };
        prop_assert_eq!(stats, written);
    }
}
