//! The system clock, from which records get their time.

use std::fs;

use super::finding::Finding;

/// Clock sources that are read without a system call or device access; others cost a microsecond
/// for each packet.
const FAST: [&str; 4] = [
    "tsc",
    "kvm-clock",
    "arch_sys_counter",
    "hyperv_clocksource_tsc_page",
];

pub(super) fn look() -> Vec<Finding> {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let source = fs::read_to_string(path).ok();
    let synchronised = dnsflow_sys::clock_is_synchronised().ok();
    let findings = [
        synchronised.map(judge_time),
        source.map(|source| judge_source(source.trim())),
    ];
    findings.into_iter().flatten().collect()
}

fn judge_time(synchronised: bool) -> Finding {
    const TOPIC: &str = "clock";
    if synchronised {
        return Finding::ok(TOPIC, "synchronised");
    }
    Finding::warn(
        TOPIC,
        "not synchronised: records have a wrong time",
        "run an NTP client (chrony, systemd-timesyncd)",
    )
}

fn judge_source(source: &str) -> Finding {
    const TOPIC: &str = "clock source";
    if FAST.contains(&source) {
        return Finding::ok(TOPIC, source);
    }
    Finding::warn(
        TOPIC,
        format!("{source} is slow, and it is read for every packet"),
        format!("one of {}, if the machine has it", FAST.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::check::finding::Level;

    #[test]
    fn clocks() {
        assert_eq!(judge_time(true).level, Level::Ok);
        assert_eq!(judge_time(false).level, Level::Warn);
        assert_eq!(judge_source("tsc").level, Level::Ok);
        assert_eq!(judge_source("hpet").level, Level::Warn);
    }
}
