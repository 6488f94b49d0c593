//! An io_uring with what a shard does on it: wait for descriptors, and send datagrams. One system
//! call submits everything that is due and waits for whatever comes first.
//!
//! A send of [`Uring::turn`] borrows its bytes: it never waits for room (MSG_DONTWAIT), so that it
//! has completed when the call returns, and the memory may then be written again. A send that may
//! take longer owns its bytes until it is over ([`Uring::keep_sending`]).
//!
//! The ring has no policy: it neither repeats what failed nor knows what is sent.

mod kept;
mod setup;
#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use nix::sys::eventfd::{EfdFlags, EventFd};

use kept::KeptSends;
pub use kept::{KeptSend, Ticket};
pub use setup::Abilities;

/// Entries of the submission queue. More operations than that take more calls.
const ENTRIES: u32 = 256;

/// A send of [`Uring::turn`].
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// A connected socket.
    pub socket: BorrowedFd<'a>,
    /// What is sent, at most 2^32 - 1 bytes.
    pub bytes: &'a [u8],
    /// Whether the next send is to be cancelled if this one fails.
    pub has_next: bool,
}

/// How a watched descriptor became ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// It can be read, or its other end is closed.
    Readable,
    /// It has an error (SO_ERROR, socket(7)).
    Failed,
}

/// A watched descriptor.
#[derive(Debug)]
struct Watch {
    descriptor: OwnedFd,
    /// Tells completions for this descriptor from those for one that it has replaced.
    generation: u32,
    is_armed: bool,
    ready: Option<Ready>,
}

/// An io_uring. Only the thread that made it may use it.
pub struct Uring {
    ring: IoUring,
    abilities: Abilities,
    watches: Vec<Watch>,
    kept: KeptSends,
    /// The result of each send of the present turn: bytes, or an error number below 0.
    results: Vec<i32>,
    /// Sends of the present turn that have not completed.
    outstanding: usize,
    /// Completions of the present turn that end a wait.
    arrived: usize,
    /// The timeout of a wait where the call takes none. On the heap, since the kernel reads it.
    timeout: Box<Timespec>,
    /// Whether a timeout is in the ring.
    is_timed: bool,
    /// Set by an error after which nobody knows what the kernel has taken: the ring is then never
    /// entered again, so that it reads no memory of a turn that has ended.
    failed: Option<i32>,
}

impl std::fmt::Debug for Uring {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Uring");
        shown.field("ring", &self.ring.as_raw_fd());
        shown.field("abilities", &self.abilities);
        shown
            .field("watches", &self.watches)
            .finish_non_exhaustive()
    }
}

/// What a completion is about, in its 64 bits of user data:
///
/// ```text
/// | kind 8 | generation 24 | index 32 |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag {
    kind: Kind,
    generation: u32,
    index: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A send of this turn.
    Send = 1,
    /// A descriptor became ready.
    Watch = 2,
    /// A send that was kept.
    Kept = 3,
    /// A timeout.
    Timeout = 4,
    /// The end of another operation was asked for.
    Cancel = 5,
}

/// Generations wrap at 24 bits.
const GENERATION_MASK: u32 = 0xff_ffff;

impl Tag {
    fn new(kind: Kind, index: usize) -> Self {
        Self {
            kind,
            generation: 0,
            index: u32::try_from(index).unwrap_or(u32::MAX),
        }
    }

    fn bits(self) -> u64 {
        (self.kind as u64) << 56 | u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// The tag of a completion; `None` for one that this ring has not made.
    fn read(bits: u64) -> Option<Self> {
        let kind = match bits >> 56 {
            1 => Kind::Send,
            2 => Kind::Watch,
            3 => Kind::Kept,
            4 => Kind::Timeout,
            5 => Kind::Cancel,
            _ => return None,
        };
        Some(Self {
            kind,
            generation: u32::try_from(bits >> 32 & u64::from(GENERATION_MASK)).ok()?,
            index: u32::try_from(bits & u64::from(u32::MAX)).ok()?,
        })
    }
}

impl Uring {
    /// A ring for the calling thread, with what this kernel has.
    ///
    /// # Errors
    /// Those of io_uring_setup(2).
    pub fn new() -> io::Result<Self> {
        let (ring, abilities) = setup::open(ENTRIES)?;
        Ok(Self::with(ring, abilities))
    }

    fn with(ring: IoUring, abilities: Abilities) -> Self {
        Self {
            ring,
            abilities,
            watches: Vec::new(),
            kept: KeptSends::default(),
            results: Vec::new(),
            outstanding: 0,
            arrived: 0,
            timeout: Box::default(),
            is_timed: false,
            failed: None,
        }
    }

    /// What the ring can do on this kernel.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        self.abilities
    }

    /// A descriptor that becomes readable, as an eventfd(2), when something completes while nobody
    /// waits in [`Uring::turn`].
    ///
    /// # Errors
    /// Those of eventfd(2) and of io_uring_register(2).
    pub fn waker(&self) -> io::Result<OwnedFd> {
        let event = EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?;
        self.ring.submitter().register_eventfd(event.as_raw_fd())?;
        Ok(event.into())
    }

