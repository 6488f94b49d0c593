//! Limits of this process, and properties of this machine.

use std::io;
use std::mem::zeroed;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

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

/// Opens a small io_uring and closes it again.
///
/// # Errors
/// Those of io_uring_setup(2): EPERM where a sysctl or a seccomp profile forbids it, ENOMEM without
/// locked memory left, ENOSYS where the kernel has none.
pub fn io_uring_probe() -> io::Result<()> {
    /// Bytes of struct io_uring_params (linux/io_uring.h); all zero asks for nothing special.
    const IO_URING_PARAMS_BYTES: usize = 120;
    let mut params = [0_u64; IO_URING_PARAMS_BYTES / 8];
    // SAFETY: entries and a pointer to zeroed io_uring_params, which the call reads and fills.
    let got = unsafe { libc::syscall(libc::SYS_io_uring_setup, 4_u32, params.as_mut_ptr()) };
    let descriptor = RawFd::try_from(got).map_err(io::Error::other)?;
    checked(descriptor)?;
    // SAFETY: the call just returned this descriptor, so nobody else owns it.
    drop(unsafe { OwnedFd::from_raw_fd(descriptor) });
    Ok(())
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
