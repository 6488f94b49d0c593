//! What a live test needs of the machine. Where something is missing, a test says loudly what is skipped
//! and why; with CI=true a skip is a failure.

use std::io::Write as _;
use std::{env, fs};

/// Capabilities that every live test needs: number in <linux/capability.h>, and name.
const CAPABILITIES: [(u32, &str); 3] = [
    (12, "CAP_NET_ADMIN"),
    (13, "CAP_NET_RAW"),
    (21, "CAP_SYS_ADMIN"),
];

/// Whether test `name` can run: this process has the capabilities for network namespaces and packet
/// sockets, and `programs` are installed, besides `ip`.
///
/// # Panics
/// With CI=true, where something is missing.
#[must_use]
pub(crate) fn requirements(name: &str, programs: &[&str]) -> bool {
    let held = effective_capabilities();
    let mut missing: Vec<String> = CAPABILITIES
        .iter()
        .filter(|(bit, _)| held >> bit & 1 == 0)
        .map(|(_, capability)| format!("{capability} (run it as root)"))
        .collect();
    let programs = ["ip"].iter().chain(programs);
    missing.extend(
        programs
            .filter(|program| !is_installed(program))
            .map(|program| format!("the program {program} (in PATH)")),
    );
    if missing.is_empty() {
        return true;
    }
    let missing = missing.join(", ");
    let strict = env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!strict, "skipped {name}: missing {missing}");
    // Straight to the descriptor: the harness swallows what a passing test prints.
    let _ = writeln!(std::io::stderr(), "\nSKIPPED {name}: missing {missing}\n");
    false
}

fn effective_capabilities() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
