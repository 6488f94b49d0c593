//! The naming service, `--serve`: which names an address stood for, for a client, at a time, over HTTP.
//!
//! | module | what it is |
//! |---|---|
//! | [`feed`] | the sink that teaches the map what batches say, and keeps snapshots of it |
//! | [`server`] | connections, and what bounds them |
//! | `stall` | a connection whose other side does not read |
//! | [`access`] | who may ask: Host, Origin and token |
//! | `route` | from requests to answers; `parameters` reads what they ask |
//! | `search` | who was told what, of an address, a client or a name |
//! | [`live`] | rates and top lists of what comes |
//! | `page` | all of that in a browser |
//!
//! The map is behind one lock. The thread of the sink writes a datagram at a time; questions read, a piece
//! of an answer at a time. So neither waits long for the other.
//!
//! The module speaks HTTP/1.1 without TLS, which belongs in front of it, and refuses to be asked by strangers:
//! what it knows is what people looked up.

pub mod access;
pub mod feed;
pub mod live;
mod page;
mod parameters;
mod route;
mod search;
pub mod server;
mod stall;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::Duration;

use dnsflow_names::map::Counts;
use dnsflow_names::{Answer, Limits, Map, Match, Question, Time};
use dnsflow_privacy::Disguise;

use live::Live;
use search::Searches;

/// How long learning waits for questions that wait: about what it takes to wake up.
const GIVE_WAY: Duration = Duration::from_micros(50);

/// Why a request or a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Too many connections.
    Busy,
    /// The name by which the service was called is none of its own.
    Host,
    /// A page of another origin asks.
    Origin,
    /// There is no token, or a wrong one.
    Token,
    /// There is no such page, or not with that method.
    NotFound,
    /// It is no question.
    Question,
    /// It is larger than may be.
    TooLarge,
    /// It did not come in time, or not as HTTP, or its answer was not read in time. A connection
    /// that was kept open and not used is one as well.
    Connection,
}

impl Refusal {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Busy,
        Self::Host,
        Self::Origin,
        Self::Token,
        Self::NotFound,
        Self::Question,
        Self::TooLarge,
        Self::Connection,
    ];

    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Host => "host",
            Self::Origin => "origin",
            Self::Token => "token",
            Self::NotFound => "not-found",
            Self::Question => "question",
            Self::TooLarge => "too-large",
            Self::Connection => "connection",
        }
    }
}

/// How answers were found, with their names in metrics; in the order of [`Match`].
pub const MATCHES: [(Match, &str); 4] = [
    (Match::Client, "client"),
    (Match::ClientExpired, "client-expired"),
    (Match::Others, "others"),
    (Match::None, "none"),
];

/// What the service has done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// Questions that were answered, in the order of [`MATCHES`].
    pub asked: [u64; MATCHES.len()],
    /// What was refused, in the order of [`Refusal::ALL`].
    pub refused: [u64; Refusal::ALL.len()],
    /// Snapshots that were written.
    pub snapshots: u64,
    /// Snapshots that could not be written.
    pub failed_snapshots: u64,
}

/// The map, and what was done with it.
#[derive(Debug)]
pub struct Naming {
    map: RwLock<Map>,
    /// Questions that wait for the lock.
    waiting: AtomicUsize,
    asked: [AtomicU64; MATCHES.len()],
    refused: [AtomicU64; Refusal::ALL.len()],
    snapshots: AtomicU64,
    failed_snapshots: AtomicU64,
    /// Counts for the page, if there is one.
    live: Option<Live>,
    searches: Searches,
    /// What sensors make of clients, if they do not keep them.
    clients: Option<Mutex<Disguise>>,
}

impl Naming {
    /// With an empty map.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            map: RwLock::new(Map::new(limits)),
            waiting: AtomicUsize::new(0),
            asked: Default::default(),
            refused: Default::default(),
            snapshots: AtomicU64::new(0),
            failed_snapshots: AtomicU64::new(0),
            live: None,
            searches: Searches::default(),
            clients: None,
        }
    }

    /// The same, where records have of clients what this makes of them.
    #[must_use]
    pub fn with_disguise(self, clients: Disguise) -> Self {
        Self {
            clients: (!clients.keeps()).then(|| Mutex::new(clients)),
            ..self
        }
    }

    /// A client as records of that time have it.
    fn recorded(&self, client: IpAddr, at: Time) -> IpAddr {
        self.clients.as_ref().map_or(client, |clients| {
            let mut clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
            clients.apply(client.to_canonical(), at.0.as_secs())
        })
    }

    /// The same with a page, and counts of what comes.
    #[must_use]
    pub fn with_page(self, live: Live) -> Self {
        Self {
            live: Some(live),
            ..self
        }
    }

    /// What the map holds.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.read().counts()
    }

    /// What the service has done.
    #[must_use]
    pub fn done(&self) -> Done {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Done {
            asked: self.asked.each_ref().map(load),
            refused: self.refused.each_ref().map(load),
            snapshots: load(&self.snapshots),
            failed_snapshots: load(&self.failed_snapshots),
        }
    }

    /// Answers a question from the map that is locked, about `now` if it says no time.
    fn answer(&self, map: &Map, question: &Question, now: Time) -> Answer {
        let at = question.at.unwrap_or(now);
        let client = question.client.map(|client| self.recorded(client, at));
        let answer = Answer {
            client: question.client,
            ..map.ask(client, question.address, at)
        };
        let number = MATCHES
            .iter()
            .position(|(matched, _)| *matched == answer.matched);
        if let Some(count) = number.and_then(|number| self.asked.get(number)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    fn refuse(&self, refusal: Refusal) {
        if let Some(count) = self.refused.get(refusal as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    // A thread that panics within the map leaves answers that may be wrong; but none does, and a service
    // that ends for it helps nobody.
    fn read(&self) -> RwLockReadGuard<'_, Map> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        map
    }

    /// Locks the map to learn. One thread does that again and again, and would get the lock before a
    /// question that has to wake up first: it gives way.
    fn write(&self) -> RwLockWriteGuard<'_, Map> {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            thread::sleep(GIVE_WAY);
        }
        self.map.write().unwrap_or_else(PoisonError::into_inner)
    }
}
