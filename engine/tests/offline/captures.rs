//! The project's corpus of captures, hostile ones among them, and the captures that others recorded, where they lie
//! beside the checkout: everything that is expected comes out, for others' all that the original sensor finds, nothing
//! that is not there does, and nothing brings the sensor down. No file of others is part of this project.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use dnsflow_testkit::corpus::Corpus;
use dnsflow_testkit::export::Export;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::requirements::{core_counts, say};

use crate::BUILT;

/// Tags of lines that a sensor may print and need not.
const OPTIONAL: [&str; 4] = ["partial", "frag-incomplete", "udplen", "unlisted:"];

/// A set: client, resolver, names, IPv4 and IPv6 addresses.
type Line = String;

/// How often a line is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lines(BTreeMap<Line, usize>);

impl Lines {
    fn add(&mut self, line: Line) {
        *self.0.entry(line).or_default() += 1;
    }

    fn take(&mut self, line: &str) -> bool {
        match self.0.get_mut(line) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }

    fn left(&self) -> impl Iterator<Item = &str> {
        let there = self.0.iter().filter(|(_, count)| **count > 0);
        there.flat_map(|(line, count)| std::iter::repeat_n(line.as_str(), *count))
    }
}

/// What is expected of a capture.
#[derive(Debug)]
struct Expected {
    line: Line,
    optional: bool,
    big: bool,
}

/// What was wrong, over all captures.
#[derive(Debug, Default)]
struct Findings {
    found: usize,
    missing: Vec<String>,
    /// What must not be: a line that nobody expects, or one of the original's that is missing.
    wrong: Vec<String>,
}

#[test]
fn captures_of_the_project() {
    check(&Corpus::own());
}

#[test]
fn captures_of_others() {
    if let Some(corpus) = Corpus::of_others("captures_of_others") {
        check(&corpus);
    }
}

/// Has the sensor read all captures, on one core and on two.
fn check(corpus: &Corpus) {
    let files = corpus.captures();
    let mut exports: Vec<BTreeMap<&Path, Lines>> = Vec::new();
    for cores in core_counts() {
        let mut findings = Findings::default();
        let mut lines_of = BTreeMap::new();
        for file in &files {
            let lines = run(file, cores);
            judge(corpus, file, lines.clone(), &mut findings);
            lines_of.insert(file.as_path(), lines);
        }
        report(files.len(), cores, &findings);
        exports.push(lines_of);
    }
    if let [one, two] = &exports[..] {
        for (file, lines) in one {
            assert_eq!(
                Some(lines),
                two.get(file),
                "1 core and 2 cores: {}",
                file.display()
            );
        }
    }
}

/// What the sensor exports for a capture; nothing if it refuses it.
fn run(file: &Path, cores: &str) -> Lines {
    let folder = Folder::new();
    let path = folder.path("export.pcap");
    let ended = BUILT
        .reading(file)
        .option("-w", &path)
        .option("--cores", cores)
        .option("--decap", "all")
        .run();
    assert!(
        ended.status.success() || !ended.stderr.is_empty(),
        "{}: failed without a word",
        file.display()
    );
    let mut lines = Lines::default();
    match fs::read(&path) {
        Ok(bytes) => {
            let export =
                Export::parse(&bytes).unwrap_or_else(|wrong| panic!("{}: {wrong}", file.display()));
            export.sets().into_iter().for_each(|line| lines.add(line));
        }
        Err(_) => assert!(!ended.status.success(), "{}: no export", file.display()),
    }
    lines
}

fn judge(corpus: &Corpus, file: &Path, mut lines: Lines, findings: &mut Findings) {
    let name = file.file_name().expect("a file").to_string_lossy();
    let read = |kind: &str| corpus.expected(kind, file);
    let mut golden = lines.clone();
    for line in read("golden").lines() {
        if !golden.take(line) {
            findings
                .wrong
                .push(format!("{name}: missing of the original's: {line}"));
        }
    }
    let mut expected: Vec<Expected> = read("oracle").lines().map(expected).collect();
    // Where a line is there fewer times than it is expected, those that have to be there are found first.
    expected.sort_by_key(|expected| expected.optional);
    let mut missing = Vec::new();
    for expected in expected {
        if lines.take(&expected.line) {
            findings.found += 1;
        } else if !expected.optional {
            missing.push(expected);
        }
    }
    for expected in missing {
        if expected.big && take_parts(&expected.line, &mut lines) {
            findings.found += 1;
        } else {
            findings.missing.push(format!("{name}: {}", expected.line));
        }
    }
    for line in lines.left() {
        findings
            .wrong
            .push(format!("{name}: nobody expects: {line}"));
    }
}

fn expected(line: &str) -> Expected {
    let mut columns: Vec<&str> = line.split('\t').collect();
    let tags = if columns.len() > 5 {
        columns.remove(5)
    } else {
        ""
    };
    let mut tags = tags.split(',');
    Expected {
        line: columns.join("\t"),
        optional: tags
            .clone()
            .any(|tag| OPTIONAL.iter().any(|optional| tag.starts_with(optional))),
        big: tags.any(|tag| tag == "big"),
    }
}

/// Takes the sets that together are a line that no single set can hold: of the same client, resolver and
/// question, with each alias and each address. False if there are none, or others.
fn take_parts(whole: &str, lines: &mut Lines) -> bool {
    let parts: Vec<Line> = lines
        .left()
        .filter(|line| question(line) == question(whole))
        .map(str::to_owned)
        .collect();
    let pieces = |lines: &[&str]| {
        let mut names = Vec::new();
        let mut addresses = Lines::default();
        for line in lines {
            let columns: Vec<&str> = line.split('\t').collect();
            names.extend(columns[2].split(',').map(str::to_owned));
            for address in columns[3..5].iter().flat_map(|column| column.split(',')) {
                if !address.is_empty() {
                    addresses.add(address.to_owned());
                }
            }
        }
        names.sort_unstable();
        names.dedup();
        (names, addresses)
    };
    let together: Vec<&str> = parts.iter().map(String::as_str).collect();
    if parts.is_empty() || pieces(&together) != pieces(&[whole]) {
        return false;
    }
    parts.iter().all(|part| lines.take(part))
}

/// Client, resolver and the first name.
fn question(line: &str) -> (&str, &str, &str) {
    let mut columns = line.split('\t');
    let mut next = || columns.next().unwrap_or_default();
    let (client, resolver, names) = (next(), next(), next());
    (
        client,
        resolver,
        names.split(',').next().unwrap_or_default(),
    )
}

fn report(files: usize, cores: &str, findings: &Findings) {
    let (found, missing) = (findings.found, findings.missing.len());
    say(&format!(
        "{files} captures, {cores} core(s): {found} sets found, {missing} missing"
    ));
    let first = |list: &[String]| list[..list.len().min(5)].join("\n");
    assert!(
        findings.wrong.is_empty(),
        "{} wrong:\n{}",
        findings.wrong.len(),
        first(&findings.wrong)
    );
    assert!(
        findings.missing.is_empty(),
        "{missing} missing:\n{}",
        first(&findings.missing)
    );
}
