//! Clients, resolvers and names: the addresses and names of an invented network.
//!
//! Every address is from a block that is never routed (RFC 1918, RFC 2544, RFC 3849) and every name
//! ends in a label that is never delegated (RFC 2606), so generated traffic can't be mistaken for
//! real traffic, nor reach a host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::random::{Random, Share};

/// Zones that a population draws names from.
const ZONES: u32 = 4096;
/// Zones of made-up content networks, where alias chains end.
const CDN_ZONES: u32 = 24;
/// Most clients: the host part of 10.0.0.0/8.
pub(crate) const MAX_CLIENTS: u32 = 1 << 24;
/// Most resolvers: 172.16.0.0/16 without its first address.
pub(crate) const MAX_RESOLVERS: u32 = 65_535;

const SYLLABLES: [&[u8]; 40] = [
    b"al", b"an", b"ar", b"ba", b"be", b"bri", b"ca", b"cor", b"da", b"del", b"do", b"el", b"en",
    b"fa", b"fin", b"ga", b"gre", b"ha", b"in", b"ka", b"lan", b"li", b"lo", b"ma", b"mer", b"mi",
    b"na", b"nor", b"o", b"pa", b"pri", b"ra", b"ri", b"sa", b"sol", b"ta", b"ti", b"ver", b"vi",
    b"zen",
];
const HOSTS: [&[u8]; 16] = [
    b"www", b"www", b"www", b"www", b"api", b"api", b"mail", b"cdn", b"img", b"static", b"login",
    b"assets", b"app", b"edge", b"m", b"news",
];
/// Last labels, each reserved by RFC 2606, some below a second level as registries have them.
const SUFFIXES: [&[u8]; 6] = [
    b"\x07example",
    b"\x07example",
    b"\x04test",
    b"\x02co\x04test",
    b"\x03net\x07example",
    b"\x07invalid",
];

/// The clients, resolvers and zones of one seed.
#[derive(Debug)]
pub(crate) struct Population {
    zones: Vec<Vec<u8>>,
    cdn_zones: Vec<Vec<u8>>,
    clients: u32,
    resolvers: u32,
}

impl Population {
    /// The population of `seed`: the same whichever stream of packets is drawn from it.
    pub(crate) fn new(seed: u64, clients: u32, resolvers: u32) -> Self {
        let mut random = Random::new(seed, u64::MAX);
        let zones = (0..ZONES).map(|_| zone(&mut random)).collect();
        let cdn_zones = (0..CDN_ZONES).map(|_| cdn_zone(&mut random)).collect();
        Self {
            zones,
            cdn_zones,
            clients,
            resolvers,
        }
    }

    /// A client's address: spread over its block, and evenly over any small modulus.
    pub(crate) fn client(&self, random: &mut Random, ipv6: bool) -> IpAddr {
        let index = random.below(self.clients);
        // An odd factor permutes the residues of a power of two, so clients stay distinct.
        if ipv6 {
            let host = u64::from(index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            return ipv6_address([0x2001, 0xdb8, 0x0c, 0], host);
        }
        let host = index.wrapping_mul(0x009e_3779) % MAX_CLIENTS;
        IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | host))
    }

    /// A resolver's address.
    pub(crate) fn resolver(&self, random: &mut Random, ipv6: bool) -> IpAddr {
        let host = random.below(self.resolvers) + 1;
        if ipv6 {
            return ipv6_address([0x2001, 0xdb8, 0x53, 0], u64::from(host));
        }
        IpAddr::V4(Ipv4Addr::from_bits(0xac10_0000 | host))
    }

    /// A zone; low ones more often, as popular ones are.
    pub(crate) fn zone(&self, random: &mut Random) -> &[u8] {
        let len = random.between(1, ZONES);
        &self.zones[random.below(len) as usize]
    }

    fn cdn_zone(&self, random: &mut Random) -> &[u8] {
        &self.cdn_zones[random.below(CDN_ZONES) as usize]
    }

    /// Writes the name of a host, in wire format without the root label, into `name`.
    pub(crate) fn host(&self, random: &mut Random, name: &mut Vec<u8>) {
        name.clear();
        match random.below(100) {
            0..10 => {}
            10..75 => push_label(name, random.pick(&HOSTS)),
            75..90 => {
                push_label(name, &word(random, 1, 2));
                push_label(name, random.pick(&HOSTS));
            }
            _ => push_label(name, &hex(random, 12)),
        }
        name.extend_from_slice(self.zone(random));
    }

    /// Writes what an alias of `owner` points at into `target`, in the three ways that are common:
    /// a sibling in the same zone, a hash in a content network, the whole name below one.
    pub(crate) fn alias(&self, random: &mut Random, owner: &[u8], target: &mut Vec<u8>) {
        target.clear();
        match random.below(100) {
            0..30 => {
                push_label(target, &word(random, 1, 3));
                target.extend_from_slice(parent(owner));
            }
            30..75 => {
                push_label(target, &hex(random, 13));
                target.extend_from_slice(self.cdn_zone(random));
            }
            _ => {
                target.extend_from_slice(owner);
                // Whole names below whole names would outgrow the 255 bytes of RFC 1035.
                target.truncate(if owner.len() > 80 { 0 } else { owner.len() });
                target.extend_from_slice(self.cdn_zone(random));
            }
        }
    }
}

