//! Descriptors that are waited on without an executor.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// Descriptors that are waited on together.
#[derive(Debug, Default)]
pub struct Readiness {
    descriptors: Vec<OwnedFd>,
    /// One for each, kept so that a wait allocates nothing.
    asked: Vec<libc::pollfd>,
}

impl Readiness {
    /// Waits on one more from now on, or, where `index` has been added before, on another in its place.
    pub fn set(&mut self, index: usize, descriptor: OwnedFd) {
        let asked = libc::pollfd {
            fd: descriptor.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        if let (Some(old), Some(slot)) =
            (self.descriptors.get_mut(index), self.asked.get_mut(index))
        {
            *old = descriptor;
            *slot = asked;
        } else {
            self.descriptors.push(descriptor);
            self.asked.push(asked);
        }
    }

    /// Blocks the thread until one has something to read or to tell; false if that took longer than `patience`, which
    /// counts in whole milliseconds.
    pub fn wait(&mut self, patience: Duration) -> bool {
        let count = libc::nfds_t::try_from(self.asked.len()).unwrap_or(0);
        let patience = libc::c_int::try_from(patience.as_millis()).unwrap_or(libc::c_int::MAX);
        // SAFETY: the pointer is to so many live pollfd, whose descriptors are open while we own them.
        let ready = unsafe { libc::poll(self.asked.as_mut_ptr(), count, patience) };
        // A signal is nothing to read; whoever waits looks for himself.
        ready != 0
    }
}
