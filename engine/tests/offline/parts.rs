//! Files large enough to be divided among cores: what belongs together still comes together.

use std::fs;

use crate::capture::{HEADER_BYTES, pcap};
use crate::export::assert_same;
use crate::packet::response;
use crate::sensor::{Folder, Sensor, core_counts};

/// Packets that stand alone; with all others more than twice what a part has at least, 4 MiB.
const PLAIN: usize = 100_000;

/// Packets that stand alone between two that don't.
const APART: usize = 100;

/// Bytes of a TCP segment: fewer than a message has, so that each needs several.
const SEGMENT_BYTES: usize = 37;

#[test]
fn streams_and_datagrams_reach_over_the_parts_of_a_file() {
    let mut sets = Vec::new();
    let mut involved = Vec::new();
    let mut stream = Vec::new();
    for number in 0..200 {
        let message = response(number).message();
        stream.extend(
            u16::try_from(message.len())
                .expect("it is short")
                .to_be_bytes(),
        );
        stream.extend(message);
        sets.push(response(number).line());
    }
    for (index, bytes) in stream.chunks(SEGMENT_BYTES).enumerate() {
        involved.push(segment(1 + index * SEGMENT_BYTES, bytes));
        let number = u8::try_from(index % 200).expect("it is less");
        // The second fragment comes one packet that does not stand alone later.
        let [first, second] = fragments(&response(number).ip(), index);
        sets.push(response(number).line());
        involved.push(first);
        involved.push(second);
    }
    let mut involved = involved.iter();
    let plain: Vec<Vec<u8>> = (0..=250)
        .map(|number| response(number).ethernet())
        .collect();
    let mut packets = Vec::new();
    for index in 0..PLAIN {
        packets.push(&plain[index % plain.len()]);
        sets.push(response(u8::try_from(index % plain.len()).expect("it is less")).line());
        if index % APART == 0 {
            packets.extend(involved.next());
        }
    }
    packets.extend(involved);
    let folder = Folder::new();
    let file = folder.path("large.pcap");
    fs::write(&file, at_once(pcap(packets.iter().copied()))).expect("it can be written");
    sets.sort_unstable();
    for cores in core_counts() {
        let options = format!("--cores {cores}");
        let (export, account) = Sensor::reading(&file).with(&options).export();
        assert_same(&export.sets(), &sets, &options);
        assert_eq!(
            usize::try_from(account.received),
            Ok(packets.len()),
            "{options}"
        );
    }
}

/// A packet that says it holds a capture: what looks like records in it must not be taken for some.
#[test]
fn a_capture_inside_packets_does_not_mislead() {
    let inner = pcap(
        (0..200)
            .map(|number| response(number).ethernet())
            .collect::<Vec<_>>()
            .iter(),
    );
    let carrier: Vec<u8> = [&response(0).ethernet()[..], &inner].concat();
    let packets = vec![&carrier; 700];
    let folder = Folder::new();
    let file = folder.path("nested.pcap");
    fs::write(&file, pcap(packets.iter().copied())).expect("it can be written");
    for cores in core_counts() {
        let options = format!("--cores {cores}");
        let (export, account) = Sensor::reading(&file).with(&options).export();
        assert_eq!(
            usize::try_from(account.received),
            Ok(packets.len()),
            "{options}"
        );
        assert_eq!(export.sets().len(), packets.len(), "{options}");
    }
}

/// The capture with all packets in the same second, so that nothing waits too long for its other parts.
fn at_once(mut capture: Vec<u8>) -> Vec<u8> {
    let mut at = HEADER_BYTES;
    while let Some(record) = capture.get_mut(at..at + 16) {
        record[..8].copy_from_slice(&[0; 8]);
        let captured = record[8..12].try_into().expect("four bytes");
        at += 16 + usize::try_from(u32::from_le_bytes(captured)).expect("it is short");
    }
    capture
}

/// A TCP segment from the resolver, the sequence counted from where the stream starts.
fn segment(sequence: usize, bytes: &[u8]) -> Vec<u8> {
    let ip = response(0).ip();
    let mut out = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\x00".to_vec();
    let length = u16::try_from(40 + bytes.len())
        .expect("it is short")
        .to_be_bytes();
    out.extend([0x45, 0, length[0], length[1], 0, 0, 0x40, 0, 64, 6, 0, 0]);
    out.extend(&ip[12..20]);
    out.extend([0, 53, 0x9c, 0x41]);
    out.extend(u32::try_from(sequence).expect("it is short").to_be_bytes());
    out.extend([0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    out.extend(bytes);
    out
}

/// The two fragments of an IPv4 packet.
fn fragments(ip: &[u8], identification: usize) -> [Vec<u8>; 2] {
    const CUT: usize = 16;
    let part = |payload: &[u8], offset: usize, more: bool| {
        let mut out = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\x00".to_vec();
        let mut header = ip[..20].to_vec();
        let bytes = |value: usize| u16::try_from(value).expect("it is short").to_be_bytes();
        header[2..4].copy_from_slice(&bytes(20 + payload.len()));
        header[4..6].copy_from_slice(&bytes(identification));
        header[6..8].copy_from_slice(&bytes((offset / 8) | (usize::from(more) << 13)));
        out.extend(header);
        out.extend(payload);
        out
    };
    [
        part(&ip[20..20 + CUT], 0, true),
        part(&ip[20 + CUT..], CUT, false),
    ]
}
