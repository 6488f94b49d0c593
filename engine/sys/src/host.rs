//! Limits of this process, and properties of this machine.

use std::io;
use std::mem::zeroed;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::uring::{Abilities, Uring};

/// RLIMIT_MEMLOCK in bytes; `u64::MAX` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemlockLimit {
    /// The limit in force.
    pub soft: u64,
    /// The limit up to which the process may raise it.
    pub hard: u64,
}

/// Raises the soft limit on locked memory to the hard one, and returns what is in force then.
///
/// # Errors
/// EPERM where a sandbox forbids getrlimit(2). A limit that can't be raised is no error.
pub fn raise_memlock() -> io::Result<MemlockLimit> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_MEMLOCK)?;
    let is_raised = setrlimit(Resource::RLIMIT_MEMLOCK, hard, hard).is_ok();
    Ok(MemlockLimit {
        soft: if is_raised { hard } else { soft },
        hard,
    })
}

/// Makes a ring as a shard does, makes each call on it, and closes it again. Returns what it can do.
///
/// # Errors
/// Those of io_uring_setup(2): EPERM where a sysctl or a seccomp profile forbids it, ENOMEM without
/// locked memory left, ENOSYS where the kernel has none. The same where a profile permits that call
/// and forbids io_uring_enter(2) or io_uring_register(2).
pub fn io_uring_probe() -> io::Result<Abilities> {
    let mut ring = Uring::new()?;
    ring.waker()?;
    ring.turn(std::iter::empty(), Some(Duration::ZERO))?;
    Ok(ring.abilities())
}

/// Whether the system clock is synchronised (STA_UNSYNC is not set).
///
/// # Errors
/// EPERM where a sandbox forbids adjtimex(2).
pub fn clock_is_synchronised() -> io::Result<bool> {
    // SAFETY: timex is integers, for which zero is a value; a call without modes only reads.
    let mut time: libc::timex = unsafe { zeroed() };
    // SAFETY: the pointer is to a live timex, which the call fills.
    let state = unsafe { libc::adjtimex(&raw mut time) };
    checked(state)?;
    Ok(state != libc::TIME_ERROR && time.status & libc::STA_UNSYNC == 0)
}

/// The error of a call that returned a negative value.
pub(crate) fn checked(returned: libc::c_int) -> io::Result<()> {
    if returned < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
