//! A core whose loop does not turn: its thread is held by ptrace(2), all others run.

use std::fs;

use nix::libc::SYS_io_uring_enter;
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::patience::until;

/// A thread that is held; dropped, it goes on.
#[derive(Debug)]
pub struct Stopped(Pid);

impl Stopped {
    /// Holds the thread of the first core of a sensor that has nothing to do. To be dropped on the thread that called
    /// this.
    ///
    /// The first sleep of all readies what the executors share for good, under a lock: a core that is held meanwhile would
    /// hold the others too. So it is held in a later one.
    pub fn first_core(process: u32) -> Self {
        let thread = first_shard(process);
        until("the first core to sleep", || {
            sleeps(process, thread).then_some(())
        });
        Self::hold(thread)
    }

    /// Holds a thread, whatever it does.
    pub(super) fn hold(thread: Pid) -> Self {
        ptrace::seize(thread, ptrace::Options::empty()).expect("CAP_SYS_PTRACE, or the same user");
        ptrace::interrupt(thread).expect("a thread that was seized");
        let status = waitpid(thread, Some(WaitPidFlag::__WALL)).expect("a thread that was seized");
        assert!(
            matches!(
                status,
                WaitStatus::PtraceEvent(..) | WaitStatus::Stopped(..)
            ),
            "{status:?}"
        );
        Self(thread)
    }

    /// The thread.
    pub(super) fn thread(&self) -> Pid {
        self.0
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // The kernel lets go of it too when we end.
        if ptrace::detach(self.0, None).is_err() {
            // The process was killed meanwhile. Its parent sees that only when we have seen the thread's end, which comes
            // late where it is the last and closes what is open.
            let _ = waitpid(self.0, Some(WaitPidFlag::__WALL));
        }
    }
}

/// Whether a thread waits for its ring of the kernel's.
fn sleeps(process: u32, thread: Pid) -> bool {
    let call = fs::read_to_string(format!("/proc/{process}/task/{thread}/syscall"));
    let call = call.expect("a running thread, and CAP_SYS_PTRACE");
    call.split(' ').next() == Some(&SYS_io_uring_enter.to_string())
}

/// The thread of the first core, which gets its name when it starts.
pub(super) fn first_shard(process: u32) -> Pid {
    let name_of = |thread: i32| fs::read_to_string(format!("/proc/{process}/task/{thread}/comm"));
    until("a shard to start", || {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("a running process");
        tasks
            .filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok())
            .find(|thread| name_of(*thread).is_ok_and(|name| name.trim() == "shard-1"))
            .map(Pid::from_raw)
    })
}
