//! Packet sockets that the service manager hands over, so that capture needs no privilege to open
//! any.
//!
//! Root opens them before each start (`dnsflow open-sockets`, run by the unit), and the service
//! manager hands them to the process that captures, which has no capability. A socket that has been
//! in a fanout group can't be bound again, so the sockets that the start leaves over are for
//! interfaces that come back. Where none were handed over, or all are used, sockets are opened
//! here.

use std::collections::BTreeSet;
use std::os::fd::AsRawFd;
use std::thread;

use sd_notify::NotifyState;

use crate::capture::error::CaptureError;
use dnsflow_sys::{PacketSocket, inherited_descriptors};

/// Threads that close sockets at the end. Closing a packet socket waits for an RCU grace period
/// (packet_release, net/packet/af_packet.c), 12 ms where it was measured; those that are closed at
/// the same time share the wait.
const CLOSING_THREADS: usize = 32;

/// Packet sockets that have not been used.
#[derive(Debug, Default)]
pub struct InheritedSockets {
    sockets: Vec<PacketSocket>,
    /// Number of sockets at the start.
    inherited: usize,
}

impl InheritedSockets {
    /// Takes over the sockets of the service manager; none without one. To be called once, before
    /// any descriptor is opened.
    ///
    /// The service manager is told to forget them: its copies would outlive this process and go on
    /// capturing.
    ///
    /// # Errors
    /// If a descriptor of another kind was handed over, or the service manager can't be told.
    pub fn take_over() -> Result<Self, CaptureError> {
        let failed = |what| move |source| CaptureError::Inherit { what, source };
        let descriptors = inherited_descriptors().map_err(failed(
            "can't take the descriptors that the service manager hands over (LISTEN_FDS)",
        ))?;
        let inherited = descriptors.len();
        let mut names = BTreeSet::new();
        let mut sockets = Vec::with_capacity(inherited);
        for (descriptor, name) in descriptors {
            let number = descriptor.as_raw_fd();
            let socket =
                PacketSocket::adopt(descriptor).ok_or_else(|| CaptureError::NotAPacketSocket {
                    number,
                    name: name.clone(),
                })?;
            // A socket that an earlier process has bound can't be used again; it is closed.
            if socket.is_unused().unwrap_or(false) {
                sockets.push(socket);
            }
            names.insert(name);
        }
        for name in names {
            let forget = [NotifyState::FdStoreRemove, NotifyState::FdName(&name)];
            sd_notify::notify(&forget).map_err(failed(
                "can't tell the service manager to forget the sockets that it handed over",
            ))?;
        }
        Ok(Self { sockets, inherited })
    }

    /// Number of sockets that were handed over and are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.sockets.len()
    }

    /// Takes `count` sockets, or none on an error. Those that are missing are opened.
    ///
    /// # Errors
    /// [`CaptureError::SocketsUsedUp`] if sockets were handed over and opening more is refused;
    /// without any, the error of [`CaptureError::socket`].
    pub fn take(&mut self, count: usize) -> Result<Vec<PacketSocket>, CaptureError> {
        let rest = self.sockets.len().saturating_sub(count);
        let mut taken = self.sockets.split_off(rest);
        while taken.len() < count {
            match PacketSocket::open() {
                Ok(socket) => taken.push(socket),
                Err(source) => {
                    let left = taken.len();
                    self.sockets = taken;
                    return Err(match self.inherited {
                        0 => CaptureError::socket(source),
                        inherited => CaptureError::SocketsUsedUp {
                            inherited,
                            left,
                            needed: count,
                        },
                    });
                }
            }
        }
        Ok(taken)
    }

    /// Takes back sockets of [`InheritedSockets::take`]. Those that were bound meanwhile are
    /// closed.
    pub(super) fn give_back(&mut self, sockets: Vec<PacketSocket>) {
        let as_new = |socket: &PacketSocket| {
            socket.is_unused().unwrap_or(false) && socket.remove_ring().is_ok()
        };
        self.sockets.extend(sockets.into_iter().filter(as_new));
    }
}

impl Drop for InheritedSockets {
    fn drop(&mut self) {
        let each = self.sockets.len().div_ceil(CLOSING_THREADS);
        thread::scope(|scope| {
            while !self.sockets.is_empty() {
                let rest = self.sockets.len().saturating_sub(each);
                let part = self.sockets.split_off(rest);
                // If no thread can be started, the closure is dropped, and the sockets are closed
                // here.
                let _ = thread::Builder::new().spawn_scoped(scope, move || drop(part));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::net::{TcpListener, UdpSocket};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixDatagram;

    use super::*;

    /// The tests that run as root have the sockets that are accepted.
    #[test]
    fn other_descriptors_are_refused() {
        let descriptors: [OwnedFd; 4] = [
            File::open("/dev/null").expect("a device").into(),
            UdpSocket::bind("127.0.0.1:0").expect("a port").into(),
            TcpListener::bind("127.0.0.1:0").expect("a port").into(),
            UnixDatagram::unbound().expect("a socket").into(),
        ];
        for descriptor in descriptors {
            assert!(PacketSocket::adopt(descriptor).is_none());
        }
    }
}
