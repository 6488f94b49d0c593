//! Bad datagrams, bad files, bad usage: what is said, and what is saved.

use std::io;
use std::process::Command;

use dnsflow_testkit::capture::{gzip, zstd};
use dnsflow_testkit::process::Process;
use dnsflow_testkit::requirements::is_root;

use crate::BUILT;
use crate::capture::{SENSOR, Shape, file, udp};
use crate::export::{header, simple, simple_line};
use crate::program::{Run, command, run, run_with};

const HEADER: &str = "sensor|resolver|client|time|names|ips|ip6s\n";

/// Records of a run, without header and summary.
fn records(stdout: &str) -> String {
    let lines = stdout.strip_prefix(HEADER).unwrap();
    lines
        .split_inclusive('\n')
        .take_while(|line| *line != "\n")
        .collect()
}

#[test]
fn a_bad_datagram_costs_what_is_damaged() {
    // Two sets announced; the second is cut, then missing.
    let mut two = simple(1, "whole");
    two[1] = 2;
    let set = two[8..].to_vec();
    two.extend(&set[..set.len() - 1]);
    let mut snapped = udp(4000, &simple(3, "snapped"));
    snapped.truncate(snapped.len() - 2);
    let mut tcp = udp(4000, b"x");
    tcp[9] = 6;
    let packets = [
        udp(4000, &two),
        udp(4000, b"abc"),
        udp(4000, &header(9, 1, false, 2)),
        snapped,
        tcp,
        udp(4000, &simple(4, "after")),
    ];
    let path = file("bad.pcap", &SENSOR.pcap(&packets));
    let found = run(&["-r", path.to_str().unwrap(), "-F", "ip"]);
    assert_eq!(found.status, Some(0));
    assert_eq!(
        found.stderr,
        "\
dnsflow-read: 2023-11-14T22:13:20.000000Z: bad datagram from 127.0.0.1:4000: offset 124: cut addresses
dnsflow-read: 2023-11-14T22:13:20.500042Z: bad datagram from 127.0.0.1:4000: 3 bytes are too few for a dnsflow header of 8
dnsflow-read: 2023-11-14T22:13:21.000084Z: bad datagram from 127.0.0.1:4000: dnsflow version 9, known are 0 to 5
dnsflow-read: 2023-11-14T22:13:21.500126Z: bad datagram from 127.0.0.1:4000: offset 68: cut addresses: 2 bytes were not captured (snap length, or a fragment)
dnsflow-read: 2023-11-14T22:13:22.000168Z: not UDP
"
    );
    let line = |time, label| simple_line("127.0.0.1", time, label);
    assert_eq!(
        found.stdout,
        format!(
            "{HEADER}{}{}
127.0.0.1:4000
  data datagrams   3 (1.20/s)
  records          2 (0.80/s)
  stats datagrams  0 (0.00/s)
  bad datagrams    4
  sequence         total:3 lost:1 out_of_order:0 duplicates:0 restarts:0
",
            line("22:13:20", "whole"),
            line("22:13:22", "after")
        )
    );
}

#[test]
fn many_bad_datagrams_are_few_lines() {
    let packets = vec![udp(4000, b"abc"); 1000];
    let path = file("many-bad.pcap", &SENSOR.pcap(&packets));
    let found = run(&["-r", path.to_str().unwrap()]);
    assert_eq!(found.status, Some(0));
    assert_eq!(found.stderr.lines().count(), 11);
    assert_eq!(
        found.stderr.lines().last(),
        Some("dnsflow-read: 1000 bad datagrams, of which 10 are described above")
    );
    assert!(found.stdout.contains("  bad datagrams    1000\n"));
}

#[test]
fn a_cut_file_gives_every_whole_packet() {
    let packets: Vec<_> = (1..=3)
        .map(|number| udp(4000, &simple(number, "x")))
        .collect();
    let whole = SENSOR.pcap(&packets);
    let two = SENSOR.pcap(&packets[..2]).len();
    let line = simple_line("127.0.0.1", "22:13:20", "x");
    for cut in [two + 1, two + 15, two + 16, whole.len() - 1] {
        let path = file("cut.pcap", &whole[..cut]);
        let path = path.to_str().unwrap();
        for found in [
            run(&["-r", path]),
            run_with(&["-r", "-"], &gzip(&whole[..cut])),
        ] {
            assert_eq!(found.status, Some(1), "{found:?}");
            assert_eq!(records(&found.stdout), format!("{line}{line}"), "{found:?}");
            assert!(found.stdout.contains("total:2 lost:0"), "{found:?}");
            let said = ": cut or damaged after 2 packets, which were read (truncated dump file;";
            assert!(found.stderr.contains(said), "{found:?}");
        }
    }
    assert_eq!(run_with(&["-r", "-"], &whole[..two]).status, Some(0));
}

