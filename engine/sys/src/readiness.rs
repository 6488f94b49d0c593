//! Waiting for descriptors without an executor.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Descriptors that are waited for together, numbered from 0 in the order in which they were added.
#[derive(Debug, Default)]
pub struct Readiness {
    descriptors: Vec<OwnedFd>,
}

impl Readiness {
    /// Adds a descriptor, whose index is the number of those before it.
    pub fn push(&mut self, descriptor: OwnedFd) {
        self.descriptors.push(descriptor);
    }

    /// Waits for another descriptor in place of the one at `index`, and closes that. False, and
    /// nothing is replaced, if `index` is not below the number of descriptors.
    pub fn replace(&mut self, index: usize, descriptor: OwnedFd) -> bool {
        match self.descriptors.get_mut(index) {
            Some(old) => {
                *old = descriptor;
                true
            }
            None => false,
        }
    }

    /// Blocks the thread until a descriptor is readable or has an error, for at most `timeout`, of
    /// which whole milliseconds count. Returns false after a timeout.
    ///
    /// EINTR counts as ready; the caller checks again.
    pub fn wait(&self, timeout: Duration) -> bool {
        // One small allocation for each wait, and so for each block at most.
        let descriptors = self.descriptors.iter();
        let mut descriptors: Vec<_> = descriptors
            .map(|one| PollFd::new(one.as_fd(), PollFlags::POLLIN))
            .collect();
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        poll(&mut descriptors, timeout) != Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    /// A timeout that a test never waits for.
    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn any_descriptor_ends_the_wait() {
        let pairs: Vec<_> = (0..2)
            .map(|_| UnixStream::pair().expect("a socket pair"))
            .collect();
        let mut readiness = Readiness::default();
        for (reader, _) in &pairs {
            readiness.push(reader.try_clone().expect("a descriptor").into());
        }
        assert!(!readiness.wait(Duration::ZERO), "nothing was written");
        for (reader, writer) in &pairs {
            let mut writer = writer;
            writer.write_all(&[1]).expect("room for a byte");
            assert!(readiness.wait(LONG));
            let mut byte = [0];
            let mut reader = reader;
            std::io::Read::read_exact(&mut reader, &mut byte).expect("that byte");
            assert!(!readiness.wait(Duration::ZERO), "it was read");
        }
    }

    #[test]
    fn a_descriptor_is_replaced_by_its_index() {
        let (old, mut to_old) = UnixStream::pair().expect("a socket pair");
        let (new, mut to_new) = UnixStream::pair().expect("a socket pair");
        let mut readiness = Readiness::default();
        readiness.push(old.try_clone().expect("a descriptor").into());
        assert!(!readiness.replace(1, old.into()), "there is one only");
        assert!(readiness.replace(0, new.into()));
        // It fails if that was the last reader, which is fine too.
        let _ = to_old.write_all(&[1]);
        assert!(!readiness.wait(Duration::ZERO));
        to_new.write_all(&[1]).expect("room for a byte");
        assert!(readiness.wait(LONG));
    }
}
