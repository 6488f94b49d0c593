//! Scores and mistakes as tables.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Named, Protocol, Score};
use crate::report::table;

/// Who was right how often.
#[must_use]
pub fn summary(all: &[Named]) -> String {
    let told = || all.iter().filter(|named| named.is_told());
    let of = |protocol| told().filter(move |named| named.flow.protocol == protocol);
    let scores = [
        (
            "TLS and QUIC, by the server name",
            Score::of(of(Protocol::Tls)),
        ),
        ("HTTP, by the host", Score::of(of(Protocol::Http))),
        ("all", Score::of(told())),
        (
            "of these, the client had looked the name up",
            Score::of(told().filter(|named| named.is_looked_up)),
        ),
    ];
    let row = |(name, score): (&str, Score)| {
        vec![
            name.to_owned(),
            score.flows.to_string(),
            share(score.first, score.flows),
            share(score.among_three, score.flows),
            share(score.global, score.flows),
            match score.with_pointer {
                0 => "none in the capture".to_owned(),
                known => format!("{} (of {known})", share(score.pointer, known)),
            },
        ]
    };
    let head = [
        "flows whose client was told the address",
        "flows",
        "dnsflow-name",
        "among its first three",
        "last name that anyone looked up",
        "PTR",
    ];
    let not_told = all.len() - told().count();
    format!(
        "{}\n{not_told} more flows tell a name whose address the client was not told in the capture.\n",
        table(&head, &scores.map(row))
    )
}

/// Wrong answers that are shown.
const SHOWN: usize = 40;

/// The wrong answers among flows whose client was told the address, and why they are wrong; those of most flows, if
/// there are many.
#[must_use]
pub fn mistakes(all: &[Named]) -> String {
    let wrong = all
        .iter()
        .filter(|named| named.is_told() && !named.is_among(1));
    let mut kinds: BTreeMap<[String; 4], u64> = BTreeMap::new();
    for named in wrong {
        let kind = [
            named.flow.name.clone(),
            named.names.first().cloned().unwrap_or_default(),
            named.flow.server.to_string(),
            why(named).to_owned(),
        ];
        *kinds.entry(kind).or_default() += 1;
    }
    let row = |(kind, count): &([String; 4], u64)| {
        let mut row = kind.to_vec();
        row.push(count.to_string());
        row
    };
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, count)| Reverse(*count));
    let rows: Vec<_> = kinds.iter().take(SHOWN).map(row).collect();
    let mut text = table(&["meant", "named", "address", "why", "flows"], &rows);
    if let more @ 1.. = kinds.len().saturating_sub(SHOWN) {
        text += &format!("\nand {more} more of as few flows\n");
    }
    text
}

fn why(named: &Named) -> &'static str {
    if named.is_among(3) {
        "another name of the same address was looked up after it"
    } else if named.is_among(usize::MAX) {
        "many other names of the same address were looked up after it"
    } else if named.is_looked_up {
        "looked up, and told other addresses"
    } else {
        "the name was not looked up in the capture"
    }
}

fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let thousandths = (part * 1000 + whole / 2) / whole;
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}
