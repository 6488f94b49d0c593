//! Which packets are looked at: ports, expressions, multicast DNS.

use std::collections::BTreeSet;

use dnsflow_testkit::capture::{Order, Pcapng, pcap};
use dnsflow_testkit::packets::{
    COOKED, ETHERNET, Ends, MDNS_RESPONSE, Response, UNREADABLE, cooked, ethernet, response,
};
use dnsflow_testkit::requirements::core_counts;
use dnsflow_testkit::sensor::Account;

use crate::BUILT;

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
        let (export, account) = BUILT
            .sensor([&["-r", "-", "--cores", cores], options].concat())
            .fed(&pcap(&packets))
            .export();
        let sets = export.sets();
        let numbers: BTreeSet<usize> = (0..responses.len())
            .filter(|index| sets.contains(&responses[*index].set()))
            .collect();
        assert_eq!(numbers.len(), sets.len(), "every set is of a response");
        found.push((numbers, account));
    }
    let (numbers, account) = found.pop().expect("at least one core");
    for (others, counts) in found {
        assert_eq!(
            (others, counts.total.others),
            (numbers.clone(), account.total.others.clone())
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
        assert_eq!(account.total.count("port"), others, "{options:?}");
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
        response.flags = MDNS_RESPONSE;
        response.has_question = false;
    }
    let (got, account) = chosen(&responses, &["-Y"]);
    assert_eq!(got, numbers(&[0, 1, 2]));
    assert_eq!(
        account.total.count("not_recursive"),
        1,
        "that is for port 5353 alone"
    );
    let (got, account) = chosen(&responses, &[]);
    assert_eq!((got, account.total.count("port")), (numbers(&[0]), 2));
}

#[test]
fn an_expression_decides_alone() {
    let responses = from_ports(&[53, 5300, 9953, 54]);
    let (got, account) = chosen(&responses, &["-f", "udp src port 9953 or udp src port 54"]);
    assert_eq!(got, numbers(&[2, 3]));
    assert_eq!(account.total.count("filtered"), 2);
    let (got, _) = chosen(&responses, &["-f", ""]);
    assert_eq!(got, numbers(&[0, 1, 2, 3]));
    let (got, account) = chosen(&responses, &["-f", "tcp"]);
    assert_eq!((got, account.total.count("filtered")), (numbers(&[]), 4));
}

#[test]
fn an_expression_is_compiled_for_each_link_type() {
    let capture = Pcapng::new(Order::Little)
        .interface(ETHERNET, None, None)
        .interface(COOKED, None, None)
        .packet(0, 0, &response(0).ethernet())
        .packet(1, 0, &cooked(&response(1).packet()))
        .bytes();
    let (export, _) = BUILT
        .sensor(["-r", "-", "-f", "udp src port 53"])
        .fed(&capture)
        .export();
    assert_eq!(export.sets(), [response(0).set(), response(1).set()]);
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
    let (export, account) = BUILT
        .sensor(["-r", "-", "-f", "udp"])
        .fed(&capture)
        .export();
    assert_eq!(export.sets(), [response(1).set(), response(3).set()]);
    assert_eq!(account.total.count("link_type"), 2);
}

#[test]
fn the_filter_can_be_seen() {
    let ended = BUILT.sensor(["--print-filter", "-Y", "-d", "5300"]).run();
    ended.assert_success();
    let lines = ended.lines();
    assert!(
        lines[0].contains("src port 5300 or src port 5353"),
        "{}",
        lines[0]
    );
    assert!(lines.len() > 20 && lines[1].is_empty(), "{lines:?}");
    let ended = BUILT.sensor(["--print-filter", "-f", "udp port 99"]).run();
    assert_eq!(ended.lines()[0], "udp port 99");
}

/// 300 whole datagrams of another protocol in two fragments each, and the same as the capture filter leaves them:
/// nothing of it is a response, and nothing is lost.
#[test]
fn fragments_of_another_port() {
    let datagrams = (0..300).map(|number| {
        let ends = Ends::new(number % 2 == 1, number);
        let datagram = ends.udp_datagram(5060, 5060, &[0x2a; 1600]);
        let parts = ends.fragments(number, &datagram, 1480);
        let parts: Vec<Vec<u8>> = parts.iter().map(|packet| ethernet(&[], packet)).collect();
        <[Vec<u8>; 2]>::try_from(parts).expect("1,608 bytes in pieces of 1,480")
    });
    let datagrams: Vec<[Vec<u8>; 2]> = datagrams.collect();
    let backwards = datagrams
        .iter()
        .flat_map(|parts| parts.iter().rev())
        .cloned();
    let without_first = datagrams.iter().map(|[_, second]| second.clone());
    for (packets, account) in [
        (
            datagrams.concat(),
            "received 600 = exported 0 + fragment_foreign 600",
        ),
        (
            backwards.collect(),
            "received 600 = exported 0 + fragment 300 + fragment_foreign 300",
        ),
        (
            without_first.collect(),
            "received 300 + rebuilt 300 = exported 0 + fragment 300 + datagram_headless 300",
        ),
    ] {
        for cores in core_counts() {
            let run = BUILT
                .sensor(["-r", "-", "--cores", cores])
                .fed(&pcap(&packets));
            let (export, counted) = run.export();
            assert_eq!(counted.total.line, account, "{cores} cores");
            assert_eq!(export.sets(), Vec::<String>::new());
        }
    }
}
