//! What captures, and with which options.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use crate::collector::ports;
use crate::network::{COLLECTOR, FULL_QUEUE, Network, TAP};
use crate::offline::{TCPDUMP, Version};
use crate::process::Process;
use crate::programs::{ORIGINAL_EXPRESSION, is_installed, ours};

/// Ring size of each core of the sensor, in MiB: the default.
pub const RING_MIB: u32 = 64;

/// The program that captures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Listener {
    /// None: the cost of sending alone.
    Nobody,
    /// `tcpdump`, with the expression of the original sensor, writing to /dev/null.
    Tcpdump,
    /// `dnscap`, which takes responses and writes them to /dev/null.
    Dnscap,
    /// A sensor.
    Sensor(Sensor),
}

/// A sensor, and where it exports to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sensor {
    /// The program, if it is not that of this build.
    pub peer: Option<PathBuf>,
    /// Number of cores.
    pub cores: usize,
    /// Value of `--fanout`.
    pub fanout: &'static str,
    /// Number of collectors that receive; the first one is at [`COLLECTOR`].
    pub collectors: u16,
    /// Whether one more is at [`FULL_QUEUE`].
    pub full_queue: bool,
    /// Version of the records.
    pub version: Version,
}

impl Listener {
    /// Other programs that are measured where they are installed.
    pub const OTHERS: [Self; 1] = [Self::Dnscap];

    /// Whether the program is there. Those of this build are.
    #[must_use]
    pub fn is_installed(&self) -> bool {
        match self {
            Self::Nobody | Self::Sensor(_) => true,
            Self::Tcpdump | Self::Dnscap => is_installed(&self.name()),
        }
    }

    /// Name in tables.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Nobody => "nobody".to_owned(),
            Self::Tcpdump => TCPDUMP.to_owned(),
            Self::Dnscap => "dnscap".to_owned(),
            Self::Sensor(sensor) => sensor.name(),
        }
    }

    /// Starts it and waits until it captures.
    pub(super) fn start(&self, network: &Network) -> Result<Option<Process>, Box<dyn Error>> {
        let (mut process, ready) = match self {
            Self::Nobody => return Ok(None),
            Self::Tcpdump => {
                let mut command = network.sensor.command("tcpdump");
                command.args(["-i", TAP, "-n", "-w", "/dev/null", ORIGINAL_EXPRESSION]);
                (Process::start("tcpdump", &mut command)?, "listening on")
            }
            Self::Dnscap => {
                // -d has it say when it starts. It writes to standard output only by the name of that.
                let command = format!("exec dnscap -i {TAP} -d -s r -S -w - >/dev/null");
                let mut command = shell(network, &command);
                (Process::start("dnscap", &mut command)?, "dnscap: \"(")
            }
            Self::Sensor(sensor) => {
                let mut command = sensor.command(network)?;
                (Process::start("dnsflow", &mut command)?, "dnsflow: filter:")
            }
        };
        process.wait_for_log(ready)?;
        Ok(Some(process))
    }
}

/// A command of the shell in the sensor's namespace; with `exec`, the ID of the process is that of the program.
fn shell(network: &Network, command: &str) -> Command {
    let mut shell = network.sensor.command("sh");
    shell.args(["-c", command]);
    shell
}

impl Sensor {
    /// One of this build, which exports to one collector.
    #[must_use]
    pub fn new(cores: usize, fanout: &'static str) -> Self {
        Self {
            peer: None,
            cores,
            fanout,
            collectors: 1,
            full_queue: false,
            version: Version::V4,
        }
    }

    /// One with the default fanout.
    #[must_use]
    pub fn by_hash(cores: usize) -> Self {
        Self::new(cores, "hash")
    }

    /// One on one core, which exports to so many collectors.
    #[must_use]
    pub fn with_collectors(collectors: u16) -> Self {
        Self {
            collectors,
            ..Self::by_hash(1)
        }
    }

    /// One on one core, with a collector that never has room besides one that receives.
    #[must_use]
    pub fn with_full_queue() -> Self {
        Self {
            full_queue: true,
            ..Self::by_hash(1)
        }
    }

    /// One on one core, which writes records of this version.
    #[must_use]
    pub fn with_version(version: Version) -> Self {
        Self {
            version,
            ..Self::by_hash(1)
        }
    }

    /// The same of another build.
    #[must_use]
    pub fn of(&self, peer: &Path) -> Self {
        Self {
            peer: Some(peer.to_owned()),
            ..self.clone()
        }
    }

    /// Whether it is of this build and exports records of version 4 to one collector.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::new(self.cores, self.fanout)
    }

    /// Name in tables.
    fn name(&self) -> String {
        let program = self.peer.as_ref().map_or("dnsflow", |_| "peer");
        let Self { cores, fanout, .. } = self;
        match (self.full_queue, self.collectors, self.cores) {
            (true, ..) => format!("{program}, a collector without room"),
            (_, 1, 1) => format!("{program}, 1 core{}", self.version.suffix()),
            (_, 1, _) => format!("{program}, {cores} cores, {fanout}"),
            (_, collectors, _) => format!("{program}, {collectors} collectors"),
        }
    }

    /// Its command.
    ///
    /// # Errors
    /// If it was not built.
    pub fn command(&self, network: &Network) -> Result<Command, Box<dyn Error>> {
        let program = match &self.peer {
            Some(path) => path.clone(),
            None => ours("dnsflow")?,
        };
        let mut command = network.sensor.command(program);
        command.args(["-i", TAP, "--cores", &self.cores.to_string()]);
        command.args(["--fanout", self.fanout, "--ring", &RING_MIB.to_string()]);
        if self.version != Version::V4 {
            command.args(["--format", self.version.format()]);
        }
        // In front, so that the others come after it in each send.
        let full: Option<(Ipv4Addr, u16)> = self.full_queue.then_some(FULL_QUEUE);
        let receiving = ports(self.collectors).map(|port| (COLLECTOR.0, port));
        for collector in full.into_iter().chain(receiving) {
            command.args(["-u", &SocketAddr::from(collector).to_string()]);
        }
        Ok(command)
    }
}