/// An address that an answer may hold (198.18.0.0/15).
pub(crate) fn answer_ipv4(random: &mut Random) -> Ipv4Addr {
    Ipv4Addr::from_bits(0xc612_0000 | random.below(1 << 17))
}

/// An address that an answer may hold (2001:db8:a::/48).
pub(crate) fn answer_ipv6(random: &mut Random) -> Ipv6Addr {
    let host = if random.chance(Share::percent(50)) {
        u64::from(random.word())
    } else {
        random.bits()
    };
    Ipv6Addr::from_bits(0x2001_0db8_000a_0000 << 64 | u128::from(host))
}

/// `name` without its first label; a name of one label stays.
pub(crate) fn parent(name: &[u8]) -> &[u8] {
    let first = name.first().map_or(0, |&len| usize::from(len) + 1);
    match name.get(first..) {
        Some(rest) if !rest.is_empty() => rest,
        _ => name,
    }
}

/// Appends one label of 1 to 63 bytes.
pub(crate) fn push_label(name: &mut Vec<u8>, label: &[u8]) {
    debug_assert!(
        (1..=63).contains(&label.len()),
        "labels are made from short tables"
    );
    name.push(u8::try_from(label.len()).unwrap_or(63));
    name.extend_from_slice(&label[..label.len().min(63)]);
}

fn ipv6_address(prefix: [u16; 4], host: u64) -> IpAddr {
    let [a, b, c, d] = prefix;
    let network = Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_bits();
    IpAddr::V6(Ipv6Addr::from_bits(network | u128::from(host)))
}

fn zone(random: &mut Random) -> Vec<u8> {
    let mut zone = Vec::new();
    if random.chance(Share::percent(15)) {
        push_label(&mut zone, &word(random, 1, 2));
    }
    push_label(&mut zone, &word(random, 2, 4));
    zone.extend_from_slice(random.pick(&SUFFIXES));
    zone
}

fn cdn_zone(random: &mut Random) -> Vec<u8> {
    let mut zone = Vec::new();
    if random.chance(Share::percent(60)) {
        push_label(
            &mut zone,
            random.pick(&[b"edge".as_slice(), b"cdn", b"map", b"eu-west-1"]),
        );
    }
    push_label(&mut zone, &word(random, 3, 5));
    zone.extend_from_slice(random.pick(&[b"\x03net\x07example".as_slice(), b"\x04test"]));
    zone
}

fn word(random: &mut Random, least: u32, most: u32) -> Vec<u8> {
    let mut word = Vec::new();
    for _ in 0..random.between(least, most) {
        word.extend_from_slice(random.pick(&SYLLABLES));
    }
    if random.chance(Share::percent(8)) {
        word.push(b'-');
        word.extend_from_slice(random.pick(&SYLLABLES));
    }
    word
}

fn hex(random: &mut Random, digits: u32) -> Vec<u8> {
    (0..digits)
        .map(|_| random.pick(b"0123456789abcdef"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn clients_are_distinct_and_balanced() {
        let population = Population::new(1, 1000, 1);
        for ipv6 in [false, true] {
            let mut random = Random::new(1, 0);
            let clients: Vec<IpAddr> = (0..20_000)
                .map(|_| population.client(&mut random, ipv6))
                .collect();
            let distinct: HashSet<_> = clients.iter().collect();
            assert_eq!(distinct.len(), 1000);
            let odd = clients
                .iter()
                .filter(|client| match client {
                    IpAddr::V4(client) => client.to_bits() % 2 == 1,
                    IpAddr::V6(client) => client.to_bits() % 2 == 1,
                })
                .count();
            assert!((9_000..11_000).contains(&odd), "{odd}");
        }
    }

    #[test]
    fn names_are_names() {
        let population = Population::new(5, 1, 1);
        let mut random = Random::new(5, 0);
        let (mut name, mut target) = (Vec::new(), Vec::new());
        let mut total = 0;
        for _ in 0..20_000 {
            population.host(&mut random, &mut name);
            for _ in 0..4 {
                population.alias(&mut random, &name, &mut target);
                std::mem::swap(&mut name, &mut target);
                assert!(name.len() < 254, "{}", name.len());
                let mut at = 0;
                while at < name.len() {
                    assert!((1..=63).contains(&name[at]));
                    at += usize::from(name[at]) + 1;
                }
                assert_eq!(at, name.len());
                total += name.len();
            }
        }
        let average = total / 80_000;
        assert!((20..60).contains(&average), "{average}");
    }

    #[test]
    fn a_parent_is_never_empty() {
        assert_eq!(parent(b"\x03www\x04test"), b"\x04test");
        assert_eq!(parent(b"\x04test"), b"\x04test");
        assert_eq!(parent(b""), b"");
    }
}
