//! A packet socket that only sends.
//!
//! The socket is of protocol 0, so the kernel delivers nothing to it, and passes the queueing
//! discipline by (PACKET_QDISC_BYPASS), so that a frame either goes to the driver or is refused
//! with an error. sendmmsg(2) takes many frames a call; a mapped transmit ring would save a copy,
//! which is small beside the driver's work.

use std::io::IoSlice;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;
use std::{fs, thread};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, MultiHeaders, SetSockOpt, SockFlag, SockType, bind,
    sendmmsg, socket,
};

/// Frames a system call.
pub const BATCH_FRAMES: usize = 64;
/// How long to wait before a refused frame is offered again.
const RETRY_PAUSE: Duration = Duration::from_micros(50);

/// Why frames cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket needs a capability.
    #[error(
        "not allowed to open a packet socket: this needs CAP_NET_RAW; run it as root or give the \
         program the capability (setcap cap_net_raw+ep)"
    )]
    NotPermitted,
    /// No interface of that name.
    #[error("there is no interface {name}; there are: {known}")]
    NoInterface {
        /// As given.
        name: String,
        /// Those that are there.
        known: String,
    },
    /// The interface is down.
    #[error("interface {name} is down; bring it up with: ip link set {name} up")]
    Down {
        /// As given.
        name: String,
    },
    /// A frame is larger than the interface's MTU.
    #[error("a frame of {bytes} bytes is too large for interface {name}; raise its MTU")]
    TooLarge {
        /// As given.
        name: String,
        /// Of the frame.
        bytes: usize,
    },
    /// Any other refusal of a system call.
    #[error("{call} on interface {name}: {cause}")]
    System {
        /// Its name.
        call: &'static str,
        /// As given.
        name: String,
        /// The kernel's answer.
        cause: Errno,
    },
}

#[derive(Clone, Copy, Debug)]
struct QueueBypass;
nix::setsockopt_impl!(
    QueueBypass,
    libc::SOL_PACKET,
    libc::PACKET_QDISC_BYPASS,
    bool,
    nix::sys::socket::sockopt::SetBool
);

/// Message headers for one call, made once; they hold pointers and so stay on one thread.
#[derive(Debug)]
pub struct Headers(MultiHeaders<()>);

impl Headers {
    /// Headers for a full batch.
    #[must_use]
    pub fn new() -> Self {
        Self(MultiHeaders::preallocate(BATCH_FRAMES, None))
    }
}

impl Default for Headers {
    fn default() -> Self {
        Self::new()
    }
}

/// A socket bound to one interface.
#[derive(Debug)]
pub struct Interface {
    name: String,
    socket: OwnedFd,
    refused: u64,
}

impl Interface {
    /// Opens a socket that sends through interface `name`.
    ///
    /// # Errors
    /// Where there is no such interface, or the process may not open packet sockets.
    pub fn open(name: &str) -> Result<Self, Error> {
        let address = link_address(name)?;
        let system = |call| {
            move |cause| match cause {
                Errno::EPERM | Errno::EACCES => Error::NotPermitted,
                cause => Error::System {
                    call,
                    name: name.to_owned(),
                    cause,
                },
            }
        };
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
        .map_err(system("socket"))?;
        bind(socket.as_raw_fd(), &address).map_err(system("bind"))?;
        QueueBypass
            .set(&socket, &true)
            .map_err(system("setsockopt(PACKET_QDISC_BYPASS)"))?;
        Ok(Self {
            name: name.to_owned(),
            socket,
            refused: 0,
        })
    }

    /// Sends a batch from the start of `frames`; returns how many the driver took. A frame
    /// that found no room (ENOBUFS) is offered again until it does.
    ///
    /// # Errors
    /// Where the interface went down or away, or a frame is too large for it.
    pub fn send(
        &mut self,
        headers: &mut Headers,
        frames: &[[IoSlice<'_>; 1]],
    ) -> Result<usize, Error> {
        let batch = &frames[..frames.len().min(BATCH_FRAMES)];
        loop {
            // One destination a frame is asked for: none, the socket is bound.
            let sent = sendmmsg(
                self.socket.as_raw_fd(),
                &mut headers.0,
                batch,
                [const { None::<()> }; BATCH_FRAMES],
                [],
                MsgFlags::empty(),
            )
            .map(Iterator::count);
            match sent {
                Ok(sent) => return Ok(sent),
                Err(Errno::EINTR) => {}
                Err(Errno::ENOBUFS | Errno::EAGAIN) => {
                    self.refused += 1;
                    thread::sleep(RETRY_PAUSE);
                }
                Err(cause) => return Err(self.explain(cause, batch)),
            }
        }
    }

    /// How often the driver had no room and a frame was offered again.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn explain(&self, cause: Errno, batch: &[[IoSlice<'_>; 1]]) -> Error {
        let name = self.name.clone();
        match cause {
            Errno::ENETDOWN => Error::Down { name },
            Errno::EMSGSIZE => {
                let bytes = batch.first().map_or(0, |[frame]| frame.len());
                Error::TooLarge { name, bytes }
            }
            cause => Error::System {
                call: "sendmmsg",
                name,
                cause,
            },
        }
    }
}

/// Frames that interface `name` took and then dropped, since it was made: on a veth pair, those
/// that its other end had no room for. None where the kernel does not say.
#[must_use]
pub fn transmit_drops(name: &str) -> Option<u64> {
    const TRANSMIT_DROP_FIELD: usize = 11;
    let table = fs::read_to_string("/proc/thread-self/net/dev").ok()?;
    let line = table.lines().find_map(|line| {
        let (interface, counters) = line.split_once(':')?;
        (interface.trim() == name).then_some(counters)
    })?;
    line.split_whitespace()
        .nth(TRANSMIT_DROP_FIELD)?
        .parse()
        .ok()
}

/// The address to bind to: interface index, and a protocol of 0, so that nothing is received.
fn link_address(name: &str) -> Result<LinkAddr, Error> {
    let system = |cause| Error::System {
        call: "getifaddrs",
        name: name.to_owned(),
        cause,
    };
    let mut known = Vec::new();
    for interface in getifaddrs().map_err(system)? {
        let Some(address) = interface
            .address
            .as_ref()
            .and_then(|any| any.as_link_addr())
        else {
            continue;
        };
        if interface.interface_name == name {
            return Ok(*address);
        }
        known.push(interface.interface_name);
    }
    Err(Error::NoInterface {
        name: name.to_owned(),
        known: known.join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_interface_is_named_beside_those_that_are_there() {
        let error = Interface::open("no-such-if").expect_err("no such interface");
        let text = error.to_string();
        assert!(text.contains("no-such-if") && text.contains("lo"), "{text}");
    }

    #[test]
    fn loopback_has_a_drop_counter() {
        assert!(transmit_drops("lo").is_some());
        assert_eq!(transmit_drops("no-such-if"), None);
    }
}
