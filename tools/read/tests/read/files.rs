//! Capture files of every shape, and what is printed of them.

use std::os::unix::ffi::OsStrExt;

use dnsflow_testkit::capture::{Order, Unit, gzip, zstd};

use crate::capture::{SENSOR, Shape, file, udp, udp6};
use crate::export::{data, name, set_3, set_4, set_old, simple, simple_line, stats};
use crate::program::{Run, run, run_with};

/// Every version, data and statistics, from one source each.
fn every_version() -> Vec<Vec<u8>> {
    let text = b"zero.example\0cname.example.\0".to_vec();
    let one = [name(&[b"one", b"example"]), name(&[b"c.n", b"ame"])].concat();
    let hostile: &[&[u8]] = &[b"a|b,c", b"d\\e\nf\xff", b"Example"];
    let root: &[&[u8]] = &[];
    let four = [
        set_4(
            &[hostile, root],
            &[[203, 0, 113, 80], [203, 0, 113, 81]],
            &[[0; 16], [0xfe; 16]],
        ),
        set_4(&[&[b"b", b"example"]], &[], &[]),
    ];
    vec![
        udp(4000, &data(0, 1, &[set_old(2, text)])),
        udp(4000, &stats(0, 2, &[10, 20, 30, 40])),
        udp(4001, &data(1, 1, &[set_old(2, one.clone())])),
        udp(4001, &stats(1, 2, &[1, 2, 3, 4])),
        udp(4002, &data(2, 1, &[set_old(2, one)])),
        udp(4002, &stats(2, 2, &[1, 2, 3, 4, 5])),
        udp6(&data(3, 1, &[set_3()])),
        udp(0, &data(4, 1, &four)),
        udp(0, &stats(4, 3, &[100, 200, 0, 0, 2])),
        udp(0, &stats(4, 2, &[90, 190, 0, 0, 2])),
        udp(0, &stats(4, 4, &[150, 260, 7, 1, 2])),
    ]
}

const EVERY_VERSION: &str = r"sensor|resolver|client|time|names|ips|ip6s
127.0.0.1||198.51.100.7|22:13:20|zero.example,cname.example|203.0.113.80|
STATS|127.0.0.1|22:13:20|captured:10|received:20|dropped:30|ifdropped:40|sample_rate:
127.0.0.1||198.51.100.7|22:13:21|one.example,c\046n.ame|203.0.113.80|
STATS|127.0.0.1|22:13:21|captured:1|received:2|dropped:3|ifdropped:4|sample_rate:
127.0.0.1||198.51.100.7|22:13:22|one.example,c\046n.ame|203.0.113.80|
STATS|127.0.0.1|22:13:22|captured:1|received:2|dropped:3|ifdropped:4|sample_rate:5
fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd||2001:db8::3|22:13:23|three.example|203.0.113.80|2001:db8::80
127.0.0.1|192.0.2.53|198.51.100.7|22:13:23|a\124b\044c.d\092e\010f\255.Example,.|203.0.113.80,203.0.113.81|::,fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe
127.0.0.1|192.0.2.53|198.51.100.7|22:13:23|b.example||
STATS|127.0.0.1|22:13:24|captured:100|received:200|dropped:0|ifdropped:0|sample_rate:2
STATS|127.0.0.1|22:13:24|captured:90|received:190|dropped:0|ifdropped:0|sample_rate:2
STATS|127.0.0.1|22:13:25|captured:150|received:260|dropped:7|ifdropped:1|sample_rate:2
";

const SUMMARIES: &str = r"127.0.0.1:0
  data datagrams   1 (0.67/s)
  records          2 (1.33/s)
  stats datagrams  3 (2.00/s)
  bad datagrams    0
  stats deltas     captured:50 received:60 dropped:7 ifdropped:1 sample_rate:2
  sequence         total:4 lost:0 out_of_order:1 duplicates:0 restarts:0

127.0.0.1:4000
  data datagrams   1 (2.00/s)
  records          1 (2.00/s)
  stats datagrams  1 (2.00/s)
  bad datagrams    0
  stats deltas     captured:0 received:0 dropped:0 ifdropped:0
  sequence         total:2 lost:0 out_of_order:0 duplicates:0 restarts:0

127.0.0.1:4001
  data datagrams   1 (2.00/s)
  records          1 (2.00/s)
  stats datagrams  1 (2.00/s)
  bad datagrams    0
  stats deltas     captured:0 received:0 dropped:0 ifdropped:0
  sequence         total:2 lost:0 out_of_order:0 duplicates:0 restarts:0

127.0.0.1:4002
  data datagrams   1 (2.00/s)
  records          1 (2.00/s)
  stats datagrams  1 (2.00/s)
  bad datagrams    0
  stats deltas     captured:0 received:0 dropped:0 ifdropped:0 sample_rate:5
  sequence         total:2 lost:0 out_of_order:0 duplicates:0 restarts:0

[fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd]:4000
  data datagrams   1
  records          1
  stats datagrams  0
  bad datagrams    0
  sequence         total:1 lost:0 out_of_order:0 duplicates:0 restarts:0
";

fn good(stdout: impl Into<String>) -> Run {
    Run {
        status: Some(0),
        stdout: stdout.into(),
        stderr: String::new(),
    }
}

#[test]
fn every_version_in_every_kind_of_capture() {
    let want = good(format!("{EVERY_VERSION}\n{SUMMARIES}"));
    let heads: [(u16, &[u8]); 10] = [
        (0, &[2, 0, 0, 0]),
        (0, &[0, 0, 0, 2]),
        (108, &[0, 0, 0, 2]),
        (101, &[]),
        (12, &[]),
        (1, b"destinsource"),
        (1, b"destinsource\x81\x00\x00\x2a"),
        (1, b"destinsource\x88\xa8\x00\x01\x81\x00\x00\x2a"),
        (113, b"\0\0\0\x01\0\x06sender\0\0"),
        (276, b"\0\0\0\0\0\x01\0\x01\0\x06sender\0\0"),
    ];
    let mut number = 0;
    for (link, head) in heads {
        for (order, unit) in [
            (Order::Little, Unit::Micro),
            (Order::Little, Unit::Nano),
            (Order::Big, Unit::Micro),
            (Order::Big, Unit::Nano),
        ] {
            let shape = Shape {
                link,
                head: if link == 276 { &[] } else { head },
                order,
                unit,
            };
            // The type of what follows stands at the end of most headers, and first in SLL2.
            let packets: Vec<Vec<u8>> = every_version()
                .into_iter()
                .map(|packet| {
                    let kind: &[u8] = if packet[0] >> 4 == 4 {
                        &[8, 0]
                    } else {
                        &[0x86, 0xdd]
                    };
                    match link {
                        1 | 113 => [kind, &packet].concat(),
                        276 => [kind, head, &packet].concat(),
                        _ => packet,
                    }
                })
                .collect();
            let pcap = shape.pcap(&packets);
            for (kind, bytes) in [
                ("pcap", pcap.clone()),
                ("gz", gzip(&pcap)),
                ("zst", zstd(&pcap)),
                ("ng", shape.pcapng(&packets)),
            ] {
                let path = file(&format!("versions-{number}.{kind}"), &bytes);
                let found = run(&["-r".as_ref(), path.as_os_str()]);
                assert_eq!(
                    found, want,
                    "link type {link}, header {head:x?}, {kind}, {order:?}, {unit:?}"
                );
                std::fs::remove_file(path).unwrap();
            }
            number += 1;
        }
    }
}

#[test]
fn standard_input_and_paths_of_any_bytes() {
    let pcap = SENSOR.pcap(&every_version());
    let want = good(format!("{EVERY_VERSION}\n{SUMMARIES}"));
    assert_eq!(run_with(&["-r", "-"], &pcap), want);
    assert_eq!(run_with(&["-r", "-"], &gzip(&pcap)), want);
    assert_eq!(run_with(&["-r", "-"], &zstd(&pcap)), want);
    // Two members after each other are one stream.
    let (front, back) = pcap.split_at(100);
    assert_eq!(
        run_with(&["-r", "-"], &[gzip(front), gzip(back)].concat()),
        want
    );

    let odd = std::ffi::OsStr::from_bytes(b"odd-\xff.pcap");
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(odd);
    std::fs::write(&path, &pcap).unwrap();
    assert_eq!(run(&["-r".as_ref(), path.as_os_str()]), want);
}

#[test]
fn parts_of_the_output() {
    let path = file("parts.pcap", &SENSOR.pcap(&every_version()));
    let path = path.to_str().unwrap();
    let lines = |wanted: fn(&str) -> bool| -> String {
        EVERY_VERSION
            .lines()
            .filter(|line| wanted(line))
            .map(|line| format!("{line}\n"))
            .collect()
    };
    let stats = lines(|line| line.starts_with("STATS"));
    let no_header = lines(|line| !line.starts_with("sensor"));
    assert_eq!(run(&["-r", path, "-S"]), good(SUMMARIES));
    assert_eq!(
        run(&["-r", path, "-s"]),
        good(format!("{stats}\n{SUMMARIES}"))
    );
    assert_eq!(
        run(&["-r", path, "--no-header"]),
        good(format!("{no_header}\n{SUMMARIES}"))
    );
    let two = run(&["-r", path, "-c", "2"]).stdout;
    assert_eq!(
        two.lines().take_while(|line| !line.is_empty()).count(),
        3,
        "{two}"
    );
    assert!(two.contains("\n\n127.0.0.1:4000\n"), "{two}");
}

