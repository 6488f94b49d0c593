//! What can keep the sensor from starting or end it, said so that a person can act on it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use crate::capture::error::CaptureError;
use crate::start::config::LoadError;

/// What `io_uring` and memlock want of the machine, in bytes a core: what an executor locks.
pub const MEMLOCK_BYTES_PER_CORE: u64 = 512 << 10;

/// Why the sensor did not start, or could not go on.
#[derive(Debug, Error)]
pub enum StartError {
    /// Wrong usage that only shows once the machine is looked at.
    #[error("{0}")]
    Usage(String),
    /// The command line or the configuration file is wrong.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Packets can't be captured.
    #[error(transparent)]
    Capture(#[from] CaptureError),
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
    #[error("can't serve metrics on {address}: {source}{}", metrics_fix(source))]
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
    CaptureFile {
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
            Self::Usage(_) => 2,
            Self::Load(error) => error.exit_status(),
            _ => 1,
        }
    }
}

/// What to do about an address that can't be had.
fn metrics_fix(source: &io::Error) -> &'static str {
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
