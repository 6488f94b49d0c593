use std::collections::BTreeSet;
use std::net::IpAddr;

use dnsflow_wire::text;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn set(names: &[&str]) -> NameSet {
    let mut set = NameSet::default();
    for name in names {
        set.insert(name.as_bytes()).expect("a name");
    }
    set
}

/// A message about a name, given by its labels.
fn about(labels: &[Vec<u8>]) -> Vec<u8> {
    let mut message = b"\x12\x34\x81\x80\0\x01\0\0\0\0\0\0".to_vec();
    for label in labels {
        message.push(u8::try_from(label.len()).expect("a short label"));
        message.extend(label);
    }
    message.extend(b"\0\0\x01\0\x01");
    message
}

fn labels(name: &str) -> Vec<Vec<u8>> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    labels.map(|label| label.as_bytes().to_vec()).collect()
}

fn asked(message: &[u8]) -> Asked {
    let mut name = Asked::default();
    name.read(message).expect("a name");
    name
}

fn has(set: &NameSet, name: &str) -> bool {
    set.contains(&asked(&about(&labels(name))))
}

#[test]
fn a_name_stands_for_itself_and_everything_below() {
    let set = set(&["Example.COM", "a.b.net.", "\\097bc.org", "exam\\112le.com"]);
    assert_eq!(set.len(), 3, "one is there twice");
    for inside in [
        "example.com",
        "EXAMPLE.com",
        "www.example.com",
        "x.y.z.example.com",
        "a.b.net",
        "w.a.b.net",
        "abc.org",
    ] {
        assert!(has(&set, inside), "{inside}");
    }
    for outside in [
        "com",
        "net",
        "b.net",
        "c.b.net",
        "badexample.com",
        "example.com.org",
        "",
    ] {
        assert!(!has(&set, outside), "{outside}");
    }
}

#[test]
fn everything_is_below_the_root() {
    let set = set(&["."]);
    assert!(has(&set, "") && has(&set, "www.example.com"));
    assert!(!has(&NameSet::default(), "") && NameSet::default().is_empty());
}

#[test]
fn deep_names() {
    let deep = vec!["a"; 127].join(".");
    let set = set(&[&deep]);
    assert!(has(&set, &deep));
    assert!(!has(&set, &deep[2..]));
}

#[test]
fn names_that_are_none() {
    let long = "a".repeat(64);
    let longer = vec!["a"; 128].join(".");
    for (text, error) in [
        ("", NameTextError::Empty),
        (".com", NameTextError::Empty),
        ("a..b", NameTextError::Empty),
        ("a..", NameTextError::Empty),
        ("..", NameTextError::Empty),
        (&long, NameTextError::LongLabel),
        (&longer, NameTextError::Long),
        ("a\\", NameTextError::Escape),
        ("a\\25", NameTextError::Escape),
        ("a\\256", NameTextError::Escape),
        ("a b", NameTextError::Byte(b' ')),
        ("b\u{fc}cher.example", NameTextError::Byte(0xc3)),
        ("*.example.com", NameTextError::Wildcard),
    ] {
        let mut set = set(&["example.com"]);
        let before = set.clone();
        assert_eq!(set.insert(text.as_bytes()), Err(error), "{text}");
        assert_eq!(set, before, "{text}");
    }
    assert!(has(&set(&["\\042.example.com"]), "*.example.com"));
}

#[test]
#[cfg_attr(miri, ignore = "adds 100,000 names")]
fn many_names() {
    let mut set = NameSet::default();
    for number in 0..100_000 {
        let name = format!("host{number:06}.example");
        assert_eq!(set.insert(name.as_bytes()), Ok(true));
    }
    set.shrink();
    assert_eq!(set.len(), 100_000);
    assert!(has(&set, "www.host012345.example") && !has(&set, "host100000.example"));
}

fn any_label() -> impl Strategy<Value = Vec<u8>> {
    // Few letters, so that names have common ends.
    prop_oneof![
        4 => select(vec![b"a".to_vec(), b"B".to_vec(), b"b".to_vec(), b"cc".to_vec()]),
        1 => proptest::collection::vec(any::<u8>(), 1..5)
            .prop_filter("a wildcard", |label| label != b"*"),
    ]
}

fn any_name() -> impl Strategy<Value = Vec<Vec<u8>>> {
    proptest::collection::vec(any_label(), 0..5)
}

fn presentation(name: &[Vec<u8>]) -> String {
    text::NameText(name.iter().map(Vec::as_slice)).to_string()
}

fn lower(name: &[Vec<u8>]) -> Vec<Vec<u8>> {
    name.iter()
        .map(|label| label.to_ascii_lowercase())
        .collect()
}

/// An address of few bits that matter, so that prefixes meet.
fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0_u32..16, 28_u32..32).prop_map(|(low, shift)| IpAddr::V4((low << (shift - 20)).into())),
        any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
        (0_u128..16, 0_u32..124).prop_map(|(low, shift)| IpAddr::V6((low << shift).into())),
        any::<u128>().prop_map(|bits| IpAddr::V6(bits.into())),
    ]
}

/// The leftmost bits of an address, as digits.
fn bits(address: IpAddr, length: usize) -> (bool, String) {
    match address {
        IpAddr::V4(address) => (true, format!("{:032b}", address.to_bits())[..length].into()),
        IpAddr::V6(address) => (
            false,
            format!("{:0128b}", address.to_bits())[..length].into(),
        ),
    }
}

