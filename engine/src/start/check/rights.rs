//! What this process is permitted: io_uring, locked memory, CPUs, packet sockets, another user.

use std::fs;
use std::io;

use caps::{CapSet, Capability};

use super::finding::Finding;
use crate::capture::inherited::InheritedSockets;
use crate::start::error::MEMLOCK_BYTES_PER_CORE;
use crate::start::settings::Settings;
use dnsflow_sys::{self, Abilities, PacketSocket};

/// The oldest kernel that the sensor runs on: major and minor version.
const KERNEL: (u32, u32) = (5, 8);

/// Topic of findings about sockets.
const SOCKETS: &str = "packet sockets";

pub(super) fn io_uring() -> Finding {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let disabled = fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
    judge_io_uring(
        dnsflow_sys::io_uring_probe(),
        release.trim(),
        disabled.trim(),
    )
}

/// `disabled` is the sysctl of Linux 6.6: 0 permits io_uring to all processes, 1 to a group, 2 to
/// none.
fn judge_io_uring(probe: io::Result<Abilities>, release: &str, disabled: &str) -> Finding {
    const TOPIC: &str = "io_uring";
    if version(release).is_some_and(|found| found < KERNEL) {
        let text = format!("Linux {release} is too old");
        return Finding::fail(TOPIC, text, "Linux 5.8 or later");
    }
    let error = match probe {
        Ok(abilities) => {
            let missing = [
                (!abilities.timed_wait).then_some("timed waits (Linux 5.11)"),
                (!abilities.deferred).then_some("deferred completions (Linux 6.1)"),
            ];
            let missing: Vec<_> = missing.into_iter().flatten().collect();
            let without = if missing.is_empty() {
                String::new()
            } else {
                format!(", without {}", missing.join(" and "))
            };
            return Finding::ok(TOPIC, format!("usable, on Linux {release}{without}"));
        }
        Err(error) => error,
    };
    let fix = match (error.kind(), disabled) {
        (io::ErrorKind::OutOfMemory, _) => {
            "raise the limit on locked memory, which holds for all processes of this user together"
        }
        (_, "1" | "2") => "sysctl kernel.io_uring_disabled=0",
        _ => "allow io_uring_setup, io_uring_enter and io_uring_register in the seccomp profile",
    };
    Finding::fail(TOPIC, format!("not usable: {error}"), fix)
}

/// Major and minor version of a kernel release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(['.', '-']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

pub(super) fn locked_memory(cores: usize) -> Finding {
    match dnsflow_sys::raise_memlock() {
        Ok(limit) => judge_locked_memory(limit.soft, cores),
        Err(error) => Finding::fail(
            "locked memory",
            format!("its limit can't be read: {error}"),
            "allow prlimit64 in the seccomp profile",
        ),
    }
}

fn judge_locked_memory(limit: u64, cores: usize) -> Finding {
    const TOPIC: &str = "locked memory";
    let cores = u64::try_from(cores).unwrap_or(u64::MAX);
    let need = MEMLOCK_BYTES_PER_CORE.saturating_mul(cores) >> 10;
    let have = limit >> 10;
    if have >= need {
        let have = if limit == u64::MAX {
            "no limit".to_owned()
        } else {
            format!("limit of {have} KiB")
        };
        return Finding::ok(TOPIC, format!("{have}; --cores {cores} needs {need} KiB"));
    }
    Finding::fail(
        TOPIC,
        format!("the limit is {have} KiB, and --cores {cores} needs {need} KiB"),
        format!("ulimit -l {need}, or LimitMEMLOCK= in the unit"),
    )
}

/// The CPUs that a run would use; if it can't have them, one, for the checks that follow.
pub(super) fn cpus(settings: &Settings, findings: &mut Vec<Finding>) -> Vec<usize> {
    let allowed = dnsflow_sys::allowed_cpus().unwrap_or_default();
    match settings.cores.choose(&allowed) {
        Ok(cpus) => {
            let (count, all) = (cpus.len(), allowed.len());
            let text = format!("{count} of the {all} that may be used: {}", list(&cpus));
            findings.push(Finding::ok("CPUs", text));
            cpus
        }
        Err(error) => {
            let fix = format!("--cores with some of the CPUs {}", list(&allowed));
            findings.push(Finding::fail("CPUs", error.to_string(), fix));
            allowed.into_iter().take(1).collect()
        }
    }
}

