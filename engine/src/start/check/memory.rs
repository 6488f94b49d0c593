//! Memory for the rings and for the process.
//!
//! The kernel charges a ring neither to a limit of the process nor to its control group: a ring of
//! 512 MiB was seen to start in a group with a limit of 64 MiB, which was charged 17.

use std::fs;

use super::finding::Finding;
use crate::start::settings::Settings;

/// Bytes that a process with one core was seen to use besides its ring, doubled.
const PROCESS_BYTES: u64 = 32 << 20;

/// Most bytes that wait on a core: fragments, segments, datagrams.
const CORE_BYTES: u64 = 12 << 20;

/// Bytes in a line of /proc/meminfo's unit.
const KIB: u64 = 1 << 10;

/// `rings` is the number of rings, over all cores and interfaces.
pub(super) fn rings(settings: &Settings, rings: usize) -> Option<Finding> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let rings = u64::try_from(rings).ok()?;
    Some(judge_rings(settings.ring_bytes, rings, available(&text)?))
}

/// MemAvailable (proc_meminfo(5)), in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(KIB)
}

fn judge_rings(ring_bytes: u64, rings: u64, available: u64) -> Finding {
    const TOPIC: &str = "rings";
    let need = ring_bytes.saturating_mul(rings);
    let text = format!(
        "{rings} of {} MiB; {} MiB of memory are available",
        ring_bytes >> 20,
        available >> 20
    );
    if need > available {
        Finding::fail(TOPIC, text, "a smaller --ring or fewer --cores")
    } else if need > available / 2 {
        Finding::warn(TOPIC, text, "a smaller --ring or fewer --cores")
    } else {
        Finding::ok(TOPIC, text)
    }
}

/// The memory limit of the control group; `None` without one.
pub(super) fn group(cores: usize) -> Option<Finding> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let limits = folders(&groups).into_iter().filter_map(|folder| {
        ["memory.max", "memory.limit_in_bytes"]
            .iter()
            .filter_map(|file| fs::read_to_string(format!("{folder}/{file}")).ok())
            .filter_map(|text| text.trim().parse::<u64>().ok())
            .min()
    });
    judge_group(limits.min()?, cores)
}

/// The directories of the control groups of this process and of their parents (cgroups(7)).
fn folders(groups: &str) -> Vec<String> {
    let mut folders = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':');
        let (root, path) = match (fields.next(), fields.next(), fields.next()) {
            (Some("0"), Some(""), Some(path)) => ("/sys/fs/cgroup", path),
            (_, Some("memory"), Some(path)) => ("/sys/fs/cgroup/memory", path),
            _ => continue,
        };
        let mut path = path.trim_end_matches('/');
        loop {
            folders.push(format!("{root}{path}"));
            match path.rfind('/') {
                Some(end) => path = &path[..end],
                None => break,
            }
        }
    }
    folders
}

fn judge_group(limit: u64, cores: usize) -> Option<Finding> {
    const TOPIC: &str = "control group";
    let cores = u64::try_from(cores).ok()?;
    let need = PROCESS_BYTES.saturating_add(CORE_BYTES.saturating_mul(cores));
    // Version 1 writes "no limit" as a number a little below 2^63.
    if limit >= 1 << 62 {
        return None;
    }
    let text = format!(
        "memory up to {} MiB; up to {} MiB are needed besides the rings, which are not charged to it",
        limit >> 20,
        need >> 20
    );
    Some(if limit < need {
        Finding::warn(
            TOPIC,
            text,
            "raise it (MemoryMax= in the unit), or use fewer --cores",
        )
    } else {
        Finding::ok(TOPIC, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::check::finding::Level;

    #[test]
    fn rings_and_what_is_available() {
        let meminfo = "MemTotal: 2000 kB\nMemFree:   1 kB\nMemAvailable:    1048576 kB\n";
        assert_eq!(available(meminfo), Some(1 << 30));
        let level = |rings| judge_rings(64 << 20, rings, 1 << 30).level;
        assert_eq!(
            [8, 9, 16, 17].map(level),
            [Level::Ok, Level::Warn, Level::Warn, Level::Fail]
        );
    }

    #[test]
    fn groups_and_those_around_them() {
        assert_eq!(
            folders("5:devices:/a\n0::/system.slice/dnsflow.service\n"),
            [
                "/sys/fs/cgroup/system.slice/dnsflow.service",
                "/sys/fs/cgroup/system.slice",
                "/sys/fs/cgroup"
            ]
        );
        assert_eq!(
            folders("4:memory:/\n0::/\n"),
            ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"]
        );
    }

    #[test]
    fn limits_of_groups() {
        let level = |limit, cores| judge_group(limit, cores).map(|finding| finding.level);
        assert_eq!(level(u64::MAX, 1), None);
        assert_eq!(level(9_223_372_036_854_771_712, 1), None);
        assert_eq!(level(44 << 20, 1), Some(Level::Ok));
        assert_eq!(level(44 << 20, 2), Some(Level::Warn));
    }
}
