//! How many datagrams an error of the network concerns.
//!
//! The kernel reports a datagram that could not be delivered after it was sent, with its first
//! bytes. Where the path divides runs late, or not at all, one report stands for a whole run.

/// Number of runs that are remembered: more than wait for the link address of a collector, of which
/// the kernel keeps about 200 KiB (`unres_qlen_bytes`, arp(7)).
const RUNS: usize = 16;

/// Bytes by which a datagram is recognised: its header, with the number in its stream.
pub(super) const MARK_BYTES: usize = 16;

/// The latest runs to one collector.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// The first bytes of a run, and the number of its datagrams.
    runs: [([u8; MARK_BYTES], u64); RUNS],
    next: usize,
    /// Datagrams of the last run that was reported which were counted without a report of their
    /// own.
    ahead: u64,
}

impl Runs {
    /// Remembers a run of `datagrams` datagrams.
    pub(super) fn remember(&mut self, run: &[u8], datagrams: u64) {
        if let Some(mark) = run.first_chunk() {
            self.runs[self.next] = (*mark, datagrams);
            self.next = (self.next + 1) % RUNS;
        }
    }

    /// The number of datagrams to count for a report about one that starts with `quoted`: the whole
    /// run if it is the first of one, and then none for the others.
    pub(super) fn concerned(&mut self, quoted: &[u8]) -> u64 {
        let mark: Option<&[u8; MARK_BYTES]> = quoted.first_chunk();
        let run =
            mark.and_then(|mark| self.runs.iter_mut().find(|run| run.1 > 0 && run.0 == *mark));
        match run {
            Some((_, datagrams)) => {
                let all = std::mem::take(datagrams);
                self.ahead = all - 1;
                all
            }
            None if self.ahead > 0 => {
                self.ahead -= 1;
                0
            }
            None => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_counted_once_whether_one_report_comes_or_one_for_each_datagram() {
        let datagram = |number: u8| [number; 100];
        let mut runs = Runs::default();
        runs.remember(&datagram(1), 3);
        runs.remember(&datagram(4), 2);
        assert_eq!(runs.concerned(&datagram(1)), 3);
        assert_eq!(runs.concerned(&datagram(4)), 2);
        assert_eq!(runs.concerned(&datagram(5)), 0);
        assert_eq!(runs.concerned(&datagram(6)), 1, "sent by itself");
        assert_eq!(runs.concerned(&datagram(1)), 1, "it was reported before");
        assert_eq!(runs.concerned(&[]), 1);
    }

    #[test]
    fn runs_of_long_ago_are_forgotten() {
        let mut runs = Runs::default();
        for number in 0..=u8::try_from(RUNS).expect("few") {
            runs.remember(&[number; 100], 2);
        }
        assert_eq!(runs.concerned(&[0; 100]), 1);
        assert_eq!(runs.concerned(&[1; 100]), 2);
    }
}
