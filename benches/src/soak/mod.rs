//! The sensor under everything at once, for as long as one likes: ordinary traffic, floods and
//! hostile frames, while it reloads, its collectors restart, and its interface goes down or is
//! replaced.
//!
//! Every frame that is sent is counted, and so is what arrives. At the end the account has to be
//! exact, and memory, descriptors and threads flat.

pub mod account;
pub mod collectors;
mod drive;
mod frames;
pub mod samples;

use std::error::Error;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use dnsflow::start::cli::Cli;
use dnsflow::start::settings;
use dnsflow_filters::Program;
use dnsflow_packet::LinkType;
use dnsflow_service::config;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Serialize;

use crate::interrupt::{Interrupted, pause};
use crate::network::{Network, TAP};
use crate::process::Process;
use crate::programs::ours;
use account::{Sent, Statement, Summary, statements};
use collectors::{Arrived, Control, address, collect, open};
use drive::Driver;
use samples::{Growth, METRICS, Sample, growth};

/// Cores of the sensor.
const CORES: u32 = 2;

/// Size of the ring of each core, in MiB: small, so that a flood fills it.
const RING_MIB: u32 = 8;

/// Time between two samples.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// Time between two reloads. The log has room for ten messages of a kind in a minute.
const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// Time between two restarts of the collector that is restarted.
const RESTART_INTERVAL: Duration = Duration::from_secs(17);

/// Time for which a collector is away.
const AWAY: Duration = Duration::from_secs(1);

/// What a reload changes. The capture filter keeps other packets with some of them, but not of those
/// that are sent.
const VARIANTS: [&str; 6] = [
    "",
    "mtu = 1200\nflush = 0.05",
    "port = [53, 8053]",
    "mtu = 900\nflush = 2.0",
    "mdns = true",
    "jmirror = [30030]\npcap-record = [30031]",
];

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// How long.
    pub time: Duration,
    /// Packets a second, but for floods.
    pub rate: u64,
    /// A folder for the sensor's configuration.
    pub folder: &'a Path,
}

/// How often the sensor was disturbed.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Disturbances {
    /// Reloads.
    pub reloads: u64,
    /// Restarts of a collector.
    pub restarts: u64,
    /// Times that the interface went down and up.
    pub downs: u64,
    /// Times that the interface was removed and created again.
    pub replacements: u64,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// What was sent.
    pub sent: Sent,
    /// How often the sensor was disturbed.
    pub disturbances: Disturbances,
    /// The sensor's own account.
    pub summary: Summary,
    /// The collector that listens all the time.
    pub stays: Arrived,
    /// The collector that is restarted.
    pub restarted: Arrived,
    /// The account of all sides.
    pub account: Vec<Statement>,
    /// Growth of resources.
    pub growth: Vec<Growth>,
    /// The sensor, second by second.
    pub samples: Vec<Sample>,
}

impl Outcome {
    /// Whether the account is exact and no resource grew.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.account.iter().all(|it| it.holds) && self.growth.iter().all(Growth::is_flat)
    }
}

/// What the threads of a run share.
struct Shared<'r> {
    network: &'r Network,
    sensor: u32,
    start: Instant,
    /// Ends the threads that sample and disturb.
    stop: AtomicBool,
    samples: Mutex<Vec<Sample>>,
}

impl Shared<'_> {
    fn sample(&self) -> Result<Sample, Box<dyn Error>> {
        let second = self.start.elapsed().as_secs_f64();
        Sample::take(&self.network.sensor, self.sensor, second)
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Waits for `time`, or until the end.
    fn wait(&self, time: Duration) -> Result<(), Interrupted> {
        let start = Instant::now();
        while !self.is_over() && start.elapsed() < time {
            pause(Duration::from_millis(50))?;
        }
        Ok(())
    }
}

/// Runs the sensor as planned. `progress` gets a line now and then.
///
/// # Errors
/// If a program fails, or the sensor does not answer.
pub fn run(plan: &Plan<'_>, progress: &(dyn Fn(&str) + Sync)) -> Result<Outcome, Box<dyn Error>> {
    let config = plan.folder.join("dnsflow.toml");
    let filters = filters(&config)?;
    let frames = frames::hostile(&filters)?;
    let network = Network::new()?;
    // Bound, so that it refuses nothing, and never read.
    let _unread = open(&network.collector, 2)?;
    let sockets = [open(&network.collector, 0)?, open(&network.collector, 1)?];
    fs::write(&config, configuration(0))?;
    let mut sensor = Process::start("dnsflow", &mut command(&network, &config)?)?;
    sensor.wait_for_log("dnsflow: filter:")?;
    let shared = Shared {
        network: &network,
        sensor: sensor.id(),
        start: Instant::now(),
        stop: AtomicBool::new(false),
        samples: Mutex::default(),
    };
    let mut driver = Driver::new(&shared, &frames, plan);
    let ended = carry_out(&shared, &mut driver, sensor, sockets, &config, progress)?;
    let (sent, disturbances) = driver.account();
    let samples = shared.samples.into_inner();
    let samples = samples.unwrap_or_else(PoisonError::into_inner);
    let summary = Summary::of(&ended.log)?;
    let [stays, restarted] = ended.arrived;
    let mut account = statements(&sent, &summary, &stays, &restarted);
    account.extend(samples.last().map(reloads_that_failed));
    Ok(Outcome {
        sent,
        disturbances: Disturbances {
            reloads: ended.reloads,
            restarts: ended.restarts,
            ..disturbances
        },
        growth: growth(&samples),
        account,
        summary,
        stays,
        restarted,
        samples,
    })
}

