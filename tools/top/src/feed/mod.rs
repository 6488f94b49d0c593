//! Where snapshots come from.
//!
//! A thread reads datagrams and counts them; whoever shows them asks for a snapshot when it wants one.
//! The two share one lock, which a reader holds for a datagram of a socket, or for some of a file.

mod accounts;
mod file;
mod listen;
mod remote;

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use dnsflow_tally::{Limits, Snapshot};

use crate::{Options, TopError};
use accounts::Accounts;
use listen::Socket;
use remote::Remote;

/// Something whose snapshots can be shown.
pub(crate) trait Watch {
    /// What it is, for a title.
    fn title(&self) -> &str;

    /// What it shows now, with so many items of each list at most.
    fn snapshot(&self, rows: usize) -> Snapshot;

    /// Where it is.
    fn state(&self) -> State;

    /// Waits until it has ended, or for `patience`. Returns whether it has ended.
    fn wait(&self, patience: Duration) -> bool;

    /// Why it ended other than it should. What was there is handed out once.
    fn failure(&self) -> Option<TopError>;
}

/// Starts what the options name. Where it listens is said, if it does and `is_said`.
pub(crate) fn start(options: &Options, is_said: bool) -> Result<Box<dyn Watch>, TopError> {
    if let Some(url) = &options.input.from {
        let remote = Remote::start(url, options.token_file.as_deref())?;
        return Ok(Box::new(remote));
    }
    let feed = Feed::start(options)?;
    if let Some(address) = feed.address.filter(|_| is_said) {
        eprintln!("dnsflow-top: listening on {address}");
    }
    Ok(Box::new(feed))
}

/// Where a feed is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// Records that were counted since the start.
    pub(crate) records: u64,
    /// Whether there will be no more.
    pub(crate) has_ended: bool,
    /// What else there is to know, each a sentence of its own.
    pub(crate) notes: Vec<String>,
}

/// A thread that counts what it reads.
#[derive(Debug)]
struct Feed {
    title: String,
    address: Option<SocketAddr>,
    clock: Clock,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

/// What the thread and its watchers share.
#[derive(Debug)]
struct Shared {
    content: Mutex<Content>,
    ended: Condvar,
}

#[derive(Debug)]
struct Content {
    accounts: Accounts,
    has_ended: bool,
    failure: Option<TopError>,
}

/// What time it is for the board.
#[derive(Clone, Copy, Debug)]
enum Clock {
    /// That of this machine when the program started, and the time since: it never goes back.
    Live { started: Instant, wall: Duration },
    /// That of the newest packet.
    OfFile,
}

impl Feed {
    fn start(options: &Options) -> Result<Self, TopError> {
        let limits = Limits {
            window: options.window(),
            keys: usize::try_from(options.keys).unwrap_or(usize::MAX),
            ..Limits::default()
        };
        match options.input.listen {
            Some(address) => Self::listen(address, limits),
            // The options demand one of the two.
            None => Self::file(
                options.input.read.clone().unwrap_or_else(|| "-".into()),
                limits,
            ),
        }
    }

    fn listen(address: SocketAddr, limits: Limits) -> Result<Self, TopError> {
        let socket = Socket::bind(address)?;
        let address = socket.address();
        let clock = Clock::live();
        let accounts = Accounts::starting(Some(clock.now()), limits);
        let run = move |shared: &Shared| socket.run(clock, shared);
        let feed = Self::spawn(address.to_string(), clock, accounts, run)?;
        let address = Some(address);
        Ok(Self { address, ..feed })
    }

    fn file(path: std::path::PathBuf, limits: Limits) -> Result<Self, TopError> {
        let title = if path.as_os_str() == "-" {
            "standard input".to_owned()
        } else {
            path.display().to_string()
        };
        let accounts = Accounts::starting(None, limits);
        let source = file::open(&path)?;
        let run = move |shared: &Shared| file::run(source, &path, shared);
        Self::spawn(title, Clock::OfFile, accounts, run)
    }

    fn spawn(
        title: String,
        clock: Clock,
        accounts: Accounts,
        run: impl FnOnce(&Shared) -> Result<(), TopError> + Send + 'static,
    ) -> Result<Self, TopError> {
        let shared = Arc::new(Shared {
            content: Mutex::new(Content {
                accounts,
                has_ended: false,
                failure: None,
            }),
            ended: Condvar::new(),
        });
        let to_thread = Arc::clone(&shared);
        let count = move || {
            let result = run(&to_thread);
            let mut content = to_thread.lock();
            content.has_ended = true;
            content.failure = result.err();
            to_thread.ended.notify_all();
        };
        let thread = thread::Builder::new()
            .name("input".to_owned())
            .spawn(count)
            .map_err(TopError::Start)?;
        Ok(Self {
            title,
            address: None,
            clock,
            shared,
            thread,
        })
    }
}

impl Watch for Feed {
    fn title(&self) -> &str {
        &self.title
    }

    fn snapshot(&self, rows: usize) -> Snapshot {
        self.shared.lock().accounts.snapshot(self.clock.now(), rows)
    }

    fn state(&self) -> State {
        let content = self.shared.lock();
        let failure = content.failure.as_ref().map(ToString::to_string);
        let mut notes = content.accounts.notes();
        notes.extend(failure);
        State {
            records: content.accounts.records(),
            has_ended: content.has_ended || self.thread.is_finished(),
            notes,
        }
    }

    fn wait(&self, patience: Duration) -> bool {
        let content = self.shared.lock();
        let content = self
            .shared
            .ended
            .wait_timeout_while(content, patience, |content| {
                !content.has_ended && !self.thread.is_finished()
            });
        let (content, _) = content.unwrap_or_else(PoisonError::into_inner);
        content.has_ended || self.thread.is_finished()
    }

    fn failure(&self) -> Option<TopError> {
        let mut content = self.shared.lock();
        let is_gone = !content.has_ended && self.thread.is_finished();
        content
            .failure
            .take()
            .or(is_gone.then_some(TopError::Reader))
    }
}

impl Shared {
    /// A thread that panicked left counts that are as good as before.
    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock {
    fn live() -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self::Live {
            started: Instant::now(),
            wall: wall.unwrap_or_default(),
        }
    }

    /// The time since 1970; of a file, one that is not later than any.
    fn now(self) -> Duration {
        match self {
            Self::Live { started, wall } => wall + started.elapsed(),
            Self::OfFile => Duration::ZERO,
        }
    }
}
