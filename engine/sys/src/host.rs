//! Limits of this process, and properties of this machine.

use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

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

/// Opens a small io_uring, makes the two calls on it that an executor makes, and closes it again.
///
/// # Errors
/// Those of io_uring_setup(2): EPERM where a sysctl or a seccomp profile forbids it, ENOMEM without
/// locked memory left, ENOSYS where the kernel has none. The same where a profile permits that call
/// and forbids io_uring_enter(2) or io_uring_register(2).
pub fn io_uring_probe() -> io::Result<()> {
    /// Bytes of struct io_uring_params (linux/io_uring.h); all zero asks for nothing special.
    const IO_URING_PARAMS_BYTES: usize = 120;
    let mut params = [0_u64; IO_URING_PARAMS_BYTES / 8];
    // SAFETY: entries and a pointer to zeroed io_uring_params, which the call reads and fills.
    let got = unsafe { libc::syscall(libc::SYS_io_uring_setup, 4_u32, params.as_mut_ptr()) };
    let descriptor = RawFd::try_from(got).map_err(io::Error::other)?;
    checked(descriptor)?;
    // SAFETY: the call just returned this descriptor, so nobody else owns it.
    let ring = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let (none, nothing) = (0_u32, std::ptr::null::<u8>());
    let descriptor = ring.as_raw_fd();
    // SAFETY: it submits nothing, waits for nothing, and takes no pointer.
    let entered = unsafe {
        libc::syscall(
            libc::SYS_io_uring_enter,
            descriptor,
            none,
            none,
            none,
            nothing,
            0_usize,
        )
    };
    checked(libc::c_int::try_from(entered).unwrap_or(-1))?;
    // SAFETY: there is no operation of this number, so that the kernel reads no argument.
    let registered = unsafe {
        libc::syscall(
            libc::SYS_io_uring_register,
            descriptor,
            i32::MAX,
            nothing,
            none,
        )
    };
    // EINVAL comes from the kernel, after a seccomp profile has let the call pass.
    match checked(libc::c_int::try_from(registered).unwrap_or(-1)) {
        Err(error) if error.raw_os_error() != Some(libc::EINVAL) => Err(error),
        _ => Ok(()),
    }
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
