//! The account that the sensor gives at its end, on standard error.
//!
//! ```text
//! dnsflow: core 0: received 5 = exported 3 + query 2
//! dnsflow: core 1: received 2 + rebuilt 1 = exported 2 + fragment 1; lost: partial 1
//! dnsflow: received 7 + rebuilt 1 = exported 5 + fragment 1 + query 2; lost: partial 1
//! dnsflow: sent 6 sets in 3 datagrams; collectors took 0, did not take 0
//! ```

use std::collections::BTreeMap;

/// What was counted, over all cores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) received: u64,
    pub(crate) exported: u64,
    /// What came besides packets, and became nothing, by its counter's name.
    pub(crate) others: BTreeMap<String, u64>,
    pub(crate) datagrams: u64,
    pub(crate) delivered: u64,
    pub(crate) failed: u64,
}

impl Account {
    /// The account in `text`, if there is one.
    ///
    /// # Panics
    /// Where it does not add up, within a line or from cores to the whole.
    pub(crate) fn found_in(text: &str) -> Option<Self> {
        let mut cores = BTreeMap::new();
        let mut whole = None;
        for line in text.lines() {
            let Some(line) = line.strip_prefix("dnsflow: ") else {
                continue;
            };
            if line.starts_with("received ") {
                assert_eq!(whole, None, "two accounts in: {text}");
                whole = Some(balanced(line));
            } else if let Some((_, counts)) = line
                .strip_prefix("core ")
                .and_then(|rest| rest.split_once(": "))
                && counts.starts_with("received ")
            {
                for (name, count) in balanced(counts) {
                    *cores.entry(name).or_insert(0) += count;
                }
            }
        }
        let mut whole = whole?;
        if !cores.is_empty() {
            assert_eq!(cores, whole, "cores and their sum");
        }
        let (datagrams, delivered, failed) = sent(text);
        Some(Account {
            received: whole.remove("received").expect("the line starts with it"),
            exported: whole.remove("exported").expect("it is always said"),
            others: whole,
            datagrams,
            delivered,
            failed,
        })
    }

    /// A counter by its name; 0 where it was not worth a word.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.others.get(name).copied().unwrap_or(0)
    }
}

/// The counters of a line by name.
fn balanced(line: &str) -> BTreeMap<String, u64> {
    let (sums, lost) = line.split_once("; lost: ").unwrap_or((line, ""));
    let (came, became) = sums.split_once(" = ").expect("two sides");
    let parse = |side: &str, by: &str| -> Vec<(String, u64)> {
        let items = side.split(by).filter(|item| !item.is_empty());
        let counter = |item: &str| {
            let (name, count) = item.split_once(' ').expect("a name and a count");
            (name.to_owned(), count.parse().expect("a count"))
        };
        items.map(counter).collect()
    };
    let (came, became) = (parse(came, " + "), parse(became, " + "));
    let sum = |side: &[(String, u64)]| side.iter().map(|(_, count)| count).sum::<u64>();
    assert_eq!(sum(&came), sum(&became), "both sides of: {line}");
    came.into_iter()
        .chain(became)
        .chain(parse(lost, ", "))
        .collect()
}

/// Datagrams, how many collectors took, how many they did not take.
fn sent(text: &str) -> (u64, u64, u64) {
    let line = text
        .lines()
        .find(|line| line.starts_with("dnsflow: sent "))
        .unwrap_or_else(|| panic!("nothing about what was sent: {text}"));
    let numbers: Vec<u64> = line
        .split(|byte: char| !byte.is_ascii_digit())
        .filter_map(|word| word.parse().ok())
        .collect();
    match numbers[..] {
        [_sets, datagrams, delivered, failed] => (datagrams, delivered, failed),
        _ => panic!("four numbers are wanted in: {line}"),
    }
}
