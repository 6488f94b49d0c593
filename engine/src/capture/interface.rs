//! Interfaces by name, the default interface, and the packets that interfaces lose by themselves.

use std::fs;
use std::io;
use std::os::unix::net::UnixDatagram;

use crate::capture::error::CaptureError;
use dnsflow_sys::Interface;

/// The name that stands for all interfaces, as with libpcap.
pub const ANY: &str = "any";

/// The interface to capture on if none is named: of those that are up and not the loopback, one
/// with a carrier if there is one, and then the one of the lowest index.
///
/// # Errors
/// If there is none, or interfaces can't be listed.
pub fn default_interface() -> Result<String, CaptureError> {
    interfaces()
        .into_iter()
        .filter(|(_, it)| it.has(libc::IFF_UP) && !it.has(libc::IFF_LOOPBACK))
        .min_by_key(|(_, it)| (!it.has(libc::IFF_RUNNING), it.index))
        .map(|(name, _)| name)
        .ok_or(CaptureError::NoDefaultInterface)
}

/// A file with a line for each interface of this network namespace, its name before a colon
/// (proc_pid_net(5)).
const INTERFACES: &str = "/proc/self/net/dev";

/// All interfaces, ordered by name; none if they can't be listed.
///
/// They are read from procfs: netlink would need AF_NETLINK in a sandbox, and sysfs shows the
/// network namespace in which it was mounted.
#[must_use]
pub fn interfaces() -> Vec<(String, Interface)> {
    let listed = fs::read_to_string(INTERFACES).unwrap_or_default();
    let names = listed.lines().filter_map(|line| line.split_once(':'));
    let mut found: Vec<_> = names
        .map(|(name, _)| name.trim())
        .filter_map(|name| Some((name.to_owned(), look_up(name)?)))
        .collect();
    found.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    found
}

/// The interface of that name, if there is one.
#[must_use]
pub fn look_up(name: &str) -> Option<Interface> {
    ask(name).ok()
}

/// The interface of that name, or the error of the look-up.
pub(super) fn ask(name: &str) -> io::Result<Interface> {
    // Any socket can be used for the request; this kind needs no privilege.
    let socket = UnixDatagram::unbound()?;
    dnsflow_sys::interface(&socket, name)
}

/// Packets that an interface dropped before any socket could count them.
#[derive(Clone, Debug)]
pub struct InterfaceDrops {
    interface: String,
    /// The counter of the interface when it was read last.
    last: u64,
    lost: u64,
}

impl InterfaceDrops {
    /// Starts to count.
    #[must_use]
    pub fn new(interface: &str) -> Self {
        Self {
            interface: interface.to_owned(),
            last: drops(interface),
            lost: 0,
        }
    }

    /// Packets lost since [`InterfaceDrops::new`], including those of a new interface of the same
    /// name.
    pub fn since_start(&mut self) -> u64 {
        let now = drops(&self.interface);
        self.lost += match now.checked_sub(self.last) {
            Some(more) => more,
            // An interface was removed, and its packets with it.
            None if self.interface == ANY => 0,
            // A new interface of that name counts from zero.
            None => now,
        };
        self.last = now;
        self.lost
    }
}

/// Receive misses and FIFO errors of the driver, which libpcap calls `ps_ifdrop`; for [`ANY`], over
/// all interfaces.
fn drops(interface: &str) -> u64 {
    if interface != ANY {
        return drops_of_one(interface);
    }
    let all = interfaces();
    all.iter().map(|(name, _)| drops_of_one(name)).sum()
}

/// The same for one interface, since it was created.
pub(crate) fn drops_of_one(interface: &str) -> u64 {
    ["rx_missed_errors", "rx_fifo_errors"]
        .iter()
        .filter_map(|name| {
            fs::read_to_string(format!("/sys/class/net/{interface}/statistics/{name}")).ok()
        })
        .filter_map(|text| text.trim().parse::<u64>().ok())
        .sum()
}
