//! `dnsflow open-sockets`: packet sockets for a start that may not open any.
//!
//! The unit has it run as root before each start, for some milliseconds. It reads nothing but its own command line. The
//! sockets are for no protocol and bound to nothing, so that they receive nothing; the service manager keeps them
//! (FDSTORE=1, sd_notify(3)) and hands them to the process that captures, which has no capability
//! ([`crate::capture::stock`]).

use std::env;
use std::io::{self, Read};
use std::os::fd::AsFd;

use sd_notify::NotifyState;

use crate::start::cores;
use crate::start::error::StartError;
use dnsflow_sys::PacketSocket;

/// What the service manager calls them (FDNAME=).
const NAME: &str = "packet";

/// Sockets that are opened for each CPU: for its core on two interfaces, and again when these come back.
const PER_CPU: usize = 4;

/// Fewest and most that are opened where no number is given; the most is FileDescriptorStoreMax= of the units.
/// A socket costs the kernel 3 KiB, and 12 ms when the process that has it is killed.
const BOUNDS: (usize, usize) = (64, 512);

/// Descriptors that one message can hold (SCM_MAX_FD, 253, include/net/scm.h), rounded down.
const MESSAGE_DESCRIPTORS: usize = 250;

/// Opens `count` sockets, or as many as suit this machine, and returns when the service manager has them.
///
/// # Errors
/// If there is no service manager to take them, or they can't be opened.
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
            .map_err(StartError::socket)?;
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
    let cpus = cores::allowed().map_or(1, |cpus| cpus.len());
    (cpus * PER_CPU).clamp(fewest, most)
}

fn store(sockets: &[PacketSocket]) -> io::Result<()> {
    let descriptors: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
    let states = [NotifyState::FdStore, NotifyState::FdName(NAME)];
    sd_notify::notify_with_fds(&states, &descriptors)
}

/// Waits until the service manager has read everything: it takes nothing from a process that is gone.
fn wait() -> io::Result<()> {
    let (mut ours, theirs) = io::pipe()?;
    let barrier = NotifyState::Custom("BARRIER=1");
    sd_notify::notify_with_fds(&[barrier], &[theirs.as_fd()])?;
    drop(theirs);
    // Ends when the other end is closed there.
    ours.read_to_end(&mut Vec::new()).map(|_| ())
}
