//! How sets are put into datagrams, and what stands around them.

use std::collections::BTreeSet;
use std::fs;

use dnsflow_testkit::capture::pcap;
use dnsflow_testkit::export::{Export, Stats};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::packets::{Response, response};
use dnsflow_testkit::requirements::core_counts;

use crate::BUILT;

/// Headers of IPv4 and UDP, in bytes.
const HEADERS_BYTES: usize = 28;

#[test]
fn no_datagram_is_larger_than_the_mtu_and_none_is_needlessly_small() {
    let traffic = BUILT.traffic(5000, "");
    for mtu in [640, 1500, 9000, 65_535] {
        let options = format!("--mtu {mtu}");
        let (export, _) = BUILT.reading(&traffic.capture).with(&options).export();
        assert_eq!(export.sets(), traffic.sets);
        let datagrams = &export.streams[&0].datagrams;
        let most = mtu - HEADERS_BYTES;
        assert!(
            datagrams.iter().all(|(bytes, _)| *bytes <= most),
            "mtu {mtu}"
        );
        // Only the last may be far from full: in all others the set that came next had no room.
        let (_, full) = datagrams.split_last().expect("at least one");
        let bytes: usize = full.iter().map(|(bytes, _)| bytes).sum();
        let counted_out = full.iter().all(|(_, sets)| *sets == 255);
        assert!(
            counted_out || bytes > full.len() * most * 3 / 4,
            "mtu {mtu}: {bytes} bytes in {} datagrams",
            full.len()
        );
    }
}

#[test]
fn a_datagram_has_at_most_255_sets() {
    let packets: Vec<Vec<u8>> = (0..600_u16)
        .map(|number| response(u8::try_from(number % 200).expect("below 200")).ethernet())
        .collect();
    let (export, account) = BUILT
        .sensor(["-r", "-", "--mtu", "65535"])
        .fed(&pcap(&packets))
        .export();
    let sets: Vec<usize> = export.streams[&0]
        .datagrams
        .iter()
        .map(|found| found.1)
        .collect();
    assert_eq!(sets, [255, 255, 90]);
    assert_eq!(account.datagrams, 4, "and one with stats");
}

#[test]
fn what_is_too_large_for_one_set_comes_as_several() {
    for (addresses, mtu) in [(256_u16, 65_535), (400, 1500), (1000, 1500), (4000, 640)] {
        let large = Response {
            addresses,
            ..response(7)
        };
        let packets = [
            response(1).ethernet(),
            large.ethernet(),
            response(2).ethernet(),
        ];
        let (export, account) = BUILT
            .sensor(["-r", "-"])
            .option("--mtu", mtu.to_string())
            .fed(&pcap(&packets))
            .export();
        assert_eq!(
            account.total.exported, 3,
            "responses are counted, not their sets"
        );
        let stream = &export.streams[&0];
        let most = mtu - HEADERS_BYTES;
        assert!(stream.datagrams.iter().all(|(bytes, _)| *bytes <= most));
        let (parts, others): (Vec<&String>, Vec<&String>) = stream
            .sets
            .iter()
            .partition(|set| set.contains("\tn007.example\t"));
        assert_eq!(others.len(), 2);
        assert!(parts.len() > 1);
        let mut addresses: Vec<&str> = parts.iter().flat_map(|part| addresses_in(part)).collect();
        addresses.sort_unstable();
        let whole = large.set();
        let mut wanted: Vec<&str> = addresses_in(&whole).collect();
        wanted.sort_unstable();
        assert_eq!(addresses, wanted);
    }
}

fn addresses_in(line: &str) -> impl Iterator<Item = &str> {
    line.split('\t')
        .skip(3)
        .take(1)
        .flat_map(|list| list.split(','))
}

