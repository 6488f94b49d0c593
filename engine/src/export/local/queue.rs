//! A bounded queue in front of an output that can block, and the thread that empties it.
//!
//! Shards append whole records or lines under a lock, once for each write, and never wait for the
//! output itself. The thread takes all that is there at once, by swapping two buffers, so that
//! nothing is allocated after the start. It writes only what the output has room for: when the
//! process ends, everything that was not written is known.

use std::collections::TryReserveError;
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::mem;
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use log::info;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::copy;
use super::unit::Unit;

/// Bytes of each of the two buffers: of what waits, and of what is being written. Together they are
/// the bound of the queue.
const BUFFER_BYTES: usize = 2 << 20;

/// Bytes that a pipe takes without blocking once it is writable: PIPE_BUF (pipe(7)).
const WRITE_BYTES: usize = 4096;

/// Once the run is told to end, an output that takes nothing for this long is given up.
const GRACE: Duration = Duration::from_secs(2);

/// Longest time from then on, even if the output still takes something.
const GRACE_AT_MOST: Duration = Duration::from_secs(10);

/// Time between two looks for a reader of a FIFO: the kernel announces none to a writer.
const READER_INTERVAL: Duration = Duration::from_millis(100);

/// Number of looks after which the wait for a reader is logged: 1 s.
const SILENT_LOOKS: u32 = 10;

/// The queue of one output, which all shards fill and one thread empties.
#[derive(Debug)]
pub(super) struct Queue {
    unit: Unit,
    /// Whether a shard waits for room, until the run is told to end; otherwise what does not fit is
    /// dropped.
    patient: bool,
    state: Mutex<State>,
    /// Something was added, or nothing more will be.
    filled: Condvar,
    /// Something was taken or written, or the end has come.
    moved: Condvar,
}

#[derive(Debug)]
struct State {
    /// What comes before the first record or line; empty once the thread has taken it.
    header: Vec<u8>,
    waiting: Vec<u8>,
    /// Records or lines in `waiting`.
    waiting_count: u64,
    /// Records or lines that the thread has taken and not yet written.
    held_count: u64,
    /// How often something was written.
    moves: u64,
    /// When the run was told to end.
    ending: Option<Instant>,
    /// Whether nothing more is added, so that the thread ends.
    is_closed: bool,
    /// Whether the thread has ended.
    has_ended: bool,
    /// Whether the output is blocked at the end of the run, so that nobody waits for it any more.
    is_given_up: bool,
    failure: Option<io::Error>,
    /// Records or lines that were taken and are lost.
    lost: u64,
}

/// What became of an addition.
pub(super) enum Added {
    Taken {
        /// Whether everything before it was taken by the thread.
        was_empty: bool,
    },
    NoRoom,
    Failed(io::Error),
}

impl Queue {
    /// An empty queue.
    pub(super) fn new(unit: Unit, patient: bool) -> Result<Self, TryReserveError> {
        Ok(Self {
            unit,
            patient,
            state: Mutex::new(State {
                header: Vec::new(),
                waiting: buffer()?,
                waiting_count: 0,
                held_count: 0,
                moves: 0,
                ending: None,
                is_closed: false,
                has_ended: false,
                is_given_up: false,
                failure: None,
                lost: 0,
            }),
            filled: Condvar::new(),
            moved: Condvar::new(),
        })
    }

    /// Has `header` written before everything that is added from now on.
    pub(super) fn begin(&self, header: Vec<u8>) {
        self.lock().header = header;
        self.filled.notify_one();
    }

    /// Adds `slices`, which are `count` whole records or lines of together at most
    /// [`BUFFER_BYTES`].
    pub(super) fn add(&self, slices: &[IoSlice<'_>], count: u64) -> Added {
        let bytes: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut state = self.lock();
        loop {
            if let Some(failure) = &state.failure {
                return Added::Failed(copy(failure));
            }
            if state.waiting.len() + bytes <= BUFFER_BYTES {
                break;
            }
            if !self.patient || state.is_given_up {
                return Added::NoRoom;
            }
            state = self.wait(state);
        }
        let was_empty = state.waiting.is_empty();
        for slice in slices {
            state.waiting.extend_from_slice(slice);
        }
        state.waiting_count += count;
        self.filled.notify_one();
        Added::Taken { was_empty }
    }

    /// Tells that the run ends: from now on a blocked output is waited for at most [`GRACE`].
    pub(super) fn hurry(&self) {
        self.lock().ending.get_or_insert_with(Instant::now);
        self.moved.notify_all();
    }

    /// Tells that nothing more is added.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.filled.notify_one();
    }

