//! Which packets are looked at: ports, expressions, multicast DNS.

use std::collections::BTreeSet;

use crate::account::Account;
use crate::capture::{COOKED, ETHERNET, Order, Pcapng, UNREADABLE, pcap};
use crate::packet::{MULTICAST, Response, response};
use crate::sensor::{Sensor, core_counts};

/// Responses 0, 1, .. from these ports.
fn from_ports(ports: &[u16]) -> Vec<Response> {
    let numbered = (0..).zip(ports);
    numbered
        .map(|(number, port)| Response {
            source_port: *port,
            ..response(number)
        })
        .collect()
}

/// The numbers of the responses that come out, with any number of cores.
fn chosen(responses: &[Response], options: &[&str]) -> (BTreeSet<usize>, Account) {
    let packets: Vec<Vec<u8>> = responses.iter().map(Response::ethernet).collect();
    let mut found = Vec::new();
    for cores in core_counts() {
        let (export, account) = Sensor::new([&["-r", "-", "--cores", cores], options].concat())
            .fed(&pcap(&packets))
            .export();
        let sets = export.sets();
        let numbers: BTreeSet<usize> = (0..responses.len())
            .filter(|index| sets.contains(&responses[*index].line()))
            .collect();
        assert_eq!(numbers.len(), sets.len(), "every set is of a response");
        found.push((numbers, account));
    }
    let (numbers, account) = found.pop().expect("at least one core");
    for (others, counts) in found {
        assert_eq!(
            (others, counts.others),
            (numbers.clone(), account.others.clone())
        );
    }
    (numbers, account)
}

fn numbers(list: &[usize]) -> BTreeSet<usize> {
    list.iter().copied().collect()
}

#[test]
fn ports() {
    let responses = from_ports(&[53, 5300, 5353, 54]);
    let check = |options: &[&str], wanted: &[usize]| {
        let (got, account) = chosen(&responses, options);
        assert_eq!(got, numbers(wanted), "{options:?}");
        let others = u64::try_from(responses.len() - wanted.len()).expect("few");
        assert_eq!(account.count("port"), others, "{options:?}");
    };
    check(&[], &[0]);
    check(&["-d", "5300"], &[1]);
    check(&["-d", "53", "-d", "54"], &[0, 3]);
    check(&["--port", "54", "-d", "5353"], &[2, 3]);
}

#[test]
fn multicast_responses_have_no_question() {
    let mut responses = from_ports(&[53, 5353, 5353, 53]);
    for response in &mut responses[2..] {
        response.flags = MULTICAST;
        response.has_question = false;
    }
    let (got, account) = chosen(&responses, &["-Y"]);
    assert_eq!(got, numbers(&[0, 1, 2]));
    assert_eq!(
        account.count("not_recursive"),
        1,
        "that is for port 5353 alone"
    );
    let (got, account) = chosen(&responses, &[]);
    assert_eq!((got, account.count("port")), (numbers(&[0]), 2));
}

#[test]
fn an_expression_decides_alone() {
    let responses = from_ports(&[53, 5300, 9953, 54]);
    let (got, account) = chosen(&responses, &["-f", "udp src port 9953 or udp src port 54"]);
    assert_eq!(got, numbers(&[2, 3]));
    assert_eq!(account.count("filtered"), 2);
    let (got, _) = chosen(&responses, &["-f", ""]);
    assert_eq!(got, numbers(&[0, 1, 2, 3]));
    let (got, account) = chosen(&responses, &["-f", "tcp"]);
    assert_eq!((got, account.count("filtered")), (numbers(&[]), 4));
}

#[test]
fn an_expression_is_compiled_for_each_link_type() {
    let capture = Pcapng::new(Order::Little)
        .interface(ETHERNET, None, None)
        .interface(COOKED, None, None)
        .packet(0, 0, &response(0).ethernet())
        .packet(1, 0, &response(1).cooked())
        .bytes();
    let (export, _) = Sensor::new(["-r", "-", "-f", "udp src port 53"])
        .fed(&capture)
        .export();
    assert_eq!(export.sets(), [response(0).line(), response(1).line()]);
}

/// A link type that is not read is counted as that, and costs the other packets nothing.
#[test]
fn an_expression_leaves_packets_that_are_not_read_alone() {
    let capture = Pcapng::new(Order::Little)
        .interface(UNREADABLE, None, None)
        .interface(ETHERNET, None, None)
        .packet(0, 0, &response(0).ethernet())
        .packet(1, 0, &response(1).ethernet())
        .packet(9, 0, &response(2).ethernet())
        .packet(1, 0, &response(3).ethernet())
        .bytes();
    let (export, account) = Sensor::new(["-r", "-", "-f", "udp"]).fed(&capture).export();
    assert_eq!(export.sets(), [response(1).line(), response(3).line()]);
    assert_eq!(account.count("link_type"), 2);
}

#[test]
fn the_filter_can_be_seen() {
    let ended = Sensor::new(["--print-filter", "-Y", "-d", "5300"]).run();
    ended.assert_success();
    let lines = ended.lines();
    assert!(
        lines[0].contains("src port 5300 or src port 5353"),
        "{}",
        lines[0]
    );
    assert!(lines.len() > 20 && lines[1].is_empty(), "{lines:?}");
    let ended = Sensor::new(["--print-filter", "-f", "udp port 99"]).run();
    assert_eq!(ended.lines()[0], "udp port 99");
}
