//! The resolver thread: whatever may wait for a name server, so that the supervisor never does.
//!
//! It looks up the names of collectors at intervals, and reads the settings for a reload, since
//! those contain names. It sleeps until there is a request or, if a collector was given by name,
//! until the next look-up is due. A collector whose name can't be looked up keeps its last address.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use log::{info, warn};

use super::event::Event;
use crate::export::destination::Destination;
use crate::start::error::StartError;
use crate::start::settings::Settings;

/// Time between two look-ups of a name.
const LOOK_UP_INTERVAL: Duration = Duration::from_secs(60);

/// Time between two look-ups while a collector does not take what it is sent.
const FAILURE_INTERVAL: Duration = Duration::from_secs(5);

/// Reads the settings again, from the same command line.
pub type ReadSettings = Box<dyn Fn() -> Result<Settings, StartError> + Send>;

/// A handle of the thread, which ends when it is dropped.
#[derive(Debug)]
pub(super) struct ResolverThread {
    requests: Sender<Request>,
}

#[derive(Debug)]
enum Request {
    /// Read the settings again.
    Load,
    /// These are the collectors from now on.
    Watch(Vec<Destination>),
    /// A collector does not take what it is sent.
    Undelivered,
}

impl ResolverThread {
    /// Starts the thread, which reports to `events`.
    ///
    /// # Errors
    /// If the thread can't be started.
    pub(super) fn start(
        collectors: &[Destination],
        load: ReadSettings,
        events: Sender<Event>,
    ) -> Result<Self, StartError> {
        let (requests, receiver) = channel();
        let mut watch = Watch::new(collectors.to_vec(), Instant::now());
        thread::Builder::new()
            .name("resolver".to_owned())
            .spawn(move || while watch.serve(&receiver, &load, &events, Instant::now) {})
            .map_err(|source| StartError::System {
                what: "can't start a thread",
                source,
            })?;
        Ok(Self { requests })
    }

    /// Requests the settings; [`Event::Loaded`] answers.
    pub(super) fn load(&self) {
        self.request(Request::Load);
    }

    /// Replaces the collectors whose names are looked up.
    pub(super) fn watch(&self, collectors: &[Destination]) {
        self.request(Request::Watch(collectors.to_vec()));
    }

    /// Reports that a collector does not take what it is sent: its name may have another address by
    /// now.
    pub(super) fn undelivered(&self) {
        self.request(Request::Undelivered);
    }

    fn request(&self, request: Request) {
        // The thread ends only when this handle does.
        let _ = self.requests.send(request);
    }
}

/// The collectors, and what decides when their names are looked up.
#[derive(Debug)]
struct Watch {
    collectors: Vec<Destination>,
    looked_up_at: Instant,
    /// Whether a collector has failed to take something since then.
    is_undelivered: bool,
}

impl Watch {
    /// Collectors whose names were looked up at `looked_up_at`.
    fn new(collectors: Vec<Destination>, looked_up_at: Instant) -> Self {
        Self {
            collectors,
            looked_up_at,
            is_undelivered: false,
        }
    }

    /// When the next look-up is due; `None` if no collector was given by name.
    fn next(&self) -> Option<Instant> {
        let interval = if self.is_undelivered {
            FAILURE_INTERVAL
        } else {
            LOOK_UP_INTERVAL
        };
        let has_names = self.collectors.iter().any(Destination::is_name);
        has_names.then(|| self.looked_up_at + interval)
    }

    /// Waits for one request, or until a look-up is due; false when no request can come any more.
    fn serve(
        &mut self,
        requests: &Receiver<Request>,
        load: &ReadSettings,
        events: &Sender<Event>,
        now: impl Fn() -> Instant,
    ) -> bool {
        let request = match self.next() {
            None => requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => requests.recv_timeout(at.saturating_duration_since(now())),
        };
        let event = match request {
            Ok(Request::Load) => {
                let loaded = load().map(|new| self.keep_addresses(new));
                Some(Event::Loaded(Box::new(loaded)))
            }
            Ok(Request::Watch(collectors)) => {
                *self = Self::new(collectors, now());
                None
            }
            Ok(Request::Undelivered) => {
                self.is_undelivered = true;
                None
            }
            Err(RecvTimeoutError::Timeout) => {
                let has_changed = self.look_up();
                self.looked_up_at = now();
                self.is_undelivered = false;
                has_changed.then(|| Event::Found(self.collectors.clone()))
            }
            Err(RecvTimeoutError::Disconnected) => return false,
        };
        event.is_none_or(|event| events.send(event).is_ok())
    }

    /// Gives a collector of `settings` the address that is in use, if its name still has that
    /// address.
    fn keep_addresses(&self, mut settings: Settings) -> Settings {
        for collector in &mut settings.output.collectors {
            let known = self.collectors.iter().find(|it| it.is_same(collector));
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
        has_changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "localhost:5300";
    const ADDRESS: &str = "192.0.2.1:5300";

    fn watch(collector: &str, looked_up_at: Instant) -> Watch {
        let collector = Destination::look_up(collector).expect("it has an address");
        Watch::new(vec![collector], looked_up_at)
    }

    /// Serves one request at `now`; without one, what is due by then.
    fn serve(watch: &mut Watch, request: Option<Request>, now: Instant) {
        let (requests, receiver) = channel();
        let (events, _found) = channel();
        if let Some(request) = request {
            requests.send(request).expect("there is a receiver");
        }
        let load: ReadSettings = Box::new(|| unreachable!("nobody asks for it"));
        assert!(watch.serve(&receiver, &load, &events, || now));
    }

    #[test]
    fn names_are_looked_up_every_minute_and_sooner_after_failures() {
        let start = Instant::now();
        let after = |seconds| Some(start + Duration::from_secs(seconds));
        let mut watch = watch(NAME, start);
        assert_eq!(watch.next(), after(60));
        for _ in 0..2 {
            serve(&mut watch, Some(Request::Undelivered), start);
            assert_eq!(watch.next(), after(5), "counted from the last look-up");
        }
    }

    #[test]
    fn a_look_up_that_is_due_starts_the_minute_again() {
        let start = Instant::now();
        for (seconds, is_undelivered) in [(60, false), (5, true), (59, true)] {
            let now = start + Duration::from_secs(seconds);
            let mut watch = watch(NAME, start);
            watch.is_undelivered = is_undelivered;
            assert!(watch.next() <= Some(now), "it is due after {seconds} s");
            serve(&mut watch, None, now);
            assert_eq!(watch.looked_up_at, now, "looked up {seconds} s later");
            let next = now + Duration::from_secs(60);
            assert_eq!(watch.next(), Some(next), "the failures were before it");
        }
    }

    #[test]
    fn addresses_are_never_looked_up() {
        let now = Instant::now();
        let mut watch = watch(ADDRESS, now);
        assert_eq!(watch.next(), None);
        serve(&mut watch, Some(Request::Undelivered), now);
        assert_eq!(watch.next(), None);
    }

    #[test]
    fn new_collectors_start_the_minute_again() {
        let now = Instant::now();
        let mut watch = watch(ADDRESS, now);
        serve(&mut watch, Some(Request::Undelivered), now);
        let named = Destination::look_up(NAME).expect("it has an address");
        let later = now + Duration::from_secs(30);
        serve(&mut watch, Some(Request::Watch(vec![named])), later);
        assert_eq!(watch.next(), Some(later + Duration::from_secs(60)));
    }
}
