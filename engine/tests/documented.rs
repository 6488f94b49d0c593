//! What operators meet is in the operator's page: every counter with its meaning, every option.

use std::collections::BTreeSet;

use clap::CommandFactory as _;
use dnsflow::cli::Cli;
use dnsflow::decode::{Loss, Reject};

const PAGE: &str = include_str!("../../docs/operators.md");

/// Counter and meaning of everything that the summary may name.
fn counters() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rejects = Reject::ALL
        .iter()
        .map(|reason| (reason.counter(), reason.meaning()));
    let losses = Loss::ALL
        .iter()
        .map(|what| (what.counter(), what.meaning()));
    rejects.chain(losses)
}

#[test]
fn every_counter_with_its_meaning() {
    let missing: Vec<String> = counters()
        .map(|(counter, meaning)| format!("| `{counter}` | {meaning} |"))
        .filter(|row| !PAGE.contains(row))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/operators.md lacks these rows:\n{}",
        missing.join("\n")
    );
}

#[test]
fn no_counter_that_is_not_there() {
    let known: BTreeSet<&str> = counters().map(|(counter, _)| counter).collect();
    let (_, tables) = PAGE
        .split_once("\n### Reasons\n")
        .expect("the page has the heading of the tables");
    let (tables, _) = tables
        .split_once("\n## ")
        .expect("the page goes on after the tables");
    let documented: Vec<&str> = tables
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let unknown: Vec<_> = documented
        .iter()
        .filter(|name| !known.contains(*name))
        .collect();
    assert!(
        unknown.is_empty(),
        "docs/operators.md has counters that are gone: {unknown:?}"
    );
    assert_eq!(documented.len(), known.len(), "a counter is there twice");
}

#[test]
fn every_option() {
    let missing: Vec<String> = Cli::command()
        .get_arguments()
        .filter_map(|option| option.get_long())
        .map(|long| format!("`--{long}"))
        .filter(|option| !PAGE.contains(option.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/operators.md does not explain {missing:?}"
    );
}
