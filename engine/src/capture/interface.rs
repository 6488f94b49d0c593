//! Interfaces by name: which one to take where none is named, and what they lose by themselves.

use std::fs;
use std::io;
use std::os::unix::net::UnixDatagram;

use crate::start::error::StartError;
use dnsflow_sys::Interface;

/// The name for all interfaces at once, as libpcap has it.
pub const ANY: &str = "any";

/// The interface that is used where none is named: the first by number that is up, the loopback left out, and one
/// with a carrier before others.
///
/// # Errors
/// If there is none, or the system won't list them.
pub fn default_interface() -> Result<String, StartError> {
    interfaces()
        .into_iter()
        .filter(|(_, it)| it.has(libc::IFF_UP) && !it.has(libc::IFF_LOOPBACK))
        .min_by_key(|(_, it)| (!it.has(libc::IFF_RUNNING), it.index))
        .map(|(name, _)| name)
        .ok_or(StartError::NoDefaultInterface)
}

/// A line for each interface of this network namespace, with its name before a colon (proc_pid_net(5)).
const INTERFACES: &str = "/proc/self/net/dev";

/// All interfaces that there are, in the order of their names; none where the system won't list them.
///
/// Found in procfs and not by netlink, so that a sandbox need not allow AF_NETLINK; nor in sysfs, which shows the
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

/// The interface of that name, or why it can't be had.
pub(super) fn ask(name: &str) -> io::Result<Interface> {
    // Interfaces can be asked about through a socket of any kind, so it is one that anybody may open.
    let socket = UnixDatagram::unbound()?;
    dnsflow_sys::interface(&socket, name)
}

/// Packets that an interface had no room for, before any socket could count them.
#[derive(Clone, Debug)]
pub struct InterfaceDrops {
    interface: String,
    /// What the interface said last.
    last: u64,
    lost: u64,
}

impl InterfaceDrops {
    /// Counts from now on.
    #[must_use]
    pub fn new(interface: &str) -> Self {
        InterfaceDrops {
            interface: interface.to_owned(),
            last: drops(interface),
            lost: 0,
        }
    }

    /// Packets lost since [`InterfaceDrops::new`], also of an interface that came back under the name.
    pub fn since_start(&mut self) -> u64 {
        let now = drops(&self.interface);
        self.lost += match now.checked_sub(self.last) {
            Some(more) => more,
            // Some of those that there were have gone.
            None if self.interface == ANY => 0,
            // It was made anew and counts from zero.
            None => now,
        };
        self.last = now;
        self.lost
    }
}

/// What libpcap counts as `ps_ifdrop`: receive misses and FIFO errors of the driver. Those of [`ANY`] are those
/// of all interfaces that there are.
fn drops(interface: &str) -> u64 {
    if interface != ANY {
        return drops_of_one(interface);
    }
    let all = interfaces();
    all.iter().map(|(name, _)| drops_of_one(name)).sum()
}

/// Those of one interface since it is there.
pub(crate) fn drops_of_one(interface: &str) -> u64 {
    ["rx_missed_errors", "rx_fifo_errors"]
        .iter()
        .filter_map(|name| {
            fs::read_to_string(format!("/sys/class/net/{interface}/statistics/{name}")).ok()
        })
        .filter_map(|text| text.trim().parse::<u64>().ok())
        .sum()
}
