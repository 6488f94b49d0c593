//! What is exported in version 5, reduced to what version 4 has, is what is exported in version 4.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use dnsflow_testkit::corpus::Corpus;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::process::Process;
use dnsflow_testkit::requirements::say;

use crate::BUILT;

/// How often each is there.
type Counts = BTreeMap<String, usize>;

/// Records as dnsflow-read has them, without sensor and time: resolver, client, names, IPv4 and IPv6 addresses.
fn records(capture: &Path, format: &str) -> Vec<[String; 5]> {
    let folder = Folder::new();
    let export = folder.path("export.pcap");
    let sensor = BUILT.reading(capture).with("--decap all -Y");
    // Damaged ones end with status 1; what comes before the damage is exported.
    let ended = sensor
        .option("--format", format)
        .option("-w", &export)
        .run();
    if !export.exists() {
        ended.assert_failure(1, &[]);
        return Vec::new();
    }
    let mut command = Command::new(BUILT.path("dnsflow-read"));
    command.arg("-r").arg(&export);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = Process::start("dnsflow-read", &mut command).wait();
    ended.assert_success();
    let lines = ended.lines();
    // Behind an empty line there is a summary.
    let records = lines[1..].iter().take_while(|line| !line.is_empty());
    let records = records.filter(|line| !line.starts_with("STATS|"));
    let columns = records.map(|line| {
        let columns: Vec<&str> = line.split('|').collect();
        [1, 2, 4, 5, 6].map(|at| columns[at].to_owned())
    });
    columns.collect()
}

/// What divided responses have together: each alias and address, with the endpoints and the name asked for.
fn pieces(records: &[[String; 5]]) -> Counts {
    let mut pieces = Counts::new();
    for [resolver, client, names, ipv4, ipv6] in records {
        let (name, aliases) = names.split_once(',').unwrap_or((names, ""));
        for (kind, list) in [("alias", aliases), ("ipv4", ipv4), ("ipv6", ipv6)] {
            for value in list.split(',').filter(|value| !value.is_empty()) {
                let piece = format!("{resolver} {client} {name} {kind} {value}");
                *pieces.entry(piece).or_default() += 1;
            }
        }
    }
    pieces
}

fn check(corpus: &Corpus) {
    let captures = corpus.captures();
    let mut count = 0;
    for capture in &captures {
        let [mut old, mut new] = ["v4", "v5"].map(|format| records(capture, format));
        assert_eq!(pieces(&old), pieces(&new), "{}", capture.display());
        count += new.len();
        // Their responses are divided in other places.
        if old.len() == new.len() {
            old.sort();
            new.sort();
            assert_eq!(old, new, "{}", capture.display());
        }
    }
    say(&format!("{count} records of {} captures", captures.len()));
    assert!(count > 100, "{count} records are few");
}

#[test]
fn captures_of_the_project_are_the_same() {
    check(&Corpus::own());
}

#[test]
fn captures_of_others_are_the_same() {
    if let Some(corpus) = Corpus::of_others("captures_of_others_are_the_same") {
        check(&corpus);
    }
}
