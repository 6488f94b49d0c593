//! The counters of a shard.
//!
//! Each packet, and each datagram or message that was reassembled from several, is counted once as
//! input and once by its outcome: exported, or rejected for one [`Reject`]. So both sides add up at
//! any time. [`Loss`]es are counted besides, and are no part of that sum.

use std::fmt;

use crate::{Fate, Loss, Reject};

/// Counts since the start of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Packets received from capture.
    pub received: u64,
    /// Datagrams reassembled from fragments, and messages found in TCP streams.
    pub rebuilt: u64,
    /// Responses exported.
    pub exported: u64,
    rejected: [u64; Reject::COUNT],
    lost: [u64; Loss::COUNT],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            received: 0,
            rebuilt: 0,
            exported: 0,
            rejected: [0; Reject::COUNT],
            lost: [0; Loss::COUNT],
        }
    }
}

impl Counters {
    /// Counts a packet, datagram or message that is not exported.
    #[inline]
    pub fn reject(&mut self, reason: Reject) {
        // The discriminants count from 0 in the order of `ALL`.
        self.rejected[reason as usize] += 1;
    }

    /// Counts a loss.
    pub fn lose(&mut self, what: Loss) {
        self.lost[what as usize] += 1;
    }

    /// Counts what became of a packet, or of what was put together from several.
    #[inline]
    pub fn count(&mut self, fate: &Fate<'_>) {
        match fate {
            Fate::Response(response) => {
                self.exported += 1;
                if response.answers.omitted_names() > 0 {
                    self.lose(Loss::Oversized);
                }
            }
            Fate::Reject(reason) => self.reject(*reason),
            Fate::Rebuilt => self.rebuilt += 1,
            Fate::Loss(what) => self.lose(*what),
        }
    }

    /// Packets, datagrams and messages rejected for this reason.
    #[must_use]
    pub fn rejected(&self, reason: Reject) -> u64 {
        self.rejected[reason as usize]
    }

    /// How often this loss occurred.
    #[must_use]
    pub fn lost(&self, what: Loss) -> u64 {
        self.lost[what as usize]
    }

    /// Whether every input has exactly one outcome: `received + rebuilt` is `exported` plus the sum
    /// of all reasons.
    #[must_use]
    pub fn add_up(&self) -> bool {
        self.received + self.rebuilt == self.exported + self.rejected.iter().sum::<u64>()
    }

    /// Adds the counters of another shard.
    pub fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.rebuilt += other.rebuilt;
        self.exported += other.exported;
        for (sum, more) in self.rejected.iter_mut().zip(other.rejected) {
            *sum += more;
        }
        for (sum, more) in self.lost.iter_mut().zip(other.lost) {
            *sum += more;
        }
    }
}

/// `received N + rebuilt N = exported N + reason N + ..; lost: what N, ..`. Counters that are 0 are
/// left out, but for received and exported.
impl fmt::Display for Counters {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "received {}", self.received)?;
        if self.rebuilt > 0 {
            write!(out, " + rebuilt {}", self.rebuilt)?;
        }
        write!(out, " = exported {}", self.exported)?;
        for reason in Reject::ALL {
            let count = self.rejected(*reason);
            if count > 0 {
                write!(out, " + {} {count}", reason.counter())?;
            }
        }
        let mut before = "; lost: ";
        for what in Loss::ALL {
            let count = self.lost(*what);
            if count > 0 {
                write!(out, "{before}{} {count}", what.counter())?;
                before = ", ";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_place() {
        let mut counters = Counters::default();
        for (index, reason) in Reject::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, index);
            counters.received += 1;
            counters.reject(*reason);
            assert_eq!(counters.rejected(*reason), 1);
        }
        for (index, what) in Loss::ALL.iter().enumerate() {
            assert_eq!(*what as usize, index);
            counters.lose(*what);
            assert_eq!(counters.lost(*what), 1);
        }
        assert!(counters.add_up());
        counters.received += 1;
        assert!(!counters.add_up());
    }
}
