//! Descriptors that are given to the executor of the calling thread.

use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};

use glommio::io::BufferedFile;

/// A descriptor that the executor of this thread can read from, such as an eventfd(2).
pub fn buffered_file(descriptor: OwnedFd) -> BufferedFile {
    let descriptor = descriptor.into_raw_fd();
    // SAFETY: the descriptor is open and, since its owner gave it up, owned by nobody else.
    unsafe { BufferedFile::from_raw_fd(descriptor) }
}
