//! What comes at this moment: rates and loss by sensor, and top lists, for `GET /live`.
//!
//! The sink of the naming service counts here what it teaches the map. Batches have no datagram twice, and
//! with each stream its account; what an account says beyond the one before is what was lost or came late
//! since. Memory is bounded: that of a [`Board`], and of the accounts of [`MAX_STREAMS`] streams.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use dnsflow_records::record::records;
use dnsflow_tally::{Board, Counts, Limits, List, Snapshot};

use super::GIVE_WAY;
use crate::batch::{Batch, Origin, Range, Received};

/// Rows of each list that can be had.
pub(super) const MAX_ROWS: usize = 1000;

/// Streams whose accounts are known. Those that were heard longest ago go first, some at a time.
pub const MAX_STREAMS: usize = 65_536;

/// How long a snapshot is handed out before another one is taken, however many ask.
const FRESH: Duration = Duration::from_millis(200);

/// Counts, behind a lock of their own.
#[derive(Debug)]
pub struct Live {
    content: Mutex<Content>,
    /// Those who ask and wait for the lock.
    waiting: AtomicUsize,
    limits: Limits,
    /// When counting began; none if what is read is older, from files.
    since: Option<Duration>,
}

#[derive(Debug)]
struct Content {
    /// None before there is a time to start at.
    board: Option<Board>,
    accounts: Accounts,
    taken: Option<(Instant, Arc<Snapshot>)>,
}

/// The accounts of streams: the recent ones, and those before.
#[derive(Debug, Default)]
struct Accounts {
    recent: HashMap<Origin, Counts>,
    before: HashMap<Origin, Counts>,
}

impl Accounts {
    /// What an account says beyond what it said before.
    fn difference(&mut self, range: &Range) -> Counts {
        let origin = Origin {
            source: range.stream.source,
            core: range.stream.core,
        };
        let now = Counts::of(&range.account);
        let known = self.recent.get(&origin);
        let before = known.copied().or_else(|| self.before.remove(&origin));
        if known.is_none() && self.recent.len() >= MAX_STREAMS / 2 {
            self.before = std::mem::take(&mut self.recent);
        }
        self.recent.insert(origin, now);
        // A stream that is not known: all of it is in this batch, or nobody can tell what is new.
        let is_whole = range.account.total <= range.datagrams.saturating_add(now.doubled);
        let before = before.unwrap_or(if is_whole { Counts::default() } else { now });
        let counts = now - before;
        Counts {
            // Batches lack them; of all counts, they are among the datagrams.
            datagrams: counts.doubled,
            ..counts
        }
    }
}

impl Live {
    /// Counts of what is received from now on, over a minute.
    #[must_use]
    pub fn of_network() -> Self {
        Self::new(Limits::default(), Some(now()))
    }

    /// Counts of files, over all of their time.
    #[must_use]
    pub fn of_files() -> Self {
        let limits = Limits {
            window: None,
            ..Limits::default()
        };
        Self::new(limits, None)
    }

    fn new(limits: Limits, since: Option<Duration>) -> Self {
        Self {
            content: Mutex::new(Content {
                board: since.map(|since| Board::new(since, limits)),
                accounts: Accounts::default(),
                taken: None,
            }),
            waiting: AtomicUsize::new(0),
            limits,
            since,
        }
    }

    /// Counts a datagram. One that was received before counting began is one of a spool.
    pub(super) fn datagram(&self, received: &Received<'_>) {
        if self.is_old(received.time) {
            return;
        }
        let sensor = &received.stream.sensor;
        let mut content = self.content();
        let limits = self.limits;
        let board = content
            .board
            .get_or_insert_with(|| Board::new(received.time, limits));
        let counts = Counts {
            datagrams: 1,
            ..Counts::default()
        };
        board.datagram(received.time, sensor, counts);
        for record in records(&received.datagram) {
            board.record(received.time, sensor, &record);
        }
    }

