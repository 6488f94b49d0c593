//! What the sensor tells in version 5 beside names and addresses, and what tshark finds of it.

use std::path::Path;
use std::process::{Command, Stdio};

use dnsflow_testkit::corpus::Capture;
use dnsflow_testkit::process::Process;
use dnsflow_testkit::{requirements, tshark};
use dnsflow_wire::text::{RcodeText, TypeText};
use serde_json::Value;

use crate::BUILT;

/// Client port over UDP and TCP; the message; owners, types and TTLs of its answers.
const FIELDS: [&str; 8] = [
    "udp.dstport",
    "tcp.dstport",
    "dns.qry.name",
    "dns.qry.type",
    "dns.flags",
    "dns.resp.name",
    "dns.resp.type",
    "dns.resp.ttl",
];

/// Flags of a message, from bit 10 of its second word on.
const FLAGS: [(&str, u16); 7] = [
    ("aa", 0x400),
    ("tc", 0x200),
    ("rd", 0x100),
    ("ra", 0x80),
    ("z", 0x40),
    ("ad", 0x20),
    ("cd", 0x10),
];

/// Holds what the sensor exports in version 5 of a capture against what tshark finds.
#[track_caller]
pub(crate) fn check(capture: &Capture, path: &Path) {
    if !requirements::programs("the comparison of details with tshark", &["tshark"]) {
        return;
    }
    let mut found = exported(capture, path);
    let mut wanted = dissected(capture, path);
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted, "{}", capture.name);
}

fn exported(capture: &Capture, path: &Path) -> Vec<String> {
    let export = path.with_extension("details");
    let ended = BUILT
        .reading(path)
        .with("--decap all --format v5")
        .with(&capture.options.join(" "))
        .option("-w", &export)
        .run();
    ended.assert_success();
    let mut command = Command::new(BUILT.path("dnsflow-read"));
    command.arg("--json").arg("-r").arg(&export);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = Process::start("dnsflow-read", &mut command).wait();
    ended.assert_success();
    let lines = ended.lines().into_iter();
    let objects = lines.map(|line| serde_json::from_str(line).expect("dnsflow-read prints JSON"));
    let records = objects.filter(|object: &Value| object.get("answers").is_some());
    records.map(|record| line_of(&record)).collect()
}

fn line_of(record: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let list = |value: &Value| value.as_array().expect("an array").clone();
    let answers = list(&record["answers"]).into_iter().map(|answer| {
        let [name, kind, ttl] = ["name", "type", "ttl"].map(|field| text(&answer[field]));
        format!("{name} {kind} {ttl}")
    });
    let flags: Vec<_> = list(&record["flags"]).iter().map(text).collect();
    format!(
        "{} {} {} {} {} {}: {}",
        text(&record["transport"]),
        record["client_port"],
        text(&record["names"][0]),
        text(&record["type"]),
        text(&record["rcode"]),
        flags.join(","),
        answers.collect::<Vec<_>>().join(", ")
    )
}

fn dissected(capture: &Capture, path: &Path) -> Vec<String> {
    let responses = ["-Y", "dns.flags.response == 1"];
    let options: Vec<&str> = capture.dissect.iter().map(String::as_str).collect();
    let rows = tshark::fields(path, &[&responses[..], &options].concat(), FIELDS);
    rows.iter().map(line_of_row).collect()
}

fn line_of_row(row: &[String; 8]) -> String {
    let [udp, tcp, name, kind, flags, owners, kinds, ttls] = row;
    // Of a tunnel there are several.
    let innermost = |ports: &str| ports.rsplit(',').next().unwrap_or_default().to_owned();
    let (transport, port) = if tcp.is_empty() {
        ("udp", innermost(udp))
    } else {
        ("tcp", innermost(tcp))
    };
    let number = |text: &str| text.parse::<u16>().unwrap_or_else(|_| panic!("{text:?}"));
    let bits = u16::from_str_radix(flags.trim_start_matches("0x"), 16);
    let bits = bits.unwrap_or_else(|_| panic!("{flags:?}"));
    let set = FLAGS.iter().filter(|(_, bit)| bits & bit != 0);
    let set: Vec<_> = set.map(|(name, _)| *name).collect();
    let answers = owners.split(',').zip(kinds.split(',')).zip(ttls.split(','));
    let answers = answers.filter(|((owner, _), _)| !owner.is_empty());
    let answers =
        answers.map(|((owner, kind), ttl)| format!("{owner} {} {ttl}", TypeText(number(kind))));
    format!(
        "{transport} {port} {name} {} {} {}: {}",
        TypeText(number(kind)),
        RcodeText(bits & 15),
        set.join(","),
        answers.collect::<Vec<_>>().join(", ")
    )
}
