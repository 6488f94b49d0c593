//! The line of status that the service manager shows, and whether the sensor is well.
//!
//! It is well if every core has answered, so that the watchdog covers the supervisor and all cores.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use dnsflow_service::notify::Status;

use super::inquiry::Inquiry;
use crate::shard::snapshot::Snapshot;

/// Asks all cores, each time that it is called. Rates are those since all have answered before.
pub(crate) fn of_cores(inquiry: Arc<Inquiry>) -> impl FnMut() -> Status + Send + 'static {
    let mut before = None;
    move || {
        let now = Totals::new(&inquiry.ask());
        let missing = inquiry.cores().saturating_sub(now.cores);
        let mut line = now.status(before.as_ref());
        if missing > 0 {
            let _ = write!(line, "; cores that do not answer: {missing}");
        } else {
            before = Some(now);
        }
        Status {
            line,
            is_well: missing == 0,
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
    use std::time::Duration;

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
