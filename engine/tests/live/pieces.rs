//! Responses that do not come in one packet of their own: fragments, TCP, VXLAN, and those in each other.

use std::net::UdpSocket;

use dnsflow_testkit::export::assert_same;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{OUT, TAP, Wire, inject};
use dnsflow_testkit::packets::{
    ACK, CLIENT_PORT, Ends, FIN_ACK, Response, SYN_ACK, ethernet, sets, vxlan,
};
use dnsflow_testkit::requirements::{alone, requirements};

use crate::{BUILT, exported};

/// Cores, and how they divide packets.
const DIVISIONS: [(&str, &str); 4] = [
    ("1", "hash"),
    ("2", "hash"),
    ("2", "client"),
    ("2", "checksum"),
];

/// Tags of the frames; the kernel takes the outer one off.
const TAGS: [&[u16]; 3] = [&[], &[0x8100], &[0x88a8, 0x8100]];

/// Responses in each test.
const COUNT: u16 = 60;

/// Responses of about so many bytes, over IPv4 and IPv6 by turns, each to a client of its own.
fn responses(addresses: u16, bytes: usize) -> Vec<Response> {
    (0..COUNT)
        .map(|number| {
            let ends = Ends::new(number % 2 == 1, number);
            let name = format!("number-{number}.large.example");
            Response::new(ends, &name, addresses).filled(bytes)
        })
        .collect()
}

/// All first ones, then all second ones and so on.
fn interleaved(sequences: &[Vec<Vec<u8>>]) -> Vec<Vec<u8>> {
    let longest = sequences.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest)
        .flat_map(|place| sequences.iter().filter_map(move |frames| frames.get(place)))
        .cloned()
        .collect()
}