fn reloads_that_failed(last: &Sample) -> Statement {
    let (failed, all) = (last.failed_reloads, last.reloads + last.failed_reloads);
    Statement {
        what: "reloads that failed = 0",
        numbers: format!("{failed} of {all}"),
        holds: failed == 0 && all > 0,
    }
}

/// What threads and programs gave at their end.
struct Ended {
    log: String,
    reloads: u64,
    restarts: u64,
    arrived: [Arrived; 2],
}

/// Runs everything at once until the time is over, then ends the sensor, and after it the
/// collectors.
fn carry_out(
    shared: &Shared<'_>,
    driver: &mut Driver<'_>,
    mut sensor: Process,
    sockets: [UdpSocket; 2],
    config: &Path,
    progress: &dyn Fn(&str),
) -> Result<Ended, String> {
    let text = |error: Box<dyn Error>| error.to_string();
    let controls = [Control::default(), Control::default()];
    thread::scope(|scope| {
        let collecting: Vec<_> = (0..)
            .zip(sockets)
            .zip(&controls)
            .map(|((index, socket), control)| {
                let namespace = &shared.network.collector;
                scope.spawn(move || collect(namespace, index, socket, control))
            })
            .collect();
        let sampling = scope.spawn(|| sample(shared).map_err(text));
        let reloading = scope.spawn(|| reload(shared, config).map_err(text));
        let restarting = scope.spawn(|| restart(shared, &controls[1]));
        let driven = driver.run(&mut sensor, progress).map_err(text);
        shared.stop.store(true, Ordering::Release);
        let sampled = joined(sampling);
        let (reloads, restarts) = (joined(reloading), joined(restarting));
        let log = sensor.stop().map_err(text);
        for control in &controls {
            control.stop.store(true, Ordering::Release);
        }
        let arrived = collecting.into_iter().map(joined);
        let arrived = arrived.collect::<Result<Vec<_>, _>>();
        // Whatever failed first made the others fail: the sensor knows best.
        let log = log?;
        driven.and(sampled)?;
        let arrived = <[Arrived; 2]>::try_from(arrived?);
        Ok(Ended {
            log,
            reloads: reloads?,
            restarts: restarts?,
            arrived: arrived.map_err(|_| "two collectors are two")?,
        })
    })
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, Result<T, String>>) -> Result<T, String> {
    thread
        .join()
        .unwrap_or_else(|_| Err("a thread panicked".to_owned()))
}

fn command(network: &Network, config: &Path) -> Result<Command, Box<dyn Error>> {
    let mut command = network.sensor.command(ours("dnsflow")?);
    command.arg("--config").arg(config).args(["-i", TAP]);
    Ok(command)
}

/// The configuration with a variant. Every other one has a third collector.
fn configuration(variant: usize) -> String {
    let count = if variant.is_multiple_of(2) { 2 } else { 3 };
    let collectors: Vec<String> = (0..count)
        .map(|index| format!("{:?}", address(index)))
        .collect();
    let rest = VARIANTS[variant % VARIANTS.len()];
    format!(
        "udp = [{}]\ncores = {CORES}\nring = {RING_MIB}\nmetrics = {METRICS:?}\ndecap = \"all\"\n{rest}\n",
        collectors.join(", ")
    )
}

/// The capture filter of each variant. `path` is a file for the configuration.
fn filters(path: &Path) -> Result<Vec<Program>, Box<dyn Error>> {
    let program = |variant| {
        fs::write(path, configuration(variant))?;
        let written = path.to_str().ok_or("a folder whose name is not UTF-8")?;
        let options = config::load::<Cli>(["dnsflow", "--config", written])?.options;
        let program = settings::Capture::new(&options).program(LinkType::Ethernet)?;
        Ok(program)
    };
    (0..VARIANTS.len()).map(program).collect()
}

/// Samples until the end.
fn sample(shared: &Shared<'_>) -> Result<(), Box<dyn Error>> {
    while !shared.is_over() {
        let sample = shared.sample()?;
        let mut samples = shared
            .samples
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        samples.push(sample);
        drop(samples);
        shared.wait(SAMPLE_INTERVAL)?;
    }
    Ok(())
}

/// Has the sensor read changed files until the end; returns how often.
fn reload(shared: &Shared<'_>, config: &Path) -> Result<u64, Box<dyn Error>> {
    let sensor = Pid::from_raw(i32::try_from(shared.sensor)?);
    let mut reloads = 0;
    shared.wait(RELOAD_INTERVAL)?;
    while !shared.is_over() {
        reloads += 1;
        fs::write(config, configuration(usize::try_from(reloads)?))?;
        kill(sensor, Signal::SIGHUP)?;
        shared.wait(RELOAD_INTERVAL)?;
    }
    Ok(reloads)
}

/// Restarts a collector until the end; returns how often.
fn restart(shared: &Shared<'_>, control: &Control) -> Result<u64, String> {
    let mut restarts = 0;
    let mut disturb = || -> Result<(), Interrupted> {
        shared.wait(RESTART_INTERVAL)?;
        while !shared.is_over() {
            restarts += 1;
            control.away.store(true, Ordering::Release);
            pause(AWAY)?;
            control.away.store(false, Ordering::Release);
            shared.wait(RESTART_INTERVAL)?;
        }
        Ok(())
    };
    disturb().map_err(|error| error.to_string())?;
    Ok(restarts)
}