#[test]
fn the_last_datagram_has_the_stats() {
    let traffic = BUILT.traffic(3000, "--noise 30");
    for cores in core_counts() {
        let (export, account) = BUILT
            .reading(&traffic.capture)
            .option("--cores", cores)
            .export();
        let stats: Vec<_> = export
            .streams
            .values()
            .flat_map(|stream| &stream.stats)
            .map(|(_, stats)| stats)
            .collect();
        assert_eq!(stats.len(), export.streams.len(), "one a stream");
        let sum = |field: fn(&Stats) -> u32| {
            stats
                .iter()
                .map(|stats| u64::from(field(stats)))
                .sum::<u64>()
        };
        assert_eq!(sum(|stats| stats.captured), traffic.packets);
        assert_eq!(sum(|stats| stats.received), traffic.packets);
        assert_eq!(
            sum(|stats| stats.dropped) + sum(|stats| stats.if_dropped),
            0
        );
        assert!(stats.iter().all(|stats| stats.sample_rate == 0));
        assert_eq!(account.total.received, traffic.packets);
    }
}

#[test]
fn standard_output_takes_an_export() {
    let traffic = BUILT.traffic(3000, "");
    for cores in core_counts() {
        let ended = BUILT
            .reading(&traffic.capture)
            .with("-w -")
            .option("--cores", cores)
            .run();
        ended.assert_success();
        let export = Export::parse(&ended.stdout).expect("an export");
        assert_eq!(export.sets(), traffic.sets);
    }
}

#[test]
fn the_reader_reads_what_the_sensor_writes_and_prints() {
    let traffic = BUILT.traffic(2000, "--odd-names 10");
    let folder = Folder::new();
    let path = folder.path("export.pcap");
    let ended = BUILT
        .reading(&traffic.capture)
        .with("--print")
        .option("-w", &path)
        .run();
    ended.assert_success();
    // Resolver, client, names, addresses; sensor and time are another's and another.
    let fields = |line: &str| {
        let fields: Vec<&str> = line.split('|').collect();
        assert_eq!(fields.len(), 7, "{line}");
        [&fields[1..3], &fields[4..]].concat().join("|")
    };
    let mut printed: Vec<String> = ended.lines().iter().map(|line| fields(line)).collect();
    let lines = BUILT.read(&path);
    let mut read: Vec<String> = lines
        .lines()
        .filter(|line| line.contains('|') && !line.starts_with("STATS|"))
        .map(fields)
        .collect();
    assert_eq!(printed[0], read[0], "the head");
    assert_eq!(printed.len(), traffic.sets.len() + 1);
    printed.sort_unstable();
    read.sort_unstable();
    assert_eq!(printed, read);
}

#[test]
fn lines_are_whole_however_many_cores_print() {
    let traffic = BUILT.traffic(20_000, "--noise 0");
    for cores in core_counts() {
        let ended = BUILT
            .reading(&traffic.capture)
            .with("--print")
            .option("--cores", cores)
            .run();
        ended.assert_success();
        let lines = ended.lines();
        assert_eq!(lines.len(), traffic.sets.len() + 1);
        assert_eq!(lines[0], "sensor|resolver|client|time|names|ips|ip6s");
        assert!(lines.iter().all(|line| line.matches('|').count() == 6));
        let clients: BTreeSet<&str> = traffic
            .sets
            .iter()
            .filter_map(|set| set.split('\t').next())
            .collect();
        let printed: BTreeSet<&str> = lines[1..]
            .iter()
            .filter_map(|line| line.split('|').nth(2))
            .collect();
        assert_eq!(printed, clients);
    }
}

#[test]
fn without_a_destination_records_are_printed() {
    let ended = BUILT
        .sensor(["-r", "-"])
        .fed(&pcap([&response(3).ethernet()]))
        .run();
    ended.assert_success();
    assert_eq!(
        ended.lines()[1],
        "|172.16.0.53|10.0.0.7|10:00:00|n003.example|198.3.0.0|"
    );
    let folder = Folder::new();
    let ended = BUILT
        .sensor(["-r", "-"])
        .option("-w", folder.path("export.pcap"))
        .fed(&pcap([&response(3).ethernet()]))
        .run();
    assert!(ended.stdout.is_empty(), "a file is a destination");
}

#[test]
fn an_export_is_written_anew() {
    let folder = Folder::new();
    let path = folder.file("export.pcap", &[7; 100_000]);
    let ended = BUILT
        .sensor(["-r", "-"])
        .option("-w", &path)
        .fed(&pcap([&response(3).ethernet()]))
        .run();
    ended.assert_success();
    assert!(fs::metadata(&path).is_ok_and(|found| found.len() < 300));
    assert_eq!(Export::of(&path).sets(), [response(3).set()]);
}
