//! Rows of a row group that are read: ranges in order.

use std::ops::Range;

/// Ranges of rows, in order, none of them empty, none touching the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection(Vec<Range<usize>>);

impl Selection {
    pub(crate) fn all(rows: usize) -> Self {
        let mut selection = Self::default();
        selection.add(0..rows);
        selection
    }

    /// Adds a range behind the others.
    pub(crate) fn add(&mut self, range: Range<usize>) {
        match self.0.last_mut() {
            _ if range.is_empty() => {}
            Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
            _ => self.0.push(range),
        }
    }

    pub(crate) fn ranges(&self) -> &[Range<usize>] {
        &self.0
    }

    /// How many rows they have.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(ExactSizeIterator::len).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of its rows that are kept; `keep` has one value for each.
    pub(crate) fn keeping(&self, keep: &[bool]) -> Self {
        let mut kept = Self::default();
        let rows = self.0.iter().cloned().flatten();
        for (row, _) in rows.zip(keep).filter(|(_, keep)| **keep) {
            kept.add(row..row + 1);
        }
        kept
    }

    /// The rows that are in both.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let mut both = Self::default();
        let mut others = other.0.iter().peekable();
        for one in &self.0 {
            while let Some(other) = others.peek() {
                both.add(one.start.max(other.start)..one.end.min(other.end));
                if other.end > one.end {
                    break;
                }
                others.next();
            }
        }
        both
    }

    /// The same rows in pieces of at most `rows`.
    pub(crate) fn pieces(&self, rows: usize) -> Vec<Self> {
        let mut pieces = vec![Self::default()];
        let mut left = rows;
        for range in &self.0 {
            let mut range = range.clone();
            while !range.is_empty() {
                if left == 0 {
                    pieces.push(Self::default());
                    left = rows;
                }
                let end = range.end.min(range.start.saturating_add(left));
                if let Some(piece) = pieces.last_mut() {
                    piece.add(range.start..end);
                }
                left -= end - range.start;
                range.start = end;
            }
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(rows: &[bool]) -> Selection {
        Selection::all(rows.len()).keeping(rows)
    }

    fn rows(selection: &Selection) -> Vec<usize> {
        selection.ranges().iter().cloned().flatten().collect()
    }

    proptest! {
        #[test]
        fn selections_are_sets_of_rows(both in proptest::collection::vec(any::<(bool, bool)>(), 0..200), size in 1_usize..50) {
            let (one, other): (Vec<_>, Vec<_>) = both.iter().copied().unzip();
            let expected: Vec<_> = (0..).zip(&both).filter(|(_, both)| both.0 && both.1).map(|(row, _)| row).collect();
            let (one, other) = (of(&one), of(&other));
            prop_assert_eq!(rows(&one.and(&other)), expected);
            let pieces = one.pieces(size);
            prop_assert!(pieces.iter().all(|piece| piece.len() <= size));
            let joined: Vec<_> = pieces.iter().flat_map(rows).collect();
            prop_assert_eq!(joined, rows(&one));
        }
    }
}
