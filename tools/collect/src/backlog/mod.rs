//! What sinks have still to store: batches in memory, and behind those the spool on disk.
//!
//! ```text
//!            +--- log on disk (spool) ---+-- in memory --+
//! batches:   | 17  18  19  20  21  22  23 | 24  25  26    | <- push
//!              ^                       ^            ^
//!              stored by the slowest   next of one  next of another sink
//! ```
//!
//! All sinks share one numbered sequence of batches, and each has a place in it. So a sink that is
//! slow or away blocks no other, and costs no copies. With a spool, a batch is on disk before any
//! sink has it, and is read from there once memory is full; it is removed when every sink has stored it.
//! What goes beyond the bounds is the oldest, counted for each sink that had not been handed it.

mod accounts;
mod log;
mod segment;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::batch::{Batch, BatchId, Content};
use crate::lock::lock;
pub use accounts::{Kept, Recovered};
use log::Log;
pub(crate) use log::random_id;
pub use log::{Note, OpenError};
use segment::Place;

/// How much may wait for sinks.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of batches in memory.
    pub memory: usize,
    /// Where batches are kept on disk, if they are.
    pub spool: Option<Spool>,
}

/// A folder that keeps batches until they are stored.
#[derive(Clone, Debug)]
pub struct Spool {
    /// The folder; it is made if it is not there.
    pub folder: std::path::PathBuf,
    /// Bytes of batches in it at most.
    pub max: u64,
}

/// What of a sink's batches is where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The number of the newest batch that it has stored.
    pub stored: u64,
    /// Batches that wait for it, those being written included.
    pub waiting: u64,
    /// Records of these.
    pub waiting_records: u64,
    /// Those of them that are in no spool, and end with the process.
    pub unspooled_records: u64,
    /// Batches that went beyond the bounds before it was handed them, or were damaged on disk.
    pub lost: u64,
    /// Records of these.
    pub lost_records: u64,
}

/// Batches that wait for sinks.
#[derive(Debug)]
pub struct Backlog {
    collector: u64,
    /// Bytes of batches in memory at most.
    memory: usize,
    /// Locked for a push as a whole, so that numbers are in order; never while `state` is.
    log: Mutex<Option<Log>>,
    state: Mutex<State>,
    changed: Condvar,
    recovered: Arc<Recovered>,
}

#[derive(Debug)]
struct State {
    /// The number of the first slot.
    first: u64,
    slots: VecDeque<Slot>,
    /// Bytes of batches in memory.
    memory: usize,
    sinks: Vec<Position>,
    is_closed: bool,
    /// Batches that could not be written to the spool, and are in memory only.
    unspooled: u64,
}

/// A batch that some sink has not stored.
#[derive(Debug)]
struct Slot {
    records: u64,
    batch: Option<Arc<Batch>>,
    place: Option<Place>,
}

/// A sink's place among the batches.
#[derive(Debug)]
struct Position {
    name: String,
    /// The number of the next batch that it is handed.
    next: u64,
    /// The number up to which everything is stored.
    stored: u64,
    lost: u64,
    lost_records: u64,
    /// Numbers and records of batches that it was handed and has not stored, and that are not here any
    /// more.
    held: VecDeque<(u64, u64)>,
}

/// What there is for a sink.
#[derive(Debug)]
pub enum Next {
    /// The next batch.
    Batch(Arc<Batch>),
    /// Nothing until the time given.
    Nothing,
    /// Nothing, and nothing will come.
    Closed,
}

