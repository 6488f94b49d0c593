//! Ordinary traffic and a flood on one wire: what a sensor on one core loses of the ordinary
//! traffic.
//!
//! The sensor has one CPU. The generator, the sender of the flood and the collector share another.

use std::error::Error;
use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dnsflow_generate::interface::{Headers, Interface};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use serde::Serialize;

use super::Flood;
use crate::collector::{self, Arrived};
use crate::interrupt::pause;
use crate::live::{Sensor, Sent, generator, totals};
use crate::network::{Network, OUT};
use crate::process::{Process, cpu_ns, pinned};

/// Largest frame that the wire carries: an MTU of 1,500 bytes behind an Ethernet header.
const WIRE_BYTES: usize = 1514;

/// Time between two bursts of the flood.
const BURST: Duration = Duration::from_millis(1);

/// Time for packets and records that are on their way, and for a sensor that is behind.
const SETTLE: Duration = Duration::from_secs(3);

/// Packets a second, and for how long.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Load {
    /// Ordinary responses a second.
    pub ordinary_rate: u64,
    /// Packets of the flood a second.
    pub flood_rate: u64,
    /// How long, in seconds.
    pub seconds: u64,
}

/// What became of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The flood; `None` for ordinary traffic alone.
    pub flood: Option<&'static str>,
    /// Ordinary responses that were sent.
    pub sent: u64,
    /// Records of ordinary responses that the collector received.
    pub arrived: u64,
    /// Packets of the flood that were sent.
    pub flood_sent: u64,
    /// Packets that the kernel dropped because the ring was full, the flood's included.
    pub dropped: u64,
    /// Packets dropped before the sensor's interface, the flood's included.
    pub dropped_by_wire: u64,
    /// Time that the packets were sent for, in seconds.
    pub seconds: f64,
    /// CPU time of the sensor in that time, in seconds.
    pub cpu: f64,
}

impl Outcome {
    /// Ordinary responses that gave no record at the collector.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.arrived)
    }
}

/// Whether a flood can be sent as it is: its frames fit, it needs no time to pass, and the sensor,
/// which does not print, is what it is meant for.
#[must_use]
pub fn can_send(flood: &Flood) -> bool {
    let mut packets = flood.before.iter().chain(&flood.packets);
    !flood.printed && packets.all(|packet| packet.bytes.len() <= WIRE_BYTES && packet.seconds == 0)
}

/// Runs a sensor with ordinary traffic, and with `flood` beside it.
///
/// # Errors
/// If there is one CPU only, or a program fails.
pub fn run(
    network: &Network,
    flood: Option<&Flood>,
    load: &Load,
) -> Result<Outcome, Box<dyn Error>> {
    let cpus = dnsflow_sys::allowed_cpus()?;
    let [sensor_cpu, .., others_cpu] = cpus[..] else {
        return Err("needs two CPUs: one for the sensor, another for everything else".into());
    };
    let stop = AtomicBool::new(false);
    let collector = collector::open(&network.collector)?;
    thread::scope(|scope| {
        let collecting = scope.spawn(|| {
            stay_on(others_cpu)?;
            collector::collect(&collector, Instant::now(), &stop)
        });
        let ran = send(network, flood, load, sensor_cpu, others_cpu);
        stop.store(true, Ordering::Release);
        let arrived = collecting.join().map_err(|_| "the collector failed")??;
        Ok(Outcome {
            arrived: of_ordinary(&arrived),
            ..ran?
        })
    })
}

fn of_ordinary(arrived: &Arrived) -> u64 {
    arrived.records - arrived.of_floods
}

/// Sends everything; returns all but what arrived.
fn send(
    network: &Network,
    flood: Option<&Flood>,
    load: &Load,
    sensor_cpu: usize,
    others_cpu: usize,
) -> Result<Outcome, Box<dyn Error>> {
    let mut command = Sensor::by_hash(1).command(network)?;
    command.args(["--decap", "all", "--mdns"]);
    let mut sensor = Process::start("dnsflow", &mut pinned(&command, sensor_cpu))?;
    sensor.wait_for_log("dnsflow: filter:")?;
    let time = Duration::from_secs(load.seconds);
    let mut command = generator(network, Some(load.ordinary_rate), time)?;
    command.args(["--noise", "0"]);
    let (before, start) = (cpu_ns(sensor.id()), Instant::now());
    let generating = Process::start("dnsflow-gen", &mut pinned(&command, others_cpu))?;
    let flood_sent = match flood {
        Some(flood) => {
            let sent = network.sender.enter(|| {
                stay_on(others_cpu)?;
                send_flood(flood, load.flood_rate, time)
            })?;
            sent.map_err(|error| error as Box<dyn Error>)?
        }
        None => 0,
    };
    let generated: Sent = serde_json::from_str(&generating.finish()?)?;
    let (spent, seconds) = (cpu_ns(sensor.id()) - before, start.elapsed().as_secs_f64());
    pause(SETTLE)?;
    let totals = totals(&sensor.stop()?);
    Ok(Outcome {
        flood: flood.map(|flood| flood.name),
        sent: generated.responses,
        arrived: 0,
        flood_sent,
        dropped: totals.dropped,
        dropped_by_wire: generated.dropped.unwrap_or(0),
        seconds,
        cpu: Duration::from_nanos(spent).as_secs_f64(),
    })
}

/// Sends a flood over and over, each time to other clients; returns the number of packets.
fn send_flood(
    flood: &Flood,
    rate: u64,
    time: Duration,
) -> Result<u64, Box<dyn Error + Send + Sync>> {
    let mut interface = Interface::open(OUT)?;
    let mut headers = Headers::new();
    let packets = flood.before.iter().chain(&flood.packets);
    let mut frames: Vec<Vec<u8>> = packets.map(|packet| packet.bytes.clone()).collect();
    let (start, mut sent, mut at, mut pass) = (Instant::now(), 0, 0, 0);
    while start.elapsed() < time {
        let due = rate * u64::try_from((start.elapsed() + BURST).as_micros())? / 1_000_000;
        while sent < due {
            let wanted = usize::try_from(due - sent)?.min(frames.len() - at);
            let slices: Vec<_> = frames[at..at + wanted]
                .iter()
                .map(|frame| [IoSlice::new(frame)])
                .collect();
            let taken = interface.send(&mut headers, &slices)?;
            at += taken;
            sent += u64::try_from(taken)?;
            if at == frames.len() {
                (at, pass) = (0, pass + 1);
                frames.iter_mut().for_each(|frame| readdress(frame, pass));
            }
        }
        pause(BURST)?;
    }
    Ok(sent)
}

/// Makes the client of a frame another one in each pass: repeated as it is, a sequence of segments
/// or fragments would be one of duplicates. Nobody verifies the checksums.
fn readdress(frame: &mut [u8], pass: u8) {
    const IPV4: [u8; 2] = [8, 0];
    const IPV6: [u8; 2] = [0x86, 0xdd];
    /// Where the second byte of an IPv4 client is, and the fifth of an IPv6 client.
    const PLACES: [([u8; 2], usize); 2] = [(IPV4, 14 + 16), (IPV6, 14 + 24 + 4)];
    for (ether_type, place) in PLACES {
        if frame.get(12..14) == Some(&ether_type)
            && let Some(byte) = frame.get_mut(place)
        {
            *byte = pass;
        }
    }
}

/// Keeps this thread on a CPU.
fn stay_on(cpu: usize) -> nix::Result<()> {
    let mut cpus = CpuSet::new();
    cpus.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &cpus)
}
