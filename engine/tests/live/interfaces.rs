//! Interfaces other than one with Ethernet: the loopback, one without a link layer, and all at once.

use std::net::UdpSocket;

use dnsflow_testkit::export::assert_same;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{Namespace, OUT, Wire, inject};
use dnsflow_testkit::packets::{ACK, CLIENT_PORT, Ends, Response, ethernet, ethernet_of, sets};
use dnsflow_testkit::requirements::{alone, requirements};
use dnsflow_testkit::sensor::Capturing;

use crate::{BUILT, exported};

/// A device whose packets have no link layer (ARPHRD_NONE), as those of tun and WireGuard.
const BARE: &str = "bare";

const DIVISIONS: [(&str, &str); 4] = [
    ("1", "hash"),
    ("2", "hash"),
    ("2", "client"),
    ("2", "checksum"),
];

/// Two namespaces, joined by a wire and by a second pair of interfaces, [`BARE`], which carries IP and nothing else: 10.9.0.1
/// and 2001:db8:9::1 are the sender's.
fn with_bare() -> Wire {
    let wire = Wire::new().with_addresses();
    for (namespace, own, other) in [(&wire.sender, 1, 2), (&wire.sensor, 2, 1)] {
        let via = format!("encap ip id 7 dst 192.0.2.{other} dev {BARE}");
        for command in [
            format!("link add dev {BARE} type vxlan gpe external dstport 4790"),
            format!("link set dev {BARE} mtu 1400 up"),
            format!("addr add 10.9.0.{own}/32 dev {BARE}"),
            format!("addr add 2001:db8:9::{own}/128 dev {BARE} nodad"),
            format!("route add 10.9.0.{other}/32 {via}"),
            format!("-6 route add 2001:db8:9::{other}/128 {via}"),
        ] {
            namespace.ip(&command);
        }
    }
    wire
}

/// Small ones, and some that have to be sent in fragments, between two addresses.
fn between(resolver: &str, client: &str) -> Vec<Response> {
    (0..20)
        .map(|number| {
            let ends = Ends::of(resolver, client);
            let name = format!(
                "number-{number}.{}.example",
                if number % 4 == 3 { "large" } else { "small" }
            );
            let bytes = if number % 4 == 3 { 3000 } else { 0 };
            Response::new(ends, &name, 1 + number).filled(bytes)
        })
        .collect()
}

/// Has the namespace's own stack send responses: the resolver's address has to be there, and a way to the
/// client's.
fn answer(namespace: &Namespace, responses: &[Response]) {
    namespace.enter(|| {
        for response in responses {
            let socket = UdpSocket::bind((response.ends.resolver, 53));
            let socket = socket.expect("an address of this namespace");
            let to = (response.ends.client, CLIENT_PORT);
            let sent = socket.send_to(&response.message(), to);
            assert_eq!(sent.expect("there is a way"), response.message().len());
        }
    });
}

/// On both ends of the device: what goes out, and what comes in.
#[test]
fn without_a_link_layer() {
    if !requirements("without_a_link_layer", &[]) {
        return;
    }
    let _alone = alone();
    let wire = with_bare();
    let responses = [
        between("10.9.0.1", "10.9.0.2"),
        between("2001:db8:9::1", "2001:db8:9::2"),
    ]
    .concat();
    for (cores, fanout) in DIVISIONS {
        let folder = Folder::new();
        let files = [folder.argument("out.pcap"), folder.argument("in.pcap")];
        let sensors: Vec<Capturing> = [&wire.sender, &wire.sensor]
            .into_iter()
            .zip(&files)
            .map(|(namespace, file)| {
                let options = ["--cores", cores, "--fanout", fanout, "-w", file];
                BUILT.capture(namespace, BARE, &options)
            })
            .collect();
        answer(&wire.sender, &responses);
        for (sensor, file) in sensors.into_iter().zip(&files) {
            let account = sensor.stop();
            // 10 of 3 kB in pieces of 1,400.
            assert_eq!(
                account.total.line, "received 60 + rebuilt 10 = exported 40 + fragment 30",
                "{cores} cores by {fanout}"
            );
            assert_same(&sets(&responses), &exported(file).sets());
        }
    }
}

