//! What a live shard waits for, all at once and without a timer that polls.

use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_lite::AsyncRead;
use glommio::net::UnixStream;
use glommio::timer::Timer;

use crate::capture::ring::Ring;
use crate::capture::sys;

/// What came first.
#[derive(Debug)]
pub(super) enum Event {
    /// The ring has a block.
    Block,
    /// The supervisor says to end.
    Stop,
    /// The deadline is over.
    Deadline,
    /// The socket has an error to tell, such as that its interface went down.
    Trouble(io::Error),
}

/// The descriptors that are waited on.
#[derive(Debug)]
pub(super) struct Waiter {
    ring: UnixStream,
    control: UnixStream,
}

impl Waiter {
    pub(super) fn new(ring: &Ring, control: OwnedFd) -> io::Result<Self> {
        Ok(Waiter {
            ring: sys::unix_stream(ring.descriptor()?),
            control: sys::unix_stream(control),
        })
    }

    /// Waits for the first of the events; a stop goes before all others.
    pub(super) async fn next(&mut self, ring: &Ring, deadline: Instant) -> Event {
        let mut timer: Option<Timer> = None;
        poll_fn(|context| {
            if self.poll_stop(context).is_ready() {
                return Poll::Ready(Event::Stop);
            }
            let now = Instant::now();
            if now >= deadline {
                return Poll::Ready(Event::Deadline);
            }
            // The block's status word is the truth; the descriptor is asked only to be woken.
            if ring.is_ready() {
                return Poll::Ready(Event::Block);
            }
            if let Poll::Ready(Err(error)) = poll_readable(&mut self.ring, context) {
                return Poll::Ready(Event::Trouble(error));
            }
            let timer = timer.get_or_insert_with(|| Timer::new(deadline - now));
            Pin::new(timer).poll(context).map(|_| Event::Deadline)
        })
        .await
    }

    /// The supervisor's end of the pair is closed when the shard is to end.
    fn poll_stop(&mut self, context: &mut Context<'_>) -> Poll<()> {
        poll_readable(&mut self.control, context).map(|_| ())
    }
}

/// A receive of one byte: nothing is ever there on a mapped ring, so that the executor asks the kernel to
/// wake it when there is. The request is level triggered, so no wake-up is lost.
fn poll_readable(stream: &mut UnixStream, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut byte = [0; 1];
    Pin::new(stream).poll_read(context, &mut byte)
}