proptest! {
    #[test]
    fn sets_of_names_agree_with_a_search_through_all(
        listed in proptest::collection::vec(any_name(), 0..12),
        wanted in any_name(),
    ) {
        let mut set = NameSet::default();
        for name in &listed {
            let text = presentation(name);
            prop_assert!(set.insert(text.as_bytes()).is_ok(), "{}", text);
        }
        let different: BTreeSet<_> = listed.iter().map(|name| lower(name)).collect();
        prop_assert_eq!(set.len(), different.len());
        let expected = different.iter().any(|name| lower(&wanted).ends_with(name));
        prop_assert_eq!(set.contains(&asked(&about(&wanted))), expected);
    }

    #[test]
    fn no_text_of_a_name_panics(text in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut set = NameSet::default();
        let is_new = set.insert(&text);
        prop_assert_eq!(set.len(), usize::from(is_new.is_ok()));
    }

    #[test]
    fn sets_of_prefixes_agree_with_a_search_through_all(
        listed in proptest::collection::vec((any_address(), 0_u8..=128), 0..12),
        asked in any_address(),
    ) {
        let mut prefixes = Vec::new();
        for (address, length) in listed {
            let most = if address.is_ipv4() { 32 } else { 128 };
            let text = format!("{address}/{}", length.min(most));
            prefixes.push(match text.parse() {
                Err(PrefixError::Bits(meant)) => {
                    prop_assert_eq!(meant.to_string().parse(), Ok(meant));
                    meant
                }
                parsed => parsed.expect("a prefix"),
            });
        }
        let set: PrefixSet = prefixes.iter().copied().collect();
        let expected = prefixes.iter().any(|prefix| {
            let text = prefix.to_string();
            let (address, length) = text.split_once('/').expect("a slash");
            let length = length.parse().expect("a number");
            let address = address.parse().expect("an address");
            address_kind(asked) == address_kind(address) && bits(asked, length) == bits(address, length)
        });
        prop_assert_eq!(set.contains(asked), expected);
    }
}

fn address_kind(address: IpAddr) -> bool {
    address.is_ipv4()
}

#[test]
fn prefixes() {
    let set: PrefixSet = [
        "10.0.0.0/8",
        "192.0.2.7",
        "2001:db8::/32",
        "::/0",
        "11.0.0.0/8",
    ]
    .map(|text| text.parse().expect("a prefix"))
    .into_iter()
    .collect();
    assert_eq!(
        format!("{set:?}"),
        "PrefixSet(2 ranges of IPv4, 1 of IPv6)",
        "neighbours become one"
    );
    for (address, expected) in [
        ("10.255.255.255", true),
        ("11.0.0.0", true),
        ("12.0.0.0", false),
        ("9.255.255.255", false),
        ("192.0.2.7", true),
        ("192.0.2.8", false),
        ("::ffff:12.0.0.0", true),
    ] {
        let address = address.parse().expect("an address");
        assert_eq!(set.contains(address), expected, "{address}");
    }
    let error = |text: &str| text.parse::<Prefix>().map_err(|error| error.to_string());
    for wrong in [
        "",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "10.0.0/8",
        "10.0.0.0/33",
        "::/129",
        "x/8",
        "/8",
    ] {
        assert!(error(wrong).is_err(), "{wrong}");
    }
    assert_eq!(
        error("10.1.2.3/8"),
        Err("bits behind the length of the prefix are set: is 10.0.0.0/8 meant?".to_owned())
    );
}

#[test]
fn what_is_excluded_is_not_taken_even_if_it_is_listed() {
    let prefixes = |text: &str| Some([text.parse().expect("a prefix")].into_iter().collect());
    let lists = Lists {
        names: Listed {
            only: Some(set(&["example"])),
            never: Some(set(&["bad.example"])),
        },
        clients: Listed {
            only: prefixes("10.0.0.0/8"),
            never: prefixes("10.9.0.0/16"),
        },
        resolvers: Listed {
            only: prefixes("192.0.2.0/24"),
            never: prefixes("192.0.2.66"),
        },
    };
    assert!(!lists.are_empty() && Lists::default().are_empty());
    for (client, resolver, name, expected) in [
        ([10, 0, 0, 1], [192, 0, 2, 53], "www.example", Ok(())),
        (
            [10, 9, 0, 1],
            [192, 0, 2, 66],
            "bad.example",
            Err(Reject::ClientExcluded),
        ),
        (
            [11, 0, 0, 1],
            [192, 0, 2, 66],
            "bad.example",
            Err(Reject::ClientUnlisted),
        ),
        (
            [10, 0, 0, 1],
            [192, 0, 2, 66],
            "bad.example",
            Err(Reject::ResolverExcluded),
        ),
        (
            [10, 0, 0, 1],
            [192, 0, 3, 66],
            "bad.example",
            Err(Reject::ResolverUnlisted),
        ),
        (
            [10, 0, 0, 1],
            [192, 0, 2, 53],
            "www.bad.example",
            Err(Reject::NameExcluded),
        ),
        (
            [10, 0, 0, 1],
            [192, 0, 2, 53],
            "example.com",
            Err(Reject::NameUnlisted),
        ),
    ] {
        let endpoints = Endpoints::V4 { client, resolver };
        let check =
            |lists: &Lists, message: &[u8]| lists.check(message, &endpoints, &mut Asked::default());
        let message = about(&labels(name));
        assert_eq!(check(&lists, &message), expected, "{name}");
        assert_eq!(check(&Lists::default(), &message), Ok(()));
    }
    // Whoever reads it says why it is none.
    let endpoints = Endpoints::V4 {
        client: [10, 0, 0, 1],
        resolver: [192, 0, 2, 53],
    };
    let mut name = Asked::default();
    assert_eq!(lists.check(&[0; 5], &endpoints, &mut name), Ok(()));
}
