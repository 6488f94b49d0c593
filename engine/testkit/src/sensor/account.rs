//! The account that the sensor gives at its end, on standard error.
//!
//! ```text
//! dnsflow: core 0: received 5 = exported 3 + query 2
//! dnsflow: core 1: received 2 + rebuilt 1 = exported 2 + fragment 1; lost: partial 1
//! dnsflow: received 7 + rebuilt 1 = exported 5 + fragment 1 + query 2; lost: partial 1
//! dnsflow: kernel: 7 passed the filter, 0 dropped
//! dnsflow: sent 6 sets in 3 datagrams; collectors took 0, did not take 0
//! ```

use std::collections::BTreeMap;

/// What was counted and sent, over all cores, and the rest of what was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The counters over all cores.
    pub total: Tally,
    /// What the kernel has counted, of a sensor that captures.
    pub kernel: Option<Kernel>,
    /// Datagrams, each counted once.
    pub datagrams: u64,
    /// Datagrams that collectors took, over all collectors.
    pub taken: u64,
    /// Datagrams that collectors did not take, over all collectors.
    pub missed: u64,
    said: String,
}

/// Counters by their names, those that are zero left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// As the sensor has put it.
    pub line: String,
    /// Packets that came.
    pub received: u64,
    /// Responses that were exported.
    pub exported: u64,
    /// All others.
    pub others: BTreeMap<String, u64>,
}

/// What the kernel has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Packets that passed the filter.
    pub passed: u64,
    /// Packets that it had no room for.
    pub dropped: u64,
}

impl Account {
    /// The account in `text`, if there is one.
    ///
    /// # Panics
    /// If it does not add up, within a line or from cores to the whole.
    #[must_use]
    pub fn found_in(text: &str) -> Option<Self> {
        let mut cores: BTreeMap<String, u64> = BTreeMap::new();
        let mut total = None;
        let (mut kernel, mut sent) = (None, None);
        for line in lines(text) {
            if let Some(core) = line.strip_prefix("core ") {
                let tally = core
                    .split_once(": ")
                    .and_then(|(_, counts)| Tally::parse(counts));
                for (name, count) in tally.iter().flat_map(Tally::counters) {
                    *cores.entry(name.to_owned()).or_default() += count;
                }
            } else if let Some(tally) = Tally::parse(line) {
                assert_eq!(total, None, "two accounts in: {text}");
                total = Some(tally);
            } else if line.starts_with("kernel: ") {
                kernel = Kernel::parse(line);
                assert!(kernel.is_some(), "not the kernel's counts: {line}");
            } else if line.starts_with("sent ") {
                sent = numbers(line);
            }
        }
        let total = total?;
        if !cores.is_empty() {
            let whole = total
                .counters()
                .map(|(name, count)| (name.to_owned(), count));
            assert_eq!(cores, whole.collect(), "cores and their sum");
        }
        let [_sets, datagrams, taken, missed] =
            sent.unwrap_or_else(|| panic!("nothing about what was sent: {text}"));
        Some(Self {
            total,
            kernel,
            datagrams,
            taken,
            missed,
            said: text.to_owned(),
        })
    }

    /// How many lines of its log hold `text`.
    #[must_use]
    pub fn lines_with(&self, text: &str) -> usize {
        let lines = self.said.lines();
        lines.filter(|line| line.contains(text)).count()
    }

    /// # Panics
    /// If the kernel dropped packets, or the sensor did not see all that passed the filter: what is left in a ring at
    /// the end shows there.
    pub fn assert_nothing_lost_by_the_kernel(&self) {
        let expected = Kernel {
            passed: self.total.received,
            dropped: 0,
        };
        assert_eq!(self.kernel, Some(expected), "{}", self.said);
    }

    /// # Panics
    /// If so many packets did not pass the filter, or one of them was neither received nor dropped for lack of room.
    pub fn assert_passed(&self, packets: u64) {
        let kernel = self.kernel.expect("a sensor that captures");
        assert_eq!(kernel.passed, packets, "{}", self.said);
        self.assert_all_accounted_for();
    }

    /// # Panics
    /// If the sensor did not see all that passed the filter and was not dropped by the kernel.
    pub fn assert_all_accounted_for(&self) {
        let kernel = self.kernel.expect("a sensor that captures");
        let known = self.total.received + kernel.dropped;
        assert_eq!(kernel.passed, known, "{}", self.said);
    }

    /// # Panics
    /// If anything was counted that the capture filter leaves out: only what a whole response from port 53 can be
    /// rejected for may be there.
    pub fn assert_filtered(&self) {
        const OF_RESPONSES: [&str; 4] =
            ["error_code", "not_recursive", "question_type", "no_address"];
        for (reason, count) in &self.total.others {
            let is_of_response = OF_RESPONSES.contains(&reason.as_str());
            assert!(is_of_response, "{count} {reason}: {}", self.said);
        }
    }
}

impl Tally {
    /// A counter by its name; 0 where it was not worth a word.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        self.others.get(name).copied().unwrap_or(0)
    }

    /// `received N + rebuilt N = exported N + reason N + ..; lost: what N, ..`
    ///
    /// # Panics
    /// If the sides differ.
    fn parse(line: &str) -> Option<Self> {
        if !line.starts_with("received ") {
            return None;
        }
        let (sums, lost) = line.split_once("; lost: ").unwrap_or((line, ""));
        let (came, became) = sums.split_once(" = ").expect("two sides");
        let [came, became, lost] = [(came, " + "), (became, " + "), (lost, ", ")]
            .map(|(side, by)| side.split(by).filter_map(counter).collect::<Vec<_>>());
        let sum = |side: &[(&str, u64)]| side.iter().map(|(_, count)| count).sum::<u64>();
        assert_eq!(sum(&came), sum(&became), "both sides of: {line}");
        let all = came.into_iter().chain(became).chain(lost);
        let mut all: BTreeMap<String, u64> =
            all.map(|(name, count)| (name.to_owned(), count)).collect();
        Some(Self {
            line: line.to_owned(),
            received: all.remove("received").expect("it is always said"),
            exported: all.remove("exported").expect("it is always said"),
            others: all,
        })
    }

    /// All counters.
    fn counters(&self) -> impl Iterator<Item = (&str, u64)> {
        let others = self.others.iter();
        [("received", self.received), ("exported", self.exported)]
            .into_iter()
            .chain(others.map(|(name, count)| (name.as_str(), *count)))
    }
}

impl Kernel {
    fn parse(line: &str) -> Option<Self> {
        Some(Self {
            passed: number_before(line, " passed the filter")?,
            dropped: number_before(line, " dropped")?,
        })
    }
}

/// What the sensor says, line by line.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("dnsflow: "))
}

/// A name and its count; none in an empty list.
fn counter(item: &str) -> Option<(&str, u64)> {
    let (name, count) = item.split_once(' ')?;
    Some((name, count.parse().expect("a count")))
}

fn number_before(line: &str, text: &str) -> Option<u64> {
    line.split_once(text)?.0.rsplit(' ').next()?.parse().ok()
}

/// All numbers of a line, if it has as many.
fn numbers<const COUNT: usize>(line: &str) -> Option<[u64; COUNT]> {
    let words = line.split(|character: char| !character.is_ascii_digit());
    let numbers: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
    numbers.try_into().ok()
}
