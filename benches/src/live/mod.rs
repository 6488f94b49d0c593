//! Live capture: the sensor, compared with `tcpdump` on the same wire at the same rate.

mod listener;
pub mod plan;
pub mod results;

use std::error::Error;
use std::fs;
use std::net::UdpSocket;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

pub use self::listener::{Listener, RING_MIB, Sensor};
use crate::collector::{self, Arrived};
use crate::interrupt::{Interrupted, pause};
use crate::network::{Network, OUT, OUT_ADDRESS, TAP_ADDRESS};
use crate::process::{Process, cpu_ns, peak_bytes, sleeps};
use crate::programs::ours;

/// A destination address that no interface has: the receiving host drops such frames early.
const FOREIGN_MAC: &str = "02:00:00:00:00:99";

/// Time with traffic before and after the measured interval.
const MARGIN: Duration = Duration::from_millis(500);

/// Time between two probes under load.
const PROBE_INTERVAL: Duration = Duration::from_millis(5);

/// Destination port of probes.
const PROBE_PORT: u16 = 40_000;

/// Time without packets over which wake-ups are counted.
const IDLE_TIME: Duration = Duration::from_secs(10);

/// The results of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Packets per second on the wire during the measured interval.
    pub rate: f64,
    /// CPU time of the listener per packet, in nanoseconds.
    pub cpu: f64,
    /// CPU time of the generator per packet, in nanoseconds; it includes the kernel's delivery of
    /// the packet.
    pub generator_cpu: f64,
    /// Responses that were sent.
    pub responses: u64,
    /// Responses that the sensor did not export, or packets that the kernel dropped for another program.
    pub lost: u64,
    /// Frames dropped on the wire, before the listener.
    pub lost_by_wire: u64,
    /// Records that the sensor exported and the collector did not receive.
    pub lost_behind: u64,
    /// Datagrams that collectors did not take, as the sensor counts them.
    pub not_taken: u64,
    /// Bytes that a collector besides the first received, on average, of those that the first did.
    pub others: Option<f64>,
    /// Average number of datagrams per receive of the collector: those of one send.
    pub datagrams_a_send: f64,
    /// Milliseconds from sending a response to the arrival of its record: median, 99th percentile,
    /// maximum.
    pub age: Option<[f64; 3]>,
    /// Peak resident memory, including the ring, in bytes.
    pub peak_bytes: u64,
}

/// Runs `listener` while the generator sends `rate` packets per second, or as many as it can, and
/// measures for `time`.
///
/// # Errors
/// If a program fails.
pub fn run(
    network: &Network,
    listener: &Listener,
    rate: Option<u64>,
    time: Duration,
) -> Result<Run, Box<dyn Error>> {
    let (epoch, stop) = (Instant::now(), AtomicBool::new(false));
    let collector = collector::open(&network.collector)?;
    let collectors = match listener {
        Listener::Sensor(sensor) => sensor.collectors,
        _ => 1,
    };
    let others = collector::open_others(&network.collector, collectors)?;
    thread::scope(|scope| {
        let collecting = scope.spawn(|| collector::collect(&collector, epoch, &stop));
        let discarding = scope.spawn(|| collector::discard(&others, &stop));
        let measured = measure(network, listener, rate, time, epoch);
        stop.store(true, Ordering::Release);
        let arrived = collecting.join().map_err(|_| "the collector failed")??;
        let discarded = discarding.join().map_err(|_| "the collectors failed")??;
        let (mut run, totals) = measured?;
        if let Listener::Sensor(sensor) = listener {
            if sensor.full_queue && run.not_taken == 0 {
                return Err("the collector that was to have no room has taken everything".into());
            }
            run.lost = run.responses.saturating_sub(totals.exported);
            run.lost_behind = totals.exported.saturating_sub(arrived.records);
            run.datagrams_a_send = ratio(arrived.datagrams, arrived.receives);
            run.age = ages(&arrived);
            run.others = (collectors > 1)
                .then(|| ratio(discarded, arrived.bytes * (u64::from(collectors) - 1)));
        }
        Ok(run)
    })
}

