//! Interfaces by name, through ioctl(2) (netdevice(7)).

use std::ffi::CString;
use std::io;
use std::mem::zeroed;
use std::os::fd::AsRawFd;

use crate::host::checked;

/// Properties of a network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its index in the network namespace, for bind(2).
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
/// ENODEV if there is no interface of that name; InvalidInput for a name with a zero byte.
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
    let mut asked = request_for(name)?;
    // SAFETY: the requests used here read a name from, and write one member to, a live ifreq.
    let got = unsafe { libc::ioctl(socket.as_raw_fd(), request, &raw mut asked) };
    checked(got)?;
    Ok(asked)
}

/// A request about the interface of that name; everything else in it is zero.
///
/// # Errors
/// InvalidInput for a name with a zero byte; ENODEV for one that is too long.
pub(crate) fn request_for(name: &str) -> io::Result<libc::ifreq> {
    let name = CString::new(name)?;
    let bytes = name.as_bytes_with_nul();
    if bytes.len() > libc::IFNAMSIZ {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    // SAFETY: ifreq is integers and a union of integers and pointers, for which zero is a value.
    let mut request: libc::ifreq = unsafe { zeroed() };
    for (slot, byte) in request.ifr_name.iter_mut().zip(bytes) {
        *slot = libc::c_char::from_ne_bytes([*byte]);
    }
    Ok(request)
}
