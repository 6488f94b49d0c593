//! dnsflow datagrams of every version, byte by byte.

/// The first packet of every capture, 2023-11-14T22:13:20Z.
pub(crate) const START: u32 = 1_700_000_000;

pub(crate) fn header(version: u8, sets: u8, stats: bool, sequence: u32) -> Vec<u8> {
    let mut out = vec![version, sets, 0, u8::from(stats)];
    out.extend(sequence.to_be_bytes());
    out
}

/// One name in wire format.
pub(crate) fn name(labels: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for label in labels {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(*label);
    }
    out.push(0);
    out
}

fn padded(mut names: Vec<u8>) -> Vec<u8> {
    names.resize(names.len().next_multiple_of(4), 0);
    names
}

fn names_len(names: &[u8]) -> [u8; 2] {
    u16::try_from(names.len()).unwrap().to_be_bytes()
}

/// Versions 0 to 2: client 198.51.100.7, one address.
pub(crate) fn set_old(names_count: u8, names: Vec<u8>) -> Vec<u8> {
    let names = padded(names);
    let mut out = vec![198, 51, 100, 7, names_count, 1];
    out.extend(names_len(&names));
    out.extend(names);
    out.extend([203, 0, 113, 80]);
    out
}

/// Version 3 with an IPv6 client, one address of each kind.
pub(crate) fn set_3() -> Vec<u8> {
    let names = padded(name(&[b"three", b"example"]));
    let mut out = vec![6, 1, 1, 1];
    out.extend(names_len(&names));
    out.extend([0, 0]);
    out.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
    out.extend(names);
    out.extend([203, 0, 113, 80]);
    out.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80]);
    out
}

/// Version 4: client 198.51.100.7, resolver 192.0.2.53.
pub(crate) fn set_4(names: &[&[&[u8]]], ipv4: &[[u8; 4]], ipv6: &[[u8; 16]]) -> Vec<u8> {
    let block = padded(names.iter().flat_map(|labels| name(labels)).collect());
    let count = |len| u8::try_from(len).unwrap();
    let mut out = vec![4, count(names.len()), count(ipv4.len()), count(ipv6.len())];
    out.extend(names_len(&block));
    out.extend([0, 0]);
    for address in [[198, 51, 100, 7], [192, 0, 2, 53]] {
        out.extend(address);
        out.extend([0; 12]);
    }
    out.extend(block);
    out.extend(ipv4.iter().flatten());
    out.extend(ipv6.iter().flatten());
    out
}

pub(crate) fn data(version: u8, sequence: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let mut out = header(version, u8::try_from(sets.len()).unwrap(), false, sequence);
    out.extend(sets.iter().flatten());
    out
}

pub(crate) fn stats(version: u8, sequence: u32, counters: &[u32]) -> Vec<u8> {
    let mut out = header(version, 1, true, sequence);
    out.extend(counters.iter().flat_map(|counter| counter.to_be_bytes()));
    out
}

/// A version 4 datagram with one set for `label.example`.
pub(crate) fn simple(sequence: u32, label: &str) -> Vec<u8> {
    let labels: &[&[u8]] = &[label.as_bytes(), b"example"];
    data(4, sequence, &[set_4(&[labels], &[[203, 0, 113, 80]], &[])])
}

/// The line of [`simple`], without its time, as it comes from `sensor`.
pub(crate) fn simple_line(sensor: &str, time: &str, label: &str) -> String {
    format!("{sensor}|192.0.2.53|198.51.100.7|{time}|{label}.example|203.0.113.80|\n")
}
