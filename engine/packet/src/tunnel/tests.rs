//! The tunnels, one packet each, and hostile bytes for all.

use proptest::prelude::*;

use super::*;
use crate::numbers::ether_type::{IPV4, IPV6};

const V4: &[u8] = &[0x45, 0, 0, 20, 1, 2, 3, 4];
const V6: &[u8] = &[0x60, 0, 0, 0, 0, 0, 17, 64];
const ETHERNET_V4: &[u8] = &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00];
const ETHERNET_V6: &[u8] = &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd];

type Inside = Option<Result<(u16, Vec<u8>), Reject>>;

fn copied(inside: Option<Result<Network<'_>, Reject>>) -> Inside {
    inside.map(|inside| inside.map(|found| (found.protocol, found.bytes.to_vec())))
}

fn udp(port: u16, parts: &[&[u8]]) -> Inside {
    copied(Tunnels::all().in_udp(50_000, port, &parts.concat()))
}

fn ip(protocol: u8, parts: &[&[u8]]) -> Inside {
    copied(Tunnels::all().in_ip(protocol, &parts.concat()))
}

/// What a header has inside, in front of a packet of each version. Cut before the packet, it is
/// damaged.
#[track_caller]
fn both(unpack: impl Fn(&[&[u8]]) -> Inside, v4: &[&[u8]], v6: &[&[u8]]) {
    for (header, packet, protocol) in [(v4, V4, IPV4), (v6, V6, IPV6)] {
        let header = header.concat();
        assert_eq!(
            unpack(&[&header, packet]),
            Some(Ok((protocol, packet.to_vec())))
        );
        for cut in 0..header.len() {
            let reason = unpack(&[&header[..cut]]);
            assert!(
                matches!(
                    reason,
                    Some(Err(Reject::TunnelDamaged | Reject::LinkDamaged))
                ),
                "{cut}: {reason:?}"
            );
        }
    }
}

const DAMAGED: Inside = Some(Err(Reject::TunnelDamaged));
const NOT_IP: Inside = Some(Err(Reject::NotIp));

#[test]
fn lists() {
    let kinds = |list: &str| {
        list.parse::<Tunnels>()
            .map(|tunnels| tunnels.kinds().collect::<Vec<_>>())
    };
    assert_eq!(kinds("vxlan"), Ok(vec![Kind::Vxlan]));
    assert_eq!(kinds("6in4, gre"), Ok(vec![Kind::Gre, Kind::SixInFour]));
    assert_eq!(kinds("all"), Ok(Kind::ALL.to_vec()));
    assert_eq!(kinds("none"), Ok(vec![]));
    for kind in Kind::ALL {
        assert_eq!(kinds(kind.word()), Ok(vec![*kind]));
    }
    for wrong in ["", "vxlan,", "VXLAN", "teredo"] {
        assert!(kinds(wrong).is_err(), "{wrong}");
    }
    let error = kinds("gre,teredo")
        .expect_err("teredo is not known")
        .to_string();
    assert_eq!(
        error,
        "`teredo` is none of vxlan, geneve, gre, erspan, gtp, ipip, 6in4, all, none; separate several by commas"
    );
}

#[test]
fn only_what_was_chosen() {
    let vxlan = [&[8, 0, 0, 0, 0, 0, 1, 0], ETHERNET_V4, V4].concat();
    for kind in Kind::ALL {
        let tunnels = Tunnels::default().with(*kind);
        assert_eq!(
            tunnels.in_udp(1, 4789, &vxlan).is_some(),
            *kind == Kind::Vxlan
        );
        assert_eq!(tunnels.in_ip(4, V4).is_some(), *kind == Kind::Ipip);
        assert_eq!(tunnels.in_ip(41, V6).is_some(), *kind == Kind::SixInFour);
        let (gre, erspan) = (
            &[0, 0, 8, 0, 0x45],
            [&[0, 0, 0x88, 0xbe], ETHERNET_V4].concat(),
        );
        assert_eq!(tunnels.in_ip(47, gre).is_some(), *kind == Kind::Gre);
        assert_eq!(tunnels.in_ip(47, &erspan).is_some(), *kind == Kind::Erspan);
    }
    let all = Tunnels::all();
    assert_eq!(
        all.in_udp(4789, 50_000, &vxlan),
        all.in_udp(50_000, 4789, &vxlan)
    );
    assert_eq!(all.in_udp(50_000, 4790, &vxlan), None);
    assert_eq!(all.in_ip(17, &vxlan), None);
    assert_eq!(Tunnels::default().in_udp(4789, 4789, &vxlan), None);
}