/// Every packet passes the tap of the loopback twice.
#[test]
fn the_loopback() {
    if !requirements("the_loopback", &[]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new();
    // Its MTU of 65,536 leaves all of them whole.
    let responses = [between("127.0.0.1", "127.0.0.9"), between("::1", "::1")].concat();
    for (cores, fanout) in DIVISIONS {
        let folder = Folder::new();
        let file = folder.argument("export.pcap");
        let options = ["--cores", cores, "--fanout", fanout, "-w", &file];
        let sensor = BUILT.capture(&wire.sensor, "lo", &options);
        answer(&wire.sensor, &responses);
        let account = sensor.stop();
        assert_eq!(
            account.total.line, "received 40 = exported 40",
            "{cores} cores by {fanout}"
        );
        assert_same(&sets(&responses), &exported(&file).sets());
    }
}

/// What comes in over Ethernet with tags, labels and none, over a device without a link layer and over the
/// loopback, and what goes out: each once.
#[test]
fn all_at_once() {
    if !requirements("all_at_once", &[]) {
        return;
    }
    let _alone = alone();
    let wire = with_bare();
    let (foreign, frames) = from_elsewhere();
    let comes = [
        between("192.0.2.1", "192.0.2.2"),
        between("10.9.0.1", "10.9.0.2"),
        between("2001:db8:9::1", "2001:db8:9::2"),
    ]
    .concat();
    let stays = [between("127.0.0.1", "127.0.0.9"), between("::1", "::1")].concat();
    let goes = [
        between("192.0.2.2", "192.0.2.1"),
        between("10.9.0.2", "10.9.0.1"),
    ]
    .concat();
    let all = sets(&[&foreign[..], &comes, &stays, &goes].concat());
    for (cores, fanout) in DIVISIONS {
        let folder = Folder::new();
        let file = folder.argument("export.pcap");
        let options = ["--cores", cores, "--fanout", fanout, "-w", &file];
        let sensor = BUILT.capture(&wire.sensor, "any", &options);
        inject(&wire.sender, OUT, &frames);
        answer(&wire.sender, &comes);
        answer(&wire.sensor, &stays);
        answer(&wire.sensor, &goes);
        let account = sensor.stop();
        // 25 of 3 kB go over wires, in pieces of 1,500 or 1,400; 6 responses are in two segments.
        assert_eq!(
            account.total.line,
            "received 214 + rebuilt 31 = exported 158 + fragment 75 + segment 12",
            "{cores} cores by {fanout}"
        );
        assert_same(&all, &exported(&file).sets());
    }
}

/// Responses that pass by, and their frames: below tags and labels, over UDP and TCP.
fn from_elsewhere() -> (Vec<Response>, Vec<Vec<u8>>) {
    let mut responses = Vec::new();
    let mut frames = Vec::new();
    for number in 0..18 {
        let ends = Ends::new(number % 2 == 1, number);
        let response = Response::new(ends, &format!("passing-{number}.example"), 3);
        let below = |packet: &[u8]| match number / 2 % 3 {
            0 => ethernet(&[], packet),
            1 => ethernet(&[0x88a8, 0x8100], packet),
            _ => ethernet_of(&[0x8100], 0x8847, &[&[0, 1, 1, 64][..], packet].concat()),
        };
        if number < 12 {
            frames.push(below(&response.packet()));
        } else {
            let stream = response.in_stream();
            frames.push(below(&ends.tcp(CLIENT_PORT, 7, ACK, &stream[..50])));
            frames.push(below(&ends.tcp(CLIENT_PORT, 57, ACK, &stream[50..])));
        }
        responses.push(response);
    }
    (responses, frames)
}

/// An expression finds what starts with IP on any of them.
#[test]
fn an_expression_on_all() {
    if !requirements("an_expression_on_all", &[]) {
        return;
    }
    let _alone = alone();
    let wire = with_bare();
    let wanted = between("10.9.0.1", "10.9.0.2");
    let other = between("192.0.2.1", "192.0.2.2");
    let folder = Folder::new();
    let file = folder.argument("export.pcap");
    let options = ["-f", "src host 10.9.0.1 or dst host 127.0.0.9", "-w", &file];
    let sensor = BUILT.capture(&wire.sensor, "any", &options);
    let local = between("127.0.0.1", "127.0.0.9");
    answer(&wire.sender, &other);
    answer(&wire.sender, &wanted);
    answer(&wire.sensor, &local);
    let account = sensor.stop();
    assert_eq!(
        account.total.line,
        "received 50 + rebuilt 5 = exported 40 + fragment 15"
    );
    let expected = sets(&[wanted, local].concat());
    assert_same(&expected, &exported(&file).sets());
}
