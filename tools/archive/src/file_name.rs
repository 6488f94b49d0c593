//! Names of files, in whose order files are in that of their batches.

/// Which file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileName {
    /// The collector.
    pub collector: u64,
    /// Number of its first batch.
    pub first: u64,
    /// Number of its last batch.
    pub last: u64,
}

impl FileName {
    /// The name, in whose order files are in that of their batches.
    #[must_use]
    pub fn text(&self) -> String {
        let Self {
            collector,
            first,
            last,
        } = self;
        format!("{collector:016x}-{first:020}-{last:020}.parquet")
    }

    /// The reverse of [`FileName::text`]; `None` for the files of others.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_suffix(".parquet")?.splitn(3, '-');
        let collector = u64::from_str_radix(parts.next()?, 16).ok()?;
        let first = parts.next()?.parse().ok()?;
        let last = parts.next()?.parse().ok()?;
        let name = Self {
            collector,
            first,
            last,
        };
        (name.text() == text).then_some(name)
    }

    /// Whether it has all batches of another one: the other one was merged into it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self != other
            && self.collector == other.collector
            && (self.first..=self.last).contains(&other.first)
            && (self.first..=self.last).contains(&other.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_name() {
        let name = FileName {
            collector: u64::MAX,
            first: 1,
            last: u64::MAX,
        };
        assert_eq!(FileName::parse(&name.text()), Some(name));
        for text in [
            "",
            "a.parquet",
            "7-1-2.parquet",
            "0000000000000007-1-2.parquet",
        ] {
            assert_eq!(FileName::parse(text), None);
        }
    }

    #[test]
    fn a_merged_file_contains_those_that_it_was_made_of() {
        let name = |first, last| FileName {
            collector: 7,
            first,
            last,
        };
        assert!(name(1, 9).contains(&name(1, 4)) && name(1, 9).contains(&name(5, 9)));
        assert!(!name(1, 9).contains(&name(1, 9)) && !name(1, 9).contains(&name(5, 10)));
        let other = FileName {
            collector: 8,
            ..name(1, 4)
        };
        assert!(!name(1, 9).contains(&other));
    }
}
