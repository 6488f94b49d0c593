//! What this process may do and what this machine has.

use std::ffi::CString;
use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// RLIMIT_MEMLOCK in bytes; `u64::MAX` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemlockLimit {
    /// What holds now.
    pub soft: u64,
    /// What the process may raise it to.
    pub hard: u64,
}

/// Raises the soft limit on locked memory to the hard one and returns what holds then.
pub fn raise_memlock() -> io::Result<MemlockLimit> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a live rlimit, which the call fills.
    let got = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) };
    checked(got)?;
    let raised = libc::rlimit {
        rlim_cur: limit.rlim_max,
        rlim_max: limit.rlim_max,
    };
    // SAFETY: the pointer is to a live rlimit, which the call reads.
    if unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const raised) } == 0 {
        limit = raised;
    }
    Ok(MemlockLimit {
        soft: limit.rlim_cur,
        hard: limit.rlim_max,
    })
}

/// Asks the kernel for a small io_uring and closes it again.
///
/// # Errors
/// What io_uring_setup(2) says: EPERM where a sysctl or a seccomp profile forbids it, ENOSYS where the
/// kernel has none.
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

/// Whether something keeps the clock right.
///
/// # Errors
/// What adjtimex(2) says where a sandbox forbids it.
pub fn clock_is_synchronised() -> io::Result<bool> {
    // SAFETY: timex is an array of integers, for which zero is a value; no modes is to read only.
    let mut time: libc::timex = unsafe { zeroed() };
    // SAFETY: the pointer is to a live timex, which the call fills.
    let state = unsafe { libc::adjtimex(&raw mut time) };
    checked(state)?;
    Ok(state != libc::TIME_ERROR && time.status & libc::STA_UNSYNC == 0)
}

/// A network interface as the kernel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// For bind(2).
    pub index: i32,
    /// ARPHRD_ value (linux/if_arp.h): 1 is Ethernet, 772 the loopback, 65534 none.
    pub hardware: u16,
    /// IFF_ flags (linux/if.h).
    pub flags: i32,
}

impl Interface {
    /// Whether an IFF_ flag is set.
    #[must_use]
    pub fn has(&self, flag: i32) -> bool {
        self.flags & flag != 0
    }
}

/// Looks an interface up by name in the network namespace of `socket`.
///
/// # Errors
/// ENODEV if there is none of that name; InvalidInput if it can't be a name.
pub fn interface(socket: &impl AsRawFd, name: &str) -> io::Result<Interface> {
    let index = ioctl(socket, name, libc::SIOCGIFINDEX)?;
    // SAFETY: SIOCGIFINDEX succeeded, so the kernel filled this member of the union.
    let index = unsafe { index.ifr_ifru.ifru_ifindex };
    let hardware = ioctl(socket, name, libc::SIOCGIFHWADDR)?;
    // SAFETY: SIOCGIFHWADDR succeeded, so the kernel filled this member of the union.
    let hardware = unsafe { hardware.ifr_ifru.ifru_hwaddr.sa_family };
    let flags = ioctl(socket, name, libc::SIOCGIFFLAGS)?;
    // SAFETY: SIOCGIFFLAGS succeeded, so the kernel filled this member of the union.
    let flags = i32::from(unsafe { flags.ifr_ifru.ifru_flags });
    Ok(Interface {
        index,
        hardware,
        flags,
    })
}

fn ioctl(socket: &impl AsRawFd, name: &str, request: libc::Ioctl) -> io::Result<libc::ifreq> {
    let name = CString::new(name)?;
    let bytes = name.as_bytes_with_nul();
    if bytes.len() > libc::IFNAMSIZ {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    // SAFETY: ifreq is integers and a union of integers and pointers, for which zero is a value.
    let mut asked: libc::ifreq = unsafe { zeroed() };
    for (slot, byte) in asked.ifr_name.iter_mut().zip(bytes) {
        *slot = libc::c_char::from_ne_bytes([*byte]);
    }
    // SAFETY: the requests used here read a name from, and write one member to, a live ifreq.
    let got = unsafe { libc::ioctl(socket.as_raw_fd(), request, &raw mut asked) };
    checked(got)?;
    Ok(asked)
}

/// A negative return value as the error it stands for.
pub(crate) fn checked(returned: libc::c_int) -> io::Result<()> {
    if returned < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