#[test]
fn ports_and_protocols_are_those_that_are_unpacked() {
    for kind in Kind::ALL {
        let tunnels = Tunnels::default().with(*kind);
        for port in kind.udp_ports() {
            assert!(tunnels.in_udp(1, *port, &[]).is_some(), "{kind:?}");
        }
        if let Some(protocol) = kind.ip_protocol() {
            assert!(tunnels.in_ip(protocol, &[]).is_some(), "{kind:?}");
        }
    }
}

#[test]
fn vxlan() {
    let header: &[u8] = &[0x08, 0, 0, 0, 0, 1, 2, 0];
    for port in [4789, 8472] {
        both(
            |parts| udp(port, parts),
            &[header, ETHERNET_V4],
            &[header, ETHERNET_V6],
        );
    }
    // With the group of a policy; without a network identifier.
    let group: &[u8] = &[0x88, 0, 0, 7, 0, 1, 2, 0];
    assert!(udp(4789, &[group, ETHERNET_V4, V4]).is_some_and(|inside| inside.is_ok()));
    assert_eq!(udp(4789, &[&[0; 8], ETHERNET_V4, V4]), DAMAGED);
}

#[test]
fn geneve() {
    let geneve = |options: u8, high: u8, low: u8| {
        [
            &[options, 0, high, low, 0, 0, 7, 0][..],
            &vec![9; 4 * usize::from(options)],
        ]
        .concat()
    };
    for options in [0, 1, 63] {
        let (v4, v6) = (geneve(options, 0x08, 0x00), geneve(options, 0x86, 0xdd));
        both(|parts| udp(6081, parts), &[&v4], &[&v6]);
        let ethernet = geneve(options, 0x65, 0x58);
        both(
            |parts| udp(6081, parts),
            &[&ethernet, ETHERNET_V4],
            &[&ethernet, ETHERNET_V6],
        );
    }
    assert_eq!(udp(6081, &[&geneve(0, 0x08, 0x06), V4]), NOT_IP);
    assert_eq!(udp(6081, &[&geneve(0, 0x08, 0x00), V6]), DAMAGED);
    assert_eq!(udp(6081, &[&[0x40, 0, 8, 0, 0, 0, 0, 0], V4]), DAMAGED);
}

#[test]
fn gre() {
    for flags in 0_u8..8 {
        // Checksum, key, sequence.
        let flags = (flags & 4) << 5 | (flags & 3) << 4;
        let fields = vec![7; 4 * usize::try_from(flags.count_ones()).expect("at most 3")];
        let header = |high, low| [&[flags, 0, high, low][..], &fields].concat();
        let (v4, v6) = (header(0x08, 0x00), header(0x86, 0xdd));
        let ethernet = header(0x65, 0x58);
        let (mpls, bottom) = (header(0x88, 0x47), &[0, 1, 1, 64][..]);
        for unpack in [
            |parts: &[&[u8]]| ip(47, parts),
            |parts: &[&[u8]]| udp(4754, parts),
        ] {
            both(unpack, &[&v4], &[&v6]);
            both(unpack, &[&ethernet, ETHERNET_V4], &[&ethernet, ETHERNET_V6]);
            both(unpack, &[&mpls, bottom], &[&mpls, bottom]);
        }
    }
    assert_eq!(ip(47, &[&[0x40, 0, 8, 0], &[0; 8], V4]), DAMAGED);
    assert_eq!(ip(47, &[&[0x20, 2, 8, 0], &[0; 8], V4]), DAMAGED);
    // PPTP; a keep-alive of Cisco's; a version that the type denies.
    assert_eq!(
        ip(47, &[&[0x30, 1, 0x88, 0x0b], &[0; 8], &[0x21], V4]),
        NOT_IP
    );
    assert_eq!(ip(47, &[&[0, 0, 0, 0]]), NOT_IP);
    assert_eq!(ip(47, &[&[0, 0, 0x86, 0xdd], V4]), DAMAGED);
}

#[test]
fn erspan() {
    let (type_1, type_2): (&[u8], &[u8]) =
        (&[0, 0, 0x88, 0xbe], &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 9]);
    let type_3: &[u8] = &[0x10, 0, 0x22, 0xeb, 0, 0, 0, 9];
    let of_2: &[u8] = &[0x10, 5, 0x18, 1, 0, 0, 0, 2];
    let of_3 = |kind: u8, platform: u8| {
        [
            &[0x20, 5, 0x18, 1],
            &[3; 4][..],
            &[0, 0, kind << 2, platform],
        ]
        .concat()
    };
    let unpack = |parts: &[&[u8]]| ip(47, parts);
    both(unpack, &[type_1, ETHERNET_V4], &[type_1, ETHERNET_V6]);
    both(
        unpack,
        &[type_2, of_2, ETHERNET_V4],
        &[type_2, of_2, ETHERNET_V6],
    );
    let plain = of_3(0, 0);
    both(
        unpack,
        &[type_3, &plain, ETHERNET_V4],
        &[type_3, &plain, ETHERNET_V6],
    );
    let platform = [&of_3(0, 1)[..], &[4; 8]].concat();
    both(
        unpack,
        &[type_3, &platform, ETHERNET_V4],
        &[type_3, &platform, ETHERNET_V6],
    );
    let of_ip = of_3(2, 0);
    both(unpack, &[type_3, &of_ip], &[type_3, &of_ip]);
    assert_eq!(ip(47, &[type_3, &of_3(1, 0), ETHERNET_V4, V4]), NOT_IP);
    assert_eq!(ip(47, &[type_2, &[0x30; 12], ETHERNET_V4, V4]), DAMAGED);
}

