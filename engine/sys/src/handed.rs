//! Descriptors that a service manager hands over at the start (sd_listen_fds(3)).

use std::env;
use std::fs;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// A folder with an entry for each thread of this process (proc_pid_task(5)).
const THREADS: &str = "/proc/self/task";

/// Takes over what was handed to this process, each with the name that the service manager has for it, and takes
/// the mention of it out of the environment. To be called before anything is opened.
///
/// # Errors
/// If what the environment says makes no sense, a descriptor is not open, or there are other threads.
pub fn handed_over() -> io::Result<Vec<(OwnedFd, String)>> {
    if env::var_os("LISTEN_FDS").is_none() {
        return Ok(Vec::new());
    }
    if fs::read_dir(THREADS)?.count() != 1 {
        return Err(io::Error::other("threads run already"));
    }
    // SAFETY: this is the only thread, as was just seen, so that nobody else reads the environment.
    let handed = unsafe { sd_notify::listen_fds_with_names_and_unset_env() }?;
    let owned = handed.map(|(number, name)| {
        // SAFETY: the descriptor is open, which was checked as it was found. It belongs to whom it was handed
        // to: it is named only once, in an environment that no longer says so, and nothing else has been opened.
        (unsafe { OwnedFd::from_raw_fd(number) }, name)
    });
    Ok(owned.collect())
}
