//! Waits for the next event of a live shard: a block, a command or a deadline. No timer polls.
//!
//! The wait normally goes through the io_uring of the executor. Under load a block is ready every
//! few milliseconds, and one iteration of the executor, which takes ten system calls, costs more
//! than the work on the block. The thread then waits for the next block itself, with one poll(2).

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

/// Least number of packets in a block after which the next block is expected at once: 25,600
/// packets a second, with one block in [`RETIRE_MS`].
const BUSY_PACKETS: u64 = 256;

/// Longest wait of the thread itself for the next block, before the executor waits again.
const BUSY_WAIT: Duration = Duration::from_millis(2 * RETIRE_MS as u64);

/// The event that ended a wait.
#[derive(Debug)]
pub(super) enum Event {
    /// The ring of the intake of this index has a block.
    Block(usize),
    /// Commands are queued.
    Command,
    /// The supervisor ended the shard.
    Stop,
    /// The deadline was reached.
    Deadline,
    /// The socket of the intake of this index reported an error, such as ENETDOWN.
    SocketError(usize, io::Error),
}

/// The descriptors of a shard.
#[derive(Debug)]
pub(super) struct Waiter {
    rings: Vec<UnixStream>,
    control: UnixStream,
    /// Index of the intake that is checked first.
    next_intake: usize,
    /// All descriptors, for the wait without the executor.
    readiness: Readiness,
    /// Whether the last block had at least [`BUSY_PACKETS`].
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
        Ok(Self {
            rings,
            control: dnsflow_sys::unix_stream(control),
            next_intake: 0,
            readiness,
            busy: false,
        })
    }

    /// Waits on `ring` in place of the ring of intake `index`.
    pub(super) fn replace(&mut self, index: usize, ring: &Ring) -> io::Result<()> {
        if let Some(place) = self.rings.get_mut(index) {
            self.readiness.replace(index, ring.descriptor()?);
            *place = dnsflow_sys::unix_stream(ring.descriptor()?);
        }
        Ok(())
    }

    /// Records the number of packets in the last block.
    pub(super) fn record_block(&mut self, packets: u64) {
        self.busy = packets >= BUSY_PACKETS;
    }

    /// Waits for the next event. Events of the supervisor have priority, then the deadline. Rings
    /// with blocks are served round robin.
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
            // The status word of the block decides; the descriptor serves only to wake the task.
            if let Some(index) = self.ready_block(intakes) {
                return Poll::Ready(Event::Block(index));
            }
            for (index, ring) in self.rings.iter_mut().enumerate() {
                if let Poll::Ready(Err(error)) = poll_readable(ring, context) {
                    return Poll::Ready(Event::SocketError(index, error));
                }
            }
            let timer = timer.get_or_insert_with(|| Timer::new(deadline - now));
            Pin::new(timer).poll(context).map(|_| Event::Deadline)
        })
        .await
    }

    /// The next intake, round robin, whose ring has a block.
    fn ready_block(&mut self, intakes: &[Intake]) -> Option<usize> {
        let (before, after) = intakes.split_at_checked(self.next_intake)?;
        let found = after
            .iter()
            .chain(before)
            .position(|it| it.ring.is_ready())?;
        let index = (self.next_intake + found) % intakes.len();
        self.next_intake = (index + 1) % intakes.len();
        Some(index)
    }

    /// A byte announces commands; end of file ends the shard.
    fn poll_control(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        poll_readable(&mut self.control, context).map(|read| match read {
            Ok(1..) => Event::Command,
            _ => Event::Stop,
        })
    }
}

/// Reads from a descriptor to register for wake-ups. A read on a socket with a mapped ring never
/// returns data, so the executor asks the kernel to wake it once the socket is readable. That
/// request is level triggered: no wake-up is lost.
fn poll_readable(stream: &mut UnixStream, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut bytes = [0; 64];
    Pin::new(stream).poll_read(context, &mut bytes)
}
