//! What is taken: filters, samples, shares, tags, IPv6.

use std::net::IpAddr;

use dnsflow_packet::client_sample::ClientSample;
use dnsflow_testkit::export::{assert_same, assert_within};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{OUT, TAP, Wire};
use dnsflow_testkit::requirements::{alone, requirements};
use dnsflow_testkit::sensor::Capturing;
use dnsflow_wire::response::Endpoints;

use crate::{BUILT, exported};

/// As much noise as responses, in every kind.
const MIXED: &str = "--rate 50000 --count 100000 --frames 100000 --noise 50";

#[test]
fn an_expression_with_every_fanout() {
    if !requirements("an_expression_with_every_fanout", &[]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new();
    let expression = "udp src port 53 and dst net 10.0.0.0/9";
    for fanout in ["hash", "cpu", "client", "checksum"] {
        let folder = Folder::new();
        let file = folder.argument("export.pcap");
        let options = [
            "-f", expression, "--cores", "2", "--fanout", fanout, "-w", &file,
        ];
        let sensor = BUILT.capture(&wire.sensor, TAP, &options);
        let sent = BUILT.send(&wire.sender, OUT, &folder, MIXED);
        sensor.stop();
        let export = exported(&file);
        export.assert_no_gap();
        let lower_half = |set: &&String| {
            let client = set
                .split('\t')
                .next()
                .and_then(|client| client.parse().ok());
            client.is_some_and(|client: std::net::Ipv4Addr| client.octets()[1] < 128)
        };
        let expected: Vec<String> = sent.sets.iter().filter(lower_half).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < sent.sets.len());
        assert_same(&expected, &export.sets());
    }
}

