//! Responses that do not come in one packet of their own: fragments, TCP, tunnels around and inside of them.

use super::{Capture, File};
use crate::packets::{
    ACK, CLIENT_PORT, ETHERNET, Ends, FIN_ACK, Response, SYN_ACK, ethernet, vxlan,
};

/// Addresses of a response in fragments.
const ADDRESSES: u16 = 80;
/// Bytes of a fragment, a multiple of 8.
const FRAGMENT_BYTES: usize = 512;

/// All that are whole.
pub(super) fn all() -> Vec<Capture> {
    let mut all = fragments();
    all.extend(streams());
    all
}

/// A capture with a response over IPv4 and one over IPv6, each in the frames that `frames` makes of it.
fn both(addresses: u16, frames: impl Fn(&Response) -> Vec<Vec<u8>>) -> Capture {
    [false, true]
        .into_iter()
        .fold(Capture::new(ETHERNET), |capture, ipv6| {
            let response = capture.next(ipv6, addresses);
            let frames = frames(&response);
            capture.with(response, frames)
        })
}

fn framed(packets: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    packets.iter().map(|packet| ethernet(&[], packet)).collect()
}

/// The fragments of a response.
fn parts(response: &Response) -> Vec<Vec<u8>> {
    let number = response.number.into();
    let datagram = response.datagram();
    framed(response.ends.fragments(number, &datagram, FRAGMENT_BYTES))
}

fn fragments() -> Vec<Capture> {
    let backwards = |response: &Response| parts(response).into_iter().rev().collect();
    let twice = |response: &Response| {
        let parts = parts(response);
        parts
            .iter()
            .flat_map(|part| [part, part])
            .cloned()
            .collect()
    };
    let overlapping = |response: &Response| {
        let mut parts = parts(response);
        let datagram = response.datagram();
        let number = response.number.into();
        let other = response.ends.fragment(number, 8, true, &datagram[16..32]);
        parts.insert(1, ethernet(&[], &other));
        parts
    };
    let unanswered = |mut capture: Capture| {
        capture.responses.clear();
        capture
    };
    let in_vxlan = |response: &Response| {
        let number = response.number.into();
        let packets = response
            .ends
            .fragments(number, &response.datagram(), FRAGMENT_BYTES);
        let outer = Ends::outer(false, 1);
        let tunnelled = packets
            .iter()
            .map(|packet| outer.vxlan(9, &ethernet(&[], packet)));
        framed(tunnelled.collect())
    };
    let of_vxlan = |response: &Response| {
        let outer = Ends::outer(response.ends.is_ipv6(), 1);
        let inside = vxlan(&ethernet(&[], &response.packet()));
        let datagram = outer.udp_datagram(9, 4789, &inside);
        framed(outer.fragments(response.number.into(), &datagram, FRAGMENT_BYTES))
    };
    vec![
        both(ADDRESSES, parts).named("fragments"),
        both(ADDRESSES, backwards).named("fragments-backwards"),
        both(ADDRESSES, twice).named("fragments-twice"),
        unanswered(both(ADDRESSES, overlapping)).named("fragments-overlapping"),
        both(ADDRESSES, in_vxlan).named("fragments-in-vxlan"),
        both(ADDRESSES, of_vxlan).named("fragments-of-vxlan"),
    ]
}

/// Frames of a TCP connection that carries a stream in these pieces, between a handshake and its end.
fn connection<'s>(ends: Ends, pieces: impl IntoIterator<Item = &'s [u8]>) -> Vec<Vec<u8>> {
    let segment =
        |at: u32, flags, bytes: &[u8]| ethernet(&[], &ends.tcp(CLIENT_PORT, at, flags, bytes));
    // The number goes round in the middle.
    let mut at = u32::MAX - 40;
    let mut frames = vec![segment(at - 1, SYN_ACK, &[])];
    for piece in pieces {
        frames.push(segment(at, ACK, piece));
        at = at.wrapping_add(u32::try_from(piece.len()).expect("it is short"));
    }
    frames.push(segment(at, FIN_ACK, &[]));
    frames
}

fn streams() -> Vec<Capture> {
    let bytewise = |response: &Response| {
        let stream = response.in_stream();
        connection(response.ends, stream.chunks(1))
    };
    let disordered = |response: &Response| {
        let stream = response.in_stream();
        let mut frames = connection(response.ends, stream.chunks(20));
        let last = frames.len() - 2;
        frames.swap(2, last);
        frames.insert(2, frames[3].clone());
        frames
    };
    let unopened = |response: &Response| {
        let stream = response.in_stream();
        connection(response.ends, stream.chunks(50)).split_off(1)
    };
    let several = [false, true]
        .into_iter()
        .fold(Capture::new(ETHERNET), |capture, ipv6| {
            let first = capture.next(ipv6, 3);
            let capture = capture.with(first.clone(), Vec::new());
            let second = capture.next(ipv6, 2);
            let stream = [first.in_stream(), second.in_stream()].concat();
            let frames = connection(first.ends, stream.chunks(64));
            capture.with(second, frames)
        });
    vec![
        both(3, bytewise).named("stream-bytewise"),
        both(3, disordered).named("stream-disordered"),
        both(3, unopened).named("stream-unopened"),
        several.named("stream-of-several"),
    ]
}

/// Responses of which something is missing, or that are too large for one set.
pub(super) fn incomplete() -> Vec<File> {
    let first = Capture::new(ETHERNET).next(false, ADDRESSES);
    let rest = |frames: Vec<Vec<u8>>| Capture::new(ETHERNET).and(frames);
    let mut without_last = parts(&first);
    without_last.pop();
    let mut without_second = parts(&first);
    without_second.remove(1);
    let large = both(400, parts).named("large");
    let tagged = large
        .sets()
        .iter()
        .map(|set| format!("{set}\tbig"))
        .collect();
    let lost = [0, 1, 2].map(|number| {
        let response = first.clone().numbered(number);
        Response {
            name: format!("lost{number}.{}", super::DOMAIN),
            addresses: 1,
            ..response
        }
    });
    let messages = lost.each_ref().map(Response::in_stream);
    let mut frames = connection(first.ends, messages.iter().map(Vec::as_slice));
    frames.remove(2);
    vec![
        File {
            expected: vec![up_to(&first, 2 * FRAGMENT_BYTES).set()],
            ..rest(without_last).named("fragments-without-last").file()
        },
        File {
            expected: vec![up_to(&first, FRAGMENT_BYTES).set()],
            ..rest(without_second)
                .named("fragments-without-second")
                .file()
        },
        File {
            expected: vec![lost[0].set(), lost[2].set()],
            ..rest(frames).named("stream-with-a-gap").file()
        },
        File {
            expected: tagged,
            ..large.file()
        },
    ]
}

/// The addresses that are whole in the first bytes of a response's datagram.
pub(super) fn up_to(response: &Response, bytes: usize) -> Response {
    let with = |addresses| Response {
        addresses,
        ..response.clone()
    };
    let is_whole = |addresses: &u16| with(*addresses).datagram().len() <= bytes;
    let addresses = (1..=response.addresses).take_while(is_whole).count();
    with(u16::try_from(addresses).expect("as many as there are at most"))
}
