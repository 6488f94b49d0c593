//! What the machine must allow, asked before an executor finds out in words that help nobody.

use crate::capture::sys;
use crate::error::{MEMLOCK_BYTES_PER_CORE, StartError};

/// The CPUs that this process may use.
pub(super) fn cpus() -> Result<Vec<usize>, StartError> {
    sys::allowed_cpus().map_err(|source| StartError::System {
        what: "can't ask which CPUs may be used",
        source,
    })
}

/// Whether `cores` executors can start.
pub(super) fn check(cores: usize) -> Result<(), StartError> {
    sys::io_uring_probe().map_err(|source| StartError::IoUring { source })?;
    let limit = sys::raise_memlock().map_err(|source| StartError::System {
        what: "can't ask for the limit on locked memory",
        source,
    })?;
    // The kernel charges the executors of one user together.
    let need = MEMLOCK_BYTES_PER_CORE.saturating_mul(u64::try_from(cores).unwrap_or(u64::MAX));
    if limit.soft < need {
        return Err(StartError::Memlock {
            have: limit.soft >> 10,
            need: need >> 10,
            cores,
        });
    }
    Ok(())
}
