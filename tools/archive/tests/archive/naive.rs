//! The same answers from a scan of all rows, by other code.

use std::collections::BTreeMap;
use std::time::Duration;

use dnsflow_archive::{Limits, NamesRow, Range};
use dnsflow_names::confidence;
use dnsflow_names::{Answer, Candidate, Match, Question, Time};

use crate::writer::Row;

fn named(row: &Row) -> NamesRow {
    NamesRow {
        address: row.address.parse().unwrap(),
        client: row.client.parse().unwrap(),
        name: row.name.to_lowercase(),
        question: row.question.as_ref().map(|name| name.to_lowercase()),
        first: Time::from_micros(row.first),
        last: Time::from_micros(row.last),
        count: row.count.cast_unsigned(),
        ttl: row.ttl.map(i32::cast_unsigned),
    }
}

/// The rows that have something of a time.
pub(crate) fn rows(rows: &[(i64, Row)], range: Range) -> Vec<NamesRow> {
    let rows = rows.iter().map(|(_, row)| named(row));
    rows.filter(|row| {
        range.since.is_none_or(|since| row.last >= since)
            && range.until.is_none_or(|until| row.first <= until)
    })
    .collect()
}

/// Those that are wanted, added.
pub(crate) fn rolled(rows: &[NamesRow], is_wanted: impl Fn(&NamesRow) -> bool) -> Vec<NamesRow> {
    let mut sums: Vec<NamesRow> = Vec::new();
    for row in rows.iter().filter(|row| is_wanted(row)) {
        let key = |row: &NamesRow| {
            (
                row.address,
                row.client,
                row.name.clone(),
                row.question.clone(),
            )
        };
        match sums.iter_mut().find(|sum| key(sum) == key(row)) {
            None => sums.push(row.clone()),
            Some(sum) => {
                sum.first = sum.first.min(row.first);
                sum.last = sum.last.max(row.last);
                sum.count += row.count;
                sum.ttl = match (sum.ttl, row.ttl) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
            }
        }
    }
    sums.sort();
    sums.sort_by_key(|row| std::cmp::Reverse(row.last));
    sums
}

/// Asserts that an answer has the match and names of a scan, in their order.
pub(crate) fn assert_answer(
    answer: &Answer,
    question: &Question,
    rows: &[(i64, Row)],
    limits: &Limits,
) {
    let at = question.at.unwrap();
    let (since, until) = (at.0 - limits.lookback, at.0 + Duration::from_secs(2));
    let mut by_hour: BTreeMap<i64, Vec<NamesRow>> = BTreeMap::new();
    for (hour, row) in rows {
        by_hour.entry(*hour).or_default().push(named(row));
    }
    let found = |of_client: bool| -> Vec<NamesRow> {
        let of_hours = by_hour.values().flat_map(|rows| {
            let mut rows = rows.clone();
            rows.retain(|row| {
                row.address == question.address
                    && (!of_client || Some(row.client) == question.client)
            });
            rows.iter_mut()
                .filter(|_| !of_client)
                .for_each(|row| row.client = question.address);
            let mut rows = rolled(&rows, |_| true);
            rows.retain(|row| row.first.0 <= until && row.last.0 >= since);
            rows
        });
        of_hours.collect()
    };
    let held = |row: &NamesRow| {
        let ttl = row
            .ttl
            .map_or(limits.default_ttl, |ttl| Duration::from_secs(ttl.into()));
        at.0 <= row.last.0 + ttl + limits.grace
    };
    let own = found(true);
    let all = found(false);
    let (matched, mut rows) = match (&own[..], &all[..]) {
        ([], []) => (Match::None, Vec::new()),
        ([], _) => (Match::Others, all),
        _ if question.client.is_none() => (Match::Others, all),
        _ if own.iter().any(held) => (Match::Client, own),
        _ => (Match::ClientExpired, own),
    };
    assert_eq!(answer.matched, matched, "{question:?} {rows:?}");
    let any = rows.iter().any(held);
    let chain = |row: &NamesRow| {
        let asked = row.question.clone().unwrap_or_else(|| row.name.clone());
        match asked == row.name {
            true => vec![asked],
            false => vec![asked, row.name.clone()],
        }
    };
    let of_held: Vec<_> = rows.iter().filter(|row| held(row)).map(chain).collect();
    rows.retain(|row| !any || of_held.contains(&chain(row)));
    let mut names: Vec<(Vec<String>, u64, Time)> = Vec::new();
    for row in &rows {
        let last = row.last.min(at.max(row.first));
        match names.iter_mut().find(|(known, ..)| *known == chain(row)) {
            None => names.push((chain(row), row.count, last)),
            Some((_, count, latest)) => {
                *count += row.count;
                *latest = last.max(*latest);
            }
        }
    }
    let mut expected: Vec<_> = names.iter().map(|(chain, ..)| chain.clone()).collect();
    let mut given: Vec<_> = answer.names.iter().map(|name| name.chain.clone()).collect();
    match matched {
        Match::Client | Match::ClientExpired => {
            // Those that began later after the others, and of each the nearest first.
            let distance = |name: &Candidate| (name.first > at, name.last.0.abs_diff(at.0));
            assert!(answer.names.is_sorted_by_key(distance), "{answer:?}");
        }
        _ => {
            let shares: Vec<_> = answer.names.iter().map(|name| name.confidence).collect();
            assert!(shares.is_sorted_by(|one, next| one >= next), "{answer:?}");
        }
    }
    for name in &answer.names {
        let known = names.iter().find(|(chain, ..)| *chain == name.chain);
        assert_eq!(known.unwrap().2, name.last);
        assert_eq!(name.chain[0], name.name);
    }
    expected.sort();
    given.sort();
    assert_eq!(given, expected, "{question:?}");
    let sum: f32 = answer.names.iter().map(|name| name.confidence).sum();
    let most = match matched {
        Match::Others => confidence::OTHERS,
        _ => confidence::CLIENT,
    };
    assert!((0.0..=most + 1e-3).contains(&sum), "{answer:?}");
    if matched == Match::Client {
        assert!(sum > most - 1e-3, "{answer:?}");
    }
}