    /// Adds a descriptor to watch, and returns its index: the number of those before it.
    pub fn watch(&mut self, descriptor: OwnedFd) -> usize {
        self.watches.push(Watch {
            descriptor,
            generation: 0,
            is_armed: false,
            ready: None,
        });
        self.watches.len() - 1
    }

    /// Watches another descriptor in place of the one of this index, which is closed.
    ///
    /// # Errors
    /// Those of io_uring_enter(2).
    pub fn replace(&mut self, index: usize, descriptor: OwnedFd) -> io::Result<()> {
        let Some(watch) = self.watches.get_mut(index) else {
            return Ok(());
        };
        let before = watch.tag(index);
        let was_armed = std::mem::replace(&mut watch.is_armed, false);
        watch.descriptor = descriptor;
        watch.generation = watch.generation.wrapping_add(1) & GENERATION_MASK;
        watch.ready = None;
        if was_armed {
            // The request holds the old descriptor's file until it is over.
            self.cancel(before)?;
        }
        Ok(())
    }

    /// Has the descriptor of this index end the waits that follow, once, as soon as it is ready;
    /// at once if it is.
    ///
    /// # Errors
    /// Those of io_uring_enter(2).
    pub fn arm(&mut self, index: usize) -> io::Result<()> {
        let Some(watch) = self.watches.get_mut(index) else {
            return Ok(());
        };
        if watch.is_armed || watch.ready.is_some() {
            return Ok(());
        }
        watch.is_armed = true;
        let events = u32::from(libc::POLLIN.unsigned_abs());
        let poll = opcode::PollAdd::new(Fd(watch.descriptor.as_raw_fd()), events).build();
        let poll = poll.user_data(watch.tag(index).bits());
        self.push(&poll)
    }

    /// Whether the descriptor of this index became ready since it was armed; said once.
    pub fn take_ready(&mut self, index: usize) -> Option<Ready> {
        self.watches.get_mut(index)?.ready.take()
    }

