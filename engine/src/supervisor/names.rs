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
use crate::start::destination::Destination;
use crate::start::error::StartError;
use crate::start::settings::Settings;

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
        let mut watch = Watch::new(collectors.to_vec(), Instant::now());
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

/// When names that were looked up at `looked_at` are looked up again.
fn due(looked_at: Instant, is_undelivered: bool) -> Instant {
    let after = if is_undelivered { AT_MOST_EVERY } else { EVERY };
    looked_at + after
}

/// Collectors, and what decides when their names are looked up.
#[derive(Debug)]
struct Watch {
    collectors: Vec<Destination>,
    looked_at: Instant,
    /// Whether some collector did not take what it was sent since then.
    is_undelivered: bool,
}

impl Watch {
    /// Collectors that were looked up at `looked_at`.
    fn new(collectors: Vec<Destination>, looked_at: Instant) -> Self {
        Watch {
            collectors,
            looked_at,
            is_undelivered: false,
        }
    }

    /// When to look again; never, where there is no name.
    fn next(&self) -> Option<Instant> {
        let has_names = self.collectors.iter().any(Destination::is_name);
        has_names.then(|| due(self.looked_at, self.is_undelivered))
    }

    /// Waits for one request, or until a look-up is due; false when nobody can ask any more.
    fn serve(
        &mut self,
        requests: &Receiver<Request>,
        load: &Reload,
        events: &Sender<Event>,
    ) -> bool {
        let request = match self.next() {
            None => requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => requests.recv_timeout(at.saturating_duration_since(Instant::now())),
        };
        let event = match request {
            Ok(Request::Load) => Some(Event::Loaded(Box::new(load().map(|new| self.keep(new))))),
            Ok(Request::Watch(collectors)) => {
                *self = Self::new(collectors, Instant::now());
                None
            }
            Ok(Request::Undelivered) => {
                self.is_undelivered = true;
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
        self.is_undelivered = false;
        has_changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "localhost:5300";
    const ADDRESS: &str = "192.0.2.1:5300";

    fn watch(collector: &str, looked_at: Instant) -> Watch {
        let collector = Destination::look_up(collector).expect("it has an address");
        Watch::new(vec![collector], looked_at)
    }

    /// Serves one request, or what is due by now where there is none.
    fn serve(watch: &mut Watch, request: Option<Request>) {
        let (requests, receiver) = channel();
        let (events, _found) = channel();
        if let Some(request) = request {
            requests.send(request).expect("there is a receiver");
        }
        let load: Reload = Box::new(|| unreachable!("nobody asks for it"));
        assert!(watch.serve(&receiver, &load, &events));
    }

    #[test]
    fn names_are_looked_up_every_minute_and_sooner_after_failures() {
        let looked_at = Instant::now();
        let after = |seconds| Some(looked_at + Duration::from_secs(seconds));
        let mut watch = watch(NAME, looked_at);
        assert_eq!(watch.next(), after(60));
        for _ in 0..2 {
            serve(&mut watch, Some(Request::Undelivered));
            assert_eq!(watch.next(), after(5), "counted from the last look-up");
        }
    }

    #[test]
    fn a_look_up_that_is_due_starts_the_minute_again() {
        let now = Instant::now();
        for (seconds, is_undelivered) in [(60, false), (5, true), (59, true)] {
            let before = now.checked_sub(Duration::from_secs(seconds));
            let mut watch = watch(NAME, before.expect("clocks go back that far"));
            watch.is_undelivered = is_undelivered;
            assert!(watch.next() <= Some(now), "it is due after {seconds} s");
            serve(&mut watch, None);
            assert!(watch.looked_at >= now, "looked up {seconds} s later");
            let next = watch.looked_at + Duration::from_secs(60);
            assert_eq!(watch.next(), Some(next), "the failures were before it");
        }
    }

    #[test]
    fn addresses_are_never_looked_up() {
        let mut watch = watch(ADDRESS, Instant::now());
        assert_eq!(watch.next(), None);
        serve(&mut watch, Some(Request::Undelivered));
        assert_eq!(watch.next(), None);
    }

    #[test]
    fn new_collectors_start_anew() {
        let now = Instant::now();
        let mut watch = watch(ADDRESS, now);
        serve(&mut watch, Some(Request::Undelivered));
        let named = Destination::look_up(NAME).expect("it has an address");
        serve(&mut watch, Some(Request::Watch(vec![named])));
        let next = watch.next();
        assert!(next.is_some_and(|next| next >= now + Duration::from_secs(60)));
    }
}