#[test]
fn a_cut_or_damaged_compressed_file_is_told() {
    let packets: Vec<_> = (1..=3)
        .map(|number| udp(4000, &simple(number, "x")))
        .collect();
    let pcap = SENSOR.pcap(&packets);
    let (gzip, zstd) = (gzip(&pcap), zstd(&pcap));
    // gzip's checksum (RFC 1952, section 2.3.1).
    let mut damaged = gzip.clone();
    damaged[gzip.len() - 8] ^= 1;
    // The content is complete in all of these; its checksum is cut or wrong.
    for (name, packed) in [
        ("cut.gz", &gzip[..gzip.len() - 3]),
        ("damaged.gz", &damaged),
        ("cut.zst", &zstd[..zstd.len() - 3]),
    ] {
        let path = file(name, packed);
        let found = run(&["-r", path.to_str().unwrap()]);
        assert_eq!(
            (found.status, records(&found.stdout).lines().count()),
            (Some(1), 3),
            "{found:?}"
        );
        assert!(found.stderr.contains("after 3 packets"), "{found:?}");
    }
}

#[test]
fn files_that_are_no_captures() {
    let empty = file("empty.pcap", b"");
    let noise = file("noise.pcap", b"not a capture, but long enough to look at");
    let packed = file(
        "noise.gz",
        &gzip(b"not a capture, but long enough to look at"),
    );
    let magic = file("magic.gz", &[0x1f, 0x8b, 8]);
    for path in [&empty, &noise, &packed, &magic] {
        let found = run(&["-r".as_ref(), path.as_os_str()]);
        assert_eq!(
            (found.status, found.stdout.as_str()),
            (Some(1), ""),
            "{found:?}"
        );
        let said = format!(
            "dnsflow-read: {}: not a pcap or pcapng capture (",
            path.display()
        );
        assert!(found.stderr.starts_with(&said), "{found:?}");
    }
    let missing = run(&["-r", "/nowhere/at/all.pcap"]);
    assert_eq!(missing.status, Some(1));
    assert_eq!(
        missing.stderr,
        "dnsflow-read: /nowhere/at/all.pcap: No such file or directory (os error 2)\n"
    );
    let folder = run(&["-r", "/"]);
    assert_eq!(
        (folder.status, folder.stderr.as_str()),
        (Some(1), "dnsflow-read: /: is a directory\n")
    );

    let wireless = Shape {
        link: 127,
        head: &[],
        ..SENSOR
    };
    let path = file("wireless.pcap", &wireless.pcap(&[]));
    let found = run(&["-r", path.to_str().unwrap()]);
    assert_eq!(found.status, Some(1));
    assert!(
        found
            .stderr
            .contains("link type 127 (IEEE802_11_RADIO) is not supported"),
        "{found:?}"
    );
}

#[test]
fn bad_filters_in_the_words_of_libpcap() {
    let null = file("filter.pcap", &SENSOR.pcap(&[]));
    let ethernet = Shape {
        link: 1,
        head: &[],
        ..SENSOR
    };
    let ethernet = file("filter-ethernet.pcap", &ethernet.pcap(&[]));
    for path in [null, ethernet] {
        let path = path.to_str().unwrap();
        for (option, expression) in [("-f", "and"), ("-F", "udp and")] {
            let found = run(&["-r", path, option, expression]);
            assert_eq!(
                (found.status, found.stdout.as_str()),
                (Some(1), ""),
                "{found:?}"
            );
            assert!(
                found.stderr.starts_with("dnsflow-read: bad filter '"),
                "{found:?}"
            );
            assert!(found.stderr.contains("syntax error"), "{found:?}");
        }
    }
}

#[test]
fn wrong_usage() {
    for args in [
        &[][..],
        &["-i", "lo", "-r", "x"],
        &["--listen", "5300"],
        &["-r", "x", "-c", "x"],
    ] {
        let found = run(args);
        assert_eq!(
            (found.status, found.stdout.as_str()),
            (Some(2), ""),
            "{found:?}"
        );
        assert!(found.stderr.contains("try '--help'"), "{found:?}");
    }
}

#[test]
fn interfaces_that_cannot_be_opened() {
    // Root without the capability is refused as anyone is.
    let mut bare = if is_root() {
        let mut command = Command::new("setpriv");
        command.arg("--bounding-set=-net_raw");
        command.arg(BUILT.path("dnsflow-read"));
        command
    } else {
        Command::new(BUILT.path("dnsflow-read"))
    };
    let refused = Process::spawn("dnsflow-read", bare.args(["-i", "lo"])).wait();
    refused.assert_failure(
        1,
        &["no permission to capture on 'lo': CAP_NET_RAW is needed"],
    );

    if is_root() {
        let found = run(&["-i", "nosuch0"]);
        assert_eq!(found.status, Some(1));
        assert!(
            found.stderr.contains("no interface 'nosuch0'; there are: "),
            "{found:?}"
        );
        assert!(found.stderr.contains("lo"), "{found:?}");
    }
}

#[test]
fn an_address_that_is_taken() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let found = run(&["--listen", &address]);
    assert_eq!(found.status, Some(1));
    let said = format!("dnsflow-read: can't listen on {address}: Address already in use");
    assert!(found.stderr.starts_with(&said), "{found:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let packets: Vec<_> = (1..=5000)
        .map(|number| udp(4000, &simple(number, "x")))
        .collect();
    let path = file("long.pcap", &SENSOR.pcap(&packets));
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let mut command = command(&["-r", path.to_str().unwrap()]);
    let found = Run::of(Process::start("dnsflow-read", command.stdout(writer)).wait());
    assert_eq!((found.status, found.stderr.as_str()), (Some(0), ""));
}
