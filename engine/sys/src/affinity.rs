//! The CPUs that a thread may run on (sched_setaffinity(2)).

use std::io;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The calling thread, for both calls.
const THIS_THREAD: Pid = Pid::from_raw(0);

/// The CPUs that the calling thread may run on, in ascending order.
///
/// # Errors
/// EINVAL if the kernel has more CPUs than a `CpuSet` can hold (1024).
pub fn allowed_cpus() -> io::Result<Vec<usize>> {
    let allowed = sched_getaffinity(THIS_THREAD)?;
    let is_set = |cpu: &usize| allowed.is_set(*cpu) == Ok(true);
    Ok((0..CpuSet::count()).filter(is_set).collect())
}

/// Whether a thread of this process may choose its CPU, or a sandbox forbids it.
///
/// It asks for an empty set of CPUs. The kernel rejects that with EINVAL, but only after a seccomp
/// profile has let the call pass, so that nothing changes.
#[must_use]
pub fn may_pin() -> bool {
    sched_setaffinity(THIS_THREAD, &CpuSet::new()) == Err(Errno::EINVAL)
}

/// Restricts the calling thread to one CPU.
///
/// # Errors
/// EINVAL if there is no such CPU or the process may not use it; EPERM where a sandbox forbids the
/// call.
pub fn pin(cpu: usize) -> io::Result<()> {
    let mut only = CpuSet::new();
    only.set(cpu)?;
    Ok(sched_setaffinity(THIS_THREAD, &only)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_pinned_to_a_cpu_that_it_may_use() {
        let allowed = allowed_cpus().expect("a thread may ask that");
        let last = *allowed.last().expect("it runs on one at least");
        // On a thread of its own, since pinning lasts.
        let pinned = std::thread::spawn(move || {
            if !may_pin() {
                return None;
            }
            pin(last).expect("that CPU may be used");
            allowed_cpus().ok()
        });
        let pinned = pinned.join().expect("no panic");
        assert!(pinned.is_none_or(|cpus| cpus == [last]));
        assert!(pin(CpuSet::count()).is_err());
    }
}
