//! Files large enough to be divided among cores: what belongs together still comes together.

use std::fs;
use std::time::Duration;

use dnsflow_capfile::pcap::{FILE_HEADER_BYTES, RECORD_HEADER_BYTES};
use dnsflow_testkit::capture::{Pcap, pcap};
use dnsflow_testkit::export::{Export, assert_same_of};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::packets::{CLIENT_PORT, ETHERNET, PUSH_ACK, Response, ethernet, response};
use dnsflow_testkit::requirements::core_counts;

use crate::BUILT;

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
        stream.extend(response(number).in_stream());
        sets.push(response(number).set());
    }
    for (index, bytes) in stream.chunks(SEGMENT_BYTES).enumerate() {
        involved.push(segment(1 + index * SEGMENT_BYTES, bytes));
        let number = u8::try_from(index % 200).expect("it is less");
        // The second fragment comes one packet that does not stand alone later.
        let [first, second] = fragments(&response(number), index);
        sets.push(response(number).set());
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
        sets.push(response(u8::try_from(index % plain.len()).expect("it is less")).set());
        if index % APART == 0 {
            packets.extend(involved.next());
        }
    }
    packets.extend(involved);
    let folder = Folder::new();
    let file = folder.path("large.pcap");
    fs::write(&file, at_once(&packets)).expect("it can be written");
    sets.sort_unstable();
    for cores in core_counts() {
        let options = format!("--cores {cores}");
        let (export, account) = BUILT.reading(&file).with(&options).export();
        assert_same_of(&options, &sets, &export.sets());
        assert_eq!(
            usize::try_from(account.total.received),
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
        let (export, account) = BUILT.reading(&file).with(&options).export();
        assert_eq!(
            usize::try_from(account.total.received),
            Ok(packets.len()),
            "{options}"
        );
        assert_eq!(export.sets().len(), packets.len(), "{options}");
    }
}

/// Packets made so that a chain of false records leads through all of them, past the true headers.
#[test]
fn records_inside_packets_are_no_records() {
    const FALSE_BYTES: usize = 100;
    const PACKET_BYTES: usize = 60_000;
    const PACKETS: usize = 220;
    let carrier = response(0).ethernet();
    let seconds = pcap([&carrier])[FILE_HEADER_BYTES..][..8].to_vec();
    let record = |bytes: usize| {
        let bytes = u32::try_from(bytes).expect("small").to_le_bytes();
        [&seconds[..], &bytes, &bytes].concat()
    };
    let mut packet = carrier.clone();
    while packet.len() + 2 * FALSE_BYTES < PACKET_BYTES {
        let inner = FALSE_BYTES - RECORD_HEADER_BYTES;
        packet.extend(record(inner));
        packet.resize(packet.len() + inner, 7);
    }
    // The last reaches to the first in the next packet.
    let left = PACKET_BYTES - packet.len() - RECORD_HEADER_BYTES;
    packet.extend(record(left + RECORD_HEADER_BYTES + carrier.len()));
    packet.resize(PACKET_BYTES, 7);
    let folder = Folder::new();
    let file = folder.path("forged.pcap");
    fs::write(&file, pcap(vec![&packet; PACKETS])).expect("it can be written");
    for cores in core_counts() {
        let options = format!("--cores {cores}");
        let (export, account) = BUILT.reading(&file).with(&options).export();
        let received = usize::try_from(account.total.received);
        assert_eq!(received, Ok(PACKETS), "{options}");
        assert_eq!(export.sets().len(), PACKETS, "{options}");
    }
}

/// Where a file is damaged, no core reads what is behind that.
#[test]
fn nothing_behind_damage_is_read() {
    let packet = response(0).ethernet();
    let mut bytes = pcap(vec![&packet; PLAIN]);
    let record_bytes = RECORD_HEADER_BYTES + packet.len();
    let damaged = 1000;
    let at = FILE_HEADER_BYTES + damaged * record_bytes;
    bytes[at + 8..at + 12].fill(0xff);
    let folder = Folder::new();
    let file = folder.file("damaged.pcap", &bytes);
    for cores in core_counts() {
        let export = folder.path(cores);
        let sensor = BUILT.reading(&file).option("--cores", cores);
        let ended = sensor.option("-w", &export).run();
        ended.assert_failure(1, &[&format!("damaged at offset {at}")]);
        assert_eq!(
            ended.stderr.matches("damaged at").count(),
            1,
            "{}",
            ended.stderr
        );
        assert_eq!(Export::of(&export).sets().len(), damaged, "{cores}");
    }
}

/// All packets in the same second, so that nothing waits too long for its other parts.
fn at_once(packets: &[&Vec<u8>]) -> Vec<u8> {
    Pcap::of(ETHERNET).file(packets.iter().map(|packet| (Duration::ZERO, packet)))
}

/// A TCP segment from the resolver, the sequence counted from where the stream starts.
fn segment(sequence: usize, bytes: &[u8]) -> Vec<u8> {
    let sequence = u32::try_from(sequence).expect("it is short");
    let packet = response(0)
        .ends
        .tcp(CLIENT_PORT + 1, sequence, PUSH_ACK, bytes);
    ethernet(&[], &packet)
}

/// The two fragments of a response over IPv4.
fn fragments(response: &Response, identification: usize) -> [Vec<u8>; 2] {
    const CUT: usize = 16;
    let identification = u16::try_from(identification).expect("it is small");
    let datagram = response.datagram();
    let (first, second) = datagram.split_at(CUT);
    [(0, true, first), (CUT, false, second)].map(|(place, more, part)| {
        let packet = response.ends.fragment(identification, place, more, part);
        ethernet(&[], &packet)
    })
}
