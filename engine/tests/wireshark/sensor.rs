//! What the sensor writes, read by the dissector and by dnsflow-read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dnsflow_testkit::corpus::Corpus;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::process::Process;
use dnsflow_wire::text::{ClassText, RcodeText, TypeText};
use serde_json::Value;

use crate::BUILT;
use crate::dissection::{Tree, dissected, is_possible};

/// The header of a pcap file (pcap-savefile(5)).
const FILE_HEADER_BYTES: usize = 24;

/// What both readers have of a record: sequence, client, resolver, names, IPv4 and IPv6 addresses.
const RECORD: [&str; 6] = ["sequence", "client", "resolver", "names", "ipv4", "ipv6"];

/// Statistics by dnsflow-read, and by the dissector.
const STATS: [(&str, &str); 5] = [
    ("captured", "stats.captured"),
    ("received", "stats.received"),
    ("dropped", "stats.dropped"),
    ("ifdropped", "stats.ifdropped"),
    ("sample_rate", "sampling"),
];

/// Records and statistics, as the dissector shows them.
fn shown(datagram: &Tree) -> Vec<Vec<String>> {
    let sequence = datagram.list("sequence");
    if datagram.list("flags.stats") == "1" {
        let counters = STATS.iter().map(|(_, field)| datagram.list(field));
        return vec![[sequence].into_iter().chain(counters).collect()];
    }
    let record = |set: &Tree| {
        let either = |name: &str| set.list(name) + &set.list(&format!("{name}6"));
        vec![
            sequence.clone(),
            either("set.client"),
            either("set.resolver"),
            set.list("set.names"),
            set.list("set.ips"),
            set.list("set.ip6s"),
        ]
    };
    datagram.each("set").iter().map(record).collect()
}

/// Flags of a message, in the order of dnsflow-read.
const FLAGS: [&str; 7] = ["aa", "tc", "rd", "ra", "z", "ad", "cd"];

/// Records and counters of version 5, as the dissector shows them.
fn shown_of_version_5(datagram: &Tree) -> Vec<Vec<String>> {
    let sequence = datagram.list("sequence");
    if datagram.list("flags.stats") == "1" {
        let names = datagram.all("stats.name").into_iter();
        let pairs = names.zip(datagram.all("stats.value"));
        let pairs = pairs.map(|(name, value)| format!("{name} {value}"));
        return vec![sorted(sequence, pairs)];
    }
    let records = datagram.each("record");
    records
        .iter()
        .map(|record| {
            let list = |name: &str| record.list(&format!("record.{name}"));
            let either = |name: &str| list(name) + &list(&format!("{name}6"));
            let number = |name: &str| list(name).parse::<u16>().ok();
            let flags = FLAGS
                .iter()
                .filter(|name| list(&format!("flags.{name}")) == "1");
            let flags: Vec<_> = flags.copied().collect();
            let answers = record.each("record.answer");
            let answers: Vec<_> = answers.iter().flat_map(shown_answers).collect();
            let transport = if list("transport") == "1" {
                "tcp"
            } else {
                "udp"
            };
            vec![
                sequence.clone(),
                either("client"),
                list("client_port"),
                either("resolver"),
                list("resolver_port"),
                transport.to_owned(),
                list("name"),
                shown_or_null(number("type").map(TypeText)),
                shown_or_null(number("class").map(ClassText)),
                shown_or_null(number("rcode").map(RcodeText)),
                flags.join(","),
                list("interface"),
                list("vlan"),
                list("inner_vlan"),
                list("vni"),
                list("subnet"),
                list("incomplete") + &list("continued") + &list("more"),
                answers.join(", "),
            ]
        })
        .collect()
}

fn shown_or_null(shown: Option<impl ToString>) -> String {
    shown.map_or("null".to_owned(), |shown| shown.to_string())
}

/// The answers of a group. Data of other types is not compared: the dissector does not read it.
fn shown_answers(group: &Tree) -> Vec<String> {
    let list = |name: &str| group.list(&format!("record.answer.{name}"));
    let number = |name: &str| list(name).parse().expect("a number");
    let front = format!(
        "{} {} {} {}",
        list("owner"),
        list("ttl"),
        ClassText(number("class")),
        TypeText(number("type"))
    );
    let values = ["a", "aaaa", "cname"];
    let values = values.map(|name| group.all(&format!("record.answer.{name}")));
    let values = values.concat();
    if values.is_empty() {
        return vec![front];
    }
    let line = |value: &String| format!("{front} {value}");
    values.iter().map(line).collect()
}

