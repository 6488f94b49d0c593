//! What the process itself uses, asked of the kernel when somebody wants to know.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// What the process uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// When it was started, in seconds since 1970.
    pub started_seconds: f64,
    /// User and system time of all threads.
    pub cpu_seconds: f64,
    /// Resident memory.
    pub resident_bytes: u64,
}

impl Usage {
    /// As it is now, of a process that was started at `started`. What the kernel won't say is 0.
    #[must_use]
    pub fn now(started: SystemTime) -> Self {
        let since_epoch = started.duration_since(UNIX_EPOCH);
        Usage {
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