/// Totals that a listener logged at its end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    /// Sets that the sensor exported.
    pub(crate) exported: u64,
    /// Packets that the kernel dropped.
    pub(crate) dropped: u64,
    /// Datagrams that collectors did not take.
    pub(crate) not_taken: u64,
}

/// Starts listener and generator, and measures them.
fn measure(
    network: &Network,
    listener: &Listener,
    rate: Option<u64>,
    time: Duration,
    epoch: Instant,
) -> Result<(Run, Totals), Box<dyn Error>> {
    let mut listening = listener.start(network)?;
    let generator = Process::start(
        "dnsflow-gen",
        &mut generator(network, rate, time + 2 * MARGIN)?,
    )?;
    let (id, sender) = (listening.as_ref().map(Process::id), generator.id());
    let probes = Probes::open(network)?;
    let read = || Reading {
        at: Instant::now(),
        packets: sent_packets(),
        listener: id.map_or(0, cpu_ns),
        generator: cpu_ns(sender),
    };
    let (before, after, probed) = network.sender.enter(|| {
        let none = sent_packets();
        while sent_packets() < none + 1000 && epoch.elapsed() < Duration::from_secs(20) {
            pause(Duration::from_millis(1))?;
        }
        pause(MARGIN)?;
        let before = read();
        let mut probed = 0;
        while before.at.elapsed() < time {
            probed += u64::from(probes.send(epoch));
            pause(PROBE_INTERVAL)?;
        }
        Ok::<_, Interrupted>((before, read(), probed))
    })??;
    let generated: Sent = serde_json::from_str(&generator.finish()?)?;
    // Wait for packets and datagrams in flight.
    pause(MARGIN)?;
    let peak_bytes = id.map_or(0, peak_bytes);
    let totals = match listening.take() {
        Some(listening) => totals(&listening.stop()?),
        None => Totals::default(),
    };
    let packets = after.packets - before.packets;
    let run = Run {
        rate: ratio(packets, 1) / after.at.duration_since(before.at).as_secs_f64(),
        cpu: ratio(after.listener - before.listener, packets),
        generator_cpu: ratio(after.generator - before.generator, packets),
        responses: generated.responses + probed,
        lost: totals.dropped,
        lost_by_wire: generated.dropped.unwrap_or(0),
        lost_behind: 0,
        not_taken: totals.not_taken,
        others: None,
        datagrams_a_send: 0.0,
        age: None,
        peak_bytes,
    };
    Ok((run, totals))
}

/// A generator that sends for `time`.
pub(crate) fn generator(
    network: &Network,
    rate: Option<u64>,
    time: Duration,
) -> Result<Command, Box<dyn Error>> {
    let mut command = network.sender.command(ours("dnsflow-gen")?);
    command.args([
        "--interface",
        OUT,
        "--json",
        "--seed",
        "7",
        "--destination-mac",
        FOREIGN_MAC,
    ]);
    command.args(["--seconds", &time.as_secs_f64().to_string()]);
    if let Some(rate) = rate {
        command.args(["--rate", &rate.to_string()]);
    }
    Ok(command)
}

/// The JSON that the generator writes at its end.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Sent {
    pub(crate) responses: u64,
    pub(crate) dropped: Option<u64>,
}

/// Counters at one instant.
struct Reading {
    at: Instant,
    packets: u64,
    listener: u64,
    generator: u64,
}

/// Packets that [`OUT`] has sent. Must be called on a thread in its namespace (proc_net(5)).
fn sent_packets() -> u64 {
    const SENT: usize = 9;
    let devices = fs::read_to_string("/proc/thread-self/net/dev").unwrap_or_default();
    let line = devices
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(OUT)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().nth(SENT)?.parse().ok())
        .unwrap_or(0)
}

/// Sockets for probes: responses that hold the time at which they were sent.
struct Probes {
    from: UdpSocket,
    /// Bound to the destination port, so that the kernel sends no ICMP error.
    _to: UdpSocket,
}

