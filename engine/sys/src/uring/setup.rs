//! What of io_uring this kernel has: the best is tried first.

use std::io;

use io_uring::IoUring;

/// What a ring can do on this kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// A call that waits takes a timeout (IORING_FEAT_EXT_ARG, Linux 5.11). Without it, each wait
    /// submits one.
    pub timed_wait: bool,
    /// Completions are processed when the thread asks for them, and do not interrupt it
    /// (IORING_SETUP_DEFER_TASKRUN, Linux 6.1).
    pub deferred: bool,
}

/// Opens a ring for the calling thread.
///
/// # Errors
/// Those of io_uring_setup(2).
pub(super) fn open(entries: u32) -> io::Result<(IoUring, Abilities)> {
    let deferred = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_submit_all()
        .build(entries);
    let (ring, deferred) = match deferred {
        Ok(ring) => (ring, true),
        // A kernel that does not know one of the flags.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => (plain(entries)?, false),
        Err(error) => return Err(error),
    };
    let abilities = Abilities {
        timed_wait: ring.params().is_feature_ext_arg(),
        deferred,
    };
    Ok((ring, abilities))
}

/// A ring as Linux 5.8 has it.
pub(super) fn plain(entries: u32) -> io::Result<IoUring> {
    IoUring::new(entries)
}
