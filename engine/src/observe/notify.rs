//! Messages to the service manager (sd_notify(3)): readiness, a line of status, and the watchdog's
//! keep-alive.
//!
//! A thread asks all cores at intervals. The keep-alive is sent only if every core has answered, so
//! that the watchdog covers the supervisor and all cores. Without a service manager there is no
//! thread.

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

/// Time between two messages.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);

/// Time until the next question if a core did not answer: it may only be late.
const RETRY: Duration = Duration::from_secs(1);

/// The connection to the service manager. Dropping it announces the end.
#[derive(Debug)]
pub(crate) struct Notify {
    channel: Arc<NotifyChannel>,
    /// Dropping it wakes the thread, which then ends.
    _stop: Sender<()>,
}

/// Sends messages in an order that makes sense: none after that of the end.
#[derive(Debug, Default)]
struct NotifyChannel {
    has_ended: Mutex<bool>,
}

impl Notify {
    /// Starts the thread, which reports readiness as soon as every core has answered. `None`
    /// without a service manager.
    ///
    /// # Errors
    /// If the thread can't be started.
    pub(crate) fn start(inquiry: Arc<Inquiry>) -> Result<Option<Self>, StartError> {
        if env::var_os("NOTIFY_SOCKET").is_none() {
            return Ok(None);
        }
        let watchdog = sd_notify::watchdog_enabled();
        let (stop, stopped) = channel();
        let notify = Arc::<NotifyChannel>::default();
        let sender = Arc::clone(&notify);
        thread::Builder::new()
            .name("notify".to_owned())
            .spawn(move || report(&inquiry, watchdog, &sender, &stopped))
            .map_err(|source| StartError::System {
                what: "can't start the thread for the service manager",
                source,
            })?;
        Ok(Some(Self {
            channel: notify,
            _stop: stop,
        }))
    }

    /// A reload has begun.
    pub(crate) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.channel.send(&[NotifyState::Reloading, now]),
            Err(error) => warn!("can't read the clock: {error}"),
        }
    }

    /// A reload is over, applied or not.
    pub(crate) fn reloaded(&self) {
        self.channel.send(&[NotifyState::Ready]);
    }
}

impl Drop for Notify {
    fn drop(&mut self) {
        let last = "sending the remaining records";
        self.channel
            .send_last(&[NotifyState::Stopping, NotifyState::Status(last)]);
    }
}

impl NotifyChannel {
    fn send(&self, states: &[NotifyState<'_>]) {
        let has_ended = self
            .has_ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !*has_ended {
            send(states);
        }
    }

    fn send_last(&self, states: &[NotifyState<'_>]) {
        let mut has_ended = self
            .has_ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *has_ended = true;
        send(states);
    }
}

/// Sends a message. It may fail without a service manager that listens; the sensor runs on.
fn send(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}

/// Asks cores and sends messages until the other end of `stopped` is dropped.
fn report(
    inquiry: &Inquiry,
    watchdog: Option<Duration>,
    channel: &NotifyChannel,
    stopped: &Receiver<()>,
) {
    let interval = watchdog.map_or(STATUS_INTERVAL, |limit| STATUS_INTERVAL.min(limit / 2));
    let mut ready = false;
    let mut before = None;
    loop {
        let now = Totals::new(&inquiry.ask());
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
        channel.send(&states);
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

/// Counts over all cores at one time.
#[derive(Clone, Debug)]
struct Totals {
    at: Instant,
    cores: usize,
    packets: u64,
    responses: u64,
    dropped: u64,
    failed: u64,
    away: Vec<String>,
}

impl Totals {
    fn new(snapshots: &[Snapshot]) -> Self {
        let mut totals = Self {
            at: Instant::now(),
            cores: snapshots.len(),
            packets: 0,
            responses: 0,
            dropped: 0,
            failed: 0,
            away: Vec::new(),
        };
        for snapshot in snapshots {
            totals.failed += snapshot.sent.failed;
            for tap in &snapshot.taps {
                totals.packets += tap.counters.received;
                totals.responses += tap.counters.exported;
                totals.dropped += tap.kernel.drops;
                let name = &*tap.interface;
                if !tap.present && !totals.away.iter().any(|known| known == name) {
                    totals.away.push(name.to_owned());
                }
            }
        }
        totals
    }

    /// A line of text: rates since `before`, and interfaces that are away.
    fn status(&self, before: Option<&Self>) -> String {
        let mut status = match before {
            None => format!("capturing; cores: {}", self.cores),
            Some(before) => self.rates(before),
        };
        if !self.away.is_empty() {
            let _ = write!(status, "; down or away: {}", self.away.join(", "));
        }
        status
    }

    fn rates(&self, before: &Self) -> String {
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
        let before = Totals::new(&[snapshot(100, 50, true), snapshot(0, 0, true)]);
        assert_eq!(before.status(None), "capturing; cores: 2");
        let mut after = Totals::new(&[snapshot(1100, 550, true), snapshot(500, 250, false)]);
        after.at = before.at + Duration::from_secs(10);
        assert_eq!(
            after.status(Some(&before)),
            "75 responses/s, 150 packets/s; since the start: dropped by the kernel 0, not taken by \
             collectors 0; down or away: eth0"
        );
    }
}
