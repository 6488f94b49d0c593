//! Frames that are larger than any on the wire, because segmentation offload has not divided them yet, or has merged them
//! (TSO, GSO, GRO): the tap of a resolver's own machine sees its TCP responses so.
//!
//! A frame has to fit into a block of the ring (1 MiB), and the kernel makes none larger than 524,280 bytes (GSO_MAX_SIZE,
//! include/linux/netdevice.h). One that did not fit would be cut, and what it lacks counted as a gap of its stream.

use std::io::{self, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;

use dnsflow_testkit::export::assert_same;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{Namespace, OUT, TAP, Wire};
use dnsflow_testkit::packets::{CLIENT_PORT, Ends, Response, sets};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::{alone, requirements, say};

use crate::{BUILT, exported};

/// Resolver and client, as the ends of a wire have them.
const PAIRS: [(&str, &str); 2] = [
    ("192.0.2.1", "192.0.2.2"),
    ("2001:db8:77::1", "2001:db8:77::2"),
];

/// Bytes of the largest frame on an Ethernet.
const ETHERNET_BYTES: u64 = 1514;

/// Responses of some hundred bytes, and now and then one of 20,000.
fn responses(resolver: &str, client: &str, count: u32) -> Vec<Response> {
    let ends = Ends::of(resolver, client);
    (0..count)
        .map(|number| {
            let name = format!("number-{number}.large.example");
            let bytes = if number % 100 == 0 { 20_000 } else { 0 };
            Response::new(ends, &name, 8).filled(bytes)
        })
        .collect()
}

/// Has a resolver at the sending end give all responses over one connection.
fn answer(wire: &Wire, resolver: &str, responses: &[Response]) {
    let stream: Vec<u8> = responses.iter().flat_map(Response::in_stream).collect();
    let listener = wire.sender.enter(|| TcpListener::bind((resolver, 53)));
    let listener = listener.expect("an address of the namespace");
    let client = wire.sensor.enter(|| TcpStream::connect((resolver, 53)));
    let mut client = client.expect("a resolver that listens");
    let (mut server, _) = listener.accept().expect("a client that has connected");
    thread::scope(|scope| {
        scope.spawn(move || {
            server.write_all(&stream).expect("a client that reads");
        });
        io::copy(&mut client, &mut io::sink()).expect("a resolver that writes");
    });
}

/// Bytes and number of the frames that an interface has received.
fn frames(namespace: &Namespace) -> (u64, u64) {
    let count = |name: &str| {
        let count = namespace.attribute(TAP, &format!("statistics/{name}"));
        count.parse::<u64>().expect("a counter is a number")
    };
    (count("rx_bytes"), count("rx_packets"))
}

/// All responses come out of frames whose average is above `size`.
fn check(wire: &Wire, pairs: &[(&str, &str)], count: u32, size: u64) {
    for (resolver, client) in pairs {
        let folder = Folder::new();
        let file = folder.argument("export.pcap");
        let responses = responses(resolver, client, count);
        let (bytes, number) = frames(&wire.sensor);
        let sensor = BUILT.capture(&wire.sensor, TAP, &["-w", &file]);
        answer(wire, resolver, &responses);
        let account = sensor.stop();
        let (bytes_after, number_after) = frames(&wire.sensor);
        let average = (bytes_after - bytes) / (number_after - number);
        assert!(average > size, "{average} bytes a frame on average");
        assert_eq!(account.total.exported, u64::from(count), "{account:?}");
        assert_same(&sets(&responses), &exported(&file).sets());
    }
}

#[test]
fn frames_of_64_kilobytes() {
    if !requirements("frames_of_64_kilobytes", &[]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new().with_addresses();
    check(&wire, &PAIRS, 20_000, 4 * ETHERNET_BYTES);
}

/// BIG TCP: the length in the IP header is 0, since it has no room for it.
#[test]
fn frames_of_512_kilobytes() {
    let test = "frames_of_512_kilobytes";
    if !requirements(test, &[]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new().with_addresses();
    let sizes = [
        ["gso_ipv4_max_size", "gro_ipv4_max_size"],
        ["gso_max_size", "gro_max_size"],
    ];
    for (pair, options) in PAIRS.iter().zip(sizes) {
        match allow_large(&wire, &options) {
            Ok(()) => check(&wire, &[*pair], 60_000, 65_536),
            Err(why) => say(&format!(
                "{test}: left out between {} and {}, since there is no BIG TCP: {why}",
                pair.0, pair.1
            )),
        }
    }
}

/// Lets both ends of a wire make frames of the largest size; older kernels, and older versions of ip(8), can't.
fn allow_large(wire: &Wire, options: &[&str]) -> Result<(), String> {
    for (namespace, interface) in [(&wire.sender, OUT), (&wire.sensor, TAP)] {
        let mut command = namespace.command("ip");
        command.args(["link", "set", "dev", interface]);
        for option in options {
            command.args([option, "524280"]);
        }
        let output = command.output().expect("ip is there");
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
    }
    Ok(())
}

/// Responses that leave with one call (UDP_SEGMENT). If the device were to divide them they would pass the tap as one
/// frame, of which only the first is read. With the setting that the operator's page gives, each is a frame.
#[test]
fn datagrams_of_one_send() {
    const COUNT: u8 = 40;
    let test = "datagrams_of_one_send";
    if !requirements(test, &["ethtool"]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new().with_addresses(), Folder::new());
    wire.sender
        .shell(&format!("ethtool -K {OUT} tx-udp-segmentation off"));
    let (resolver, client) = PAIRS[0];
    let name = |number: u8| format!("number-{number:03}.example");
    let responses: Vec<Response> = (0..COUNT)
        .map(|number| Response::new(Ends::of(resolver, client), &name(number), 1))
        .collect();
    let messages: Vec<Vec<u8>> = responses.iter().map(Response::message).collect();
    let file = folder.argument("export.pcap");
    let sensor = BUILT.capture(&wire.sensor, TAP, &["-w", &file]);
    let socket = wire.sender.enter(|| UdpSocket::bind((resolver, 53)));
    let socket = socket.expect("an address of the namespace");
    let bytes = u16::try_from(messages[0].len()).expect("a short message");
    dnsflow_sys::segment_sends(&socket, bytes).expect("Linux 4.18 or later");
    let (_, before) = frames(&wire.sensor);
    let sent = socket.send_to(&messages.concat(), (client, CLIENT_PORT));
    assert_eq!(sent.ok(), Some(messages.concat().len()));
    // They may wait until the client's link address is known.
    until("all to come", || {
        (frames(&wire.sensor).1 >= before + u64::from(COUNT)).then_some(())
    });
    let account = sensor.stop();
    assert_eq!(account.total.received, u64::from(COUNT), "{account:?}");
    assert_same(&sets(&responses), &exported(&file).sets());
}
