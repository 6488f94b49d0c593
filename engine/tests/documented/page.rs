//! The operator's page: every counter and metric in a row of its own with its meaning, every option in one.

use std::collections::BTreeSet;

use clap::CommandFactory as _;
use dnsflow::observe::metrics::FAMILIES;
use dnsflow::start::cli::Cli;
use dnsflow_packet::{Loss, Reject};
use dnsflow_service::exposition::Family;

use crate::spans;

const PAGE: &str = include_str!("../../../docs/operators.md");

/// The lines of the page from one heading to the next of at least its level.
fn section(heading: &str) -> &'static str {
    let start = format!("\n{heading}\n");
    let (_, rest) = PAGE
        .split_once(&start)
        .unwrap_or_else(|| panic!("docs/operators.md has no heading {heading}"));
    let level = heading.bytes().take_while(|byte| *byte == b'#').count();
    let ends = (1..=level).filter_map(|level| rest.find(&format!("\n{} ", "#".repeat(level))));
    ends.min().map_or(rest, |end| &rest[..end])
}

/// The cells of each row of the tables in a text, heads included.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter_map(|line| {
        let cells = line.strip_prefix("| ")?.strip_suffix('|')?;
        Some(cells.split('|').map(str::trim).collect())
    })
}

/// Every counter has a row of its own, under its heading, with its meaning; and there are no other rows.
fn assert_documented(heading: &str, counters: &[(&str, &str)]) {
    let documented: Vec<(&str, &str)> = rows(section(heading))
        .skip(1)
        .map(|cells| (cells[0], cells[1]))
        .collect();
    let expected: Vec<(String, &str)> = counters
        .iter()
        .map(|(name, meaning)| (format!("`{name}`"), *meaning))
        .collect();
    let expected: Vec<(&str, &str)> = expected
        .iter()
        .map(|(name, meaning)| (name.as_str(), *meaning))
        .collect();
    let missing: Vec<_> = expected
        .iter()
        .filter(|row| !documented.contains(row))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/operators.md lacks these rows below {heading}: {missing:#?}"
    );
    let unknown: Vec<_> = documented
        .iter()
        .filter(|row| !expected.contains(row))
        .collect();
    assert!(
        unknown.is_empty(),
        "docs/operators.md has rows below {heading} that are gone: {unknown:#?}"
    );
    assert_eq!(documented.len(), expected.len(), "a row is there twice");
}

#[test]
fn every_reason_with_its_meaning() {
    let reasons = Reject::ALL.iter();
    let reasons = reasons.map(|reason| (reason.counter(), reason.meaning()));
    assert_documented("### Reasons", &reasons.collect::<Vec<_>>());
}

#[test]
fn every_loss_with_its_meaning() {
    let losses = Loss::ALL.iter();
    let losses = losses.map(|what| (what.counter(), what.meaning()));
    assert_documented("### Lost", &losses.collect::<Vec<_>>());
}

#[test]
fn every_metric() {
    let expected: Vec<Vec<String>> = FAMILIES.iter().map(row).collect();
    let documented: Vec<Vec<&str>> = rows(section("### Metrics")).skip(1).collect();
    let missing: Vec<_> = expected
        .iter()
        .filter(|row| !documented.iter().any(|cells| cells == *row))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/operators.md lacks these rows: {missing:#?}"
    );
    let gone: Vec<_> = documented
        .iter()
        .filter(|cells| !expected.iter().any(|row| *cells == row))
        .collect();
    assert!(
        gone.is_empty(),
        "docs/operators.md has metrics that are gone: {gone:#?}"
    );
    assert_eq!(documented.len(), expected.len(), "a metric is there twice");
}

/// The cells of a metric.
fn row(family: &Family) -> Vec<String> {
    let labels = family.labels.iter();
    let labels: Vec<String> = labels.map(|label| format!("`{label}`")).collect();
    let Family { name, meaning, .. } = family;
    vec![
        format!("`{name}`"),
        labels.join(", "),
        (*meaning).to_owned(),
    ]
}

/// Every option stands in the first cell of a row: alone, with its short form, or with one of its values.
#[test]
fn every_option() {
    // What the sensor says begins with an option too, where it complains of one.
    let option = |span: &'static str| {
        let mut words = span.split(' ');
        let option = words.next();
        option.filter(|_| words.count() < 2 && !span.contains(':'))
    };
    let documented: BTreeSet<&str> = rows(PAGE)
        .flat_map(|cells| spans(cells[0]).collect::<Vec<_>>())
        .filter_map(option)
        .collect();
    let missing: Vec<String> = Cli::command()
        .get_arguments()
        .filter_map(|option| option.get_long())
        .map(|long| format!("--{long}"))
        .filter(|option| !documented.contains(option.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/operators.md has no row in a table for {missing:?}"
    );
}

#[test]
fn every_subcommand() {
    let named: BTreeSet<&str> = spans(PAGE).collect();
    let command = Cli::command();
    let missing: Vec<String> = command
        .get_subcommands()
        .map(|action| format!("dnsflow {}", action.get_name()))
        .filter(|action| !named.contains(action.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/operators.md does not explain {missing:?}"
    );
}

/// A change of the page that these tests have to notice: a name of which another is the start.
#[test]
fn names_are_compared_whole() {
    let table = "| option | |\n|---|---|\n| `--print-filter` (`-x`) | No `--print`. |\n";
    let found: Vec<Vec<&str>> = rows(table).map(|cells| spans(cells[0]).collect()).collect();
    assert_eq!(found, [vec![], vec!["--print-filter", "-x"]]);
}
