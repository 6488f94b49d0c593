//! Collectors on the loopback: each gets every datagram, and one that does not listen stops nothing.

use std::net::{SocketAddr, UdpSocket};

use dnsflow_testkit::capture::pcap;
use dnsflow_testkit::collector::DATAGRAM_BYTES;
use dnsflow_testkit::export::{Export, assert_same};
use dnsflow_testkit::packets::{Response, response, sets};
use dnsflow_testkit::requirements::skip;

use crate::BUILT;

/// Few enough to wait in a socket's buffer.
const RESPONSES: u8 = 100;

fn capture() -> (Vec<u8>, Vec<String>) {
    let responses: Vec<Response> = (0..RESPONSES).map(response).collect();
    let packets = responses.iter().map(Response::ethernet);
    (pcap(packets), sets(&responses))
}

fn bound(address: &str) -> Option<(UdpSocket, SocketAddr)> {
    let socket = UdpSocket::bind(address).ok()?;
    let address = socket.local_addr().ok()?;
    // All has been sent before anything is looked for.
    socket.set_nonblocking(true).ok()?;
    Some((socket, address))
}

/// An address that refuses what it is sent: the port is held, so that nobody else gets it, and its socket takes
/// datagrams from itself alone.
fn refusing() -> (UdpSocket, SocketAddr) {
    let (socket, address) = bound("127.0.0.1:0").expect("the loopback");
    socket.connect(address).expect("the loopback");
    (socket, address)
}

/// What came: one stream of datagrams, numbered from 1, with these sets and one with stats. Gives how many there were.
fn assert_received(socket: &UdpSocket, sets: &[String]) -> usize {
    let mut datagrams = Vec::new();
    let mut memory = [0; 65_536];
    while let Ok((bytes, from)) = socket.recv_from(&mut memory) {
        datagrams.push((from.port(), memory[..bytes].to_vec()));
    }
    let parts = datagrams.iter();
    let export = Export::from_datagrams(parts.map(|(source, bytes)| (*source, &bytes[..])));
    assert_eq!(export.streams.len(), 1, "one stream");
    export.assert_no_gap();
    export.assert_final_stats();
    export.assert_at_most(DATAGRAM_BYTES);
    let stats = export.streams.values().map(|stream| stream.stats.len());
    assert_eq!(stats.sum::<usize>(), 1);
    assert_same(sets, &export.sets());
    datagrams.len()
}

#[test]
fn all_of_them_get_all_of_it() {
    let (capture, sets) = capture();
    let mut sensor = BUILT.sensor(["-r", "-"]).fed(&capture);
    let mut sockets = Vec::new();
    for address in ["127.0.0.1:0", "127.0.0.1:0", "[::1]:0"] {
        let Some((socket, address)) = bound(address) else {
            skip("a collector", &format!("the address {address}"));
            continue;
        };
        sensor = sensor.option("-u", address.to_string());
        sockets.push(socket);
    }
    let ended = sensor.run();
    ended.assert_success();
    assert!(ended.stdout.is_empty(), "a collector is a destination");
    let mut datagrams = 0;
    for socket in &sockets {
        datagrams += assert_received(socket, &sets);
    }
    let account = ended.account();
    let counted = (account.taken, account.missed);
    assert_eq!(counted, (u64::try_from(datagrams).expect("few"), 0));
}

#[test]
fn names_and_addresses_can_be_mixed_with_other_destinations() {
    let (capture, sets) = capture();
    let (socket, address) = bound("127.0.0.1:0").expect("the loopback");
    let (export, _) = BUILT
        .sensor(["-r", "-"])
        .option("--udp", address.to_string())
        .fed(&capture)
        .export();
    assert_eq!(export.sets(), sets);
    assert_received(&socket, &sets);
}

#[test]
fn one_that_does_not_listen_stops_nothing() {
    let (capture, sets) = capture();
    let (_held, nobody) = refusing();
    let (socket, address) = bound("127.0.0.1:0").expect("the loopback");
    let ended = BUILT
        .sensor(["-r", "-"])
        .option("-u", nobody.to_string())
        .option("-u", address.to_string())
        .option("-u", "255.255.255.255:9")
        .fed(&capture)
        .run();
    ended.assert_success();
    let received = assert_received(&socket, &sets);
    let account = ended.account();
    let datagrams = account.datagrams;
    assert_eq!(u64::try_from(received), Ok(datagrams));
    assert_eq!(account.taken + account.missed, 3 * datagrams);
    assert!(account.missed > datagrams, "{account:?}");
    for silent in [nobody.to_string(), "255.255.255.255:9".to_owned()] {
        let said = ended.stderr.lines().filter(|line| line.contains(&silent));
        assert_eq!(said.count(), 1, "one line a minute: {}", ended.stderr);
    }
}

#[test]
fn as_many_as_64() {
    let (capture, sets) = capture();
    let (socket, address) = bound("127.0.0.1:0").expect("the loopback");
    let mut sensor = BUILT.sensor(["-r", "-"]).fed(&capture);
    for _ in 0..63 {
        sensor = sensor.option("-u", "127.0.0.1:9");
    }
    let ended = sensor.option("-u", address.to_string()).run();
    ended.assert_success();
    assert_received(&socket, &sets);
}
