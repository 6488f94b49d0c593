//! What may take long and must not keep the supervisor: looking up names, and reading settings that hold names.
//!
//! A thread of its own does it. It sleeps until it is asked or, where collectors were given by name, until it is time
//! to look again. A name that can't be looked up keeps its last address.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use log::{info, warn};

use super::Reload;
use super::event::Event;
use crate::destination::Destination;
use crate::error::StartError;
use crate::settings::Settings;

/// Time between two look-ups of a name.
const EVERY: Duration = Duration::from_secs(60);

/// Shortest time between them, where a collector does not take what it is sent.
const AT_MOST_EVERY: Duration = Duration::from_secs(5);

/// The thread, for those who want something of it. It ends when nobody does.
#[derive(Debug)]
pub(super) struct Names {
    requests: Sender<Request>,
}

#[derive(Debug)]
enum Request {
    /// Read the settings again.
    Load,
    /// These are the collectors from now on.
    Watch(Vec<Destination>),
    /// Some collector does not take what it is sent.
    Undelivered,
}

impl Names {
    /// Starts the thread, which says what it finds to `events`.
    pub(super) fn start(
        collectors: &[Destination],
        load: Reload,
        events: Sender<Event>,
    ) -> Result<Self, StartError> {
        let (requests, receiver) = channel();
        let mut watch = Watch::new(collectors.to_vec());
        thread::Builder::new()
            .name("names".to_owned())
            .spawn(move || while watch.serve(&receiver, &load, &events) {})
            .map_err(|source| StartError::System {
                what: "can't start a thread",
                source,
            })?;
        Ok(Names { requests })
    }

    /// Asks for the settings as they are now; [`Event::Loaded`] answers.
    pub(super) fn load(&self) {
        self.ask(Request::Load);
    }

    /// Says which collectors there are from now on.
    pub(super) fn watch(&self, collectors: &[Destination]) {
        self.ask(Request::Watch(collectors.to_vec()));
    }

    /// Says that a collector does not take what it is sent: its name may lead elsewhere by now.
    pub(super) fn undelivered(&self) {
        self.ask(Request::Undelivered);
    }

    fn ask(&self, request: Request) {
        // The thread ends only with us.
        let _ = self.requests.send(request);
    }
}

/// Collectors, and when their names are looked up.
#[derive(Debug)]
struct Watch {
    collectors: Vec<Destination>,
    looked_at: Instant,
    next: Option<Instant>,
}

impl Watch {
    fn new(collectors: Vec<Destination>) -> Self {
        let now = Instant::now();
        Watch {
            next: Self::has_names(&collectors).then(|| now + EVERY),
            collectors,
            looked_at: now,
        }
    }

    fn has_names(collectors: &[Destination]) -> bool {
        collectors.iter().any(Destination::is_name)
    }

    /// Waits for one request, or until a look-up is due; false when nobody can ask any more.
    fn serve(
        &mut self,
        requests: &Receiver<Request>,
        load: &Reload,
        events: &Sender<Event>,
    ) -> bool {
        let request = match self.next {
            None => requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => requests.recv_timeout(at.saturating_duration_since(Instant::now())),
        };
        let event = match request {
            Ok(Request::Load) => Some(Event::Loaded(Box::new(load().map(|new| self.keep(new))))),
            Ok(Request::Watch(collectors)) => {
                *self = Self::new(collectors);
                None
            }
            Ok(Request::Undelivered) => {
                let soon = self.looked_at + AT_MOST_EVERY;
                self.next = self.next.map(|next| next.min(soon));
                None
            }
            Err(RecvTimeoutError::Timeout) => {
                let changed = self.look_up();
                changed.then(|| Event::Found(self.collectors.clone()))
            }
            Err(RecvTimeoutError::Disconnected) => return false,
        };
        event.is_none_or(|event| events.send(event).is_ok())
    }

    /// Where a name of `settings` still has the address that was used so far, that stays.
    fn keep(&self, mut settings: Settings) -> Settings {
        for collector in &mut settings.output.collectors {
            let known = self
                .collectors
                .iter()
                .find(|it| it.written() == collector.written());
            if let Some(Ok(found)) = known.map(Destination::look_up_again) {
                *collector = found;
            }
        }
        settings
    }

    /// Looks up all names; true if one of them has another address now.
    fn look_up(&mut self) -> bool {
        let mut has_changed = false;
        for collector in self.collectors.iter_mut().filter(|one| one.is_name()) {
            match collector.look_up_again() {
                Ok(found) if found.address() != collector.address() => {
                    info!(
                        collector = found.written();
                        "collector {} is now at {}", found.written(), found.address()
                    );
                    *collector = found;
                    has_changed = true;
                }
                Ok(_) => {}
                Err(error) => warn!(
                    collector = collector.written();
                    "{error}; still sending to {}", collector.address()
                ),
            }
        }
        self.looked_at = Instant::now();
        self.next = Some(self.looked_at + EVERY);
        has_changed
    }
}
