//! What the machine must allow, asked before an executor finds out in words that help nobody.

use std::io;

use crate::start::cores;
use crate::start::error::{MEMLOCK_BYTES_PER_CORE, StartError};

/// The CPUs that this process may use.
pub(super) fn cpus() -> Result<Vec<usize>, StartError> {
    cores::allowed().map_err(|source| StartError::System {
        what: "can't ask which CPUs may be used",
        source,
    })
}

/// Whether `cores` executors can start.
pub(super) fn check(cores: usize) -> Result<(), StartError> {
    let limit = dnsflow_sys::raise_memlock().map_err(|source| StartError::System {
        what: "can't ask for the limit on locked memory",
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
        // The kernel charges all processes of a user together.
        io::ErrorKind::OutOfMemory => StartError::MemlockUsed {
            have: limit.soft >> 10,
        },
        _ => StartError::IoUring { source },
    })
}
