//! The resources that the process uses, read when a page is made.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// Resources of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// When the process was started, in seconds since 1970.
    pub started_seconds: f64,
    /// User and system time of all threads, in seconds.
    pub cpu_seconds: f64,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
}

impl Usage {
    /// The present values, for a process that was started at `started`. A value that can't be read
    /// is 0.
    #[must_use]
    pub fn now(started: SystemTime) -> Self {
        let since_epoch = started.duration_since(UNIX_EPOCH);
        Self {
            started_seconds: since_epoch.map_or(0.0, |time| time.as_secs_f64()),
            cpu_seconds: getrusage(UsageWho::RUSAGE_SELF).map_or(0.0, |usage| {
                seconds(usage.user_time()) + seconds(usage.system_time())
            }),
            resident_bytes: resident_bytes(),
        }
    }
}

fn seconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}

/// `VmRSS: N kB` of proc(5), status.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes = status.lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?
            .split_whitespace()
            .next()?
            .parse::<u64>()
            .ok()
    });
    kibibytes.unwrap_or(0) << 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_something() {
        let usage = Usage::now(SystemTime::now());
        assert!(usage.cpu_seconds > 0.0, "{usage:?}");
        assert!(usage.resident_bytes > 1 << 20, "{usage:?}");
        assert!(usage.started_seconds > 1.7e9, "{usage:?}");
    }
}