#[test]
fn a_sample_is_about_one_of_n() {
    if !requirements("a_sample_is_about_one_of_n", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let file = folder.argument("export.pcap");
    let sensor = BUILT.capture(&wire.sensor, TAP, &["-s", "4", "-w", &file]);
    let load = "--rate 50000 --count 100000 --frames 100000 --noise 0";
    let sent = BUILT.send(&wire.sender, OUT, &folder, load);
    let account = sensor.stop();
    // A quarter of 100,000, give or take 12 standard deviations of 137.
    let range = 23_350..26_650;
    assert!(range.contains(&account.total.exported), "{account:?}");
    let export = exported(&file);
    for stream in export.streams.values() {
        assert!(
            stream.stats.iter().all(|(_, stats)| stats.sample_rate == 4),
            "sample rate"
        );
    }
    let sets = export.sets();
    assert_eq!(sets.len() as u64, account.total.exported);
    assert_within(&sent.sets, &sets);
}

/// Everything of 1 of 4 clients, and nothing of others, by whichever sensor; the kernel leaves them out.
#[test]
fn a_sample_of_clients_is_the_same_everywhere() {
    if !requirements("a_sample_of_clients_is_the_same_everywhere", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let sampled = ["-s", "4", "--sample-by", "client"];
    for (more, key) in [
        (&["--cores", "2"][..], 0),
        (&["--sample-key", "7", "--fanout", "checksum"], 7),
        (&["-f", "udp src port 53"], 0),
        (&["--decap", "vxlan"], 0),
    ] {
        let file = folder.argument("export.pcap");
        let options = [&sampled, more, &["-w", &file]].concat();
        let sensor = BUILT.capture(&wire.sensor, TAP, &options);
        let load = "--rate 50000 --count 50000 --frames 50000 --noise 0 --ipv6 50";
        let sent = BUILT.send(&wire.sender, OUT, &folder, load);
        let account = sensor.stop();
        let sample = ClientSample::new(4, key);
        let is_in_it = |set: &&String| {
            let client = set
                .split('\t')
                .next()
                .and_then(|client| client.parse().ok());
            sample.has(&match client.expect("a client") {
                IpAddr::V4(client) => Endpoints::V4 {
                    client: client.octets(),
                    resolver: [0; 4],
                },
                IpAddr::V6(client) => Endpoints::V6 {
                    client: client.octets(),
                    resolver: [0; 16],
                },
            })
        };
        let expected: Vec<String> = sent.sets.iter().filter(is_in_it).cloned().collect();
        let (few, many) = (sent.sets.len() / 8, sent.sets.len() / 2);
        assert!((few..many).contains(&expected.len()), "{}", expected.len());
        let export = exported(&file);
        assert_same(&expected, &export.sets());
        for stream in export.streams.values() {
            let mut stats = stream.stats.iter();
            assert!(
                stats.all(|(_, stats)| stats.sample_rate == 4),
                "sample rate"
            );
        }
        let others = (sent.sets.len() - expected.len()) as u64;
        let is_decoded = more.contains(&"--decap");
        let expected = if is_decoded { others } else { 0 };
        assert_eq!(account.total.count("sampled_out"), expected, "{more:?}");
    }
}

#[test]
fn shares_of_two_sensors_are_the_whole() {
    if !requirements("shares_of_two_sensors_are_the_whole", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let files = [
        folder.argument("first.pcap"),
        folder.argument("second.pcap"),
    ];
    let sensors: Vec<Capturing> = ["0/2", "1/2"]
        .iter()
        .zip(&files)
        .map(|(share, file)| BUILT.capture(&wire.sensor, TAP, &["-m", share, "-w", file]))
        .collect();
    let sent = BUILT.send(&wire.sender, OUT, &folder, MIXED);
    for sensor in sensors {
        sensor.stop();
    }
    let [mut first, second] = files.map(|file| exported(&file).sets());
    let whole = sent.sets.len();
    for share in [&first, &second] {
        assert!(share.len() > whole / 5, "{} of {whole}", share.len());
    }
    first.extend(second);
    first.sort_unstable();
    assert_same(&sent.sets, &first);
}

/// Queries from port 53 too; the original took those over IPv6 for responses.
#[test]
fn ipv6_queries_are_left_to_the_kernel() {
    if !requirements("ipv6_queries_are_left_to_the_kernel", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let file = folder.argument("export.pcap");
    let sensor = BUILT.capture(&wire.sensor, TAP, &["-w", &file]);
    let sent = BUILT.send(&wire.sender, OUT, &folder, &format!("{MIXED} --ipv6 100"));
    let account = sensor.stop();
    account.assert_filtered();
    let queries_and_others = sent.number("query") + sent.number("other_traffic");
    assert_eq!(
        account.total.received,
        (sent.number("packets") - queries_and_others) as u64,
        "what the kernel passed"
    );
    assert_same(&sent.sets, &exported(&file).sets());
}

/// Each kind of noise is counted under the reason that is its own.
#[test]
fn noise_is_counted_by_reason() {
    if !requirements("noise_is_counted_by_reason", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let file = folder.argument("export.pcap");
    let sensor = BUILT.capture(&wire.sensor, TAP, &["--cores", "2", "-w", &file]);
    let sent = BUILT.send(&wire.sender, OUT, &folder, MIXED);
    let account = sensor.stop();
    account.assert_filtered();
    let count = |names: &[&str]| {
        names
            .iter()
            .map(|name| sent.number(name) as u64)
            .sum::<u64>()
    };
    let total = account.total;
    assert_eq!(
        total.count("error_code"),
        count(&["nxdomain", "server_failure"])
    );
    assert_eq!(
        total.count("not_recursive"),
        count(&["no_recursion_available", "no_recursion_desired"])
    );
    assert_eq!(total.count("question_type"), count(&["other_type"]));
    assert_eq!(
        total.count("no_address"),
        count(&["no_address", "truncated"])
    );
    assert_same(&sent.sets, &exported(&file).sets());
}

/// The kernel takes the tag off before capture.
#[test]
fn one_tag() {
    behind_tags("one_tag", "1");
}

/// The kernel takes the outer tag off; the inner one stays in the frame.
#[test]
fn two_tags() {
    behind_tags("two_tags", "2");
}

fn behind_tags(name: &str, tags: &str) {
    if !requirements(name, &[]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new();
    for (cores, fanout) in [
        ("1", "hash"),
        ("2", "hash"),
        ("2", "client"),
        ("2", "checksum"),
    ] {
        let folder = Folder::new();
        let file = folder.argument("export.pcap");
        let options = ["--cores", cores, "--fanout", fanout, "-w", &file];
        let sensor = BUILT.capture(&wire.sensor, TAP, &options);
        let load = format!(
            "--rate 50000 --count 20000 --frames 20000 --ipv6 50 --vlan 80 --vlan-tags {tags}"
        );
        let sent = BUILT.send(&wire.sender, OUT, &folder, &load);
        let account = sensor.stop();
        account.assert_filtered();
        let export = exported(&file);
        if cores == "2" {
            export.assert_spread(2);
        }
        assert_same(&sent.sets, &export.sets());
    }
}
