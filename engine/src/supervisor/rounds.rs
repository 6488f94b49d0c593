//! Every so often, all shards are asked what they have seen. One that answers is one whose loop turns.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::shards::Shards;
use crate::shard::command::Command;
use crate::shard::snapshot::Snapshot;

/// Time that shards have to answer.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(1);

/// Questions at equal distances.
#[derive(Debug)]
pub(super) struct Rounds {
    every: Duration,
    asked_at: Instant,
    answers: Option<Receiver<Snapshot>>,
}

impl Rounds {
    /// The first question is due at once.
    #[expect(dead_code, reason = "nobody wants to know yet")]
    pub(super) fn new(every: Duration) -> Self {
        Rounds {
            every: every.max(2 * ANSWER_TIME),
            asked_at: Instant::now() - every,
            answers: None,
        }
    }

    /// When [`Rounds::turn`] has something to do.
    pub(super) fn deadline(&self) -> Instant {
        match self.answers {
            Some(_) => self.asked_at + ANSWER_TIME,
            None => self.asked_at + self.every,
        }
    }

    /// Asks, or, when shards have had time to answer, gives what they said, by their numbers. Those whose number is
    /// missing have not answered.
    pub(super) fn turn(&mut self, shards: &Shards) -> Option<Vec<Snapshot>> {
        if Instant::now() < self.deadline() {
            return None;
        }
        if let Some(answers) = self.answers.take() {
            let mut snapshots: Vec<Snapshot> = answers.try_iter().collect();
            snapshots.sort_by_key(|snapshot| snapshot.core);
            return Some(snapshots);
        }
        let (sender, answers) = channel();
        shards.tell(|| Command::Report(sender.clone()));
        self.asked_at = Instant::now();
        self.answers = Some(answers);
        None
    }
}