impl Backlog {
    /// Opens the spool, if there is one, and gives each sink its place: behind what it has stored, or
    /// at the end if it is new. `note` is given what was found amiss there.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the spool can't be used.
    pub fn open(
        limits: &Limits,
        sinks: &[String],
        note: &mut dyn FnMut(Note),
    ) -> Result<Self, OpenError> {
        let mut slots = VecDeque::new();
        let (mut first, mut next) = (1, 1);
        let mut collector = log::random_id();
        let mut log = None;
        let mut recovered = Recovered::default();
        let mut stored = vec![None; sinks.len()];
        if let Some(spool) = &limits.spool {
            let opened = Log::open(spool, note)?;
            collector = opened.collector;
            next = opened.log.next();
            first = opened
                .batches
                .first()
                .map_or(next, |(number, _, _)| *number);
            let mut expected = first;
            for (number, records, place) in opened.batches {
                // What is missing between two has no records that could be told.
                slots.extend((expected..number).map(|_| Slot::missing()));
                slots.push_back(Slot {
                    records,
                    batch: None,
                    place: Some(place),
                });
                expected = number + 1;
            }
            slots.extend((expected..next).map(|_| Slot::missing()));
            for (name, stored) in sinks.iter().zip(&mut stored) {
                *stored = Some(opened.log.place_of(name, next - 1)?);
            }
            recovered = opened.log.recovered();
            log = Some(opened.log);
        }
        let position = |(name, stored): (&String, Option<u64>)| {
            let stored = stored.unwrap_or(next - 1).min(next - 1);
            Position {
                name: name.clone(),
                next: (stored + 1).max(first),
                stored,
                lost: 0,
                lost_records: 0,
                held: VecDeque::new(),
            }
        };
        let backlog = Self {
            collector,
            memory: limits.memory,
            log: Mutex::new(log),
            state: Mutex::new(State {
                first,
                slots,
                memory: 0,
                sinks: sinks.iter().zip(stored).map(position).collect(),
                is_closed: false,
                unspooled: 0,
            }),
            changed: Condvar::new(),
            recovered: Arc::new(recovered),
        };
        backlog.retire();
        Ok(backlog)
    }

    /// Which collector this is: random, and kept with the spool.
    #[must_use]
    pub fn collector(&self) -> u64 {
        self.collector
    }

    /// The accounts of streams that the spool has, to go on with.
    #[must_use]
    pub fn recovered(&self) -> Arc<Recovered> {
        Arc::clone(&self.recovered)
    }

    /// Gives `content` its number, writes it to the spool, and offers it to all sinks. Returns an
    /// error of the spool; the batch is in memory all the same.
    ///
    /// # Errors
    ///
    /// That of writing to the spool, as when the disk is full.
    pub fn push(&self, content: Content) -> io::Result<BatchId> {
        let mut log = lock(&self.log);
        let number = {
            let state = lock(&self.state);
            state.end()
        };
        let id = BatchId {
            collector: self.collector,
            number,
        };
        let batch = Arc::new(Batch::new(id, content));
        let written = match &mut *log {
            None => Ok(None),
            Some(log) => log.append(&batch).map(Some),
        };
        let oldest = log.as_ref().map(Log::oldest);
        let mut state = lock(&self.state);
        if let Some(oldest) = oldest {
            state.forget_spooled_before(oldest);
        }
        state.memory += batch.memory();
        let (place, result) = match written {
            Ok(place) => (place, Ok(id)),
            Err(error) => {
                state.unspooled += 1;
                (None, Err(error))
            }
        };
        state.slots.push_back(Slot {
            records: batch.records(),
            batch: Some(batch),
            place,
        });
        state.keep_within(self.memory);
        drop(state);
        self.changed.notify_all();
        result
    }

