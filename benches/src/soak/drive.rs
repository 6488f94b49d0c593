//! What is sent, phase by phase, and what happens to the interface in between.
//!
//! After each phase the sensor is given time to read its rings, so that it is known what every phase
//! has sent before the interface goes away.

use std::error::Error;
use std::fs;
use std::io::{self, IoSlice};
use std::os::fd::AsRawFd as _;
use std::thread;
use std::time::{Duration, Instant};

use dnsflow_generate::interface::{BATCH_FRAMES, Headers, Interface};
use dnsflow_sys::PacketSocket;
use nix::sys::socket::{MsgFlags, send};
use serde_json::Value;

use super::account::Sent;
use super::frames::Hostile;
use super::{Disturbances, Plan, Shared};
use crate::interrupt::pause;
use crate::network::OUT;
use crate::process::Process;
use crate::programs::ours;

/// A destination address that no interface has.
const FOREIGN_MAC: &str = "02:00:00:00:00:99";

/// Length of a phase at the planned rate, and of one as fast as can be.
const STEADY: Duration = Duration::from_secs(14);
const FLOOD: Duration = Duration::from_secs(3);

/// Longest time for the sensor to read its rings. What it has not read then is missing in the
/// account.
const SETTLE: Duration = Duration::from_secs(30);

/// Frames that are sent while the interface is down.
const WHILE_DOWN: u64 = 1000;

/// Time between two bursts at a rate.
const BURST: Duration = Duration::from_millis(2);

/// Kinds of noise that do not pass the capture filter.
const FILTERED: [&str; 2] = ["query", "other_traffic"];

/// A part of a round.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Ordinary traffic at the planned rate.
    Ordinary,
    /// Half of that, and as much of hostile frames.
    Mixed,
    /// Ordinary traffic as fast as can be.
    Flood,
    /// Hostile frames as fast as can be.
    HostileFlood,
    /// The interface goes down and up.
    Down,
    /// The interface is removed, and another gets its name.
    Replaced,
}

const ROUND: [Phase; 7] = [
    Phase::Ordinary,
    Phase::Flood,
    Phase::Down,
    Phase::Mixed,
    Phase::HostileFlood,
    Phase::Replaced,
    Phase::Mixed,
];

pub(super) struct Driver<'r> {
    shared: &'r Shared<'r>,
    frames: &'r [Hostile],
    /// How many of the first frames pass the filter, for each number of them.
    passing: Vec<u64>,
    plan: &'r Plan<'r>,
    sent: Sent,
    disturbances: Disturbances,
    /// Seed of the next generator.
    seed: u32,
}

impl<'r> Driver<'r> {
    pub(super) fn new(shared: &'r Shared<'r>, frames: &'r [Hostile], plan: &'r Plan<'r>) -> Self {
        let mut passing = vec![0];
        let mut total = 0;
        for frame in frames {
            total += u64::from(frame.passes);
            passing.push(total);
        }
        Self {
            shared,
            frames,
            passing,
            plan,
            sent: Sent::default(),
            disturbances: Disturbances::default(),
            seed: 0,
        }
    }

    /// Goes round until the time is over.
    pub(super) fn run(
        &mut self,
        sensor: &mut Process,
        progress: &dyn Fn(&str),
    ) -> Result<(), Box<dyn Error>> {
        for phase in ROUND.into_iter().cycle() {
            let elapsed = self.shared.start.elapsed();
            if elapsed >= self.plan.time {
                break;
            }
            progress(&format!(
                "minute {:.1} of {:.1}: {phase:?}, {} frames sent ",
                elapsed.as_secs_f64() / 60.0,
                self.plan.time.as_secs_f64() / 60.0,
                self.sent.frames
            ));
            self.carry_out(phase, sensor)?;
            self.settle()?;
        }
        Ok(())
    }

    /// What was sent, and what happened to the interface.
    pub(super) fn account(&self) -> (Sent, Disturbances) {
        (self.sent, self.disturbances)
    }

    fn carry_out(&mut self, phase: Phase, sensor: &mut Process) -> Result<(), Box<dyn Error>> {
        let rate = self.plan.rate;
        match phase {
            Phase::Ordinary => self.traffic(Some(rate), None, STEADY),
            Phase::Mixed => self.traffic(Some(rate / 2), Some(Some(rate / 2)), STEADY),
            Phase::Flood => self.traffic(None, None, FLOOD),
            Phase::HostileFlood => self.traffic(Some(rate / 10), Some(None), FLOOD),
            Phase::Down => self.down(sensor),
            Phase::Replaced => self.replaced(sensor),
        }
    }

    /// Sends ordinary traffic at a rate, or as fast as can be, and hostile frames if they have one.
    fn traffic(
        &mut self,
        rate: Option<u64>,
        hostile: Option<Option<u64>>,
        time: Duration,
    ) -> Result<(), Box<dyn Error>> {
        let network = self.shared.network;
        let before = network.sender.enter(lost)?;
        let generator = Process::start("dnsflow-gen", &mut self.generator(rate, time)?)?;
        if let Some(rate) = hostile {
            let frames = self.frames;
            let count = network
                .sender
                .enter(|| send_hostile(frames, rate, time))??;
            self.count_hostile(count);
        }
        let json: Value = serde_json::from_str(&generator.finish()?)?;
        let count = |value: &Value| value.as_u64().unwrap_or(0);
        let filtered: u64 = FILTERED
            .iter()
            .map(|kind| count(&json["noise"][kind]))
            .sum();
        self.sent.frames += count(&json["packets"]);
        self.sent.passing += count(&json["packets"]).saturating_sub(filtered);
        self.sent.lost_by_wire += network.sender.enter(lost)? - before;
        Ok(())
    }

