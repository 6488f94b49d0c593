//! Interfaces by name: which one to take where none is named, and what they lose by themselves.

use std::fs;

use crate::error::StartError;

/// The name for all interfaces at once, as libpcap has it.
pub const ANY: &str = "any";

/// The interface that is used where none is named: the first by number that is up, the loopback left out, and one
/// with a carrier before others.
///
/// Found in sysfs and not by netlink, so that a sandbox need not allow AF_NETLINK.
///
/// # Errors
/// If there is none, or the system won't list them.
pub fn default_interface() -> Result<String, StartError> {
    let interfaces = fs::read_dir(INTERFACES).map_err(|_| StartError::NoDefaultInterface)?;
    interfaces
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| {
            let flags = attribute(&name, "flags")?;
            let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).ok()?;
            let number: u32 = attribute(&name, "ifindex")?.parse().ok()?;
            let takes_part = flags & IFF_UP != 0 && flags & IFF_LOOPBACK == 0;
            let has_carrier = attribute(&name, "carrier").as_deref() == Some("1");
            takes_part.then_some((!has_carrier, number, name))
        })
        .min()
        .map(|(_, _, name)| name)
        .ok_or(StartError::NoDefaultInterface)
}

/// A folder for each interface (sysfs(5), Documentation/ABI/testing/sysfs-class-net).
const INTERFACES: &str = "/sys/class/net";

/// `<linux/if.h>`: it is up, as far as the administrator is concerned.
const IFF_UP: u32 = 1;
/// `<linux/if.h>`
const IFF_LOOPBACK: u32 = 1 << 3;

fn attribute(interface: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("{INTERFACES}/{interface}/{name}")).ok()?;
    Some(text.trim().to_owned())
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
    let interfaces = fs::read_dir("/sys/class/net").into_iter().flatten();
    interfaces
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .map(|name| drops_of_one(&name))
        .sum()
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