    /// Waits until `until` for the next batch for the sink of index `sink`, and hands it over.
    pub fn next(&self, sink: usize, until: Instant) -> Next {
        let mut state = lock(&self.state);
        loop {
            match state.hand_over(sink) {
                Some(Handed::Batch(batch)) => return Next::Batch(batch),
                Some(Handed::Place(place, records)) => {
                    drop(state);
                    match place.read() {
                        Ok(batch) => return Next::Batch(Arc::new(batch)),
                        // The segment says why when it is opened; here it can only be counted.
                        Err(_) => {
                            state = lock(&self.state);
                            state.count_lost(sink, records);
                        }
                    }
                }
                Some(Handed::Missing(records)) => state.count_lost(sink, records),
                None if state.is_closed => return Next::Closed,
                None => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Next::Nothing;
                    }
                    let waited = self.changed.wait_timeout(state, left);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    /// Takes note that a sink has stored everything up to `number`, and forgets what all have.
    ///
    /// # Errors
    ///
    /// That of writing the note to the spool: after a restart, batches may come again.
    pub fn note_stored(&self, sink: usize, number: u64) -> io::Result<()> {
        let name = {
            let mut state = lock(&self.state);
            let end = state.end();
            let Some(position) = state.sinks.get_mut(sink) else {
                return Ok(());
            };
            let number = number.min(end - 1);
            if number <= position.stored {
                return Ok(());
            }
            position.stored = number;
            position.next = position.next.max(number + 1);
            while position
                .held
                .front()
                .is_some_and(|(held, _)| *held <= number)
            {
                position.held.pop_front();
            }
            position.name.clone()
        };
        self.changed.notify_all();
        let written = {
            let log = lock(&self.log);
            log.as_ref()
                .map_or(Ok(()), |log| log.note_stored(&name, number))
        };
        self.retire();
        written
    }

    /// Whether batches that some sink was not handed take less than the bound of memory.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let state = lock(&self.state);
        let next = state.sinks.iter().map(|sink| sink.next).min();
        let behind = state.slots.iter().zip(state.first..);
        let behind = behind.filter(|(_, number)| next.is_some_and(|next| *number >= next));
        let bytes = behind.map(|(slot, _)| slot.batch.as_ref().map_or(0, |batch| batch.memory()));
        bytes.sum::<usize>() < self.memory / 2
    }

    /// Waits until a sink has stored something, or for `longest`.
    pub fn wait_for_room(&self, longest: Duration) {
        let waited = self.changed.wait_timeout(lock(&self.state), longest);
        drop(waited);
    }

    /// Hands a sink again what it has not stored. What is not here any more is lost to it.
    pub fn rewind(&self, sink: usize) {
        let mut state = lock(&self.state);
        let first = state.first;
        if let Some(position) = state.sinks.get_mut(sink) {
            for (_, records) in std::mem::take(&mut position.held) {
                position.lost += 1;
                position.lost_records += records;
            }
            position.next = (position.stored + 1).max(first);
        }
    }

    /// Says that nothing will come any more.
    ///
    /// # Errors
    ///
    /// That of writing the accounts of streams to the spool; they are found in its batches then, as far as
    /// these are still there.
    pub fn close(&self) -> io::Result<()> {
        lock(&self.state).is_closed = true;
        self.changed.notify_all();
        let mut log = lock(&self.log);
        log.as_mut().map_or(Ok(()), Log::save_accounts)
    }

    /// The account of each sink, in their order.
    #[must_use]
    pub fn accounts(&self) -> Vec<Account> {
        let state = lock(&self.state);
        let account = |position: &Position| {
            let mut account = Account {
                stored: position.stored,
                lost: position.lost,
                lost_records: position.lost_records,
                ..Account::default()
            };
            let slots = state.slots.iter().zip(state.first..);
            let waiting = slots.filter(|(_, number)| *number > position.stored);
            let waiting = waiting.map(|(slot, _)| (slot.records, slot.place.is_some()));
            let held = position.held.iter().map(|(_, records)| (*records, false));
            for (records, is_spooled) in waiting.chain(held) {
                account.waiting += 1;
                account.waiting_records += records;
                if !is_spooled {
                    account.unspooled_records += records;
                }
            }
            account
        };
        state.sinks.iter().map(account).collect()
    }

    /// Bytes of batches in memory, and in the spool; and how many batches could not be written there.
    #[must_use]
    pub fn sizes(&self) -> (usize, u64, u64) {
        let spooled = lock(&self.log).as_ref().map_or(0, Log::bytes);
        let state = lock(&self.state);
        (state.memory, spooled, state.unspooled)
    }

    /// Bytes that the spool may have at most; 0 if there is none.
    #[must_use]
    pub fn spool_max(&self) -> u64 {
        lock(&self.log).as_ref().map_or(0, Log::max)
    }

    /// Makes what was written to the spool survive a loss of power.
    ///
    /// # Errors
    ///
    /// That of the disk.
    pub fn sync(&self) -> io::Result<()> {
        let file = lock(&self.log).as_ref().and_then(Log::file);
        file.map_or(Ok(()), |file| file.sync_data())
    }

    /// Forgets what every sink has stored.
    fn retire(&self) {
        let oldest = {
            let mut state = lock(&self.state);
            let stored = state.sinks.iter().map(|sink| sink.stored).min();
            let end = state.end();
            let oldest = stored.map_or(end, |stored| stored + 1);
            state.forget_before(oldest);
            oldest
        };
        if let Some(log) = &mut *lock(&self.log) {
            log.remove_before(oldest);
        }
    }
}

/// What a slot has for a sink.
enum Handed {
    Batch(Arc<Batch>),
    Place(Place, u64),
    Missing(u64),
}

impl State {
    /// The number of the batch to come.
    fn end(&self) -> u64 {
        self.first + self.slots.len() as u64
    }