#[test]
fn gtp() {
    let header = |flags: u8| [0x30 | flags, 255, 0, 8, 0, 0, 0, 1];
    let unpack = |parts: &[&[u8]]| udp(2152, parts);
    both(unpack, &[&header(0)], &[&header(0)]);
    for flags in 1..8 {
        let optional = [&header(flags)[..], &[0, 1, 0, 0]].concat();
        both(unpack, &[&optional], &[&optional]);
    }
    let two = [
        &header(4)[..],
        &[0, 0, 0, 0x85],
        &[1, 0, 9, 0xc0],
        &[2, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    both(unpack, &[&two], &[&two]);
    // Without E the type of extension does not count.
    let sequence = [&header(2)[..], &[0, 1, 0, 0x85]].concat();
    both(unpack, &[&sequence], &[&sequence]);
    assert_eq!(
        udp(2152, &[&header(4), &[0, 0, 0, 0x85], &[0, 0, 0, 0], V4]),
        DAMAGED
    );
    assert_eq!(
        udp(
            2152,
            &[&header(4), &[0, 0, 0, 1], &[1, 0, 0, 1].repeat(9), V4]
        ),
        DAMAGED
    );
    assert_eq!(udp(2152, &[&[0x10, 255, 0, 8, 0, 0, 0, 1], V4]), DAMAGED);
    assert_eq!(udp(2152, &[&[0x50, 255, 0, 8, 0, 0, 0, 1], V4]), DAMAGED);
    // An echo request; an Ethernet frame of a 5G session.
    assert_eq!(udp(2152, &[&[0x32, 1, 0, 4, 0, 0, 0, 0], &[0; 4]]), NOT_IP);
    assert_eq!(udp(2152, &[&header(0), ETHERNET_V4, V4]), NOT_IP);
}

#[test]
fn ip_in_ip() {
    assert_eq!(ip(4, &[V4]), Some(Ok((IPV4, V4.to_vec()))));
    assert_eq!(ip(41, &[V6]), Some(Ok((IPV6, V6.to_vec()))));
    assert_eq!(ip(4, &[V6]), DAMAGED);
    assert_eq!(ip(41, &[V4]), DAMAGED);
    assert_eq!(ip(4, &[]), DAMAGED);
}

#[test]
fn mirrors() {
    let tunnels = Tunnels::default()
        .with_record_ports([9000, 4789])
        .with_juniper_ports([30_030]);
    assert_eq!(
        tunnels.mirror_ports().collect::<Vec<_>>(),
        [9000, 4789, 30_030]
    );
    let unpack = |port| {
        let tunnels = &tunnels;
        move |parts: &[&[u8]]| copied(tunnels.in_udp(40_000, port, &parts.concat()))
    };
    let record: &[u8] = &[7; 16];
    both(unpack(9000), &[record, ETHERNET_V4], &[record, ETHERNET_V6]);
    both(unpack(4789), &[record, ETHERNET_V4], &[record, ETHERNET_V6]);
    let intercept: &[u8] = &[0, 0, 0, 1, 0, 0, 0, 2];
    both(unpack(30_030), &[intercept], &[intercept]);
    assert_eq!(unpack(30_030)(&[intercept, &[0x12]]), NOT_IP);
    assert_eq!(tunnels.in_udp(30_030, 40_000, V4), None);
}

proptest! {
    #[test]
    fn any_bytes_are_unpacked_or_refused(
        port in prop::sample::select(vec![4789_u16, 8472, 6081, 4754, 2152, 9000, 30_030]),
        protocol in prop::sample::select(vec![4_u8, 41, 47]),
        start in prop::sample::select(vec![0_u8, 8, 0x10, 0x20, 0x30, 0x34, 0x37, 0x45, 0xb0]),
        rest in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let tunnels = Tunnels::all().with_record_ports([9000]).with_juniper_ports([30_030]);
        let body = [&[start], &rest[..]].concat();
        for inside in [tunnels.in_udp(1, port, &body), tunnels.in_ip(protocol, &body)] {
            if let Some(Ok(inside)) = inside {
                prop_assert!(body.ends_with(inside.bytes));
            }
        }
    }
}
