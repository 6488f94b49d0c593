//! What a live shard waits for, all at once and without a timer that polls.
//!
//! The wait goes through the executor's io_uring. Under load there is a block every few milliseconds, and a turn of the executor, which
//! is ten system calls, costs more than what is in it: then the thread waits for the next block itself, with one.

use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_lite::AsyncRead;
use glommio::net::UnixStream;
use glommio::timer::Timer;

use super::intake::Intake;
use crate::capture::ring::Ring;
use crate::capture::socket::RETIRE_MS;
use dnsflow_sys::Readiness;

/// Packets in a block from which on the next is expected at once: with one block in [`RETIRE_MS`], 25,600 a second.
const BUSY_PACKETS: u64 = 256;

/// How long that is expected; without one the executor waits again.
const BUSY_WAIT: Duration = Duration::from_millis(2 * RETIRE_MS as u64);

/// What came first.
#[derive(Debug)]
pub(super) enum Event {
    /// The ring of this intake has a block.
    Block(usize),
    /// The supervisor has something to say.
    Command,
    /// The supervisor says to end.
    Stop,
    /// The deadline is over.
    Deadline,
    /// The socket of this intake has an error to tell, such as that its interface went down.
    Trouble(usize, io::Error),
}

/// The descriptors that are waited on.
#[derive(Debug)]
pub(super) struct Waiter {
    rings: Vec<UnixStream>,
    control: UnixStream,
    /// The intake whose turn it is.
    turn: usize,
    /// All of the descriptors again.
    readiness: Readiness,
    /// Whether the last block was one of many.
    busy: bool,
}

impl Waiter {
    pub(super) fn new(intakes: &[Intake], control: OwnedFd) -> io::Result<Self> {
        let mut readiness = Readiness::default();
        let mut rings = Vec::with_capacity(intakes.len());
        for intake in intakes {
            readiness.push(intake.ring.descriptor()?);
            rings.push(dnsflow_sys::unix_stream(intake.ring.descriptor()?));
        }
        readiness.push(control.try_clone()?);
        Ok(Waiter {
            rings,
            control: dnsflow_sys::unix_stream(control),
            turn: 0,
            readiness,
            busy: false,
        })
    }

    /// Waits on another ring from now on.
    pub(super) fn replace(&mut self, index: usize, ring: &Ring) -> io::Result<()> {
        if let Some(place) = self.rings.get_mut(index) {
            self.readiness.replace(index, ring.descriptor()?);
            *place = dnsflow_sys::unix_stream(ring.descriptor()?);
        }
        Ok(())
    }

    /// Tells how many packets were in the last block.
    pub(super) fn took(&mut self, packets: u64) {
        self.busy = packets >= BUSY_PACKETS;
    }

    /// Waits for the first of the events. What the supervisor says goes before all others; of several rings
    /// with blocks, each has its turn.
    pub(super) async fn next(&mut self, intakes: &[Intake], deadline: Instant) -> Event {
        if self.busy && !intakes.iter().any(|intake| intake.ring.is_ready()) {
            let left = deadline.saturating_duration_since(Instant::now());
            self.busy = self.readiness.wait(left.min(BUSY_WAIT));
        }
        let mut timer: Option<Timer> = None;
        poll_fn(|context| {
            if let Poll::Ready(event) = self.poll_control(context) {
                return Poll::Ready(event);
            }
            let now = Instant::now();
            if now >= deadline {
                return Poll::Ready(Event::Deadline);
            }
            // The block's status word is the truth; the descriptor is asked only to be woken.
            if let Some(index) = self.with_block(intakes) {
                return Poll::Ready(Event::Block(index));
            }
            for (index, ring) in self.rings.iter_mut().enumerate() {
                if let Poll::Ready(Err(error)) = poll_readable(ring, context) {
                    return Poll::Ready(Event::Trouble(index, error));
                }
            }
            let timer = timer.get_or_insert_with(|| Timer::new(deadline - now));
            Pin::new(timer).poll(context).map(|_| Event::Deadline)
        })
        .await
    }

    fn with_block(&mut self, intakes: &[Intake]) -> Option<usize> {
        let (before, after) = intakes.split_at_checked(self.turn)?;
        let found = after
            .iter()
            .chain(before)
            .position(|it| it.ring.is_ready())?;
        let index = (self.turn + found) % intakes.len();
        self.turn = (index + 1) % intakes.len();
        Some(index)
    }

    /// A byte is a command; the supervisor's end of the pair is closed when the shard is to end.
    fn poll_control(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        poll_readable(&mut self.control, context).map(|read| match read {
            Ok(1..) => Event::Command,
            _ => Event::Stop,
        })
    }
}

/// A receive: nothing is ever there on a mapped ring, so that the executor asks the kernel to
/// wake it when there is. The request is level triggered, so no wake-up is lost.
fn poll_readable(stream: &mut UnixStream, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut bytes = [0; 64];
    Pin::new(stream).poll_read(context, &mut bytes)
}