/// The same of an object of dnsflow-read; `None` if it is neither a record nor statistics.
fn read_of_version_5(object: &Value) -> Option<Vec<String>> {
    let sequence = text(object.get("sequence")?);
    if let Some(stats) = object.get("stats") {
        let stats = stats.as_object().expect("an object").iter();
        let stats = stats.filter(|(name, value)| *name != "sample_rate" && !value.is_null());
        let pairs = stats.map(|(name, value)| format!("{name} {}", text(value)));
        return Some(sorted(sequence, pairs));
    }
    let list = |name: &str| match &object[name] {
        Value::Null => String::new(),
        value => text(value),
    };
    let subnet = match &object["subnet"] {
        Value::Null => String::new(),
        subnet if subnet["address"].is_null() => String::new(),
        subnet => format!("{}/{}", text(&subnet["address"]), subnet["source_prefix"]),
    };
    let bits = ["incomplete", "continues", "has_more"];
    let bits = bits.map(|name| if object[name] == true { "1" } else { "0" });
    let answers = object["answers"].as_array().expect("an array").iter();
    let answers = answers.map(|answer| {
        let front = ["name", "ttl", "class", "type"].map(|name| text(&answer[name]));
        let kind = front[3].clone();
        let front = front.join(" ");
        match kind.as_str() {
            "A" | "AAAA" | "CNAME" => format!("{front} {}", text(&answer["data"])),
            _ => front,
        }
    });
    Some(vec![
        sequence,
        list("client"),
        list("client_port"),
        list("resolver"),
        list("resolver_port"),
        list("transport"),
        text(&object["names"][0]),
        text(&object["type"]),
        text(&object["class"]),
        list("rcode"),
        list("flags"),
        list("interface"),
        list("vlan"),
        list("inner_vlan"),
        list("vni"),
        subnet,
        bits.concat(),
        answers.collect::<Vec<_>>().join(", "),
    ])
}

fn sorted(first: String, pairs: impl Iterator<Item = String>) -> Vec<String> {
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort();
    pairs.insert(0, first);
    pairs
}

/// What dnsflow-read finds.
fn read(export: &Path) -> Vec<Vec<String>> {
    objects(export)
        .iter()
        .filter_map(|object| {
            let sequence = text(object.get("sequence")?);
            let Some(stats) = object.get("stats") else {
                return Some(RECORD.iter().map(|key| text(&object[key])).collect());
            };
            let counters = STATS.iter().map(|(key, _)| text(&stats[key]));
            Some([sequence].into_iter().chain(counters).collect())
        })
        .collect()
}

/// What dnsflow-read prints.
fn objects(export: &Path) -> Vec<Value> {
    let mut command = Command::new(BUILT.path("dnsflow-read"));
    command.arg("--json").arg("-r").arg(export);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = Process::start("dnsflow-read", &mut command).wait();
    ended.assert_success();
    let lines = ended.lines();
    let objects = lines.iter().map(|line| serde_json::from_str(line));
    objects
        .map(|object| object.expect("dnsflow-read prints JSON"))
        .collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(","),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// The records and statistics of every capture of the project, in one file, since tshark takes long to start.
#[test]
fn both_readers_find_the_same() {
    if !is_possible("sensor::both_readers_find_the_same") {
        return;
    }
    let folder = Folder::new();
    let export = exported(&folder, "");
    let datagrams = dissected(&export);
    assert_nothing_is_wrong(&datagrams);
    let found: Vec<_> = datagrams.iter().flat_map(shown).collect();
    assert_eq!(found, read(&export));
    assert!(found.len() > 100, "{} records are few", found.len());
}

/// The same of version 5, with every field.
#[test]
fn both_readers_find_the_same_of_version_5() {
    if !is_possible("sensor::both_readers_find_the_same_of_version_5") {
        return;
    }
    let folder = Folder::new();
    let options = "--format v5 --select all --types any --authoritative -Y";
    let export = exported(&folder, options);
    let datagrams = dissected(&export);
    assert_nothing_is_wrong(&datagrams);
    let found: Vec<_> = datagrams.iter().flat_map(shown_of_version_5).collect();
    let objects = objects(&export);
    let wanted: Vec<_> = objects.iter().filter_map(read_of_version_5).collect();
    for (found, wanted) in found.iter().zip(&wanted) {
        assert_eq!(found, wanted);
    }
    assert_eq!(found.len(), wanted.len());
    assert!(found.len() > 100, "{} records are few", found.len());
}

fn assert_nothing_is_wrong(datagrams: &[Tree]) {
    for datagram in datagrams {
        assert_eq!(datagram.complaints(), [""; 0], "{datagram:?}");
    }
}

/// What the sensor exports of every capture of the project with these options, in one file.
fn exported(folder: &Folder, options: &str) -> PathBuf {
    let mut all = Vec::new();
    for (number, capture) in Corpus::own().captures().iter().enumerate() {
        let export = folder.path(&format!("{number}.pcap"));
        // Damaged ones end with status 1; what comes before the damage is exported.
        let sensor = BUILT.reading(capture).with("--decap all").with(options);
        let ended = sensor.option("-w", &export).run();
        if !export.exists() {
            ended.assert_failure(1, &[]);
            continue;
        }
        let bytes = fs::read(&export).expect("an export");
        let behind_header = if all.is_empty() { 0 } else { FILE_HEADER_BYTES };
        all.extend_from_slice(&bytes[behind_header..]);
    }
    folder.file("all.pcap", &all)
}
