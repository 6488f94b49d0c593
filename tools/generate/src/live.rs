//! Sends frames, made beforehand, through an interface: at a rate, on several threads.

use std::io::{self, IoSlice, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::counts::Counts;
use crate::interface::{self, BATCH_FRAMES, Headers, Interface};
use crate::traffic::{Kind, Traffic};
use crate::wanted::Wanted;

/// Length of a burst when a rate is set.
const BURST: Duration = Duration::from_millis(1);

/// When to stop, and how fast to go until then.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Frames to send; `None`: until stopped.
    pub count: Option<u64>,
    /// How long to send; `None`: until the count is reached.
    pub duration: Option<Duration>,
    /// Frames a second; `None`: as fast as possible.
    pub rate: Option<u64>,
}

impl Plan {
    /// The part of thread `index` of `threads`: parts add up to the whole, to the frame.
    #[must_use]
    pub fn part(&self, index: u64, threads: u64) -> Self {
        let share = |whole: u64| whole / threads + u64::from(index < whole % threads);
        // A rate and a time are a count, and a count is exact where a clock is not.
        let timed = match (self.rate, self.duration) {
            (Some(rate), Some(duration)) => {
                let frames = u128::from(rate) * duration.as_nanos() / 1_000_000_000;
                Some(u64::try_from(frames).unwrap_or(u64::MAX))
            }
            _ => None,
        };
        let count = match (self.count, timed) {
            (Some(count), Some(timed)) => Some(count.min(timed)),
            (count, timed) => count.or(timed),
        };
        Self {
            count: count.map(share),
            duration: if timed.is_some() { None } else { self.duration },
            rate: self.rate.map(|rate| share(rate).max(1)),
        }
    }
}

/// The frames of one thread, and what is expected of each.
#[derive(Debug, Default)]
pub struct Load {
    bytes: Vec<u8>,
    frames: Vec<Prepared>,
    lines: String,
}

#[derive(Debug)]
struct Prepared {
    kind: Kind,
    is_expected: bool,
    end: usize,
    line_end: usize,
}

impl Load {
    /// Makes `count` frames, of which some are `wanted`; with `expect`, keeps their lines too.
    #[must_use]
    pub fn prepare(traffic: &mut Traffic, count: usize, wanted: &Wanted, expect: bool) -> Self {
        let mut load = Self::default();
        let mut frame = Vec::new();
        for _ in 0..count {
            let kind = traffic.next_frame(&mut frame);
            load.bytes.extend_from_slice(&frame);
            let is_expected = traffic.is_expected(wanted);
            if expect && is_expected {
                traffic.write_expected(wanted.format, &mut load.lines);
            }
            let (end, line_end) = (load.bytes.len(), load.lines.len());
            load.frames.push(Prepared {
                kind,
                is_expected,
                end,
                line_end,
            });
        }
        load
    }

    /// The account of the first `sent` frames of an endless repetition of this load.
    #[must_use]
    pub fn counts(&self, sent: u64) -> Counts {
        let mut counts = Counts::default();
        let mut start = 0;
        for (frame, times) in self.times_sent(sent) {
            counts.add(frame.kind, frame.end - start, frame.is_expected, times);
            start = frame.end;
        }
        counts
    }

    /// Writes the line of each response as often as it is among the first `sent` frames.
    ///
    /// # Errors
    /// Whatever writing gives.
    pub fn write_expected(&self, sent: u64, expected: &mut dyn Write) -> io::Result<()> {
        let mut start = 0;
        for (frame, times) in self.times_sent(sent) {
            let line = &self.lines.as_bytes()[start..frame.line_end];
            for _ in 0..times {
                expected.write_all(line)?;
            }
            start = frame.line_end;
        }
        Ok(())
    }

    fn times_sent(&self, sent: u64) -> impl Iterator<Item = (&Prepared, u64)> {
        let len = u64::try_from(self.frames.len()).unwrap_or(u64::MAX).max(1);
        let (rounds, rest) = (sent / len, sent % len);
        self.frames
            .iter()
            .zip(0..)
            .map(move |(frame, index)| (frame, rounds + u64::from(index < rest)))
    }

    fn slices(&self) -> Vec<[IoSlice<'_>; 1]> {
        let mut start = 0;
        let mut slices = Vec::with_capacity(self.frames.len());
        for frame in &self.frames {
            slices.push([IoSlice::new(&self.bytes[start..frame.end])]);
            start = frame.end;
        }
        slices
    }
}

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// Frames that the driver took, by thread.
    pub sent: Vec<u64>,
    /// From the first frame to the last.
    pub elapsed: Duration,
    /// How often the driver had no room, and a frame was offered again.
    pub refused: u64,
    /// Frames that the interface took and then dropped; none where the kernel does not say.
    pub dropped: Option<u64>,
}

