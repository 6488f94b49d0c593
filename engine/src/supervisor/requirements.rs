//! What executors need of the machine, checked before they start: their own errors don't say how to
//! fix it.

use std::io;

use crate::start::error::{MEMLOCK_BYTES_PER_CORE, StartError};

/// The CPUs that this process may use.
pub(super) fn cpus() -> Result<Vec<usize>, StartError> {
    dnsflow_sys::allowed_cpus().map_err(|source| StartError::System {
        what: "can't read which CPUs may be used",
        source,
    })
}

/// Checks that `cores` executors can start.
///
/// # Errors
/// What is missing, and how to fix it.
pub(super) fn check(cores: usize) -> Result<(), StartError> {
    let limit = dnsflow_sys::raise_memlock().map_err(|source| StartError::System {
        what: "can't read the limit on locked memory",
        source,
    })?;
    let need = MEMLOCK_BYTES_PER_CORE.saturating_mul(u64::try_from(cores).unwrap_or(u64::MAX));
    if limit.soft < need {
        return Err(StartError::Memlock {
            have: limit.soft >> 10,
            need: need >> 10,
            cores,
        });
    }
    dnsflow_sys::io_uring_probe().map_err(|source| match source.kind() {
        // The kernel charges all processes of a user to one limit.
        io::ErrorKind::OutOfMemory => StartError::MemlockUsed {
            have: limit.soft >> 10,
        },
        _ => StartError::IoUring { source },
    })
}
