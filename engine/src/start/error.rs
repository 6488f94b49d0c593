//! Why the sensor can't start or go on. Each message says what to do about it.

use std::io;
use std::path::PathBuf;

use dnsflow_service::config::LoadError;
use dnsflow_service::monitoring::ListenError;
use thiserror::Error;

use crate::capture::error::CaptureError;
use crate::export::destination::DestinationError;
use crate::start::lists::ListError;

/// Bytes of locked memory that the rings of each core need, its executor's and its own.
pub const MEMLOCK_BYTES_PER_CORE: u64 = 512 << 10;

/// Why the sensor did not start, or could not go on.
#[derive(Debug, Error)]
pub enum StartError {
    /// Wrong usage that parsing can't find, such as a user that does not exist.
    #[error("{0}")]
    Usage(String),
    /// The command line or the configuration file is wrong.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Packets can't be captured.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The kernel or a sandbox refuses io_uring.
    #[error(
        "io_uring is not available ({source}), and dnsflow needs it. Where a sysctl forbids it: sysctl \
         kernel.io_uring_disabled=0. In a container: allow the io_uring system calls in its seccomp profile. \
         The kernel must be 5.8 or later"
    )]
    IoUring {
        /// The error of io_uring_setup(2).
        source: io::Error,
    },
    /// RLIMIT_MEMLOCK is too small.
    #[error(
        "the limit on locked memory is {have} KiB, and --cores {cores} needs {need} KiB. Raise it: ulimit -l {need}, \
         or LimitMEMLOCK= in the unit"
    )]
    Memlock {
        /// The limit in KiB.
        have: u64,
        /// KiB that are needed.
        need: u64,
        /// Number of cores.
        cores: usize,
    },
    /// RLIMIT_MEMLOCK is large enough, but other processes use it up.
    #[error(
        "no locked memory is left: the limit of {have} KiB holds for all processes of this user together. Raise \
         it: ulimit -l, or LimitMEMLOCK= in the unit"
    )]
    MemlockUsed {
        /// The limit in KiB, for all of them together.
        have: u64,
    },
    /// RLIMIT_NOFILE is too small.
    #[error(
        "the limit on open files is {have}, and {need} may be needed. Raise it: ulimit -n {need}, or LimitNOFILE= \
         in the unit"
    )]
    OpenFiles {
        /// The limit.
        have: u64,
        /// Descriptors that the run may need.
        need: u64,
    },
    /// RLIMIT_AS is too small.
    #[error(
        "the limit on address space is {have} MiB, and {need} MiB may be needed, of which capture rings take \
         {rings} MiB (--ring). Raise it: ulimit -v unlimited, or LimitAS= in the unit; to limit memory, use \
         MemoryMax="
    )]
    AddressSpace {
        /// The limit in MiB.
        have: u64,
        /// MiB that the run may need.
        need: u64,
        /// MiB of all rings together.
        rings: u64,
    },
    /// SIGINT or SIGTERM came before anything was read or captured.
    #[error("ended by a signal before the first packet")]
    Interrupted,
    /// An executor did not start.
    #[error("can't start the executor of core {cpu}: {reason}")]
    Executor {
        /// Its CPU.
        cpu: usize,
        /// The error of the executor.
        reason: String,
    },
    /// The filter expression is wrong.
    #[error(transparent)]
    Filter(#[from] dnsflow_filters::FilterError),
    /// A collector can't be used.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// The process can't switch to the user of `--user`.
    #[error("can't become --user {account}: can't {what}: {source}")]
    Privileges {
        /// As the user wrote it.
        account: String,
        /// The step that failed, as a verb and its object.
        what: &'static str,
        /// The error of the system.
        source: io::Error,
    },
    /// Metrics can't be served at the address.
    #[error(transparent)]
    Metrics(#[from] ListenError),
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
        /// The error of the system.
        source: io::Error,
    },
    /// A list of names or prefixes is wrong.
    #[error(transparent)]
    List(#[from] ListError),
    /// The key of addresses can't be read.
    #[error("--address-key {0}")]
    Key(#[from] dnsflow_privacy::KeyError),
    /// The output is what is read.
    #[error(
        "-r {input} and the output {output} are one file, which would be lost; write to another one"
    )]
    SameFile {
        /// The input, as the user wrote it.
        input: String,
        /// The output, as the user wrote it.
        output: String,
    },
    /// A file is not a capture file, or a damaged one.
    #[error("{}: {source}", path.display())]
    CaptureFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, and at which offset.
        source: dnsflow_capfile::FileError,
    },
    /// Another error of the system.
    #[error("{what}: {source}")]
    System {
        /// What failed.
        what: &'static str,
        /// The error of the system.
        source: io::Error,
    },
}

impl StartError {
    /// Whether the reader of standard output or of a pipe has closed it.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        match self {
            Self::File { source, .. } | Self::System { source, .. } => {
                source.kind() == io::ErrorKind::BrokenPipe
            }
            _ => false,
        }
    }

    /// The exit status: 2 for wrong usage, 1 for the rest.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Usage(_)
            | Self::SameFile { .. }
            | Self::Destination(DestinationError::Malformed { .. }) => 2,
            Self::Load(error) => error.exit_status(),
            Self::List(error) => error.exit_status(),
            _ => 1,
        }
    }
}