impl Probes {
    fn open(network: &Network) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            from: network
                .sender
                .enter(|| UdpSocket::bind((OUT_ADDRESS, 53)))??,
            _to: network
                .sensor
                .enter(|| UdpSocket::bind((TAP_ADDRESS, PROBE_PORT)))??,
        })
    }

    /// Sends a probe; returns whether it was sent.
    fn send(&self, epoch: Instant) -> bool {
        self.from
            .send_to(&collector::probe(epoch), (TAP_ADDRESS, PROBE_PORT))
            .is_ok()
    }
}

/// Parses the totals that the sensor or another program logged.
pub(crate) fn totals(log: &str) -> Totals {
    let before = |text: &str| {
        let line = log.lines().rev().find(|line| line.contains(text))?;
        line.split(text)
            .next()?
            .rsplit([' ', '='])
            .next()?
            .parse()
            .ok()
    };
    let not_taken = log.lines().rev().find_map(|line| {
        let (_, count) = line
            .strip_prefix("dnsflow: sent ")?
            .split_once(", did not take ")?;
        count.parse().ok()
    });
    let exported = log.lines().rev().find_map(|line| {
        let (_, rest) = line
            .strip_prefix("dnsflow: received ")?
            .split_once("exported ")?;
        rest.split(' ').next()?.parse().ok()
    });
    Totals {
        exported: exported.unwrap_or(0),
        // Of tcpdump, dnscap, and the sensor.
        dropped: before(" packets dropped by kernel")
            .or_else(|| before(" drop "))
            .or_else(|| before(" dropped,"))
            .unwrap_or(0),
        not_taken: not_taken.unwrap_or(0),
    }
}

fn ages(arrived: &Arrived) -> Option<[f64; 3]> {
    let mut ages: Vec<f64> = arrived
        .ages
        .iter()
        .map(|age| age.as_secs_f64() * 1e3)
        .collect();
    ages.sort_by(f64::total_cmp);
    let last = ages.len().checked_sub(1)?;
    Some([ages[last / 2], ages[last * 99 / 100], ages[last]])
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of one run are less than 2^53"
)]
fn ratio(count: u64, of: u64) -> f64 {
    count as f64 / of.max(1) as f64
}

/// Results of a sensor with little or no traffic.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quiet {
    /// Wake-ups per second and core, over all threads.
    pub wake_ups: f64,
    /// Longest time from a single response to the arrival of its record, in milliseconds.
    pub age: f64,
}

/// Runs a sensor on `cores` cores, first without traffic, then with single responses.
///
/// # Errors
/// If a program fails.
pub fn quiet(network: &Network, cores: usize) -> Result<Quiet, Box<dyn Error>> {
    let (epoch, stop) = (Instant::now(), AtomicBool::new(false));
    let collector = collector::open(&network.collector)?;
    let probes = Probes::open(network)?;
    thread::scope(|scope| {
        let collecting = scope.spawn(|| collector::collect(&collector, epoch, &stop));
        let observe = || -> Result<f64, Box<dyn Error>> {
            let listener = Listener::Sensor(Sensor::by_hash(cores));
            let sensor = listener.start(network)?.ok_or("a sensor runs")?;
            pause(2 * MARGIN)?;
            let before = sleeps(sensor.id());
            pause(IDLE_TIME)?;
            let wake_ups = ratio(sleeps(sensor.id()) - before, 1) / IDLE_TIME.as_secs_f64();
            for _ in 0..8 {
                probes.send(epoch);
                pause(Duration::from_millis(730))?;
            }
            pause(Duration::from_millis(1500))?;
            sensor.stop()?;
            Ok(wake_ups)
        };
        let observed = observe();
        stop.store(true, Ordering::Release);
        let arrived = collecting.join().map_err(|_| "the collector failed")??;
        let wake_ups = observed?;
        let [_, _, age] = ages(&arrived).ok_or("no probe arrived at the collector")?;
        let cores = u32::try_from(cores)?;
        Ok(Quiet {
            wake_ups: wake_ups / f64::from(cores),
            age,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_says_what_was_dropped() {
        let dropped = |log: &str| totals(log).dropped;
        assert_eq!(
            dropped("9 packets captured\n12 packets dropped by kernel"),
            12
        );
        assert_eq!(
            dropped("total drops: 0\ntap: 900 recv 13 drop 0 total ptdrop 0"),
            13
        );
    }
}