    /// The next slot of a sink, whose place moves behind it.
    fn hand_over(&mut self, sink: usize) -> Option<Handed> {
        let position = self.sinks.get_mut(sink)?;
        let index = usize::try_from(position.next.checked_sub(self.first)?).ok()?;
        let slot = self.slots.get(index)?;
        position.next += 1;
        Some(match (&slot.batch, &slot.place) {
            (Some(batch), _) => Handed::Batch(Arc::clone(batch)),
            (None, Some(place)) => Handed::Place(place.clone(), slot.records),
            (None, None) => Handed::Missing(slot.records),
        })
    }

    fn count_lost(&mut self, sink: usize, records: u64) {
        if let Some(position) = self.sinks.get_mut(sink) {
            position.lost += 1;
            position.lost_records += records;
        }
    }

    /// Forgets slots before `oldest`, counted for each sink that was not handed them.
    fn forget_before(&mut self, oldest: u64) {
        while self.first < oldest
            && let Some(slot) = self.slots.pop_front()
        {
            let number = self.first;
            self.first += 1;
            self.memory -= slot.batch.as_ref().map_or(0, |batch| batch.memory());
            for position in &mut self.sinks {
                if position.next <= number {
                    position.next = number + 1;
                    position.lost += 1;
                    position.lost_records += slot.records;
                } else if position.stored < number {
                    position.held.push_back((number, slot.records));
                }
            }
        }
    }

    /// Forgets the place of slots whose batches are not on disk any more, and those that are not in
    /// memory either.
    fn forget_spooled_before(&mut self, oldest: u64) {
        let gone = oldest.saturating_sub(self.first);
        for slot in self
            .slots
            .iter_mut()
            .take(usize::try_from(gone).unwrap_or(usize::MAX))
        {
            slot.place = None;
        }
        while let Some(Slot {
            batch: None,
            place: None,
            ..
        }) = self.slots.front()
        {
            self.forget_before(self.first + 1);
        }
    }

    /// Takes the oldest batches out of memory, to keep it within `bound` bytes: those on disk are read
    /// from there, others are lost to the sinks that have not got them. The newest one stays.
    fn keep_within(&mut self, bound: usize) {
        let mut at = 0;
        while self.memory > bound && at + 1 < self.slots.len() {
            let Some(slot) = self.slots.get_mut(at) else {
                return;
            };
            match (&slot.batch, &slot.place) {
                (Some(batch), Some(_)) => {
                    self.memory -= batch.memory();
                    slot.batch = None;
                    at += 1;
                }
                (None, Some(_)) => at += 1,
                (Some(batch), None) if at > 0 => {
                    // Behind batches that are on disk: the numbers stay in order.
                    self.memory -= batch.memory();
                    slot.batch = None;
                    at += 1;
                }
                (Some(_), None) => self.forget_before(self.first + 1),
                (None, None) if at > 0 => at += 1,
                (None, None) => self.forget_before(self.first + 1),
            }
        }
    }
}

impl Slot {
    /// A batch that is in no segment any more.
    fn missing() -> Self {
        Self {
            records: 0,
            batch: None,
            place: None,
        }
    }
}

/// How long waits for a batch are at most, so that a sink sees what else is due.
pub const LONGEST_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
