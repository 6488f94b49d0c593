//! The sensor on a wire, beside `tcpdump` on the same wire at the same rate.

use std::error::Error;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::collector::{self, Arrived};
use crate::interrupt::{Interrupted, pause};
use crate::network::{COLLECTOR, Network, OUT, OUT_ADDRESS, TAP, TAP_ADDRESS};
use crate::process::{Process, cpu_ns, peak_bytes, sleeps};
use crate::programs::{ORIGINAL_EXPRESSION, ours};

/// Ring of each core that the sensor is given, in MiB: its default.
pub const RING_MIB: u32 = 64;

/// An address that is nobody's: the receiving host leaves such frames alone at once.
const FOREIGN_MAC: &str = "02:00:00:00:00:99";

/// Time between the first packet and the start of what is measured, and again between its end and the last packet.
const EDGE: Duration = Duration::from_millis(500);

/// Time between two probes under load.
const PROBE_INTERVAL: Duration = Duration::from_millis(5);

/// Port that probes are for.
const PROBE_PORT: u16 = 40_000;

/// Time without a packet over which wake-ups are counted.
const IDLE: Duration = Duration::from_secs(10);

/// Who listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Listener {
    /// Nobody: what sending costs by itself.
    Nobody,
    /// `tcpdump`, filtering with the original's expression and throwing away.
    Tcpdump,
    /// The sensor, exporting to a collector.
    Sensor {
        /// Its cores.
        cores: usize,
        /// How they divide packets.
        fanout: &'static str,
    },
}

impl Listener {
    /// What it is called in tables.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Listener::Nobody => "nobody".to_owned(),
            Listener::Tcpdump => "tcpdump".to_owned(),
            Listener::Sensor { cores: 1, .. } => "dnsflow, 1 core".to_owned(),
            Listener::Sensor { cores, fanout } => format!("dnsflow, {cores} cores, {fanout}"),
        }
    }
}

/// What one run gave.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Packets a second that were on the wire while it was measured.
    pub rate: f64,
    /// Nanoseconds of CPU a packet that the listener had.
    pub cpu: f64,
    /// The same of the generator, in whose time the kernel passes packets on.
    pub generator_cpu: f64,
    /// Responses that were sent; for `tcpdump`, packets that passed its filter.
    pub responses: u64,
    /// How many of them the listener did not have room for, or did not export.
    pub lost: u64,
    /// Frames that the wire itself lost, of which nobody could know.
    pub lost_by_wire: u64,
    /// Records that the sensor sent, and that are missing at the collector.
    pub lost_behind: u64,
    /// Datagrams that one send of the sensor's took, on average.
    pub datagrams_a_send: f64,
    /// Milliseconds from sending a response to the arrival of its record: middle, 99 of 100, most.
    pub age: Option<[f64; 3]>,
    /// Most memory, the ring included, in bytes.
    pub peak_bytes: u64,
}

/// Makes `listener` listen while `rate` packets a second (or as many as can be) come for `time`.
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
    thread::scope(|scope| {
        let collecting = scope.spawn(|| collector::collect(&collector, epoch, &stop));
        let measured = watched(network, listener, rate, time, epoch);
        stop.store(true, Ordering::Release);
        let arrived = collecting.join().map_err(|_| "the collector failed")??;
        let (mut run, account) = measured?;
        if let Listener::Sensor { .. } = listener {
            run.lost = run.responses.saturating_sub(account.exported);
            run.lost_behind = account.exported.saturating_sub(arrived.records);
            run.datagrams_a_send = ratio(arrived.datagrams, arrived.receives);
            run.age = ages(&arrived);
        }
        Ok(run)
    })
}

/// What a listener said of itself at its end.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// Sets that the sensor exported.
    exported: u64,
    /// Packets that the kernel had no room for.
    dropped: u64,
}

fn watched(
    network: &Network,
    listener: &Listener,
    rate: Option<u64>,
    time: Duration,
    epoch: Instant,
) -> Result<(Run, Account), Box<dyn Error>> {
    let mut listening = start(network, listener)?;
    let generator = Process::start(
        "dnsflow-gen",
        &mut generator(network, rate, time + 2 * EDGE)?,
    )?;
    let (id, sender) = (listening.as_ref().map(Process::id), generator.id());
    let probes = Probes::open(network)?;
    let look = || Look {
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
        pause(EDGE)?;
        let before = look();
        let mut probed = 0;
        while before.at.elapsed() < time {
            probed += u64::from(probes.send(epoch));
            pause(PROBE_INTERVAL)?;
        }
        Ok::<_, Interrupted>((before, look(), probed))
    })??;
    let generated: Generated = serde_json::from_str(&generator.finish()?)?;
    // What is on its way arrives; then the ring is empty.
    pause(EDGE)?;
    let peak_bytes = id.map_or(0, peak_bytes);
    let account = match listening.take() {
        Some(listening) => account(&listening.stop()?),
        None => Account::default(),
    };
    let packets = after.packets - before.packets;
    let run = Run {
        rate: ratio(packets, 1) / after.at.duration_since(before.at).as_secs_f64(),
        cpu: ratio(after.listener - before.listener, packets),
        generator_cpu: ratio(after.generator - before.generator, packets),
        responses: generated.responses + probed,
        lost: account.dropped,
        lost_by_wire: generated.dropped.unwrap_or(0),
        lost_behind: 0,
        datagrams_a_send: 0.0,
        age: None,
        peak_bytes,
    };
    Ok((run, account))
}

