//! What carries packets inside.

use super::be16;

/// VXLAN (RFC 7348, section 5).
#[must_use]
pub fn vxlan(frame: &[u8]) -> Vec<u8> {
    [&[8, 0, 0, 0, 0, 0, 7, 0][..], frame].concat()
}

/// Geneve (RFC 8926, section 3.4) with so many words of options, each of which has a class, a type and its length.
#[must_use]
pub fn geneve(options: u8, protocol: u16, inside: &[u8]) -> Vec<u8> {
    let words = [1, 2, 3, 0].repeat(usize::from(options));
    let header = [&[options, 0][..], &protocol.to_be_bytes(), &[0, 0, 7, 0]].concat();
    [&header[..], &words, inside].concat()
}

/// GRE (RFC 2784, RFC 2890) with the fields that `flags` call for: 0x80 a checksum, 0x20 a key, 0x10 a sequence number.
#[must_use]
pub fn gre(flags: u8, protocol: u16, inside: &[u8]) -> Vec<u8> {
    let fields = [0, 0, 0, 9].repeat(usize::try_from(flags.count_ones()).expect("at most 8"));
    [&[flags, 0][..], &protocol.to_be_bytes(), &fields, inside].concat()
}

/// GTP-U (3GPP TS 29.281, section 5.1) with the optional fields that `flags` call for.
#[must_use]
pub fn gtp(flags: u8, optional: &[u8], packet: &[u8]) -> Vec<u8> {
    let length = be16(optional.len() + packet.len());
    let header = [&[0x30 | flags, 255][..], &length, &[0, 0, 0, 5]].concat();
    [&header[..], optional, packet].concat()
}
