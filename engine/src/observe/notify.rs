//! What the service manager is told (sd_notify(3)): that the sensor captures, how it fares, that its loops turn.
//!
//! A thread asks the cores as metrics do, so that the watchdog is fed only if the supervisor and every core have seen to
//! a question. Without a service manager there is no thread, and nothing happens.

use std::env;
use std::fmt::Write as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use log::warn;
use sd_notify::NotifyState;

use super::inquiry::Inquiry;
use crate::shard::snapshot::Snapshot;
use crate::start::error::StartError;

/// Time between two lines of status.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);

/// Time until the next question where a core did not answer: it may only be late.
const RETRY: Duration = Duration::from_secs(1);

/// The service manager, while the sensor runs under one. Dropped, it is told that the end has begun.
#[derive(Debug)]
pub(crate) struct Notify {
    voice: Arc<Voice>,
    /// Dropped to wake the thread, which then ends.
    _stop: Sender<()>,
}

/// What is said, in an order that makes sense: nothing comes after the end.
#[derive(Debug, Default)]
struct Voice {
    has_ended: Mutex<bool>,
}

impl Notify {
    /// Says that all is ready as soon as every core has answered, and from then on how it goes; nothing where
    /// there is no service manager to say it to.
    pub(crate) fn start(inquiry: Arc<Inquiry>) -> Result<Option<Self>, StartError> {
        if env::var_os("NOTIFY_SOCKET").is_none() {
            return Ok(None);
        }
        let watchdog = sd_notify::watchdog_enabled();
        let (stop, stopped) = channel();
        let voice = Arc::<Voice>::default();
        let speaks = Arc::clone(&voice);
        thread::Builder::new()
            .name("notify".to_owned())
            .spawn(move || tell(&inquiry, watchdog, &speaks, &stopped))
            .map_err(|source| StartError::System {
                what: "can't start the thread for the service manager",
                source,
            })?;
        Ok(Some(Notify { voice, _stop: stop }))
    }

    /// A reload has begun.
    pub(crate) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.voice.say(&[NotifyState::Reloading, now]),
            Err(error) => warn!("can't read the clock: {error}"),
        }
    }

    /// A reload is over, whatever came of it.
    pub(crate) fn reloaded(&self) {
        self.voice.say(&[NotifyState::Ready]);
    }
}

impl Drop for Notify {
    fn drop(&mut self) {
        let last = "sending what is left";
        self.voice
            .end(&[NotifyState::Stopping, NotifyState::Status(last)]);
    }
}

impl Voice {
    fn say(&self, states: &[NotifyState<'_>]) {
        let has_ended = self
            .has_ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !*has_ended {
            send(states);
        }
    }

    fn end(&self, states: &[NotifyState<'_>]) {
        let mut has_ended = self
            .has_ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *has_ended = true;
        send(states);
    }
}

/// Without a service manager that listens there is nobody to tell, and the work goes on.
fn send(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}

/// Asks and tells until the other end of `stopped` is dropped.
fn tell(inquiry: &Inquiry, watchdog: Option<Duration>, voice: &Voice, stopped: &Receiver<()>) {
    let interval = watchdog.map_or(STATUS_INTERVAL, |limit| STATUS_INTERVAL.min(limit / 2));
    let mut ready = false;
    let mut before = None;
    loop {
        let now = Sight::new(&inquiry.ask());
        let missing = inquiry.cores().saturating_sub(now.cores);
        let mut status = now.status(before.as_ref());
        if missing > 0 {
            let _ = write!(status, "; cores that do not answer: {missing}");
        }
        let mut states = vec![NotifyState::Status(&status)];
        if missing == 0 {
            if !ready {
                states.push(NotifyState::Ready);
                ready = true;
            }
            if watchdog.is_some() {
                states.push(NotifyState::Watchdog);
            }
            before = Some(now);
        }
        voice.say(&states);
        let pause = if missing == 0 {
            interval
        } else {
            interval.min(RETRY)
        };
        if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

/// What all cores together had seen at some time.
#[derive(Clone, Debug)]
struct Sight {
    at: Instant,
    cores: usize,
    packets: u64,
    responses: u64,
    dropped: u64,
    failed: u64,
    away: Vec<String>,
}

impl Sight {
    fn new(snapshots: &[Snapshot]) -> Self {
        let mut sight = Sight {
            at: Instant::now(),
            cores: snapshots.len(),
            packets: 0,
            responses: 0,
            dropped: 0,
            failed: 0,
            away: Vec::new(),
        };
        for snapshot in snapshots {
            sight.failed += snapshot.sent.failed;
            for tap in &snapshot.taps {
                sight.packets += tap.counters.received;
                sight.responses += tap.counters.exported;
                sight.dropped += tap.kernel.drops;
                let name = &*tap.interface;
                if !tap.present && !sight.away.iter().any(|known| known == name) {
                    sight.away.push(name.to_owned());
                }
            }
        }
        sight
    }

    /// Rates since `before`, and what is wrong.
    fn status(&self, before: Option<&Sight>) -> String {
        let mut status = match before {
            None => format!("capturing; cores: {}", self.cores),
            Some(before) => self.rates(before),
        };
        if !self.away.is_empty() {
            let _ = write!(status, "; down or away: {}", self.away.join(", "));
        }
        status
    }

    fn rates(&self, before: &Sight) -> String {
        let seconds = self.at.duration_since(before.at).as_secs_f64().max(0.001);
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        format!(
            "{:.0} responses/s, {:.0} packets/s; since the start: dropped by the kernel {}, not taken by collectors {}",
            rate(self.responses, before.responses),
            rate(self.packets, before.packets),
            self.dropped,
            self.failed,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::snapshot::TapSnapshot;
    use dnsflow_packet::Counters;

    fn snapshot(packets: u64, responses: u64, present: bool) -> Snapshot {
        let mut counters = Counters::default();
        counters.received = packets;
        counters.exported = responses;
        Snapshot {
            taps: vec![TapSnapshot {
                interface: "eth0".into(),
                present,
                counters,
                kernel: Default::default(),
            }],
            ..Snapshot::default()
        }
    }

    #[test]
    fn rates_over_all_cores() {
        let before = Sight::new(&[snapshot(100, 50, true), snapshot(0, 0, true)]);
        assert_eq!(before.status(None), "capturing; cores: 2");
        let mut after = Sight::new(&[snapshot(1100, 550, true), snapshot(500, 250, false)]);
        after.at = before.at + Duration::from_secs(10);
        assert_eq!(
            after.status(Some(&before)),
            "75 responses/s, 150 packets/s; since the start: dropped by the kernel 0, not taken by \
             collectors 0; down or away: eth0"
        );
    }
}
