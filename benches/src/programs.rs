//! Programs that are run and measured: the sensor, and those beside it.

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

/// The capture filter of the original sensor: DNS responses over UDP, those over IPv6 being told by the port
/// alone, below at most one VLAN tag. This is what `tcpdump` is measured with.
pub const ORIGINAL_EXPRESSION: &str = "(udp and (src port 53) and (udp[10:2] & 0x8000 = 0x8000 or ip6)) \
    or (vlan and (udp and (src port 53) and (udp[10:2] & 0x8000 = 0x8000 or ip6)))";

/// The first argument by which a bench runs itself to measure one command.
pub const MEASURE: &str = "--measure";

/// Time between two looks at a program's memory.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// What one run of a program took.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Seconds in user mode, over all threads.
    pub user: f64,
    /// Seconds in the kernel.
    pub system: f64,
    /// Seconds from start to end.
    pub wall: f64,
    /// Most memory of its own that it was seen with, in bytes: without pages of files, which the system takes
    /// back when it needs to.
    pub own_bytes: u64,
    /// Most memory that it had in all, in bytes.
    pub resident_bytes: u64,
    /// Whether it ended with status 0.
    pub success: bool,
}

impl Usage {
    /// Seconds of CPU.
    #[must_use]
    pub fn cpu(&self) -> f64 {
        self.user + self.system
    }
}

/// A program of the workspace, beside this one.
///
/// # Errors
/// If it was not built.
pub fn ours(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let path = env::current_exe()?.with_file_name(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(format!(
        "{} is not there: cargo build --release --workspace --bins",
        path.display()
    )
    .into())
}

/// Whether a program is installed.
#[must_use]
pub fn is_installed(name: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

/// Runs `command` to its end, its output thrown away, in a process whose only child it is: what the kernel counts
/// for children is then this command's.
///
/// # Errors
/// If it can't be run or fails, with what it said.
pub fn measure(command: &[String]) -> Result<Usage, Box<dyn Error>> {
    let output = Command::new(env::current_exe()?)
        .arg(MEASURE)
        .args(command)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let usage: Usage = serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("{}: {}", command.join(" "), said.trim()))?;
    if usage.success {
        Ok(usage)
    } else {
        Err(format!("{} failed: {}", command.join(" "), said.trim()).into())
    }
}

/// The other side of [`measure`]: runs a command, and writes its usage as JSON.
///
/// # Errors
/// If it can't be run.
pub fn run_measured(command: &[String]) -> Result<(), Box<dyn Error>> {
    let (program, arguments) = command
        .split_first()
        .ok_or("a command to measure is wanted")?;
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
        let look = scope.spawn(|| watch_memory(id, &ended));
        let status = child.wait();
        let wall = start.elapsed().as_secs_f64();
        ended.store(true, Ordering::Relaxed);
        (status, wall, look.join().unwrap_or(0))
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

fn watch_memory(id: u32, ended: &AtomicBool) -> u64 {
    let mut most = 0;
    while !ended.load(Ordering::Relaxed) {
        most = most.max(own_bytes(id).unwrap_or(0));
        thread::sleep(LOOK_INTERVAL);
    }
    most
}

/// Memory that is a process's own: anonymous and shared, not of files (proc_pid_status(5)).
fn own_bytes(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    Some(field_kib(&status, "RssAnon:")? + field_kib(&status, "RssShmem:")?)
}

/// A field of `/proc/PID/status` that is in KiB, in bytes.
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
