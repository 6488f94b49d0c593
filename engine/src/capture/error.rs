//! Why packets can't be captured, and how to fix it.

use std::io;
use std::os::fd::RawFd;

use thiserror::Error;

/// Why a socket, a ring or an interface can't be had.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// socket(2) was refused.
    #[error(
        "no permission to capture packets: CAP_NET_RAW is missing, and no packet sockets were handed over. Run as \
         root, or give the program the capability: setcap cap_net_raw+ep $(command -v dnsflow). In a unit: \
         ExecStartPre=+/usr/bin/dnsflow open-sockets"
    )]
    NoPermission,
    /// socket(2) failed for another reason.
    #[error("can't open a packet socket: {0}{fix}", fix = socket_fix(.0))]
    Socket(io::Error),
    /// The service manager handed over a descriptor of another kind.
    #[error(
        "descriptor {number} ('{name}'), which the service manager hands over, is not a raw packet socket. Only \
         those of `dnsflow open-sockets` are accepted: remove others from the unit (Sockets=, OpenFile=, and what is \
         put into its file descriptor store)"
    )]
    NotAPacketSocket {
        /// Its number in this process.
        number: RawFd,
        /// Its name in the unit (FDNAME).
        name: String,
    },
    /// The descriptors of the service manager can't be received, or it can't be told to forget
    /// them.
    #[error("{what}: {source}")]
    Inherit {
        /// The step that failed.
        what: &'static str,
        /// The error of the system.
        source: io::Error,
    },
    /// Sockets were handed over, and more are needed.
    #[error(
        "{needed} packet sockets are needed for an interface, {left} are left of the {inherited} that the service \
         manager handed over, and opening one is refused. The next start brings new ones; if those are too few from the \
         beginning, give `open-sockets` in the unit a number, and set FileDescriptorStoreMax= to the same"
    )]
    SocketsUsedUp {
        /// Number of sockets at the start.
        inherited: usize,
        /// Number of sockets that are left.
        left: usize,
        /// Number of sockets that the interface needs.
        needed: usize,
    },
    /// There is no interface of that name.
    #[error("no interface named '{interface}'. `ip link` lists those of this machine")]
    NoInterface {
        /// The name that was asked for.
        interface: String,
    },
    /// The interface can't be looked up.
    #[error("can't look up interface '{interface}': {source}")]
    Interface {
        /// The name that was asked for.
        interface: String,
        /// The error of the kernel.
        source: io::Error,
    },
    /// No interface was named, and none is suitable.
    #[error("no interface is up besides the loopback; name one with -i")]
    NoDefaultInterface,
    /// The interface is down.
    #[error("interface '{interface}' is down. Bring it up: ip link set {interface} up")]
    InterfaceDown {
        /// Its name.
        interface: String,
    },
    /// The link layer of the interface is not supported.
    #[error(
        "interface '{interface}' has hardware type {hardware} (linux/if_arp.h), which dnsflow does not read"
    )]
    Hardware {
        /// Its name.
        interface: String,
        /// ARPHRD_ value.
        hardware: u16,
    },
    /// The kernel refused the ring.
    #[error(
        "can't set up a capture ring of {mebibytes} MiB a core: {source}. Ask for less with --ring"
    )]
    Ring {
        /// MiB a core.
        mebibytes: u64,
        /// The error of the kernel.
        source: io::Error,
    },
    /// A socket option failed.
    #[error("can't {what}: {source}")]
    SocketOption {
        /// The step that failed, as a verb and its object.
        what: &'static str,
        /// The error of the kernel.
        source: io::Error,
    },
}

impl CaptureError {
    /// The error of a failed socket(2).
    #[must_use]
    pub fn socket(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::NoPermission,
            _ => Self::Socket(source),
        }
    }

    /// The error of a failed look-up of an interface.
    #[must_use]
    pub fn interface(name: &str, source: io::Error) -> Self {
        let interface = name.to_owned();
        match source.raw_os_error() {
            Some(libc::ENODEV) => Self::NoInterface { interface },
            _ => Self::Interface { interface, source },
        }
    }
}

/// What to do about a socket that can't be opened.
fn socket_fix(source: &io::Error) -> &'static str {
    match source.raw_os_error() {
        Some(libc::EAFNOSUPPORT) => {
            ". Either the kernel lacks AF_PACKET, or a sandbox forbids it and no sockets were handed over; in a unit: \
             ExecStartPre=+/usr/bin/dnsflow open-sockets"
        }
        _ => "",
    }
}
