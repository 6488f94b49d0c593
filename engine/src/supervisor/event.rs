//! The supervisor's event queue: signals, and what shards and other threads report, in order of
//! arrival.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::export::destination::Destination;
use crate::shard::command::Notice;
use crate::shard::snapshot::Snapshot;
use crate::start::error::StartError;
use crate::start::settings::Settings;

/// An event.
#[derive(Debug)]
pub(crate) enum Event {
    /// SIGINT or SIGTERM: end.
    End,
    /// SIGHUP: read the settings again.
    Reload,
    /// The settings were read, or can't be.
    Loaded(Box<Result<Settings, StartError>>),
    /// The collectors, some of which have other addresses now.
    Found(Vec<Destination>),
    /// A thread that writes an output has ended.
    Written,
    /// The shard of this number has ended.
    Ended(usize),
    /// The shard of this number reports something.
    Notice(usize, Notice),
    /// A thread asks for the counts of all shards; each is to answer into the channel.
    Ask(Sender<Snapshot>),
}

/// The queue and the thread that watches signals.
#[derive(Debug)]
pub(crate) struct Events {
    receiver: Receiver<Event>,
    sender: Sender<Event>,
}

impl Events {
    /// Starts to watch SIGINT and SIGTERM, and SIGHUP if there is something to `reload`. From the
    /// second SIGINT or SIGTERM on, the process ends at once, with exit status 1.
    ///
    /// # Errors
    /// If the handlers or the thread can't be had.
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
        let events = sender.clone();
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                let mut is_ending = false;
                for signal in signals.forever() {
                    let event = match signal {
                        SIGHUP => Event::Reload,
                        // The second request does not wait for what is still to be sent.
                        _ if is_ending => std::process::exit(1),
                        _ => Event::End,
                    };
                    is_ending |= signal != SIGHUP;
                    if events.send(event).is_err() && !is_ending {
                        return;
                    }
                }
            })
            .map_err(failed)?;
        Ok(Self { receiver, sender })
    }

    /// A sender for other threads.
    pub(crate) fn sender(&self) -> Sender<Event> {
        self.sender.clone()
    }

    /// Waits for the next event; `None` if there was none until `deadline`.
    pub(crate) fn next(&self, deadline: Option<Instant>) -> Option<Event> {
        match deadline {
            // This never fails: `self` holds a sender.
            None => self.receiver.recv().ok(),
            Some(at) => {
                let left = at.saturating_duration_since(Instant::now());
                self.receiver.recv_timeout(left).ok()
            }
        }
    }
}
