//! Packet sockets that were opened for us, so that we need no right to open any.
//!
//! The unit has them opened by root ([`crate::handover`]) before each start, and the service manager hands them to the
//! process that captures, which has no capability. What is not needed at the start is for interfaces that come back: a
//! socket that has been in a fanout group can't be bound again. Where nobody handed over any, or they are used up,
//! sockets are opened here.

use std::collections::BTreeSet;
use std::os::fd::AsRawFd;
use std::thread;

use sd_notify::NotifyState;

use crate::start::error::StartError;
use dnsflow_sys::{PacketSocket, handed_over};

/// Threads that close sockets at the end. Closing one waits for an RCU grace period (packet_release,
/// net/packet/af_packet.c), 12 ms where it was measured; those that are closed at the same time wait together.
const CLOSING_THREADS: usize = 32;

/// Packet sockets that nothing has been done with.
#[derive(Debug, Default)]
pub struct Stock {
    sockets: Vec<PacketSocket>,
    /// How many there were at the start.
    handed_over: usize,
}

impl Stock {
    /// What the service manager hands over. To be called once, before anything is opened.
    ///
    /// The service manager is told to forget them: its copies would outlive this process, and go on capturing
    /// for nobody.
    ///
    /// # Errors
    /// If something else was handed over, or the service manager can't be told.
    pub fn handed_over() -> Result<Self, StartError> {
        let failed = |what| move |source| StartError::System { what, source };
        let handed = handed_over().map_err(failed(
            "can't take the descriptors that the service manager hands over (LISTEN_FDS)",
        ))?;
        let handed_over = handed.len();
        let mut names = BTreeSet::new();
        let mut sockets = Vec::with_capacity(handed_over);
        for (descriptor, name) in handed {
            let number = descriptor.as_raw_fd();
            let socket = PacketSocket::adopt(descriptor).ok_or_else(|| StartError::HandedOver {
                number,
                name: name.clone(),
            })?;
            // One that an earlier process has left there in use is of no use to us, and goes.
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
        Ok(Stock {
            sockets,
            handed_over,
        })
    }

    /// How many were handed over and are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.sockets.len()
    }

    /// So many sockets, or none: what is missing here is opened.
    ///
    /// # Errors
    /// [`StartError::SocketsUsedUp`] if that is refused to one that lives on what it was handed; else what
    /// [`StartError::socket`] makes of it.
    pub fn take(&mut self, count: usize) -> Result<Vec<PacketSocket>, StartError> {
        let rest = self.sockets.len().saturating_sub(count);
        let mut taken = self.sockets.split_off(rest);
        while taken.len() < count {
            match PacketSocket::open() {
                Ok(socket) => taken.push(socket),
                Err(source) => {
                    let left = taken.len();
                    self.sockets = taken;
                    return Err(match self.handed_over {
                        0 => StartError::socket(source),
                        handed_over => StartError::SocketsUsedUp {
                            handed_over,
                            left,
                            needed: count,
                        },
                    });
                }
            }
        }
        Ok(taken)
    }

    /// Takes back those of [`Stock::take`] that were not bound to anything, whatever else was done with them.
    pub(super) fn give_back(&mut self, sockets: Vec<PacketSocket>) {
        let as_new = |socket: &PacketSocket| {
            socket.is_unused().unwrap_or(false) && socket.remove_ring().is_ok()
        };
        self.sockets.extend(sockets.into_iter().filter(as_new));
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        let each = self.sockets.len().div_ceil(CLOSING_THREADS);
        thread::scope(|scope| {
            while !self.sockets.is_empty() {
                let rest = self.sockets.len().saturating_sub(each);
                let part = self.sockets.split_off(rest);
                // Where there can be no thread, they are closed here.
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

    /// The tests with root's rights have those that are.
    #[test]
    fn what_is_no_packet_socket() {
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
