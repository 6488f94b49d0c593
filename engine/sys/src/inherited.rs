//! Descriptors that a service manager hands over at the start (sd_listen_fds(3)).

use std::env;
use std::fs;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// A folder with an entry for each thread of this process (proc_pid_task(5)).
const THREADS: &str = "/proc/self/task";

/// Takes over the descriptors that were handed to this process, each with the name that the service
/// manager has for it, and removes LISTEN_FDS and the like from the environment. To be called
/// before any descriptor is opened.
///
/// # Errors
/// If the environment variables are malformed, a descriptor is not open, or there are other
/// threads.
pub fn inherited_descriptors() -> io::Result<Vec<(OwnedFd, String)>> {
    if env::var_os("LISTEN_FDS").is_none() {
        return Ok(Vec::new());
    }
    if fs::read_dir(THREADS)?.count() != 1 {
        return Err(io::Error::other("threads run already"));
    }
    // SAFETY: this is the only thread, as was just seen, so that nobody else reads the environment.
    let handed = unsafe { sd_notify::listen_fds_with_names_and_unset_env() }?;
    let owned = handed.map(|(number, name)| {
        // SAFETY: the descriptor is open, which listen_fds_with_names_and_unset_env has checked. It
        // belongs to this process alone: the environment named it once, no longer does, and no
        // other descriptor has been opened.
        (unsafe { OwnedFd::from_raw_fd(number) }, name)
    });
    Ok(owned.collect())
}
