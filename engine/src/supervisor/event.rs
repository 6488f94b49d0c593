//! What the supervisor waits for.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::shards::Shards;
use crate::error::StartError;

/// Time between two looks at the progress of a file.
const TICK: Duration = Duration::from_millis(100);

/// Something happened.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// A person or a service manager wants the end.
    Signal,
    /// A shard has ended.
    Ended,
}

/// Signals and shards that end, in the order in which they came.
#[derive(Debug)]
pub(super) struct Events {
    receiver: Receiver<Event>,
    sender: Sender<Event>,
}

impl Events {
    /// Takes over SIGINT and SIGTERM.
    pub(super) fn watch() -> Result<Self, StartError> {
        let failed = |source| StartError::System {
            what: "can't watch for signals",
            source,
        };
        let (sender, receiver) = channel();
        let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
        let told = sender.clone();
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for (count, _) in signals.forever().enumerate() {
                    // Who asks twice doesn't want to wait for what is still to be sent.
                    if count > 0 {
                        std::process::exit(1);
                    }
                    if told.send(Event::Signal).is_err() {
                        return;
                    }
                }
            })
            .map_err(failed)?;
        Ok(Events { receiver, sender })
    }

    /// For those who have something to say.
    pub(super) fn sender(&self) -> Sender<Event> {
        self.sender.clone()
    }

    /// Waits until a signal comes or all shards have ended.
    pub(super) fn wait(&mut self, shards: &Shards) {
        let mut running = shards.count();
        while running > 0 {
            match self.receiver.recv() {
                Ok(Event::Ended) => running -= 1,
                Ok(Event::Signal) | Err(_) => return,
            }
        }
    }

    /// The same, with a look at what is shown now and then.
    pub(super) fn wait_showing(&mut self, shards: &Shards, mut show: impl FnMut()) {
        let mut running = shards.count();
        while running > 0 {
            match self.receiver.recv_timeout(TICK) {
                Ok(Event::Ended) => running -= 1,
                Err(RecvTimeoutError::Timeout) => show(),
                Ok(Event::Signal) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}
