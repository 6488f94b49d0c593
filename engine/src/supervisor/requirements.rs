//! What executors need of the machine, checked before they start: their own errors don't say how to
//! fix it.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::start::error::{MEMLOCK_BYTES_PER_CORE, StartError};
use crate::start::settings::{Input, Settings};

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
    dnsflow_sys::io_uring_probe()
        .map(drop)
        .map_err(|source| match source.kind() {
            // The kernel charges all processes of a user to one limit.
            io::ErrorKind::OutOfMemory => StartError::MemlockUsed {
                have: limit.soft >> 10,
            },
            _ => StartError::IoUring { source },
        })
}

/// Descriptors that a run may have open besides those of its cores: standard streams, files,
/// signals, metrics with all their connections, the service manager, name servers.
const OPEN_FILES: u64 = 96;

/// Descriptors of a core, with those of its executor, besides sockets of interfaces and collectors.
const OPEN_FILES_PER_CORE: u64 = 32;

/// Address space in MiB of the program, its libraries and threads that belong to no core.
const ADDRESS_SPACE_MIB: u64 = 256;

/// Address space in MiB of a core: the allocator reserves 64 MiB for each of its threads and aligns
/// them to as much, and streams and fragments wait in memory.
const ADDRESS_SPACE_MIB_PER_CORE: u64 = 384;

/// Checks the limits of this process, and raises that on open files as far as needed. What fails
/// later for want of address space would end the process without a word.
///
/// # Errors
/// Which limit is too small, and how to raise it.
pub(super) fn check_limits(settings: &Settings, cores: usize) -> Result<(), StartError> {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let cores = count(cores);
    let interfaces = match &settings.input {
        Input::Live(names) => count(names.len().max(1)),
        Input::File(_) => 0,
    };
    // An interface that comes back has new sockets while the old ones are still there.
    let sockets = 2 * interfaces + count(settings.output.collectors.len());
    let need = OPEN_FILES + cores.saturating_mul(OPEN_FILES_PER_CORE + sockets);
    let have = raise_open_files(need)?;
    if have < need {
        return Err(StartError::OpenFiles { have, need });
    }
    let rings = cores.saturating_mul(interfaces.saturating_mul(settings.ring_bytes >> 20));
    let need = cores
        .saturating_mul(ADDRESS_SPACE_MIB_PER_CORE)
        .saturating_add(rings.saturating_add(ADDRESS_SPACE_MIB));
    let (have, _) = limit(Resource::RLIMIT_AS, "can't read the limit on address space")?;
    let have = have >> 20;
    if have < need {
        return Err(StartError::AddressSpace { have, need, rings });
    }
    Ok(())
}

/// Raises the soft limit on open files to `need`, or to the hard limit; returns what is in force
/// then.
fn raise_open_files(need: u64) -> Result<u64, StartError> {
    let (soft, hard) = limit(
        Resource::RLIMIT_NOFILE,
        "can't read the limit on open files",
    )?;
    let want = need.min(hard);
    let is_raised = soft < want && setrlimit(Resource::RLIMIT_NOFILE, want, hard).is_ok();
    Ok(if is_raised { want } else { soft })
}

/// The soft and the hard limit.
fn limit(resource: Resource, what: &'static str) -> Result<(u64, u64), StartError> {
    getrlimit(resource).map_err(|errno| StartError::System {
        what,
        source: errno.into(),
    })
}