fn start(network: &Network, listener: &Listener) -> Result<Option<Process>, Box<dyn Error>> {
    let (mut process, ready) = match listener {
        Listener::Nobody => return Ok(None),
        Listener::Tcpdump => {
            let mut command = network.sensor.command("tcpdump");
            command.args(["-i", TAP, "-n", "-w", "/dev/null", ORIGINAL_EXPRESSION]);
            (Process::start("tcpdump", &mut command)?, "listening on")
        }
        Listener::Sensor { cores, fanout } => (
            Process::start("dnsflow", &mut sensor(network, *cores, fanout)?)?,
            "dnsflow: filter:",
        ),
    };
    process.wait_until_it_says(ready)?;
    Ok(Some(process))
}

fn sensor(network: &Network, cores: usize, fanout: &str) -> Result<Command, Box<dyn Error>> {
    let mut command = network.sensor.command(ours("dnsflow")?);
    let collector = SocketAddr::from(COLLECTOR).to_string();
    command.args([
        "-i",
        TAP,
        "--cores",
        &cores.to_string(),
        "--fanout",
        fanout,
        "-u",
        &collector,
    ]);
    command.args(["--ring", &RING_MIB.to_string()]);
    Ok(command)
}

fn generator(
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

/// What the generator says at its end.
#[derive(Debug, serde::Deserialize)]
struct Generated {
    responses: u64,
    dropped: Option<u64>,
}

struct Look {
    at: Instant,
    packets: u64,
    listener: u64,
    generator: u64,
}

/// Packets that [`OUT`] has sent, seen from a thread in its namespace (proc_net(5)).
fn sent_packets() -> u64 {
    const SENT: usize = 9;
    let devices = fs::read_to_string("/proc/thread-self/net/dev").unwrap_or_default();
    let line = devices
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(OUT)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().nth(SENT)?.parse().ok())
        .unwrap_or(0)
}

/// Answers that tell when they were sent.
struct Probes {
    from: UdpSocket,
    /// Holds the port that they are for, so that nobody answers that there is none.
    _to: UdpSocket,
}

impl Probes {
    fn open(network: &Network) -> Result<Self, Box<dyn Error>> {
        Ok(Probes {
            from: network
                .sender
                .enter(|| UdpSocket::bind((OUT_ADDRESS, 53)))??,
            _to: network
                .sensor
                .enter(|| UdpSocket::bind((TAP_ADDRESS, PROBE_PORT)))??,
        })
    }

    /// Whether it was sent.
    fn send(&self, epoch: Instant) -> bool {
        self.from
            .send_to(&collector::probe(epoch), (TAP_ADDRESS, PROBE_PORT))
            .is_ok()
    }
}

fn account(said: &str) -> Account {
    let before = |text: &str| {
        let line = said.lines().rev().find(|line| line.contains(text))?;
        line.split(text)
            .next()?
            .rsplit([' ', '='])
            .next()?
            .parse()
            .ok()
    };
    let exported = said.lines().rev().find_map(|line| {
        let (_, rest) = line
            .strip_prefix("dnsflow: received ")?
            .split_once("exported ")?;
        rest.split(' ').next()?.parse().ok()
    });
    Account {
        exported: exported.unwrap_or(0),
        dropped: before(" packets dropped by kernel")
            .or_else(|| before(" dropped,"))
            .unwrap_or(0),
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

/// A sensor that has nothing, or next to nothing, to do.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quiet {
    /// Wake-ups a second and core, of all its threads.
    pub wake_ups: f64,
    /// Milliseconds from a lone response to the arrival of its record, at most.
    pub age: f64,
}

/// Lets a sensor on so many cores be idle, then gives it a response now and then.
///
/// # Errors
/// If a program fails.
pub fn quiet(network: &Network, cores: usize) -> Result<Quiet, Box<dyn Error>> {
    let (epoch, stop) = (Instant::now(), AtomicBool::new(false));
    let collector = collector::open(&network.collector)?;
    let probes = Probes::open(network)?;
    thread::scope(|scope| {
        let collecting = scope.spawn(|| collector::collect(&collector, epoch, &stop));
        let watch = || -> Result<f64, Box<dyn Error>> {
            let listener = Listener::Sensor {
                cores,
                fanout: "hash",
            };
            let sensor = start(network, &listener)?.ok_or("a sensor runs")?;
            pause(2 * EDGE)?;
            let before = sleeps(sensor.id());
            pause(IDLE)?;
            let wake_ups = ratio(sleeps(sensor.id()) - before, 1) / IDLE.as_secs_f64();
            for _ in 0..8 {
                probes.send(epoch);
                pause(Duration::from_millis(730))?;
            }
            pause(Duration::from_millis(1500))?;
            sensor.stop()?;
            Ok(wake_ups)
        };
        let watched = watch();
        stop.store(true, Ordering::Release);
        let arrived = collecting.join().map_err(|_| "the collector failed")??;
        let wake_ups = watched?;
        let [_, _, age] = ages(&arrived).ok_or("no probe arrived at the collector")?;
        let cores = u32::try_from(cores)?;
        Ok(Quiet {
            wake_ups: wake_ups / f64::from(cores),
            age,
        })
    })
}
