//! What can keep the sensor from starting or end it, said so that a person can act on it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::path::PathBuf;

use thiserror::Error;

use crate::start::config::ConfigError;

/// What `io_uring` and memlock want of the machine, in bytes a core: what an executor locks.
pub const MEMLOCK_BYTES_PER_CORE: u64 = 512 << 10;

/// Why the sensor did not start, or could not go on.
#[derive(Debug, Error)]
pub enum StartError {
    /// Wrong usage that only shows once the machine is looked at.
    #[error("{0}")]
    Usage(String),
    /// What clap says of the command line, `--help` and `--version` among it.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// The configuration file is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// socket(2) was refused.
    #[error(
        "no permission to capture packets: CAP_NET_RAW is missing, and no packet sockets were handed over. Run as \
         root, or give the program the capability: setcap cap_net_raw+ep $(command -v dnsflow). In a unit: \
         ExecStartPre=+/usr/bin/dnsflow open-sockets"
    )]
    NoPermission,
    /// socket(2) failed otherwise.
    #[error("can't open a packet socket: {0}{mend}", mend = socket_mend(.0))]
    Socket(io::Error),
    /// What was handed over is something else.
    #[error(
        "descriptor {number} ('{name}'), which the service manager hands over, is not a raw packet socket. Those \
         alone are taken, from `dnsflow open-sockets`: take others out of the unit (Sockets=, OpenFile=, what is put \
         into its store)"
    )]
    HandedOver {
        /// Its number in this process.
        number: RawFd,
        /// Its name in the unit (FDNAME).
        name: String,
    },
    /// Sockets were handed over, and more are needed.
    #[error(
        "{needed} packet sockets are needed for an interface, {left} are left of the {handed_over} that the service \
         manager handed over, and opening one is refused. The next start brings new ones; if those are too few from the \
         beginning, give `open-sockets` in the unit a number, and FileDescriptorStoreMax= the same"
    )]
    SocketsUsedUp {
        /// How many there were at the start.
        handed_over: usize,
        /// How many there are now.
        left: usize,
        /// For the interface that is to be captured on.
        needed: usize,
    },
    /// No such interface.
    #[error("no interface named '{interface}'. `ip link` lists those of this machine")]
    NoInterface {
        /// The name that was asked for.
        interface: String,
    },
    /// Interface can't be looked up.
    #[error("can't look up interface '{interface}': {source}")]
    Interface {
        /// The name that was asked for.
        interface: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// No interface was named and none suits.
    #[error("no interface is up besides the loopback; name one with -i")]
    NoDefaultInterface,
    /// Interface is down.
    #[error("interface '{interface}' is down. Bring it up: ip link set {interface} up")]
    InterfaceDown {
        /// Its name.
        interface: String,
    },
    /// Interface whose packets start with something unknown.
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
        /// What the kernel said.
        source: io::Error,
    },
    /// A socket option failed.
    #[error("can't {what}: {source}")]
    SocketOption {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// io_uring is refused.
    #[error(
        "io_uring is not available ({source}), and dnsflow needs it. Where a sysctl forbids it: sysctl \
         kernel.io_uring_disabled=0. In a container: allow the io_uring system calls in its seccomp profile. \
         The kernel must be 5.8 or later"
    )]
    IoUring {
        /// What io_uring_setup(2) said.
        source: io::Error,
    },
    /// RLIMIT_MEMLOCK is too small.
    #[error(
        "the limit on locked memory is {have} KiB, and --cores {cores} needs {need} KiB. Raise it: ulimit -l {need}, \
         or LimitMEMLOCK= in the unit"
    )]
    Memlock {
        /// KiB there are.
        have: u64,
        /// KiB needed.
        need: u64,
        /// Cores asked for.
        cores: usize,
    },
    /// RLIMIT_MEMLOCK is large enough, and others use it up.
    #[error(
        "no locked memory is left: the limit of {have} KiB holds for all processes of this user together. Raise \
         it: ulimit -l, or LimitMEMLOCK= in the unit"
    )]
    MemlockUsed {
        /// KiB there are for all of them.
        have: u64,
    },
    /// An executor did not start.
    #[error("can't start the executor of core {cpu}: {reason}")]
    Executor {
        /// Its CPU.
        cpu: usize,
        /// What glommio said.
        reason: String,
    },
    /// The filter expression is wrong.
    #[error(transparent)]
    Filter(#[from] dnsflow_filters::FilterError),
    /// A collector can't be used.
    #[error("collector '{collector}': {reason}")]
    Collector {
        /// As it was written.
        collector: String,
        /// What is wrong, and what would mend it.
        reason: String,
    },
    /// The user of `--user` can't be become.
    #[error("can't become --user {account}: can't {what}: {source}")]
    Privileges {
        /// As it was written.
        account: String,
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Metrics can't be served there.
    #[error("can't serve metrics on {address}: {source}{}", metrics_mend(source))]
    Metrics {
        /// The address of `--metrics`.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The pid file is held by another process.
    #[error("pid file {} is held by another process{}; is dnsflow running already?", path.display(), holder)]
    PidHeld {
        /// The file.
        path: PathBuf,
        /// ` (pid N)`, where the file says it.
        holder: String,
    },
    /// A file can't be opened, read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A capture file is damaged, or is none.
    #[error("{}: {source}", path.display())]
    Capture {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: dnsflow_capfile::FileError,
    },
    /// Anything else that the system refused.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl StartError {
    /// A refused socket(2), told apart.
    #[must_use]
    pub fn socket(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::PermissionDenied => StartError::NoPermission,
            _ => StartError::Socket(source),
        }
    }

    /// A failed look-up of an interface, told apart.
    #[must_use]
    pub fn interface(name: &str, source: io::Error) -> Self {
        let interface = name.to_owned();
        match source.raw_os_error() {
            Some(libc::ENODEV) => StartError::NoInterface { interface },
            _ => StartError::Interface { interface, source },
        }
    }

    /// Whether it is only that nobody wants to read any more.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        match self {
            StartError::File { source, .. } | StartError::System { source, .. } => {
                source.kind() == io::ErrorKind::BrokenPipe
            }
            _ => false,
        }
    }

    /// The exit status: 2 for wrong usage, 1 for the rest.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            StartError::Usage(_) | StartError::Arguments(_) | StartError::Config(_) => 2,
            _ => 1,
        }
    }
}

/// What to do about a socket that can't be had.
fn socket_mend(source: &io::Error) -> &'static str {
    match source.raw_os_error() {
        Some(libc::EAFNOSUPPORT) => {
            ". Either the kernel has none, or a sandbox forbids them and none were handed over; in a unit: \
             ExecStartPre=+/usr/bin/dnsflow open-sockets"
        }
        _ => "",
    }
}

/// What to do about an address that can't be had.
fn metrics_mend(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            ". Another program has that port: `ss -ltnp` says which; give --metrics another"
        }
        io::ErrorKind::AddrNotAvailable => {
            ". This machine does not have that address: `ip address` lists those it has"
        }
        io::ErrorKind::PermissionDenied => ". Give --metrics a port of 1024 or more",
        _ => "",
    }
}