    /// Sends everything, and waits until a watched descriptor or a kept send is done, for at most
    /// `wait`; without it for nothing. Returns the result of each send: its bytes, or an error
    /// number below 0. A send whose predecessor failed, and which was to be cancelled then, has
    /// ECANCELED.
    ///
    /// This is one system call for up to 256 operations, and none if there is nothing to do.
    ///
    /// # Errors
    /// Those of io_uring_enter(2). The ring then is of no more use.
    pub fn turn<'a>(
        &mut self,
        sends: impl Iterator<Item = Outgoing<'a>>,
        wait: Option<Duration>,
    ) -> io::Result<&[i32]> {
        self.results.clear();
        self.arrived = 0;
        // Whatever happens, and be it a panic of the iterator, no borrow ends before its send.
        let mut turn = Turn { uring: self };
        turn.run(sends, wait)?;
        drop(turn);
        Ok(&self.results)
    }

    /// Whether operations wait to be submitted.
    fn is_queued(&mut self) -> bool {
        !self.ring.submission().is_empty()
    }

    /// Queues a send that borrows its bytes. Sound only if its turn completes before they are gone.
    fn push_send(&mut self, send: &Outgoing<'_>) -> io::Result<()> {
        let length = u32::try_from(send.bytes.len()).map_err(io::Error::other)?;
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        let entry = opcode::Send::new(Fd(send.socket.as_raw_fd()), send.bytes.as_ptr(), length)
            .flags(flags)
            .build()
            .user_data(Tag::new(Kind::Send, self.results.len()).bits())
            .flags(if send.has_next {
                squeue::Flags::IO_LINK
            } else {
                squeue::Flags::empty()
            });
        self.push(&entry)?;
        self.results.push(-libc::ECANCELED);
        self.outstanding += 1;
        Ok(())
    }

    /// Whether the send before has failed already: a chain does not reach over two calls, which a
    /// full queue takes.
    fn has_broken_chain(&self) -> bool {
        self.outstanding == 0 && self.results.last().is_some_and(|result| *result < 0)
    }

    fn cancel(&mut self, tag: Tag) -> io::Result<()> {
        let entry = opcode::AsyncCancel::new(tag.bits()).build();
        let entry = entry.user_data(Tag::new(Kind::Cancel, 0).bits());
        self.push(&entry)
    }

    /// Submits what is queued if the queue is full, and waits for the sends in it.
    fn make_room(&mut self) -> io::Result<()> {
        if self.ring.submission().is_full() {
            self.enter(self.outstanding, None)?;
        }
        Ok(())
    }

    /// Queues an operation; if there is no room, submits those before it.
    fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        self.make_room()?;
        // SAFETY: the entry's memory is a descriptor number, the heap of a timeout or of a kept
        // send, which live as long as the ring; or it is borrowed by a turn, which completes before
        // the borrow ends, and after a failure the ring is never entered again.
        let pushed = unsafe { self.ring.submission().push(entry) };
        pushed.map_err(|_| io::Error::from(io::ErrorKind::WouldBlock))
    }

    /// Submits what is queued, waits for `want` completions, for at most `wait` if that is given,
    /// and takes all that are there.
    fn enter(&mut self, want: usize, wait: Option<Duration>) -> io::Result<()> {
        if let Some(code) = self.failed {
            return Err(io::Error::from_raw_os_error(code));
        }
        let entered = match wait {
            Some(wait) if self.abilities.timed_wait => {
                let timeout = Timespec::from(wait);
                let args = SubmitArgs::new().timespec(&timeout);
                self.ring.submitter().submit_with_args(want, &args)
            }
            Some(wait) => {
                let others = self.push_timeout(wait)?;
                self.ring.submit_and_wait(want + others)
            }
            None => self.ring.submit_and_wait(want),
        };
        self.reap();
        match entered.map_err(|error| error.raw_os_error()) {
            // Nothing came in time; a signal; no room for completions before, or no memory now.
            Ok(_) | Err(Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN)) => Ok(()),
            Err(code) => {
                let code = code.unwrap_or(libc::EIO);
                self.failed = Some(code);
                Err(io::Error::from_raw_os_error(code))
            }
        }
    }

    /// Before Linux 5.11 a wait has no timeout of its own: an operation stands in for it. Returns
    /// the number of completions that the end of the one before has.
    fn push_timeout(&mut self, wait: Duration) -> io::Result<usize> {
        let tag = Tag::new(Kind::Timeout, 0).bits();
        let was_timed = std::mem::replace(&mut self.is_timed, true);
        if was_timed {
            let remove = opcode::TimeoutRemove::new(tag).build();
            self.push(&remove.user_data(Tag::new(Kind::Cancel, 0).bits()))?;
        }
        *self.timeout = wait.into();
        let timeout = opcode::Timeout::new(&raw const *self.timeout).build();
        self.push(&timeout.user_data(tag))?;
        // Its own, and that of its removal.
        Ok(if was_timed { 2 } else { 0 })
    }

    /// Takes all completions.
    fn reap(&mut self) {
        for entry in self.ring.completion() {
            let result = entry.result();
            let Some(tag) = Tag::read(entry.user_data()) else {
                continue;
            };
            let index = usize::try_from(tag.index).unwrap_or(usize::MAX);
            match tag.kind {
                Kind::Send => {
                    if let Some(place) = self.results.get_mut(index) {
                        *place = result;
                    }
                    self.outstanding = self.outstanding.saturating_sub(1);
                }
                Kind::Watch => {
                    let watch = self.watches.get_mut(index);
                    if let Some(watch) = watch.filter(|it| it.generation == tag.generation) {
                        watch.is_armed = cqueue::more(entry.flags());
                        watch.ready = Some(readiness(result));
                        self.arrived += 1;
                    }
                }
                Kind::Kept => {
                    self.kept.complete(index, result);
                    self.arrived += 1;
                }
                Kind::Timeout if result == -libc::ETIME => {
                    self.is_timed = false;
                    self.arrived += 1;
                }
                Kind::Timeout | Kind::Cancel => {}
            }
        }
    }
}

impl Watch {
    fn tag(&self, index: usize) -> Tag {
        Tag {
            generation: self.generation,
            ..Tag::new(Kind::Watch, index)
        }
    }
}

/// What the events of poll(2), or an error number below 0, say.
fn readiness(result: i32) -> Ready {
    let failed = i32::from(libc::POLLERR);
    if result < 0 || result & failed != 0 {
        Ready::Failed
    } else {
        Ready::Readable
    }
}

/// A turn of the ring. When it is dropped, all its sends have completed.
struct Turn<'r> {
    uring: &'r mut Uring,
}

impl Turn<'_> {
    fn run<'a>(
        &mut self,
        sends: impl Iterator<Item = Outgoing<'a>>,
        wait: Option<Duration>,
    ) -> io::Result<()> {
        let uring = &mut *self.uring;
        let mut is_chained = false;
        for send in sends {
            // Before the look at the chain, which may have broken in what that submits.
            uring.make_room()?;
            if is_chained && uring.has_broken_chain() {
                uring.results.push(-libc::ECANCELED);
            } else {
                uring.push_send(&send)?;
            }
            is_chained = send.has_next;
        }
        let wait = wait.filter(|_| uring.arrived == 0);
        if wait.is_some() || uring.outstanding > 0 || uring.is_queued() {
            let want = uring.outstanding + usize::from(wait.is_some());
            uring.enter(want, wait)?;
        }
        self.complete()
    }

    fn complete(&mut self) -> io::Result<()> {
        while self.uring.outstanding > 0 {
            self.uring.enter(self.uring.outstanding, None)?;
        }
        Ok(())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // An error marks the ring, which then is never entered again.
        let _ = self.complete();
        self.uring.outstanding = 0;
    }
}
