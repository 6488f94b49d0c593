//! What the supervisor waits for: one queue of what has happened, in the order in which it came.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::shards::Shards;
use crate::shard::command::Notice;
use crate::shard::snapshot::Snapshot;
use crate::start::destination::Destination;
use crate::start::error::StartError;
use crate::start::settings::Settings;

/// Time between two looks at the progress of a file.
const TICK: Duration = Duration::from_millis(100);

/// Something happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// A person or a service manager wants the end.
    End,
    /// The same, for settings that are to be read again.
    Reload,
    /// What was read, or what is wrong with it.
    Loaded(Box<Result<Settings, StartError>>),
    /// Where collectors are now.
    Found(Vec<Destination>),
    /// The shard of this number has ended.
    Ended(usize),
    /// The shard of this number tells something.
    Notice(usize, Notice),
    /// Somebody wants to know what all shards have seen: each is to answer there.
    Ask(Sender<Snapshot>),
}

/// Signals, and what others say.
#[derive(Debug)]
pub(crate) struct Events {
    receiver: Receiver<Event>,
    sender: Sender<Event>,
}

impl Events {
    /// Takes over the signals that end it, and `SIGHUP` where there is something to `reload`.
    pub(crate) fn watch(reload: bool) -> Result<Self, StartError> {
        let failed = |source| StartError::System {
            what: "can't watch for signals",
            source,
        };
        let (sender, receiver) = channel();
        let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
        if reload {
            signals.add_signal(SIGHUP).map_err(failed)?;
        }
        let told = sender.clone();
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                let mut is_ending = false;
                for signal in signals.forever() {
                    let event = match signal {
                        SIGHUP => Event::Reload,
                        // Who asks twice doesn't want to wait for what is still to be sent.
                        _ if is_ending => std::process::exit(1),
                        _ => Event::End,
                    };
                    is_ending |= signal != SIGHUP;
                    if told.send(event).is_err() && !is_ending {
                        return;
                    }
                }
            })
            .map_err(failed)?;
        Ok(Events { receiver, sender })
    }

    /// For those who have something to say.
    pub(crate) fn sender(&self) -> Sender<Event> {
        self.sender.clone()
    }

    /// The next event; nothing if there was none until `deadline`.
    pub(crate) fn next(&self, deadline: Option<Instant>) -> Option<Event> {
        match deadline {
            // We hold a sender ourselves, so there is always somebody to wait for.
            None => self.receiver.recv().ok(),
            Some(at) => {
                let left = at.saturating_duration_since(Instant::now());
                self.receiver.recv_timeout(left).ok()
            }
        }
    }

    /// Waits until a signal comes or all shards have ended, with a look at what is shown now and then.
    pub(super) fn wait(&self, shards: &Shards, mut show: impl FnMut()) {
        let mut running = shards.count();
        while running > 0 {
            match self.next(Some(Instant::now() + TICK)) {
                Some(Event::End) => return,
                Some(Event::Ended(_)) => running -= 1,
                Some(_) => {}
                None => show(),
            }
        }
    }
}

/// For threads beside the supervisor that want to know what the shards have seen.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    events: Sender<Event>,
}

impl Asker {
    /// One that asks through this queue.
    pub(crate) fn new(events: Sender<Event>) -> Self {
        Asker { events }
    }

    /// What those shards say that answer within `patience`, by their numbers.
    pub(crate) fn ask(&self, patience: Duration) -> Vec<Snapshot> {
        let (sender, answers) = channel();
        // A supervisor that has ended drops the question, and with it the last sender.
        let _ = self.events.send(Event::Ask(sender));
        let mut snapshots = collect(&answers, Instant::now() + patience);
        snapshots.sort_by_key(|snapshot| snapshot.core);
        snapshots
    }
}

/// Answers until all who were asked have given one, or have ended; at most until `deadline`.
fn collect(answers: &Receiver<Snapshot>, deadline: Instant) -> Vec<Snapshot> {
    let next = || {
        let left = deadline.saturating_duration_since(Instant::now());
        answers.recv_timeout(left).ok()
    };
    std::iter::from_fn(next).collect()
}
