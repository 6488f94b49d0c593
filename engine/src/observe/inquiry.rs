//! Questions to all cores, from threads beside the supervisor: what have you counted so far?
//!
//! The supervisor passes a question on to the cores, and each core answers it directly. Only the
//! thread that asks waits for the answers, so that a core that is stuck delays neither the
//! supervisor nor the other cores.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::shard::snapshot::Snapshot;

/// Time that cores have to answer.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// Questions within this time share one answer, so that no client can keep the cores from their
/// packets.
const SHARED_FOR: Duration = Duration::from_millis(100);

/// Passes a question on to all cores, each of which is to answer into the channel.
type Ask = Box<dyn Fn(Sender<Snapshot>) + Send + Sync>;

/// A way to ask all cores.
pub(crate) struct Inquiry {
    ask: Ask,
    cores: usize,
    last: Mutex<Option<Answer>>,
}

struct Answer {
    at: Instant,
    snapshots: Vec<Snapshot>,
}

impl Inquiry {
    /// Asks `cores` cores through `ask`. The channel that `ask` is given must not be kept once all
    /// have answered.
    pub(crate) fn new(
        cores: usize,
        ask: impl Fn(Sender<Snapshot>) + Send + Sync + 'static,
    ) -> Self {
        Self {
            ask: Box::new(ask),
            cores,
            last: Mutex::new(None),
        }
    }

    /// Number of cores that the sensor was started on.
    pub(crate) fn cores(&self) -> usize {
        self.cores
    }

    /// The answers, ordered by core. Those of cores that did not answer within a second are
    /// missing.
    pub(crate) fn ask(&self) -> Vec<Snapshot> {
        // Threads that come while the cores are asked wait here and share the answer.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = last
            .as_ref()
            .filter(|answer| answer.at.elapsed() < SHARED_FOR)
        {
            return answer.snapshots.clone();
        }
        let (sender, answers) = channel();
        (self.ask)(sender);
        let mut snapshots = collect(&answers, Instant::now() + ANSWER_TIME);
        snapshots.sort_by_key(|snapshot| snapshot.core);
        *last = Some(Answer {
            at: Instant::now(),
            snapshots: snapshots.clone(),
        });
        snapshots
    }
}

/// Answers until `deadline`, or until no sender is left: every core has then answered or ended.
fn collect(answers: &Receiver<Snapshot>, deadline: Instant) -> Vec<Snapshot> {
    let next = || {
        let left = deadline.saturating_duration_since(Instant::now());
        answers.recv_timeout(left).ok()
    };
    std::iter::from_fn(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn snapshot(core: usize) -> Snapshot {
        Snapshot {
            core,
            ..Snapshot::default()
        }
    }

    fn cores(snapshots: &[Snapshot]) -> Vec<usize> {
        snapshots.iter().map(|snapshot| snapshot.core).collect()
    }

    /// A supervisor on a thread of its own, where the cores of `answering` answer each question. It
    /// returns the number of questions.
    fn supervised(
        answering: &'static [usize],
        cores: usize,
    ) -> (Inquiry, thread::JoinHandle<usize>) {
        let (questions, queue) = channel::<Sender<Snapshot>>();
        let thread = thread::spawn(move || {
            let mut count = 0;
            for question in queue {
                count += 1;
                for core in answering {
                    // It fails only if the test has ended.
                    let _ = question.send(snapshot(*core));
                }
            }
            count
        });
        let ask = move |question| {
            let _ = questions.send(question);
        };
        (Inquiry::new(cores, ask), thread)
    }

    #[test]
    fn answers_come_in_order() {
        let (inquiry, supervisor) = supervised(&[1, 0], 2);
        assert_eq!(cores(&inquiry.ask()), [0, 1]);
        drop(inquiry);
        assert_eq!(supervisor.join().ok(), Some(1));
    }

    /// The supervisor drops the question once it has passed it on, which ends the wait for the
    /// missing core.
    #[test]
    fn a_core_that_has_ended_is_not_waited_for() {
        let (inquiry, _supervisor) = supervised(&[1], 2);
        assert_eq!(cores(&inquiry.ask()), [1]);
    }

    #[test]
    fn many_at_once_are_one_question() {
        let (inquiry, supervisor) = supervised(&[0], 1);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(cores(&inquiry.ask()), [0]));
            }
        });
        drop(inquiry);
        let questions = supervisor.join().expect("a supervisor that does not panic");
        assert!(questions < 8, "{questions}");
    }

    #[test]
    fn nobody_answers_when_the_supervisor_has_gone() {
        assert!(Inquiry::new(2, drop).ask().is_empty());
    }
}
