//! What the reader prints.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Duration;

use dnsflow_read::{Options, print};
use serde_json::Value;

use crate::input::Input;
use crate::text::assert_printable;

/// Most datagrams of an input.
const MAX_DATAGRAMS: usize = 64;

/// Fields of a record and of statistics of version 5.
const RECORD: &[&str] = &[
    "answers",
    "boot",
    "class",
    "client",
    "client_port",
    "continues",
    "core",
    "flags",
    "has_more",
    "incomplete",
    "inner_vlan",
    "interface",
    "ipv4",
    "ipv6",
    "names",
    "port",
    "rcode",
    "received",
    "resolver",
    "resolver_port",
    "sampling",
    "sensor",
    "sensor_name",
    "sequence",
    "subnet",
    "time",
    "transport",
    "type",
    "vlan",
    "vni",
];
const STATS: &[&str] = &[
    "boot",
    "core",
    "port",
    "received",
    "sensor",
    "sensor_name",
    "sequence",
    "stats",
    "time",
    "version",
];

thread_local! {
    static OPTIONS: RefCell<Vec<Options>> = RefCell::new(options());
}

/// Each combination that changes what is printed.
fn options() -> Vec<Options> {
    let of = [
        "",
        "--stats",
        "--summary",
        "--no-header",
        "--json",
        "--json --stats",
        "--json -S",
        "-c 2",
        "--fields",
        "--ecs",
    ];
    let parse = |words: &str| {
        let words = ["dnsflow-read", "-r", "-"]
            .into_iter()
            .chain(words.split_whitespace());
        <Options as clap::Parser>::parse_from(words)
    };
    of.into_iter().map(parse).collect()
}

/// Prints datagrams as text or JSON: all of it is printable, line by line, JSON can be parsed, and has
/// the fields that it has to have.
///
/// ```text
/// options 1 | datagram: sender 1 | time 1 | count 2 | bytes | ..
/// ```
///
/// # Panics
/// If something printed is not as it has to be.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let which = usize::from(input.byte());
    let mut datagrams: Vec<(Duration, SocketAddr, &[u8])> = Vec::new();
    let mut time = Duration::from_secs(1_700_000_000);
    while !input.is_empty() && datagrams.len() < MAX_DATAGRAMS {
        let (who, later) = (input.byte(), input.byte());
        let sender = match who {
            0..0x80 => SocketAddr::from(([192, 0, 2, who & 3], (who >> 5).into())),
            _ => SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(who & 3)], 1)),
        };
        // Also into a year of five digits, and back.
        time = match later {
            0xff => Duration::from_secs(u64::from(input.word()) << 8),
            _ => time + Duration::from_micros(u64::from(later) * 997),
        };
        datagrams.push((time, sender, input.counted()));
    }
    OPTIONS.with_borrow(|options| {
        let is_json = matches!(which % options.len(), 4..7 | 9);
        let options = &options[which % options.len()];
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let printed = print(options, datagrams.iter().copied(), &mut output, &mut errors);
        printed.expect("memory can be written");
        check_lines(&errors, |line| {
            assert!(line.starts_with("dnsflow-read: "), "{line}")
        });
        check_lines(&output, |line| {
            if is_json {
                let value: Value = serde_json::from_str(line).expect("it is JSON");
                check_object(&value);
            }
        });
    });
}

/// Holds that bytes are whole lines of printable ASCII, and calls `check` with each.
fn check_lines(bytes: &[u8], check: impl Fn(&str)) {
    let text = str::from_utf8(bytes).expect("it is ASCII");
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    for line in text.lines() {
        assert_printable(line);
        check(line);
    }
}

/// The fields that each line of JSON has.
fn check_object(value: &Value) {
    let fields: Vec<&str> = value
        .as_object()
        .map(|object| object.keys().map(String::as_str).collect())
        .unwrap_or_default();
    let is_known = [
        &[
            "client", "ipv4", "ipv6", "names", "port", "resolver", "sensor", "sequence", "time",
        ][..],
        &["port", "sensor", "sequence", "stats", "time"],
        RECORD,
        STATS,
        &["summary"],
        &[
            "@timestamp",
            "client",
            "dns",
            "ecs",
            "event",
            "network",
            "observer",
        ],
        &[
            "@timestamp",
            "client",
            "dns",
            "ecs",
            "event",
            "network",
            "observer",
            "server",
        ],
    ]
    .contains(&&fields[..]);
    assert!(is_known, "{fields:?}");
}
