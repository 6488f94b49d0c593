//! Versions 0 to 4, whose datagrams sensors in use send.

use dnsflow_testkit::folder::Folder;

use crate::dissection::{capture, dissect, dissected, is_possible};
use crate::write::{labels, name};

fn header(version: u8, sets: u8, is_stats: bool) -> Vec<u8> {
    vec![version, sets, 0, u8::from(is_stats), 0xff, 0, 0, 9]
}

/// A set of versions 0 to 2, with two names and two addresses.
fn set_old(names: &[u8]) -> Vec<u8> {
    let length = u8::try_from(names.len()).expect("short names");
    let head = [198, 51, 100, 7, 2, 2, 0, length];
    [&head[..], names, &[203, 0, 113, 80, 203, 0, 113, 81]].concat()
}

fn ipv6(last: u8) -> [u8; 16] {
    [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]
}

#[test]
fn versions_0_to_2() {
    if !is_possible("older::versions_0_to_2") {
        return;
    }
    let text = b"www.ex ample.\0b\0\0".to_vec();
    let wire = [name("www.ex ample"), name("b")].concat();
    for (version, names) in [(0, &text), (1, &wire), (2, &wire)] {
        let datagram = [header(version, 1, false), set_old(names)].concat();
        let tree = dissect(&datagram);
        tree.assert(&[
            ("version", version.to_string().as_str()),
            ("count", "1"),
            ("flags.stats", "0"),
            ("sequence", "4278190089"),
            ("set.client", "198.51.100.7"),
            ("set.resolver", ""),
            ("set.names_count", "2"),
            ("set.ips_count", "2"),
            ("set.names", r"www.ex\032ample,b"),
            ("set.ips", "203.0.113.80,203.0.113.81"),
            ("set.ip6s", ""),
        ]);
        assert_eq!(tree.complaints(), [""; 0], "version {version}");
    }
}

#[test]
fn version_3() {
    if !is_possible("older::version_3") {
        return;
    }
    let names = name("abc");
    let addresses = [&[203, 0, 113, 80][..], &ipv6(0x80)].concat();
    let over_ipv6 = [&[6, 1, 1, 1, 0, 5, 0, 0][..], &ipv6(3), &names, &addresses].concat();
    let over_ipv4 = [
        &[4, 1, 1, 1, 0, 5, 0, 0, 198, 51, 100, 7][..],
        &names,
        &addresses,
    ]
    .concat();
    let tree = dissect(&[header(3, 2, false), over_ipv6, over_ipv4].concat());
    assert_eq!(tree.complaints(), [""; 0]);
    let sets = tree.each("set");
    sets[0].assert(&[("set.client6", "2001:db8::3"), ("set.client", "")]);
    sets[1].assert(&[("set.client6", ""), ("set.client", "198.51.100.7")]);
    for set in sets {
        set.assert(&[
            ("set.names", "abc"),
            ("set.ips", "203.0.113.80"),
            ("set.ip6s", "2001:db8::80"),
            ("set.resolver", ""),
        ]);
    }
}

/// Version 4 as the sensor writes it is compared by another test; this has what the sensor does not write.
#[test]
fn statistics() {
    if !is_possible("older::statistics") {
        return;
    }
    for version in 0..=4 {
        let counters = if version < 2 { 4 } else { 5 };
        let mut datagram = header(version, 1, true);
        for counter in 1..=counters {
            datagram.extend([0xff, 0, 0, counter]);
        }
        let tree = dissect(&datagram);
        tree.assert(&[
            ("flags.stats", "1"),
            ("stats.captured", "4278190081"),
            ("stats.received", "4278190082"),
            ("stats.dropped", "4278190083"),
            ("stats.ifdropped", "4278190084"),
            ("sampling", if version < 2 { "" } else { "4278190085" }),
        ]);
        assert_eq!(tree.complaints(), [""; 0], "version {version}");
    }
}

#[test]
fn sets_that_are_refused() {
    if !is_possible("older::sets_that_are_refused") {
        return;
    }
    let head = |names: &[u8]| {
        let length = u8::try_from(names.len()).expect("short names");
        let mut set = vec![4, 1, 1, 0, 0, length, 0, 0];
        for last in [1, 2] {
            set.extend([192, 0, 2, last]);
            set.extend([0; 12]);
        }
        set.extend(names);
        set.extend([203, 0, 113, 80]);
        set
    };
    let good = head(&name("abcdef"));
    let with = |at: usize, byte: u8| {
        let mut set = good.clone();
        set[at] = byte;
        set
    };
    let cut = |by: usize| good[..good.len() - by].to_vec();
    let cases: &[(&str, Vec<u8>)] = &[
        ("set header is cut", cut(good.len() - 7)),
        ("resolver is cut", cut(good.len() - 36)),
        ("IP version 5", with(0, 5)),
        ("bytes are not 0", with(7, 1)),
        ("bytes behind an IPv4 address are not 0", with(15, 1)),
        ("set without a name", with(1, 0)),
        ("names length 7 is not a multiple of 4", with(5, 7)),
        ("names is cut", with(4, 1)),
        ("name is cut", with(40, 9)),
        ("label length 64", head(&[64, 0, 0, 0])),
        (
            "not padded with 0 to 3 zeros",
            head(&[1, b'a', 0, 0, 0, 0, 0, 0]),
        ),
        ("not padded with 0 to 3 zeros", head(&[1, b'a', 0, 1])),
        ("addresses is cut", cut(1)),
        ("1 bytes after the last set", [&good[..], &[0]].concat()),
    ];
    let datagram = |set: &[u8]| [&header(4, 2, false)[..], &good, set].concat();
    let datagrams: Vec<_> = cases.iter().map(|(_, set)| datagram(set)).collect();
    let folder = Folder::new();
    let trees = dissected(&capture(&folder, &datagrams));
    assert_eq!(trees.len(), cases.len());
    for (tree, (wanted, _)) in trees.iter().zip(cases) {
        let said = tree.complaints();
        assert_eq!(tree.all("set.names")[0], "abcdef", "{wanted}");
        assert!(
            said.iter().any(|said| said.contains(wanted)),
            "{wanted}: {said:?}"
        );
    }
    let text = [
        &header(0, 1, false)[..],
        &[192, 0, 2, 1, 1, 0, 0, 3],
        b"abc",
    ]
    .concat();
    assert!(dissect(&text).complaints()[0].contains("name runs past its block"));
    let none = dissect(&header(4, 0, false)).complaints();
    assert_eq!(none, ["the header announces no set"]);
    let short = dissect(&[&header(4, 1, true)[..], &[0; 19]].concat()).complaints();
    assert_eq!(short, ["stats datagram of 27 bytes, expected 28"]);
    assert!(dissect(&[4]).complaints()[0].contains("too few for a header of 8"));
}

/// Names of sets may have more than 255 bytes.
#[test]
fn a_long_name() {
    if !is_possible("older::a_long_name") {
        return;
    }
    let label: &[u8] = &[b'x'; 63];
    let name = [labels(&[label; 15]), labels(&[b"ab"]), vec![0]].concat();
    let length = u16::try_from(name.len()).expect("short").to_be_bytes();
    let head = [198, 51, 100, 7, 1, 0, length[0], length[1]];
    let tree = dissect(&[&header(1, 1, false)[..], &head, &name].concat());
    let wanted = [vec!["x".repeat(63); 15], vec!["ab".to_owned()]].concat();
    assert_eq!(tree.all("set.names"), [wanted.join(".")]);
}
