//! What a shard has seen. Each packet is counted as received, and then exactly once more: as exported, or
//! under the reason for which it was not.

use std::fmt;

use crate::decode::Reject;

/// Counts of packets since the start of a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets that capture gave.
    pub received: u64,
    /// Packets whose response was exported.
    pub exported: u64,
    rejected: [u64; Reject::COUNT],
}

impl Counters {
    /// Counts a packet that gave no set.
    #[inline]
    pub fn reject(&mut self, reason: Reject) {
        // The discriminants count from 0 in the order of `ALL`.
        self.rejected[reason as usize] += 1;
    }

    /// Packets that gave no set for this reason.
    #[must_use]
    pub fn rejected(&self, reason: Reject) -> u64 {
        self.rejected[reason as usize]
    }

    /// Whether every packet was counted once as exported or under a reason.
    #[must_use]
    pub fn add_up(&self) -> bool {
        self.received == self.exported + self.rejected.iter().sum::<u64>()
    }

    /// Adds what another shard has seen.
    pub fn add(&mut self, other: &Counters) {
        self.received += other.received;
        self.exported += other.exported;
        for (sum, more) in self.rejected.iter_mut().zip(other.rejected) {
            *sum += more;
        }
    }
}

/// `received N = exported N + reason N + ..`, reasons that did not occur left out.
impl fmt::Display for Counters {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "received {} = exported {}",
            self.received, self.exported
        )?;
        for reason in Reject::ALL {
            let count = self.rejected(*reason);
            if count > 0 {
                write!(out, " + {} {count}", reason.counter())?;
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
        assert!(counters.add_up());
        counters.received += 1;
        assert!(!counters.add_up());
    }
}