/// Sends the loads through interface `name`, a thread each, as `plan` says. `stop` ends it early;
/// `sent` is updated while it runs, for progress.
///
/// # Errors
/// Where the interface cannot be opened or went down; what was sent until then is not told.
///
/// # Panics
/// If a sending thread did, which it does not.
pub fn send(
    name: &str,
    loads: &[Load],
    plan: &Plan,
    stop: &AtomicBool,
    sent: &AtomicU64,
) -> Result<Report, interface::Error> {
    let threads = u64::try_from(loads.len()).unwrap_or(u64::MAX);
    let sockets: Vec<Interface> = loads
        .iter()
        .map(|_| Interface::open(name))
        .collect::<Result<_, _>>()?;
    let drops_before = interface::transmit_drops(name);
    let start = Instant::now();
    let results: Vec<_> = thread::scope(|scope| {
        let handles: Vec<_> = sockets
            .into_iter()
            .zip(loads)
            .zip(0..)
            .map(|((socket, load), index)| {
                let plan = plan.part(index, threads);
                scope.spawn(move || send_load(socket, load, plan, stop, sent))
            })
            .collect();
        handles
            .into_iter()
            .map(|handle| handle.join().expect("a sender does not panic"))
            .collect()
    });
    let elapsed = start.elapsed();
    let mut report = Report {
        sent: vec![],
        elapsed,
        refused: 0,
        dropped: None,
    };
    for result in results {
        let (sent, refused) = result?;
        report.sent.push(sent);
        report.refused += refused;
    }
    report.dropped = interface::transmit_drops(name)
        .zip(drops_before)
        .map(|(after, before)| after.saturating_sub(before));
    Ok(report)
}

/// Returns frames sent and refusals.
fn send_load(
    mut socket: Interface,
    load: &Load,
    plan: Plan,
    stop: &AtomicBool,
    total: &AtomicU64,
) -> Result<(u64, u64), interface::Error> {
    let slices = load.slices();
    let mut headers = Headers::new();
    let limit = plan.count.unwrap_or(u64::MAX);
    let start = Instant::now();
    let mut sent = 0_u64;
    let mut at = 0;
    while sent < limit && !slices.is_empty() && !stop.load(Ordering::Relaxed) {
        let elapsed = start.elapsed();
        if plan.duration.is_some_and(|duration| elapsed >= duration) {
            break;
        }
        let due = match plan.rate {
            Some(rate) => frames_due(rate, elapsed + BURST).min(limit),
            None => limit.min(sent.saturating_add(1 << 12)),
        };
        while sent < due {
            let room = usize::try_from(due - sent)
                .unwrap_or(usize::MAX)
                .min(BATCH_FRAMES);
            let end = slices.len().min(at + room);
            let taken = socket.send(&mut headers, &slices[at..end])?;
            at = (at + taken) % slices.len();
            let taken = u64::try_from(taken).unwrap_or(0);
            sent += taken;
            total.fetch_add(taken, Ordering::Relaxed);
        }
        if plan.rate.is_some() && sent < limit {
            thread::sleep(BURST.saturating_sub(start.elapsed().saturating_sub(elapsed)));
        }
    }
    Ok((sent, socket.refused()))
}

fn frames_due(rate: u64, elapsed: Duration) -> u64 {
    u64::try_from(u128::from(rate) * elapsed.as_nanos() / 1_000_000_000).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_whole() {
        let plan = Plan {
            count: None,
            duration: Some(Duration::from_secs(3)),
            rate: Some(1001),
        };
        let parts: Vec<Plan> = (0..4).map(|index| plan.part(index, 4)).collect();
        assert_eq!(
            parts.iter().filter_map(|part| part.count).sum::<u64>(),
            3003
        );
        assert_eq!(parts.iter().filter_map(|part| part.rate).sum::<u64>(), 1001);
        let plan = Plan {
            count: Some(10),
            duration: None,
            rate: None,
        };
        let counts: Vec<_> = (0..3)
            .filter_map(|index| plan.part(index, 3).count)
            .collect();
        assert_eq!(counts, [4, 3, 3]);
    }

    #[test]
    fn repetitions_are_counted() {
        let load = Load {
            bytes: vec![0; 30],
            frames: vec![
                Prepared {
                    kind: Kind::Response,
                    is_expected: true,
                    end: 10,
                    line_end: 2,
                },
                Prepared {
                    kind: Kind::Noise(crate::Noise::Query),
                    is_expected: false,
                    end: 20,
                    line_end: 2,
                },
                Prepared {
                    kind: Kind::Response,
                    is_expected: true,
                    end: 30,
                    line_end: 4,
                },
            ],
            lines: "a\nb\n".to_owned(),
        };
        let counts = load.counts(4);
        assert_eq!((counts.packets, counts.bytes, counts.responses), (4, 40, 3));
        assert_eq!(counts.sets, 3);
        let mut lines = Vec::new();
        load.write_expected(4, &mut lines)
            .expect("a Vec takes everything");
        assert_eq!(lines, b"a\na\nb\n");
    }

    #[test]
    fn a_rate_is_exact_over_time() {
        assert_eq!(frames_due(100_000, Duration::from_secs(5)), 500_000);
        assert_eq!(frames_due(3, Duration::from_millis(999)), 2);
    }
}
