//! Collectors on the loopback: each gets every datagram, and one that does not listen stops nothing.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use dnsflow_wire::v4::{Content, Datagram};

use crate::capture::pcap;
use crate::export::line;
use crate::packet::response;
use crate::sensor::{Sensor, say};

/// Few enough to wait in a socket's buffer.
const RESPONSES: u8 = 100;

fn capture() -> (Vec<u8>, Vec<String>) {
    let packets: Vec<Vec<u8>> = (0..RESPONSES)
        .map(|number| response(number).ethernet())
        .collect();
    let sets = (0..RESPONSES)
        .map(|number| response(number).line())
        .collect();
    (pcap(&packets), sets)
}

fn bound(address: &str) -> Option<(UdpSocket, SocketAddr)> {
    let socket = UdpSocket::bind(address).ok()?;
    let address = socket.local_addr().ok()?;
    // All has been sent before anything is looked for.
    socket
        .set_read_timeout(Some(Duration::from_millis(1)))
        .ok()?;
    Some((socket, address))
}

/// What came: datagrams from one port, numbered from 1, with these sets and one with stats.
fn assert_received(socket: &UdpSocket, sets: &[String]) -> usize {
    let mut got = Vec::new();
    let mut memory = [0; 65_536];
    let mut source = None;
    let mut stats = 0;
    let mut count = 0;
    while let Ok((bytes, from)) = socket.recv_from(&mut memory) {
        assert_eq!(*source.get_or_insert(from), from, "one stream");
        count += 1;
        assert!(bytes <= 1472);
        let datagram = Datagram::parse(&memory[..bytes]).expect("a datagram");
        assert_eq!(datagram.sequence(), count);
        match datagram.content().expect("content") {
            Content::Stats(_) => stats += 1,
            Content::Sets(sets) => got.extend(sets.map(|set| line(&set.expect("a set")))),
        }
    }
    got.sort_unstable();
    assert_eq!(got, sets);
    assert_eq!(stats, 1);
    usize::try_from(count).expect("few")
}

#[test]
fn all_of_them_get_all_of_it() {
    let (capture, sets) = capture();
    let mut sensor = Sensor::new(["-r", "-"]).fed(&capture);
    let mut sockets = Vec::new();
    for address in ["127.0.0.1:0", "127.0.0.1:0", "[::1]:0"] {
        if let Some((socket, address)) = bound(address) {
            sensor = sensor.option("-u", address.to_string());
            sockets.push(socket);
        } else {
            say(&format!("SKIPPED a collector: {address} can't be bound"));
        }
    }
    let ended = sensor.run();
    ended.assert_success();
    assert!(ended.stdout.is_empty(), "a collector is a destination");
    let mut datagrams = 0;
    for socket in &sockets {
        datagrams += assert_received(socket, &sets);
    }
    let account = ended.account();
    let counted = (account.delivered, account.failed);
    assert_eq!(counted, (u64::try_from(datagrams).expect("few"), 0));
}

#[test]
fn names_and_addresses_can_be_mixed_with_other_destinations() {
    let (capture, sets) = capture();
    let (socket, address) = bound("127.0.0.1:0").expect("the loopback");
    let (export, _) = Sensor::new(["-r", "-"])
        .option("--udp", address.to_string())
        .fed(&capture)
        .export();
    assert_eq!(export.sets(), sets);
    assert_received(&socket, &sets);
}

#[test]
fn one_that_does_not_listen_stops_nothing() {
    let (capture, sets) = capture();
    let nobody = bound("127.0.0.1:0").expect("the loopback").1;
    let (socket, address) = bound("127.0.0.1:0").expect("the loopback");
    let ended = Sensor::new(["-r", "-"])
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
    assert_eq!(account.delivered + account.failed, 3 * datagrams);
    assert!(account.failed > datagrams, "{account:?}");
    for silent in [nobody.to_string(), "255.255.255.255:9".to_owned()] {
        let said = ended.stderr.lines().filter(|line| line.contains(&silent));
        assert_eq!(said.count(), 1, "one line a minute: {}", ended.stderr);
    }
}

#[test]
fn as_many_as_64() {
    let (capture, sets) = capture();
    let (socket, address) = bound("127.0.0.1:0").expect("the loopback");
    let mut sensor = Sensor::new(["-r", "-"]).fed(&capture);
    for _ in 0..63 {
        sensor = sensor.option("-u", "127.0.0.1:9");
    }
    let ended = sensor.option("-u", address.to_string()).run();
    ended.assert_success();
    assert_received(&socket, &sets);
}