/// A list of CPUs, in the format of `--cores`.
pub(super) fn list(cpus: &[usize]) -> String {
    let cpus: Vec<String> = cpus.iter().map(usize::to_string).collect();
    cpus.join(",")
}

pub(super) fn capture(inherited: &InheritedSockets) -> Finding {
    if inherited.left() > 0 {
        return Finding::ok(SOCKETS, format!("{} were handed over", inherited.left()));
    }
    let has = caps::has_cap(None, CapSet::Effective, Capability::CAP_NET_RAW);
    judge_capture(has.unwrap_or(false), PacketSocket::open().map(drop))
}

fn judge_capture(has_capability: bool, socket: io::Result<()>) -> Finding {
    match (has_capability, socket) {
        (_, Ok(())) => Finding::ok(SOCKETS, "may be opened"),
        (false, Err(_)) => Finding::fail(
            SOCKETS,
            "CAP_NET_RAW is missing",
            "run as root, or setcap cap_net_raw+ep $(command -v dnsflow)",
        ),
        (true, Err(error)) => Finding::fail(
            SOCKETS,
            format!("can't be opened: {error}"),
            "allow AF_PACKET in the sandbox (RestrictAddressFamilies=, seccomp)",
        ),
    }
}

/// Whether the process can switch to the user of `--user`; `None` without the option.
pub(super) fn user(settings: &Settings) -> Option<Finding> {
    let identity = settings.user.as_ref()?;
    Some(match identity.check() {
        Ok(()) => Finding::ok("user", "can be switched to"),
        Err(error) => Finding::fail("user", error.to_string(), "start it as root"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::check::finding::Level;

    #[test]
    fn io_uring_and_what_forbids_it() {
        let judge = |probe: Result<Abilities, i32>, release, disabled| {
            judge_io_uring(
                probe.map_err(io::Error::from_raw_os_error),
                release,
                disabled,
            )
        };
        let with = |timed_wait, deferred| {
            Ok(Abilities {
                timed_wait,
                deferred,
            })
        };
        let usable = judge(with(true, true), "6.1.0-9-amd64", "0");
        assert_eq!(usable.level, Level::Ok);
        assert_eq!(usable.text, "usable, on Linux 6.1.0-9-amd64");
        let less = judge(with(false, false), "5.10.0", "");
        assert_eq!(less.level, Level::Ok);
        assert_eq!(
            less.text,
            "usable, on Linux 5.10.0, without timed waits (Linux 5.11) and deferred completions (Linux 6.1)"
        );
        let fix =
            |probe, release, disabled| judge(probe, release, disabled).fix.unwrap_or_default();
        assert!(fix(with(true, true), "5.4.0-generic", "").contains("5.8"));
        assert!(fix(Err(libc::EPERM), "6.8.0", "2").contains("io_uring_disabled=0"));
        assert!(fix(Err(libc::EPERM), "6.8.0", "0").contains("seccomp"));
        assert!(fix(Err(libc::ENOMEM), "5.10.0", "").contains("locked memory"));
    }

    #[test]
    fn locked_memory_for_every_core() {
        assert_eq!(judge_locked_memory(8 << 20, 16).level, Level::Ok);
        assert_eq!(judge_locked_memory(u64::MAX, 16).level, Level::Ok);
        let short = judge_locked_memory(8 << 20, 17);
        assert_eq!(short.level, Level::Fail);
        assert_eq!(
            short.fix.as_deref(),
            Some("ulimit -l 8704, or LimitMEMLOCK= in the unit")
        );
    }

    #[test]
    fn packet_sockets() {
        let refused = || Err(io::Error::from_raw_os_error(libc::EPERM));
        assert_eq!(judge_capture(true, Ok(())).level, Level::Ok);
        assert!(judge_capture(false, refused()).text.contains("CAP_NET_RAW"));
        assert!(
            judge_capture(true, refused())
                .text
                .contains("can't be opened")
        );
    }
}
