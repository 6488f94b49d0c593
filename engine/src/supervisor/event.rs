//! The supervisor's event queue: signals, and what shards and other threads report, in order of
//! arrival.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use log::error;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::capture::rates::Rates;
use crate::export::destination::Destination;
use crate::shard::command::Notice;
use crate::shard::snapshot::Snapshot;
use crate::start::error::StartError;
use crate::start::settings::{Capture, Settings};

/// An event.
#[derive(Debug)]
pub(crate) enum Event {
    /// SIGINT or SIGTERM: end.
    End,
    /// SIGHUP: read the settings again.
    Reload,
    /// The capture filter of each interface for a reload, or why it can't be had.
    Compiled(Box<Capture>, Result<Vec<Rates>, StartError>),
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

/// Signals that are caught and wait for [`Events::watch`]. No thread is needed for that.
#[derive(Debug)]
pub(crate) struct Caught(Signals);

impl Caught {
    /// Catches SIGINT and SIGTERM from now on, and SIGHUP if there is something to `reload`.
    ///
    /// # Errors
    /// If the handlers can't be had.
    pub(crate) fn new(reload: bool) -> Result<Self, StartError> {
        let signals = Signals::new([SIGINT, SIGTERM]).map_err(unwatched)?;
        if reload {
            signals.add_signal(SIGHUP).map_err(unwatched)?;
        }
        Ok(Self(signals))
    }
}

fn unwatched(source: io::Error) -> StartError {
    StartError::System {
        what: "can't watch for signals",
        source,
    }
}

/// The second request does not wait for what is still to be sent.
fn end_at_once() -> ! {
    error!("ended at once by a second signal; records that waited are lost");
    log::logger().flush();
    std::process::exit(1);
}

/// The queue and the thread that watches signals.
#[derive(Debug)]
pub(crate) struct Events {
    receiver: Receiver<Event>,
    sender: Sender<Event>,
}

impl Events {
    /// Starts to watch the signals that were caught, and those that come. At the second SIGINT or
    /// SIGTERM, the process ends at once, with exit status 1.
    ///
    /// # Errors
    /// If the thread can't be had.
    pub(crate) fn watch(Caught(mut signals): Caught) -> Result<Self, StartError> {
        let (sender, receiver) = channel();
        let events = sender.clone();
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                let mut is_ending = false;
                for signal in signals.forever() {
                    let event = match signal {
                        SIGHUP => Event::Reload,
                        _ if is_ending => end_at_once(),
                        _ => Event::End,
                    };
                    is_ending |= signal != SIGHUP;
                    if events.send(event).is_err() && !is_ending {
                        return;
                    }
                }
            })
            .map_err(unwatched)?;
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
