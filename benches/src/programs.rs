//! Programs that are run and measured: the sensor, and those it is compared with.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde::{Deserialize, Serialize};

/// The capture filter of the original sensor, with which `tcpdump` is measured: DNS responses over
/// UDP, behind at most one VLAN tag. Over IPv6 it tests the port alone.
pub const ORIGINAL_EXPRESSION: &str = "(udp and (src port 53) and (udp[10:2] & 0x8000 = 0x8000 or ip6)) \
    or (vlan and (udp and (src port 53) and (udp[10:2] & 0x8000 = 0x8000 or ip6)))";

/// First argument with which a bench runs itself to measure one command.
pub const MEASURE: &str = "--measure";

/// Interval at which the memory of a program is sampled.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(20);

/// Resources used by one run of a program.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time in user mode over all threads, in seconds.
    pub user: f64,
    /// CPU time in the kernel over all threads, in seconds.
    pub system: f64,
    /// Elapsed time, in seconds.
    pub wall: f64,
    /// Highest sampled size of anonymous and shared memory, in bytes: without pages of files, which
    /// the system can reclaim.
    pub own_bytes: u64,
    /// Peak resident memory, in bytes.
    pub resident_bytes: u64,
    /// Whether the exit status was 0.
    pub success: bool,
}

impl Usage {
    /// CPU time in user mode and in the kernel, in seconds.
    #[must_use]
    pub fn cpu(&self) -> f64 {
        self.user + self.system
    }
}

/// Path of a program of the workspace, in the folder of this one.
///
/// # Errors
/// If it was not built.
pub fn ours(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let path = env::current_exe()?.with_file_name(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(format!(
        "{} does not exist; fix: cargo build --release --workspace --bins",
        path.display()
    )
    .into())
}

/// Whether a program is in the PATH.
#[must_use]
pub fn is_installed(name: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

/// Runs `command` to its end and discards its output. An intermediate process has the command as
/// its only child, so that the kernel's usage of children is that of the command.
///
/// # Errors
/// If it can't be run or fails, with its standard error.
pub fn measure(command: &[String]) -> Result<Usage, Box<dyn Error>> {
    let output = Command::new(env::current_exe()?)
        .arg(MEASURE)
        .args(command)
        .output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    let usage: Usage = serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("{}: {}", command.join(" "), log.trim()))?;
    if usage.success {
        Ok(usage)
    } else {
        Err(format!("{} failed: {}", command.join(" "), log.trim()).into())
    }
}

/// The intermediate process of [`measure`]: runs a command, and writes its usage as JSON to
/// standard output.
///
/// # Errors
/// If it can't be run.
pub fn run_measured(command: &[String]) -> Result<(), Box<dyn Error>> {
    let (program, arguments) = command
        .split_first()
        .ok_or("expected a command to measure")?;
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    let id = child.id();
    let ended = AtomicBool::new(false);
    let (status, wall, own_bytes) = thread::scope(|scope| {
        let sampler = scope.spawn(|| watch_memory(id, &ended));
        let status = child.wait();
        let wall = start.elapsed().as_secs_f64();
        ended.store(true, Ordering::Relaxed);
        (status, wall, sampler.join().unwrap_or(0))
    });
    let used = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let usage = Usage {
        user: seconds(used.user_time()),
        system: seconds(used.system_time()),
        wall,
        own_bytes,
        resident_bytes: u64::try_from(used.max_rss()).unwrap_or(0) << 10,
        success: status?.success(),
    };
    println!("{}", serde_json::to_string(&usage)?);
    Ok(())
}

/// Samples the memory of a process until `ended` is set; returns the highest sample, in bytes.
fn watch_memory(id: u32, ended: &AtomicBool) -> u64 {
    let mut most = 0;
    while !ended.load(Ordering::Relaxed) {
        most = most.max(own_bytes(id).unwrap_or(0));
        thread::sleep(SAMPLE_INTERVAL);
    }
    most
}

/// Anonymous and shared memory of a process, in bytes (proc_pid_status(5)).
fn own_bytes(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    Some(field_kib(&status, "RssAnon:")? + field_kib(&status, "RssShmem:")?)
}

/// Value of a field of `/proc/PID/status` in bytes; the file has KiB.
#[must_use]
pub fn field_kib(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value
        .split_whitespace()
        .next()?
        .parse::<u64>()
        .ok()
        .map(|kib| kib << 10)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of hours are less than 2^53"
)]
fn seconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}
