//! Waits for the next event of a live shard: a block, a command or a deadline. No timer polls.
//!
//! One system call sends what is due to all collectors and waits for the event, on a ring of the
//! shard's own ([`Uring`]). The executor's turn takes ten, so that it has one only where nothing
//! came for a while: it then sleeps until there is something on that ring, or for its other tasks.

use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use dnsflow_sys::{Ready, Uring};
use futures_lite::future;
use glommio::io::BufferedFile;
use glommio::timer::Timer;

use super::intake::Intake;
use super::pace::Pace;
use super::{ShardError, system};
use crate::capture::ring::Ring;
use crate::capture::socket::RETIRE_MS;
use dnsflow_wire::encode::Encode;

use crate::export::Export;

/// Time without any event after which the executor waits.
const IDLE_AFTER: Duration = Duration::from_millis(100);

/// Longest time for which blocks that are ready keep finished datagrams from being sent, and
/// commands from being seen.
const MAX_DELAY: Duration = Duration::from_millis(RETIRE_MS as u64);

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

/// What a shard waits for.
pub(super) struct Waiter {
    /// Watches the socket of each intake, in order, and then `control`.
    pub(super) uring: Uring,
    control: UnixStream,
    /// Readable once something is on the ring.
    waker: Rc<BufferedFile>,
    /// The read of it that waits. There is at most one: a second could miss what the first takes.
    waking: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// Index of the intake that is checked first.
    next_intake: usize,
    pub(super) pace: Pace,
    /// When the ring was last entered.
    entered: Instant,
}

impl Waiter {
    /// # Errors
    /// If a descriptor can't be had.
    pub(super) fn new(
        mut uring: Uring,
        intakes: &[Intake],
        control: OwnedFd,
        pace: Pace,
    ) -> io::Result<Self> {
        for intake in intakes {
            uring.watch(intake.ring.descriptor()?);
        }
        uring.watch(control.try_clone()?);
        let control = UnixStream::from(control);
        control.set_nonblocking(true)?;
        Ok(Self {
            waker: Rc::new(dnsflow_sys::buffered_file(uring.waker()?)),
            waking: None,
            uring,
            control,
            next_intake: 0,
            pace,
            entered: Instant::now(),
        })
    }

    /// Waits on `ring` in place of the ring of intake `index`.
    pub(super) fn replace(&mut self, index: usize, ring: &Ring) -> io::Result<()> {
        self.uring.replace(index, ring.descriptor()?)
    }

    /// Waits for the next event, and has the finished datagrams sent by the same call. Events of the
    /// supervisor have priority, then the deadline. Rings with blocks are served round robin.
    pub(super) async fn next<E: Encode>(
        &mut self,
        export: &mut Export<E>,
        intakes: &[Intake],
        deadline: Instant,
    ) -> Result<Event, ShardError> {
        let mut now = Instant::now();
        let idle_at = now + IDLE_AFTER;
        loop {
            let is_ready = intakes.iter().any(|intake| intake.ring.is_ready());
            let mut watches_rings = false;
            if !is_ready && now < deadline {
                let nap = self.pace.nap(now);
                watches_rings = nap.is_none();
                self.arm(intakes.len(), watches_rings)?;
                let until = nap.map_or(idle_at, |nap| now + nap).min(deadline);
                export.send(&mut self.uring, Some(until.saturating_duration_since(now)))?;
                self.entered = Instant::now();
            } else if export.is_full() || now >= self.entered + MAX_DELAY {
                self.arm(intakes.len(), false)?;
                export.send(&mut self.uring, None)?;
                self.entered = now;
            }
            now = Instant::now();
            if let Some(event) = self.event(intakes, now, deadline) {
                return Ok(event);
            }
            if watches_rings && now >= idle_at {
                self.sleep(deadline.saturating_duration_since(now)).await;
                now = Instant::now();
            }
        }
    }

    /// Has commands end the waits that follow, and blocks if `with_rings`.
    fn arm(&mut self, rings: usize, with_rings: bool) -> Result<(), ShardError> {
        let first = if with_rings { 0 } else { rings };
        let armed = (first..=rings).try_for_each(|index| self.uring.arm(index));
        armed.map_err(system("can't wait for packets"))
    }

    /// The event that is there, if one is.
    fn event(&mut self, intakes: &[Intake], now: Instant, deadline: Instant) -> Option<Event> {
        if self.uring.take_ready(intakes.len()).is_some()
            && let Some(event) = self.read_control()
        {
            return Some(event);
        }
        if now >= deadline {
            return Some(Event::Deadline);
        }
        for (index, intake) in intakes.iter().enumerate() {
            // The status word of the block decides; the descriptor serves only to wake.
            if self.uring.take_ready(index) == Some(Ready::Failed)
                && let Some(error) = intake.ring.take_error()
            {
                return Some(Event::SocketError(index, error));
            }
        }
        self.ready_block(intakes).map(Event::Block)
    }

    /// Sleeps until there is something on the ring, for at most `longest`. The executor runs its
    /// other tasks meanwhile.
    async fn sleep(&mut self, longest: Duration) {
        let waker = &self.waker;
        let waking = self.waking.get_or_insert_with(|| {
            let waker = Rc::clone(waker);
            Box::pin(async move {
                // A read that fails ends the sleep, as one that succeeds.
                let _ = waker.read_at(0, size_of::<u64>()).await;
            })
        });
        let woken = async {
            waking.await;
            true
        };
        let over = async {
            Timer::new(longest).await;
            false
        };
        if future::or(woken, over).await {
            self.waking = None;
        }
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
    fn read_control(&mut self) -> Option<Event> {
        let mut bytes = [0; 64];
        match self.control.read(&mut bytes) {
            Ok(1..) => Some(Event::Command),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            _ => Some(Event::Stop),
        }
    }
}
