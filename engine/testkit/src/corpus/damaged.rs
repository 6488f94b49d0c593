//! Files and packets that are not as they should be, and files in each form that there is.

use std::time::Duration;

use dnsflow_capfile::pcap::FILE_HEADER_BYTES;

use super::{Capture, DOMAIN, File, START, messages, pieces, record};
use crate::capture::{Order, Pcap, Pcapng, Unit};
use crate::packets::{
    CLIENT_PORT, COOKED, ETHERNET, Ends, RAW_IP, RESPONSE, Response, UDP, UNREADABLE, cooked, dns,
    ethernet, ethernet_of, segment, udp,
};

const TIME: Duration = Duration::from_secs(START);

pub(super) fn all() -> Vec<File> {
    let mut all = forms();
    all.extend(broken());
    all.push(snapped());
    all.push(headers());
    all.push(all_messages());
    all
}

/// Responses 0 to 2.
fn responses() -> [Response; 3] {
    [0, 1, 2].map(|number| {
        let name = format!("n{number}.{DOMAIN}");
        Response::new(Ends::new(number == 1, 7), &name, 2).numbered(number)
    })
}

fn file(name: &str, bytes: Vec<u8>, expected: &[Response]) -> File {
    File {
        name: name.to_owned(),
        bytes,
        expected: expected.iter().map(Response::set).collect(),
    }
}

/// pcap of either order and each clock; pcapng with sections, interfaces and blocks of all kinds.
fn forms() -> Vec<File> {
    let responses = responses();
    let frames = responses.each_ref().map(Response::ethernet);
    let mut files = Vec::new();
    for (name, order, unit) in [
        ("big-endian.pcap", Order::Big, Unit::Micro),
        ("nanoseconds.pcap", Order::Little, Unit::Nano),
        ("big-endian-nanoseconds.pcap", Order::Big, Unit::Nano),
        ("patched.pcap", Order::Little, Unit::Patched),
    ] {
        let shape = Pcap {
            order,
            unit,
            link: ETHERNET,
        };
        files.push(file(name, shape.clocked(&frames), &responses));
    }
    let sections = Pcapng::new(Order::Little)
        .block(0x0bad, b"whatever")
        .interface(ETHERNET, None, None)
        .interface(COOKED, Some(9), None)
        .packet(0, 1_000_000, &frames[0])
        .packet(1, 1_000_000_000, &cooked(&responses[1].packet()))
        .section(Order::Big)
        .interface(UNREADABLE, None, None)
        .interface(RAW_IP, Some(3), Some(7))
        .packet(0, 0, &frames[0])
        .packet(1, 1000, &responses[2].packet())
        .packet(9, 0, &responses[2].packet());
    files.push(file("sections.pcapng", sections.bytes(), &responses));
    let simple = Pcapng::new(Order::Big)
        .interface(ETHERNET, None, None)
        .simple(&frames[0])
        .simple(&frames[1])
        .simple(&frames[2]);
    files.push(file("simple.pcapng", simple.bytes(), &responses));
    files
}

/// Files that end too early, whose records can't be, or that are none.
fn broken() -> Vec<File> {
    let responses = responses();
    let frames = responses.each_ref().map(Response::ethernet);
    let records = frames.each_ref().map(|frame| record(frame));
    let head = Pcap::of(ETHERNET).empty();
    let whole = [&head[..], &records.concat()].concat();
    let third = FILE_HEADER_BYTES + records[0].len() + records[1].len();
    let with_length = |length: [u8; 4]| {
        let mut bytes = whole.clone();
        bytes[third + 8..third + 12].copy_from_slice(&length);
        bytes
    };
    let blocks = Pcapng::new(Order::Little)
        .interface(ETHERNET, None, None)
        .packet(0, 0, &frames[0])
        .packet(0, 0, &frames[1]);
    let block = blocks.len();
    let blocks = blocks.packet(0, 0, &frames[2]).bytes();
    let mut short_block = blocks.clone();
    short_block[block + 4..block + 8].copy_from_slice(&[11, 0, 0, 0]);
    let mut odd_trailer = blocks.clone();
    let last = odd_trailer.len() - 4;
    odd_trailer[last..].copy_from_slice(&[0xff; 4]);
    let two = &responses[..2];
    vec![
        file(
            "cut-in-a-packet.pcap",
            whole[..whole.len() - 9].to_vec(),
            two,
        ),
        file("cut-in-a-header.pcap", whole[..third + 7].to_vec(), two),
        file("length-too-large.pcap", with_length([0xff; 4]), two),
        file("length-negative.pcap", with_length([0, 0, 0, 0x80]), two),
        file(
            "cut-in-a-block.pcapng",
            blocks[..blocks.len() - 9].to_vec(),
            two,
        ),
        file("block-too-short.pcapng", short_block, two),
        file("block-that-ends-otherwise.pcapng", odd_trailer, two),
        file("empty.pcap", Vec::new(), &[]),
        file("head-alone.pcap", head.clone(), &[]),
        file("head-cut.pcap", head[..20].to_vec(), &[]),
        file("no-capture.pcap", b"#!/bin/sh\nexit 0\n".to_vec(), &[]),
        file("gzip-magic-alone.gz", b"\x1f\x8b".to_vec(), &[]),
        file("zstd-magic-alone.zst", b"\x28\xb5\x2f\xfd".to_vec(), &[]),
    ]
}

