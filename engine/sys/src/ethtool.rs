//! Offloads of an interface, which ethtool(8) shows.

use std::io;
use std::os::fd::AsRawFd;

use crate::host::checked;
use crate::interface::request_for;

/// Offloads that merge several packets into one (linux/ethtool.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merging {
    /// Generic receive offload, by the kernel.
    pub generic: bool,
    /// Large receive offload, by the network card.
    pub large: bool,
}

/// SIOCETHTOOL (linux/sockios.h).
const SIOCETHTOOL: libc::Ioctl = 0x8946;

/// ETHTOOL_GGRO.
const GET_GRO: u32 = 0x2b;

/// ETHTOOL_GFLAGS.
const GET_FLAGS: u32 = 0x25;

/// ETH_FLAG_LRO.
const FLAG_LRO: u32 = 1 << 15;

/// struct ethtool_value (linux/ethtool.h).
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// Which offloads of an interface merge packets.
///
/// # Errors
/// ENODEV if there is no interface of that name; EOPNOTSUPP if its driver does not say.
pub fn merging(name: &str) -> io::Result<Merging> {
    let socket = std::net::UdpSocket::bind((std::net::Ipv4Addr::UNSPECIFIED, 0))?;
    Ok(Merging {
        generic: ask(&socket, name, GET_GRO)? != 0,
        large: ask(&socket, name, GET_FLAGS)? & FLAG_LRO != 0,
    })
}

fn ask(socket: &impl AsRawFd, name: &str, command: u32) -> io::Result<u32> {
    let mut value = EthtoolValue { command, data: 0 };
    let mut asked = request_for(name)?;
    asked.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: both commands used here read a name from a live ifreq and fill the live ethtool_value
    // that it points to.
    let got = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut asked) };
    checked(got)?;
    Ok(value.data)
}