#[test]
fn json_lines() {
    let hostile: &[&[u8]] = &[b"a\"b", b"d\\e\nf"];
    let packets = [
        udp(4000, &data(3, 7, &[set_3()])),
        udp(
            4000,
            &data(
                4,
                8,
                &[set_4(&[hostile], &[[203, 0, 113, 80]], &[[0xfe; 16]])],
            ),
        ),
        udp(4000, &stats(4, 10, &[1, 2, 3, 4, 5])),
        udp(4000, &stats(0, 11, &[3, 3, 3, 4])),
    ];
    let path = file("json.pcap", &SENSOR.pcap(&packets));
    let want = r#"{"time":"2023-11-14T22:13:20.000000Z","sensor":"127.0.0.1","port":4000,"sequence":7,"client":"2001:db8::3","resolver":null,"names":["three.example"],"ipv4":["203.0.113.80"],"ipv6":["2001:db8::80"]}
{"time":"2023-11-14T22:13:20.500042Z","sensor":"127.0.0.1","port":4000,"sequence":8,"client":"198.51.100.7","resolver":"192.0.2.53","names":["a\"b.d\\092e\\010f"],"ipv4":["203.0.113.80"],"ipv6":["fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe"]}
{"time":"2023-11-14T22:13:21.000084Z","sensor":"127.0.0.1","port":4000,"sequence":10,"stats":{"captured":1,"received":2,"dropped":3,"ifdropped":4,"sample_rate":5}}
{"time":"2023-11-14T22:13:21.500126Z","sensor":"127.0.0.1","port":4000,"sequence":11,"stats":{"captured":3,"received":3,"dropped":3,"ifdropped":4,"sample_rate":null}}
{"summary":{"source":"127.0.0.1:4000","seconds":1.500126,"data_datagrams":{"total":2,"per_second":1.333},"records":{"total":2,"per_second":1.333},"stats_datagrams":{"total":2,"per_second":1.333},"bad_datagrams":0,"stats_delta":{"captured":2,"received":1,"dropped":0,"ifdropped":0,"sample_rate":null},"sequence":{"total":4,"lost":1,"out_of_order":0,"duplicates":0,"restarts":0}}}
"#;
    assert_eq!(run(&["-r", path.to_str().unwrap(), "--json"]), good(want));
}

#[test]
fn filters_narrow_or_replace() {
    let mut elsewhere = udp(9, &simple(1, "elsewhere"));
    elsewhere[22..24].copy_from_slice(&5301_u16.to_be_bytes());
    let packets = [
        udp(7, &simple(1, "seven")),
        udp(8, &simple(1, "eight")),
        elsewhere,
    ];
    let line = |time, label| simple_line("127.0.0.1", time, label);
    let (seven, eight, other) = (
        line("22:13:20", "seven"),
        line("22:13:20", "eight"),
        line("22:13:21", "elsewhere"),
    );

    let tagged = Shape {
        link: 1,
        head: b"destinsource\x81\x00\x00\x2a\x08\x00",
        ..SENSOR
    };
    for (shape, name) in [(SENSOR, "null"), (tagged, "vlan")] {
        let path = file(&format!("filter-{name}.pcap"), &shape.pcap(&packets));
        let records = |args: &[&str]| {
            let run = run(&[&["-r", path.to_str().unwrap(), "--no-header"], args].concat());
            assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""));
            run.stdout.split("\n\n").next().unwrap().to_owned() + "\n"
        };
        assert_eq!(records(&[]), format!("{seven}{eight}"));
        assert_eq!(records(&["-f", "src port 8 or src port 9"]), eight);
        let tag = if shape.link == 1 { "vlan and " } else { "" };
        assert_eq!(records(&["-F", &format!("{tag}dst port 5301")]), other);
        assert_eq!(records(&["-F", ""]), format!("{seven}{eight}{other}"));
    }
}

#[test]
fn lost_and_doubled_datagrams_are_counted() {
    let numbers = [1, 2, 4, 4, 3, 9, 8];
    let packets: Vec<_> = numbers
        .iter()
        .map(|&number| udp(4000, &simple(number, "x")))
        .collect();
    let path = file("sequence.pcap", &SENSOR.pcap(&packets));
    let found = run(&["-r", path.to_str().unwrap(), "-S"]);
    let want = "127.0.0.1:4000
  data datagrams   7 (2.33/s)
  records          7 (2.33/s)
  stats datagrams  0 (0.00/s)
  bad datagrams    0
  sequence         total:7 lost:3 out_of_order:2 duplicates:1 restarts:0
";
    assert_eq!(found, good(want));
}