/// Packets that a snap length has cut: in the question, behind the first address, and in the last.
fn snapped() -> File {
    let response = Response {
        addresses: 3,
        ..responses()[0].clone()
    };
    let frame = response.ethernet();
    let headers = 14 + 20;
    let up_to = |bytes| pieces::up_to(&response, bytes - headers);
    let first = headers + pieces::up_to(&response, 0).datagram().len() + 16;
    let cuts = [14, 30, 50, first, first + 5, frame.len() - 1];
    let records = cuts.map(|captured| Pcap::of(ETHERNET).cut_record(TIME, &frame, captured));
    let expected: Vec<Response> = cuts.into_iter().skip(3).map(up_to).collect();
    let bytes = [Pcap::of(ETHERNET).empty(), records.concat()].concat();
    file("snapped.pcap", bytes, &expected)
}

/// Headers that can't be, each around a response that so is none.
fn headers() -> File {
    let ends = Ends::new(false, 7);
    let response = responses()[0].clone();
    let packet = response.packet();
    let changed = |at: usize, byte: u8| {
        let mut packet = packet.clone();
        packet[at] = byte;
        ethernet_of(&[], 0x0800, &packet)
    };
    let message = response.message();
    let mut short_udp = udp(53, CLIENT_PORT, 0, &message);
    short_udp[4..6].copy_from_slice(&[0, 7]);
    let mut no_offset = segment(53, CLIENT_PORT, 1, 0x18, &message);
    no_offset[12] = 0x40;
    let endless = [[60, 0, 1, 4, 0, 0, 0, 0]; 60].concat();
    let stack = [[0, 1, 0, 64]; 60].concat();
    let outer = Ends::outer(false, 1);
    let frames = vec![
        Vec::new(),
        vec![2],
        ethernet(&[], &packet)[..13].to_vec(),
        ethernet(&[], &packet)[..20].to_vec(),
        changed(0, 0x75),
        changed(0, 0x44),
        ethernet(&[], &ends.ip(UDP, &short_udp)),
        ethernet(&[], &ends.ip(UDP, &[0, 53, 9])),
        ethernet(&[], &ends.ip(6, &no_offset)),
        ethernet(&[], &ends.ip(6, &[0, 53, 9])),
        ethernet(&[], &Ends::new(true, 7).ip(60, &endless)),
        ethernet_of(&[], 0x8847, &stack),
        ethernet_of(&[0x8100; 60], 0x0806, &[0; 46]),
        ethernet_of(&[], 0x8864, &[0x11, 0, 0, 7]),
        ethernet_of(&[], 7, &[0xaa, 0xaa, 3]),
        ethernet(&[], &outer.udp(9, 4789, &[8, 0, 0])),
        ethernet(&[], &outer.udp(9, 4789, &[0; 60])),
        ethernet(&[], &outer.udp(9, 6081, &[0x3f, 0, 0x65, 0x58, 0, 0, 0, 0])),
        ethernet(
            &[],
            &outer.udp(9, 2152, &[0x37, 255, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 1]),
        ),
        ethernet(&[], &outer.ip(47, &[0xb0, 0, 8, 0])),
        ethernet(&[], &outer.ip(4, &[])),
        ethernet(&[], &outer.ip(41, &[0x60; 7])),
        ethernet(&[], &ends.fragment(1, 65_528, true, &[0; 64])),
        ethernet(&[], &ends.fragment(2, 0, true, &[])),
        ethernet(&[], &ends.udp(53, CLIENT_PORT, &dns(RESPONSE))),
    ];
    Capture::new(ETHERNET).and(frames).named("headers").file()
}

/// Every message, each in a packet of its own.
fn all_messages() -> File {
    let all = messages();
    let frames = all.iter().map(|message| {
        let ends = message
            .response
            .as_ref()
            .map_or(Ends::new(false, 9), |response| response.ends);
        ethernet(&[], &ends.udp(53, CLIENT_PORT, &message.bytes))
    });
    let capture = Capture::new(ETHERNET).and(frames.collect());
    let responses: Vec<Response> = all
        .iter()
        .filter_map(|message| message.response.clone())
        .collect();
    file("messages.pcap", capture.bytes(), &responses)
}
