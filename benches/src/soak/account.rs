//! The account that the sensor logs at its end, and whether all sides agree to the packet.

use serde::Serialize;

use super::collectors::Arrived;

/// The summary of a sensor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Packets that were captured.
    pub received: u64,
    /// Datagrams and messages that were put together.
    pub rebuilt: u64,
    /// Responses that were exported.
    pub exported: u64,
    /// Packets and messages that gave no record.
    pub rejected: u64,
    /// Packets that passed the filter.
    pub passed: u64,
    /// Packets that the kernel dropped.
    pub dropped: u64,
    /// Data sets that were sent.
    pub sets: u64,
    /// Datagrams that were sent.
    pub datagrams: u64,
}

impl Summary {
    /// Finds the summary in a log.
    ///
    /// # Errors
    /// What is missing.
    pub fn of(log: &str) -> Result<Self, String> {
        let line = |start: &str| {
            let mut lines = log
                .lines()
                .filter_map(|line| line.strip_prefix("dnsflow: "));
            let found = lines.rfind(|line| line.starts_with(start));
            found.ok_or_else(|| format!("the sensor gave no account ({start}..): {log}"))
        };
        let total = line("received ")?;
        let sums = total.split("; lost:").next().unwrap_or_default();
        let (came, became) = sums.split_once(" = ").unwrap_or((sums, ""));
        let [kernel, sent] = [line("kernel: ")?, line("sent ")?].map(numbers);
        let (came, became) = (numbers(came), numbers(became));
        let at = |numbers: &[u64], index: usize| numbers.get(index).copied().unwrap_or(0);
        Ok(Self {
            received: at(&came, 0),
            rebuilt: at(&came, 1),
            exported: at(&became, 0),
            rejected: became.iter().skip(1).sum(),
            passed: at(&kernel, 0),
            dropped: at(&kernel, 1),
            sets: at(&sent, 0),
            datagrams: at(&sent, 1),
        })
    }
}

fn numbers(text: &str) -> Vec<u64> {
    let words = text.split(|character: char| !character.is_ascii_digit());
    words.filter_map(|word| word.parse().ok()).collect()
}

/// What was put on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// Frames while the interface was up.
    pub frames: u64,
    /// Of these, those that pass the capture filter.
    pub passing: u64,
    /// Of the frames, those that the wire lost: which ones is not known.
    pub lost_by_wire: u64,
    /// Frames while the interface was away: no one can have received them.
    pub while_away: u64,
}

/// A statement about the account, and whether it holds.
#[derive(Clone, Debug, Serialize)]
pub struct Statement {
    /// What is compared.
    pub what: &'static str,
    /// The numbers, as text.
    pub numbers: String,
    /// Whether it holds.
    pub holds: bool,
}

/// All statements about the account.
#[must_use]
pub fn statements(
    sent: &Sent,
    summary: &Summary,
    stays: &Arrived,
    restarted: &Arrived,
) -> Vec<Statement> {
    let least = sent.passing.saturating_sub(sent.lost_by_wire);
    let equal = |what, left: u64, right: u64| Statement {
        what,
        numbers: format!("{left} = {right}"),
        holds: left == right,
    };
    vec![
        Statement {
            what: "sent, and passing the filter = passed",
            numbers: match sent.lost_by_wire {
                0 => format!("{} = {}", sent.passing, summary.passed),
                lost => format!(
                    "{} = {}, of which the wire lost up to {lost}",
                    sent.passing, summary.passed
                ),
            },
            holds: (least..=sent.passing).contains(&summary.passed),
        },
        equal(
            "passed = received + dropped by the kernel",
            summary.passed,
            summary.received + summary.dropped,
        ),
        equal(
            "received + rebuilt = exported + rejected",
            summary.received + summary.rebuilt,
            summary.exported + summary.rejected,
        ),
        equal(
            "datagrams sent = arrived at the collector that stays",
            summary.datagrams,
            stays.datagrams,
        ),
        equal(
            "sets sent = arrived at the collector that stays",
            summary.sets,
            stays.sets,
        ),
        equal(
            "datagrams sent = arrived at the restarted collector + lost with its restarts",
            summary.datagrams,
            restarted.datagrams + restarted.missing,
        ),
        equal(
            "lost on the way to either collector = 0",
            stays.lost_on_the_way + restarted.lost_on_the_way,
            0,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
dnsflow: capturing on tap; cores: 2
dnsflow: core 0: received 5 = exported 3 + query 2
dnsflow: core 1: received 2 + rebuilt 1 = exported 2 + fragment 1; lost: partial 1
dnsflow: received 7 + rebuilt 1 = exported 5 + fragment 1 + query 2; lost: partial 1
dnsflow: kernel: 9 passed the filter, 2 dropped, 1 ring freezes
dnsflow: sent 6 sets in 3 datagrams; collectors took 6, did not take 0";

    fn summary() -> Summary {
        Summary {
            received: 7,
            rebuilt: 1,
            exported: 5,
            rejected: 3,
            passed: 9,
            dropped: 2,
            sets: 6,
            datagrams: 3,
        }
    }

    #[test]
    fn the_account_of_a_log() {
        assert_eq!(Summary::of(LOG), Ok(summary()));
        assert!(Summary::of("dnsflow: capturing on tap").is_err());
    }

    #[test]
    fn each_statement_can_fail() {
        let sent = Sent {
            frames: 12,
            passing: 9,
            ..Sent::default()
        };
        let stays = Arrived {
            datagrams: 3,
            sets: 6,
            ..Arrived::default()
        };
        let restarted = Arrived {
            datagrams: 1,
            missing: 2,
            ..Arrived::default()
        };
        let broken = |sent: &Sent, summary: &Summary, stays: &Arrived, restarted: &Arrived| {
            let all = statements(sent, summary, stays, restarted);
            let failed = all.iter().filter(|it| !it.holds).map(|it| it.what);
            failed.collect::<Vec<_>>().len()
        };
        assert_eq!(broken(&sent, &summary(), &stays, &restarted), 0);
        let more = |change: &dyn Fn(&mut Summary)| {
            let mut changed = summary();
            change(&mut changed);
            broken(&sent, &changed, &stays, &restarted)
        };
        assert_eq!(more(&|it| it.passed += 1), 2);
        assert_eq!(more(&|it| it.dropped += 1), 1);
        assert_eq!(more(&|it| it.rejected += 1), 1);
        assert_eq!(more(&|it| it.sets += 1), 1);
        assert_eq!(more(&|it| it.datagrams += 1), 2);
        let lossy = Sent {
            passing: 10,
            lost_by_wire: 1,
            ..sent
        };
        assert_eq!(broken(&lossy, &summary(), &stays, &restarted), 0);
        let on_the_way = Arrived {
            lost_on_the_way: 2,
            ..restarted.clone()
        };
        assert_eq!(broken(&sent, &summary(), &stays, &on_the_way), 1);
    }
}
