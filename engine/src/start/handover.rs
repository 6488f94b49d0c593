//! `dnsflow open-sockets`: packet sockets for a sensor that has no capability to open them.
//!
//! The unit runs it as root before each start, for some milliseconds. It reads nothing but its
//! command line. The sockets have no protocol and are not bound, so that they receive nothing. The
//! service manager keeps them (FDSTORE=1, sd_notify(3)) and hands them to the process that captures
//! ([`crate::capture::inherited`]).

use std::env;
use std::io::{self, Read};
use std::os::fd::AsFd;

use sd_notify::NotifyState;

use crate::capture::error::CaptureError;
use crate::start::error::StartError;
use dnsflow_sys::PacketSocket;

/// Their name with the service manager (FDNAME=).
const NAME: &str = "packet";

/// Sockets for each CPU: for its core on two interfaces, and for these again when they come back.
const PER_CPU: usize = 4;

/// Fewest and most sockets where no number is given. The most is FileDescriptorStoreMax= of the
/// units. A socket takes 3 KiB of the kernel, and 12 ms when its process is killed.
const BOUNDS: (usize, usize) = (64, 512);

/// Descriptors in one message: SCM_MAX_FD (253, include/net/scm.h), rounded down.
const MESSAGE_DESCRIPTORS: usize = 250;

/// Opens `count` sockets, by default a number for this machine, and returns once the service
/// manager has them.
///
/// # Errors
/// If there is no service manager, or the sockets can't be opened.
pub fn run(count: Option<u16>) -> Result<(), StartError> {
    if env::var_os("NOTIFY_SOCKET").is_none() {
        let message = "open-sockets is for units with NotifyAccess=exec and FileDescriptorStoreMax=: there is no \
                       service manager here to take sockets (NOTIFY_SOCKET)";
        return Err(StartError::Usage(message.to_owned()));
    }
    let mut left = count.map_or_else(suitable, usize::from);
    while left > 0 {
        let sockets = (0..left.min(MESSAGE_DESCRIPTORS)).map(|_| PacketSocket::open());
        let sockets: Vec<_> = sockets
            .collect::<io::Result<_>>()
            .map_err(CaptureError::socket)?;
        store(&sockets).map_err(refused)?;
        left -= sockets.len();
    }
    wait().map_err(refused)
}

fn refused(source: io::Error) -> StartError {
    StartError::System {
        what: "can't hand packet sockets to the service manager",
        source,
    }
}

fn suitable() -> usize {
    let (fewest, most) = BOUNDS;
    let cpus = dnsflow_sys::allowed_cpus().map_or(1, |cpus| cpus.len());
    (cpus * PER_CPU).clamp(fewest, most)
}

fn store(sockets: &[PacketSocket]) -> io::Result<()> {
    let descriptors: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
    let states = [NotifyState::FdStore, NotifyState::FdName(NAME)];
    sd_notify::notify_with_fds(&states, &descriptors)
}

/// Waits until the service manager has read all messages: it ignores those of a process that has
/// ended.
fn wait() -> io::Result<()> {
    let (mut ours, theirs) = io::pipe()?;
    let barrier = NotifyState::Custom("BARRIER=1");
    sd_notify::notify_with_fds(&[barrier], &[theirs.as_fd()])?;
    drop(theirs);
    // This ends when the service manager closes the other end.
    ours.read_to_end(&mut Vec::new()).map(|_| ())
}