    /// Whether everything was written, the output has failed or it was given up, after a wait of at
    /// most [`GRACE`] if the run was told to end, and none otherwise.
    pub(super) fn is_done(&self) -> bool {
        let mut state = self.lock();
        while state.ending.is_some() && !state.has_ended && !state.is_given_up {
            state = self.wait(state);
        }
        state.has_ended || state.is_given_up
    }

    /// The error of the output, if it has failed.
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.lock().failure.as_ref().map(copy)
    }

    /// Records or lines that were added, and will not be written.
    pub(super) fn lost(&self) -> u64 {
        let state = self.lock();
        let left = if state.is_given_up {
            state.waiting_count + state.held_count
        } else {
            0
        };
        state.lost + left
    }

    /// Waits until something is taken or written. Once the run is told to end, gives the output up
    /// if that takes too long.
    fn wait<'q>(&self, state: MutexGuard<'q, State>) -> MutexGuard<'q, State> {
        let Some(since) = state.ending else {
            return self
                .moved
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        };
        let before = state.moves;
        let left = (since + GRACE_AT_MOST).saturating_duration_since(Instant::now());
        let waited = self.moved.wait_timeout(state, left.min(GRACE));
        let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        let is_late = Instant::now() >= since + GRACE_AT_MOST;
        if !state.has_ended && (is_late || (timeout.timed_out() && state.moves == before)) {
            state.is_given_up = true;
            self.moved.notify_all();
        }
        state
    }

    /// Writes to `file` what is added, until nothing more is. `awaits` is the name of a FIFO that
    /// has no reader yet.
    pub(super) fn empty_into(&self, file: &File, awaits: Option<&str>) {
        let written = match awaits {
            Some(name) => await_reader(file, name).and_then(|()| self.write(file)),
            None => self.write(file),
        };
        let mut state = self.lock();
        if let Err(failure) = written {
            state.lost += state.waiting_count + state.held_count;
            (state.waiting_count, state.held_count) = (0, 0);
            state.failure = Some(failure);
        }
        state.has_ended = true;
        self.moved.notify_all();
    }

    fn write(&self, file: &File) -> io::Result<()> {
        let mut held = buffer()?;
        while let Some(header) = self.swap(&mut held) {
            write_all(file, &header)?;
            let mut left = &held[..];
            while !left.is_empty() {
                let (bytes, count) = self.unit.take(left, WRITE_BYTES);
                let (next, rest) = left.split_at(bytes);
                write_all(file, next)?;
                left = rest;
                let mut state = self.lock();
                state.held_count = state.held_count.saturating_sub(count);
                state.moves += 1;
                self.moved.notify_all();
            }
            held.clear();
        }
        Ok(())
    }

    /// Waits until something was added, and takes it; returns the header, which is empty but for the
    /// first time, or `None` if nothing more is added.
    fn swap(&self, held: &mut Vec<u8>) -> Option<Vec<u8>> {
        let mut state = self.lock();
        while state.waiting.is_empty() && state.header.is_empty() && !state.is_closed {
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        mem::swap(&mut state.waiting, held);
        state.held_count = mem::take(&mut state.waiting_count);
        state.moves += 1;
        self.moved.notify_all();
        let header = mem::take(&mut state.header);
        (!held.is_empty() || !header.is_empty()).then_some(header)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A shard that has panicked has left whole records, or none.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An empty buffer that does not grow.
fn buffer() -> Result<Vec<u8>, TryReserveError> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(BUFFER_BYTES)?;
    Ok(buffer)
}

/// Writes `bytes`, each part only when there is room for it, so that a thread that is blocked is
/// blocked in poll(2), with an exact count of what it has written. (A terminal may say that it is
/// writable and still block.)
fn write_all(mut file: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        writable(file, PollTimeout::NONE)?;
        let next = bytes.len().min(WRITE_BYTES);
        match file.write(&bytes[..next]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error)
                if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Waits until `file` is writable or has an error, which the next write reports; returns what it
/// is.
fn writable(file: &File, timeout: PollTimeout) -> io::Result<PollFlags> {
    let mut polled = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
    match poll(&mut polled, timeout) {
        Ok(_) | Err(nix::Error::EINTR) => Ok(polled[0].revents().unwrap_or(PollFlags::empty())),
        Err(error) => Err(error.into()),
    }
}

/// Waits until the FIFO `file` has a reader. Until then poll(2) says POLLERR.
fn await_reader(file: &File, name: &str) -> io::Result<()> {
    let mut looks = 0;
    while writable(file, PollTimeout::ZERO)?.contains(PollFlags::POLLERR) {
        if looks == SILENT_LOOKS {
            info!("waiting for a reader of the FIFO {name}");
        }
        looks += 1;
        thread::sleep(READER_INTERVAL);
    }
    Ok(())
}
