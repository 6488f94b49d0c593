//! How other threads than the supervisor's learn what the cores have seen.
//!
//! The question goes through the supervisor's queue and the answers come straight from the cores: who waits for them is
//! who asked, and a core that is stuck keeps nobody else waiting.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::shard::snapshot::Snapshot;
use crate::supervisor::event::Asker;

/// Time that cores have to answer.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// Questions that come so close together share an answer: nobody can keep cores from their packets by asking.
const SHARED_FOR: Duration = Duration::from_millis(100);

/// A way to ask all cores.
#[derive(Debug)]
pub(crate) struct Inquiry {
    asker: Asker,
    cores: usize,
    last: Mutex<Option<Answer>>,
}

#[derive(Debug)]
struct Answer {
    at: Instant,
    snapshots: Vec<Snapshot>,
}

impl Inquiry {
    pub(crate) fn new(asker: Asker, cores: usize) -> Self {
        Inquiry {
            asker,
            cores,
            last: Mutex::new(None),
        }
    }

    /// How many there are to answer.
    pub(crate) fn cores(&self) -> usize {
        self.cores
    }

    /// What the cores have seen, in their order; those that did not answer within a second are missing.
    pub(crate) fn ask(&self) -> Vec<Snapshot> {
        // Whoever comes while the cores are asked waits here, and takes what they say.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = last
            .as_ref()
            .filter(|answer| answer.at.elapsed() < SHARED_FOR)
        {
            return answer.snapshots.clone();
        }
        let snapshots = self.asker.ask(ANSWER_TIME);
        *last = Some(Answer {
            at: Instant::now(),
            snapshots: snapshots.clone(),
        });
        snapshots
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::event::Event;
    use std::sync::mpsc::channel;
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

    /// A supervisor that has `answering` say something to each question, and counts those.
    fn supervised(
        answering: &'static [usize],
        cores: usize,
    ) -> (Inquiry, thread::JoinHandle<usize>) {
        let (events, queue) = channel();
        let thread = thread::spawn(move || {
            let mut questions = 0;
            for event in queue {
                if let Event::Ask(asker) = event {
                    questions += 1;
                    for core in answering {
                        // Who asked has gone if this fails, and the test with it.
                        let _ = asker.send(snapshot(*core));
                    }
                }
            }
            questions
        });
        (Inquiry::new(Asker::new(events), cores), thread)
    }

    #[test]
    fn answers_come_in_order() {
        let (inquiry, supervisor) = supervised(&[1, 0], 2);
        assert_eq!(cores(&inquiry.ask()), [0, 1]);
        drop(inquiry);
        assert_eq!(supervisor.join().ok(), Some(1));
    }

    /// The supervisor drops the question once it has passed it on, so the missing core is known to be missing at once.
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
        let (events, queue) = channel();
        drop(queue);
        assert!(Inquiry::new(Asker::new(events), 2).ask().is_empty());
    }
}