    /// Counts what the accounts of a batch say, whose datagrams were counted.
    pub(super) fn accounts(&self, batch: &Batch) {
        let Some(newest) = batch.datagrams().last().map(|received| received.time) else {
            return;
        };
        let mut content = self.content();
        let Content {
            board: Some(board),
            accounts,
            ..
        } = &mut *content
        else {
            return;
        };
        for range in batch.ranges() {
            let counts = accounts.difference(range);
            if !self.is_old(newest) && counts != Counts::default() {
                board.datagram(newest, &range.stream.sensor, counts);
            }
        }
    }

    /// What is there now, with so many rows of each list at most.
    pub(super) fn snapshot(&self, rows: usize) -> Snapshot {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let mut content = self.lock();
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        let fresh = content.taken.as_ref();
        let fresh = fresh.filter(|(at, _)| at.elapsed() < FRESH);
        let taken = fresh.map(|(_, taken)| Arc::clone(taken));
        let taken = taken.unwrap_or_else(|| {
            // That of files is the newest of their times.
            let at = self.since.map_or(Duration::ZERO, |_| now());
            let board = content.board.as_mut();
            let taken = board.map(|board| board.snapshot(at, MAX_ROWS));
            let taken = Arc::new(taken.unwrap_or_default());
            content.taken = Some((Instant::now(), Arc::clone(&taken)));
            taken
        });
        drop(content);
        shortened(&taken, rows)
    }

    fn is_old(&self, time: Duration) -> bool {
        self.since.is_some_and(|since| time < since)
    }

    /// Locks to count. One thread does that again and again, and would get the lock before one who asks
    /// and has to wake up first: it gives way.
    fn content(&self) -> MutexGuard<'_, Content> {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            thread::sleep(GIVE_WAY);
        }
        self.lock()
    }

    /// A thread that panicked left counts that are as good as before.
    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same with so many rows of each list.
fn shortened(taken: &Snapshot, rows: usize) -> Snapshot {
    let lists = taken.lists.iter().map(|(kind, list)| {
        let items = list.items.iter().take(rows).cloned().collect();
        (*kind, List { items, ..*list })
    });
    Snapshot {
        lists: lists.collect(),
        seconds: taken.seconds.clone(),
        sensors: taken.sensors.clone(),
        ..*taken
    }
}

fn now() -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use dnsflow_records::sequence::Sequence;

    use super::*;
    use crate::batch::Stream;

    fn note(account: &mut Sequence, numbers: &[u32]) {
        for number in numbers {
            account.note(*number);
        }
    }

    fn range(port: u16, datagrams: u64, account: &Sequence) -> Range {
        Range {
            stream: Stream {
                sensor: "edge".to_owned(),
                source: SocketAddr::from(([192, 0, 2, 1], port)),
                core: None,
                boot: 1,
            },
            first: 1,
            last: 1,
            datagrams,
            records: 0,
            account: account.clone(),
        }
    }

    #[test]
    fn an_account_counts_by_what_is_new_in_it() {
        let mut accounts = Accounts::default();
        let mut account = Sequence::default();
        note(&mut account, &[1, 2, 4, 4]);
        let counts = accounts.difference(&range(1, 3, &account));
        assert_eq!((counts.lost, counts.doubled, counts.datagrams), (1, 1, 1));
        note(&mut account, &[3, 7]);
        let counts = accounts.difference(&range(1, 2, &account));
        assert_eq!((counts.lost, counts.late, counts.doubled), (1, 1, 0));
        assert_eq!(
            accounts.difference(&range(1, 0, &account)),
            Counts::default()
        );
        // One that was counted by a collector before says nothing of now.
        assert_eq!(
            accounts.difference(&range(2, 2, &account)),
            Counts::default()
        );
    }

    #[test]
    fn accounts_are_bounded() {
        let mut accounts = Accounts::default();
        let mut account = Sequence::default();
        note(&mut account, &[1]);
        for core in 0..3 {
            for port in 0..u16::MAX {
                let mut range = range(port, 1, &account);
                range.stream.core = Some(core);
                accounts.difference(&range);
            }
        }
        assert!(accounts.recent.len() + accounts.before.len() <= MAX_STREAMS);
        note(&mut account, &[5, 6]);
        let mut last = range(u16::MAX - 1, 2, &account);
        last.stream.core = Some(2);
        assert_eq!(accounts.difference(&last).lost, 3);
    }
}