/// Sends the frames past a sensor in each division: the sets have to come out, and the account has to be this.
fn check(name: &str, options: &[&str], frames: &[Vec<u8>], sets: &[String], account: &str) {
    if !requirements(name, &[]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new();
    for (cores, fanout) in DIVISIONS {
        let folder = Folder::new();
        let file = folder.argument("export.pcap");
        let mut all = vec!["--cores", cores, "--fanout", fanout, "-w", &file];
        all.extend(options);
        let sensor = BUILT.capture(&wire.sensor, TAP, &all);
        inject(&wire.sender, OUT, frames);
        let ended = sensor.stop();
        let export = exported(&file);
        if cores == "2" && !sets.is_empty() {
            export.assert_spread(2);
        }
        assert_eq!(ended.total.line, account, "{cores} cores by {fanout}");
        assert_same(sets, &export.sets());
    }
}

/// Three fragments each, in order, backwards, or the last one first; the second comes twice.
#[test]
fn fragments() {
    const FRAGMENT_BYTES: usize = 1400;
    let responses = responses(80, 3900);
    let frames: Vec<Vec<Vec<u8>>> = responses
        .iter()
        .zip(0_u16..)
        .map(|(response, number)| {
            let tags = TAGS[usize::from(number / 2 % 3)];
            let datagram = response.datagram();
            let parts = response.ends.fragments(number, &datagram, FRAGMENT_BYTES);
            let [first, second, last] = parts
                .iter()
                .map(|packet| ethernet(tags, packet))
                .collect::<Vec<_>>()
                .try_into()
                .expect("about 4,000 bytes are in three pieces of 1,400");
            match number / 6 % 3 {
                0 => vec![first, second.clone(), second, last],
                1 => vec![last, second.clone(), second, first],
                _ => vec![last, first, second],
            }
        })
        .collect();
    // A datagram whose second fragment comes last is whole before it comes again.
    let twice = frames.iter().filter(|frames| frames.len() == 4).count();
    let received = 3 * usize::from(COUNT) + twice;
    let account = format!(
        "received {received} + rebuilt {COUNT} = exported {COUNT} + fragment {} + fragment_duplicate {twice}",
        3 * COUNT,
    );
    check(
        "fragments",
        &[],
        &interleaved(&frames),
        &sets(&responses),
        &account,
    );
}

/// 20 kB in 15 segments, of which the seventh is lost and comes again behind all others, and the third comes
/// twice. Sequence numbers wrap on the way.
#[test]
fn streams() {
    const SEGMENTS: usize = 15;
    let responses = responses(80, 20_000);
    let frames: Vec<Vec<Vec<u8>>> = responses
        .iter()
        .zip(0_u16..)
        .map(|(response, number)| {
            let tags = TAGS[usize::from(number / 2 % 3)];
            let stream = response.in_stream();
            assert!((20_000..20_300).contains(&stream.len()), "{}", stream.len());
            let start = (u32::MAX - 9_000).wrapping_add(u32::from(number) * 400);
            let segment = |at: usize, flags, bytes: &[u8]| {
                let at = u32::try_from(at).expect("a short stream");
                let packet = response
                    .ends
                    .tcp(CLIENT_PORT, start.wrapping_add(at), flags, bytes);
                ethernet(tags, &packet)
            };
            let length = stream.len().div_ceil(SEGMENTS);
            let mut segments: Vec<Vec<u8>> = (0..)
                .step_by(length)
                .zip(stream.chunks(length))
                .map(|(at, bytes)| segment(1 + at, ACK, bytes))
                .collect();
            assert_eq!(segments.len(), SEGMENTS);
            let lost = segments.remove(6);
            segments.insert(4, segments[2].clone());
            segments.insert(0, segment(0, SYN_ACK, &[]));
            segments.push(lost);
            segments.push(segment(1 + stream.len(), FIN_ACK, &[]));
            segments
        })
        .collect();
    let account = format!(
        "received {} + rebuilt {COUNT} = exported {COUNT} + segment {} + segment_empty {} \
         + segment_duplicate {COUNT}",
        18 * COUNT,
        15 * COUNT,
        2 * COUNT,
    );
    check(
        "streams",
        &[],
        &interleaved(&frames),
        &sets(&responses),
        &account,
    );
}

/// Each response three times: in one packet of its own, in fragments each of which is in a tunnel, and in a
/// tunnel whose packet is in fragments.
fn in_vxlan(responses: &[Response]) -> Vec<Vec<u8>> {
    const FRAGMENT_BYTES: usize = 1000;
    let frames = responses.iter().zip(0_u16..).map(|(response, number)| {
        let pair = u8::try_from(number).expect("a few");
        let outer = Ends::outer(number % 4 > 1, pair);
        // The port stands for the flow inside, as RFC 7348 section 5 wants it.
        let source = 50_000 + number;
        let tags = TAGS[usize::from(number / 2 % 3)];
        let tunnelled =
            |packet: &[u8]| ethernet(tags, &outer.vxlan(source, &ethernet(&[], packet)));
        let small = Response {
            bytes: 0,
            addresses: 20,
            ..response.clone()
        };
        let mut frames = vec![tunnelled(&small.packet())];
        let inside = response
            .ends
            .fragments(number, &response.datagram(), FRAGMENT_BYTES);
        frames.extend(inside.iter().map(|packet| tunnelled(packet)));
        let whole = vxlan(&ethernet(&[], &response.packet()));
        let datagram = outer.udp_datagram(source, 4789, &whole);
        let outside = outer.fragments(number, &datagram, FRAGMENT_BYTES);
        frames.extend(outside.iter().map(|packet| ethernet(tags, packet)));
        assert_eq!(frames.len(), 1 + 3 + 3);
        frames
    });
    interleaved(&frames.collect::<Vec<_>>())
}

#[test]
fn tunnels() {
    let responses = responses(60, 2500);
    let small = responses.iter().map(|response| Response {
        addresses: 20,
        ..response.clone()
    });
    let all: Vec<Response> = [&responses[..], &responses]
        .concat()
        .into_iter()
        .chain(small)
        .collect();
    let account = format!(
        "received {} + rebuilt {} = exported {} + fragment {}",
        7 * COUNT,
        2 * COUNT,
        3 * COUNT,
        6 * COUNT,
    );
    check(
        "tunnels",
        &["--decap", "vxlan"],
        &in_vxlan(&responses),
        &sets(&all),
        &account,
    );
}

/// What was not chosen is left to the kernel, but for later fragments, which could be anyone's.
#[test]
fn tunnels_that_were_not_chosen() {
    let account = format!(
        "received {} + rebuilt {COUNT} = exported 0 + fragment {} + datagram_headless {COUNT}",
        2 * COUNT,
        2 * COUNT,
    );
    let frames = in_vxlan(&responses(60, 2500));
    check(
        "tunnels_that_were_not_chosen",
        &["--decap", "gre,gtp"],
        &frames,
        &[],
        &account,
    );
}

/// Datagrams of another port that the kernel of the sender has put into fragments: the first fragment of each is
/// left out by the filter, which can't know whose the others are. That they are no responses is no loss.
#[test]
fn fragments_of_another_port() {
    const DATAGRAM_BYTES: usize = 2000;
    if !requirements("fragments_of_another_port", &[]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new().with_addresses();
    let sensor = BUILT.capture(&wire.sensor, TAP, &["--cores", "1"]);
    wire.sender.enter(|| {
        for (from, to) in [
            ("192.0.2.1:5060", "192.0.2.2:5060"),
            ("[2001:db8:77::1]:5060", "[2001:db8:77::2]:5060"),
        ] {
            let socket = UdpSocket::bind(from).expect("the address is there");
            for _ in 0..COUNT {
                let sent = socket.send_to(&[0x2a; DATAGRAM_BYTES], to);
                assert_eq!(sent.expect("there is room"), DATAGRAM_BYTES);
            }
        }
    });
    let account = format!(
        "received {0} + rebuilt {0} = exported 0 + fragment {0} + datagram_headless {0}",
        2 * COUNT
    );
    assert_eq!(sensor.stop().total.line, account);
}