    fn generator(
        &mut self,
        rate: Option<u64>,
        time: Duration,
    ) -> Result<std::process::Command, Box<dyn Error>> {
        self.seed += 1;
        let mut command = self.shared.network.sender.command(ours("dnsflow-gen")?);
        command.args(["--interface", OUT, "--json", "--threads", "1"]);
        command.args(["--destination-mac", FOREIGN_MAC, "--noise", "20"]);
        command.args(["--seed", &self.seed.to_string()]);
        command.args(["--seconds", &time.as_secs_f64().to_string()]);
        if let Some(rate) = rate {
            command.args(["--rate", &rate.max(1).to_string()]);
        }
        Ok(command)
    }

    /// Counts the first `count` hostile frames of an endless repetition.
    fn count_hostile(&mut self, count: u64) {
        let length = u64::try_from(self.frames.len()).unwrap_or(u64::MAX).max(1);
        let rest = usize::try_from(count % length).unwrap_or(0);
        let all = self.passing.last().copied().unwrap_or(0);
        self.sent.frames += count;
        self.sent.passing += count / length * all + self.passing.get(rest).copied().unwrap_or(0);
    }

    /// Waits until the sensor has read what was sent.
    fn settle(&self) -> Result<(), Box<dyn Error>> {
        let start = Instant::now();
        while start.elapsed() < SETTLE {
            let sample = self.shared.sample()?;
            let has_read = sample.passed == sample.received + sample.dropped;
            if has_read && sample.passed + self.sent.lost_by_wire >= self.sent.passing {
                break;
            }
            pause(Duration::from_millis(100))?;
        }
        Ok(())
    }

    fn down(&mut self, sensor: &mut Process) -> Result<(), Box<dyn Error>> {
        let network = self.shared.network;
        network.lower()?;
        let frame = self.frames.iter().find(|frame| frame.passes);
        let frame = frame.ok_or("a frame that passes")?;
        network.sender.enter(|| send_anyway(&frame.bytes))??;
        self.sent.while_away += WHILE_DOWN;
        network.raise()?;
        self.disturbances.downs += 1;
        sensor.wait_for_lines("is up again", self.disturbances.downs)
    }

    fn replaced(&mut self, sensor: &mut Process) -> Result<(), Box<dyn Error>> {
        self.shared.network.replace()?;
        self.disturbances.replacements += 1;
        let text = "is back; capturing on it again";
        sensor.wait_for_lines(text, self.disturbances.replacements)
    }
}

/// Sends frames at a rate, or as fast as can be; returns how many. To be called in the sender's
/// namespace.
fn send_hostile(
    frames: &[Hostile],
    rate: Option<u64>,
    time: Duration,
) -> Result<u64, dnsflow_generate::interface::Error> {
    let slices: Vec<[IoSlice<'_>; 1]> = frames
        .iter()
        .map(|frame| [IoSlice::new(&frame.bytes)])
        .collect();
    let mut socket = Interface::open(OUT)?;
    let mut headers = Headers::new();
    let start = Instant::now();
    let (mut sent, mut at) = (0_u64, 0);
    while start.elapsed() < time {
        let due = rate.map_or(u64::MAX, |rate| {
            let due = u128::from(rate) * start.elapsed().as_nanos() / 1_000_000_000;
            u64::try_from(due).unwrap_or(u64::MAX)
        });
        let room = usize::try_from(due.saturating_sub(sent)).unwrap_or(usize::MAX);
        let end = slices.len().min(at + room.min(BATCH_FRAMES));
        if at == end {
            thread::sleep(BURST);
            continue;
        }
        let taken = socket.send(&mut headers, &slices[at..end])?;
        at = (at + taken) % slices.len();
        sent += u64::try_from(taken).unwrap_or(0);
    }
    Ok(sent)
}

/// Sends [`WHILE_DOWN`] frames into a wire whose other end is down. To be called in the sender's
/// namespace.
fn send_anyway(frame: &[u8]) -> io::Result<()> {
    let socket = PacketSocket::open()?;
    socket.set_filter(&dnsflow_filters::Program::drop_all())?;
    let index = nix::net::if_::if_nametoindex(OUT)?;
    socket.bind(i32::try_from(index).map_err(io::Error::other)?)?;
    for _ in 0..WHILE_DOWN {
        // The kernel may say that there is no carrier, or discard the frame and say nothing.
        let _ = send(socket.as_raw_fd(), frame, MsgFlags::empty());
    }
    Ok(())
}

/// Frames that [`OUT`] has lost (proc_net(5)). To be called in the sender's namespace.
fn lost() -> u64 {
    const TRANSMIT_DROPS: usize = 11;
    let devices = fs::read_to_string("/proc/thread-self/net/dev").unwrap_or_default();
    let line = devices
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(OUT)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().nth(TRANSMIT_DROPS)?.parse().ok())
        .unwrap_or(0)
}
