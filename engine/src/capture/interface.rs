//! Interfaces by name: which one to take where none is named, and what they lose by themselves.

use std::fs;

use crate::error::StartError;

/// The name for all interfaces at once, as libpcap has it.
pub const ANY: &str = "any";

/// The interface that is used where none is named: the first that is up, the loopback left out.
///
/// # Errors
/// If there is none, or the system won't list them.
pub fn default_interface() -> Result<String, StartError> {
    let devices = pcap::Device::list().map_err(|_| StartError::NoDefaultInterface)?;
    devices
        .into_iter()
        // What libpcap lists besides are no interfaces: `any`, netlink and USB monitors.
        .find(|device| {
            device.flags.is_up()
                && !device.flags.is_loopback()
                && device.name != ANY
                && fs::exists(format!("/sys/class/net/{}", device.name)).unwrap_or(false)
        })
        .map(|device| device.name)
        .ok_or(StartError::NoDefaultInterface)
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
