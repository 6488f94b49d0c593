//! What a test needs of the machine.
//!
//! Where something is missing, a test is skipped, and says so whatever the test harness does with what tests print.
//! With `CI=true` a skip is a failure.

use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, fs, io, thread};

/// Capabilities that every live test needs: bit (linux/capability.h) and name.
const CAPABILITIES: [(u32, &str); 3] = [
    (12, "CAP_NET_ADMIN"),
    (13, "CAP_NET_RAW"),
    (21, "CAP_SYS_ADMIN"),
];

/// Whether the live test `test` can run: this process has the capabilities for network namespaces and packet
/// sockets, and `programs` are installed, besides `ip`.
///
/// # Panics
/// With `CI=true`, where something is missing.
#[must_use]
pub fn requirements(test: &str, programs: &[&str]) -> bool {
    let held = effective_capabilities();
    let mut missing: Vec<String> = CAPABILITIES
        .iter()
        .filter(|(bit, _)| held >> bit & 1 == 0)
        .map(|(_, capability)| format!("{capability} (run it as root)"))
        .collect();
    missing.extend(missing_programs(&[&["ip"], programs].concat()));
    is_complete(test, &missing)
}

/// Whether `programs` are installed, which is all that `test` needs.
///
/// # Panics
/// With `CI=true`, where one is missing.
#[must_use]
pub fn programs(test: &str, programs: &[&str]) -> bool {
    is_complete(test, &missing_programs(programs))
}

/// Whether this is root, which is all that `test` needs.
///
/// # Panics
/// With `CI=true`, where it is not.
#[must_use]
pub fn root(test: &str) -> bool {
    let missing = (!is_root()).then(|| "root".to_owned());
    is_complete(test, missing.as_slice())
}

/// Whether two CPUs are there, which is all that `test` needs.
///
/// # Panics
/// With `CI=true`, where there is one.
#[must_use]
pub fn two_cpus(test: &str) -> bool {
    let missing = (!has_two_cpus()).then(|| "a second CPU".to_owned());
    is_complete(test, missing.as_slice())
}

/// Numbers of cores, as `--cores` takes them: one, and two where this process may use as many.
///
/// # Panics
/// With `CI=true`, where there is one CPU.
#[must_use]
pub fn core_counts() -> &'static [&'static str] {
    if has_two_cpus() {
        return &["1", "2"];
    }
    let _ = two_cpus("what takes 2 cores");
    &["1"]
}

/// Tells the person who runs the tests, past the harness, which swallows what a passing test prints.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr(), "\n{text}\n");
}

/// Whether the effective user is root.
#[must_use]
pub fn is_root() -> bool {
    let uids = status_field("Uid:").unwrap_or_default();
    uids.split_whitespace().nth(1) == Some("0")
}

/// The turn of one test of this test program: those that measure or capture want all CPUs.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // A test that failed has left nothing behind that could harm the next.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether nothing is missing; where something is, that is said.
fn is_complete(test: &str, missing: &[String]) -> bool {
    if missing.is_empty() {
        return true;
    }
    skip(test, &missing.join(", "));
    false
}

/// Says that a test is skipped because something is missing.
///
/// # Panics
/// With `CI=true`.
pub fn skip(test: &str, missing: &str) {
    let is_strict = env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!is_strict, "skipped {test}: missing {missing}");
    say(&format!("SKIPPED {test}: missing {missing}"));
}

fn missing_programs(programs: &[&str]) -> Vec<String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_installed =
        |program: &&str| env::split_paths(&path).any(|folder| folder.join(program).is_file());
    let missing = programs.iter().filter(|program| !is_installed(program));
    missing
        .map(|program| format!("the program {program} (in PATH)"))
        .collect()
}

fn has_two_cpus() -> bool {
    thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1)
}

fn effective_capabilities() -> u64 {
    let mask = status_field("CapEff:").unwrap_or_default();
    u64::from_str_radix(mask.trim(), 16).unwrap_or(0)
}

/// A field of proc_pid_status(5).
fn status_field(name: &str) -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let mut fields = status.lines().filter_map(|line| line.strip_prefix(name));
    fields.next().map(str::to_owned)
}
