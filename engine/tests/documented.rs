//! What operators meet is in the operator's page: every counter and metric with its meaning, every option. And what the
//! architecture's page names is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::CommandFactory as _;
use dnsflow::observe::metrics::{FAMILIES, Family};
use dnsflow::start::cli::Cli;
use dnsflow_packet::{Loss, Reject};

const PAGE: &str = include_str!("../../docs/operators.md");

const ARCHITECTURE: &str = include_str!("../../ARCHITECTURE.md");

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
fn every_metric() {
    let rows: Vec<String> = FAMILIES.iter().map(row).collect();
    let missing: Vec<_> = rows.iter().filter(|row| !PAGE.contains(*row)).collect();
    assert!(
        missing.is_empty(),
        "docs/operators.md lacks these rows: {missing:#?}"
    );
    let (_, table) = PAGE
        .split_once("\n### Metrics\n")
        .expect("the page has the heading of the table");
    let (table, _) = table
        .split_once("\n## ")
        .expect("the page goes on after the table");
    let documented = table.lines().filter(|line| line.starts_with("| `"));
    let gone: Vec<_> = documented
        .filter(|line| !rows.iter().any(|row| row == line))
        .collect();
    assert!(
        gone.is_empty(),
        "docs/operators.md has metrics that are gone: {gone:#?}"
    );
}

fn row(family: &Family) -> String {
    let labels: Vec<String> = family
        .labels
        .iter()
        .map(|label| format!("`{label}`"))
        .collect();
    let Family { name, meaning, .. } = family;
    format!("| `{name}` | {} | {meaning} |", labels.join(", "))
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

#[test]
fn every_subcommand() {
    let command = Cli::command();
    let missing: Vec<String> = command
        .get_subcommands()
        .map(|action| format!("dnsflow {}", action.get_name()))
        .filter(|action| !PAGE.contains(action.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/operators.md does not explain {missing:?}"
    );
}

/// Every `type::function` and `module::function` that the page names is a word of the sources.
#[test]
fn names_of_the_architecture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut sources = String::new();
    for folder in ["engine", "filters", "tools"] {
        read_sources(&root.join(folder), &mut sources);
    }
    let words: BTreeSet<&str> = sources
        .split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .collect();
    let named: Vec<&str> = ARCHITECTURE
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|text| text.contains("::"))
        .collect();
    assert!(named.len() > 10, "the page names functions: {named:?}");
    let gone: Vec<_> = named
        .iter()
        .filter(|path| path.split("::").any(|part| !words.contains(part)))
        .collect();
    assert!(
        gone.is_empty(),
        "ARCHITECTURE.md names what is gone: {gone:?}"
    );
}

fn read_sources(folder: &Path, sources: &mut String) {
    let entries = fs::read_dir(folder).expect("the folders of the workspace are there");
    for entry in entries {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            read_sources(&path, sources);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            sources.push_str(&fs::read_to_string(&path).expect("sources are UTF-8"));
        }
    }
}
