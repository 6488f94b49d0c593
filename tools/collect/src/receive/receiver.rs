//! The threads that receive.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use log::{info, warn};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::intake::{Intake, Refused};
use super::socket::{Listener, Messages};
use super::{Admission, StreamView, Totals};
use crate::backlog::Backlog;
use crate::lock::lock;

/// How long a thread waits at most before it looks whether it has to end, or is asked.
const WAIT: Duration = Duration::from_millis(100);

/// How long a thread that ends goes on receiving what comes without a pause.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// System calls in a row on one socket, so that others and the clock have their turn.
const CALLS: usize = 16;

/// When a batch is closed.
#[derive(Clone, Copy, Debug)]
pub struct Closing {
    /// Bytes of memory from which on it is full.
    pub bytes: usize,
    /// Age from which on it is closed however small it is.
    pub age: Duration,
}

/// What a receiver has taken, as it was when somebody asked last.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Its streams.
    pub streams: Vec<StreamView>,
    /// The sum of those that gave way to others.
    pub gone: Totals,
    /// Datagrams that were refused.
    pub refused: Refused,
    /// Datagrams that found no room in the receive buffers of its sockets.
    pub dropped: u64,
}

/// What the threads share.
#[derive(Debug)]
pub struct Shared {
    backlog: Arc<Backlog>,
    closing: Closing,
    ends: AtomicBool,
    /// Counts who has asked for views.
    asked: AtomicU64,
    views: Vec<Mutex<(u64, View)>>,
    /// Who is heard, and how often that has changed.
    admission: Mutex<Option<Arc<Admission>>>,
    admissions: AtomicU64,
    /// Whether the last batch could not be written to the spool.
    is_unspooled: AtomicBool,
}

/// The threads.
#[derive(Debug)]
pub struct Receivers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// One thread, before it is started.
#[derive(Debug)]
pub struct Receiver {
    /// Its sockets.
    pub listeners: Vec<Listener>,
    /// What it takes.
    pub intake: Intake,
}

impl Receivers {
    /// Starts them.
    ///
    /// # Errors
    ///
    /// If there can be no thread.
    pub fn start(
        receivers: Vec<Receiver>,
        backlog: Arc<Backlog>,
        closing: Closing,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            backlog,
            closing,
            ends: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            views: receivers.iter().map(|_| Mutex::default()).collect(),
            admission: Mutex::default(),
            admissions: AtomicU64::new(0),
            is_unspooled: AtomicBool::new(false),
        });
        let mut threads = Vec::with_capacity(receivers.len());
        for (index, receiver) in receivers.into_iter().enumerate() {
            let shared = Arc::clone(&shared);
            let thread = thread::Builder::new().name(format!("receive-{index}"));
            threads.push(thread.spawn(move || receiver.run(&shared, index))?);
        }
        Ok(Self { shared, threads })
    }

    /// What they have in common, for whoever asks for views.
    #[must_use]
    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Ends them: what is in the sockets and in open batches comes into the backlog first.
    pub fn finish(self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        for thread in self.threads {
            if thread.join().is_err() {
                warn!("a receiver has ended by a panic");
            }
        }
    }
}

impl Shared {
    /// From now on, other senders are heard, or have other names.
    pub fn admit(&self, admission: Arc<Admission>) {
        *lock(&self.admission) = Some(admission);
        self.admissions.fetch_add(1, Ordering::Relaxed);
    }

    /// Asks every receiver for its view, and waits until `patience` is over at most. Returns what
    /// they have told, the one of a receiver that has not answered as it was before; and whether all have
    /// answered.
    #[must_use]
    pub fn views(&self, patience: Duration) -> (Vec<View>, bool) {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let until = Instant::now() + patience;
        let answered = |view: &Mutex<(u64, View)>| lock(view).0 >= number;
        let mut all = self.views.iter().all(answered);
        while !all && Instant::now() < until {
            thread::sleep(WAIT / 10);
            all = self.views.iter().all(answered);
        }
        let views = self.views.iter().map(|view| lock(view).1.clone());
        (views.collect(), all)
    }
}

impl Receiver {
    fn run(mut self, shared: &Shared, index: usize) {
        let mut messages = Messages::new();
        let mut dropped = vec![0; self.listeners.len()];
        let mut answered = 0;
        let mut admissions = 0;
        loop {
            let changes = shared.admissions.load(Ordering::Relaxed);
            if changes != admissions {
                admissions = changes;
                if let Some(admission) = &*lock(&shared.admission) {
                    self.intake.admit(Arc::clone(admission));
                }
            }
            let ends = shared.ends.load(Ordering::Relaxed);
            if !ends {
                self.wait();
            }
            // What is in the sockets at the end is taken, however much comes behind it.
            let until = Instant::now() + LAST_WORDS;
            let mut more = true;
            while more {
                more = false;
                for (listener, dropped) in self.listeners.iter().zip(&mut dropped) {
                    more |= receive(listener, &mut self.intake, &mut messages, dropped, shared);
                }
                more &= ends && Instant::now() < until;
            }
            let closing = shared.closing;
            if self
                .intake
                .is_due(closing.bytes, closing.age, Instant::now())
                || ends
            {
                hand_over(&mut self.intake, shared);
            }
            let asked = shared.asked.load(Ordering::Relaxed);
            if asked != answered || ends {
                answered = asked;
                let (streams, gone) = self.intake.streams();
                let view = View {
                    streams,
                    gone,
                    refused: self.intake.refused(),
                    dropped: dropped.iter().copied().map(u64::from).sum(),
                };
                if let Some(shared) = shared.views.get(index) {
                    *lock(shared) = (if ends { u64::MAX } else { asked }, view);
                }
            }
            if ends {
                return;
            }
        }
    }

    /// Waits until there is something to receive.
    fn wait(&self) {
        let sockets = self.listeners.iter();
        let mut polled: Vec<_> = sockets
            .map(|socket| PollFd::new(std::os::fd::AsFd::as_fd(socket), PollFlags::POLLIN))
            .collect();
        let timeout = PollTimeout::try_from(WAIT).unwrap_or(PollTimeout::ZERO);
        match poll(&mut polled, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            // It would fail again at once.
            Err(_) => thread::sleep(WAIT),
        }
    }
}

/// Takes what a socket has, and closes batches that are full; returns whether there may be more.
fn receive(
    listener: &Listener,
    intake: &mut Intake,
    messages: &mut Messages,
    dropped: &mut u32,
    shared: &Shared,
) -> bool {
    for _ in 0..CALLS {
        let received = messages.receive(listener, dropped, |source, time, datagram| {
            // What is refused is counted.
            let _ = intake.take(source, time, datagram);
        });
        if intake.is_full(shared.closing.bytes) {
            hand_over(intake, shared);
        }
        match received {
            Ok(true) => {}
            // An error of the socket is that of a datagram before, such as one that ICMP has told of.
            Ok(false) | Err(_) => return false,
        }
    }
    true
}

/// Closes the batch, if there is anything in it.
fn hand_over(intake: &mut Intake, shared: &Shared) {
    if intake.is_empty() {
        return;
    }
    let pushed = shared.backlog.push(intake.take_content());
    let failed = pushed.is_err();
    if shared.is_unspooled.swap(failed, Ordering::Relaxed) == failed {
        return;
    }
    match pushed {
        Err(error) => warn!("can't write to the spool: {error}; batches are kept in memory alone"),
        Ok(_) => info!("the spool takes batches again"),
    }
}
