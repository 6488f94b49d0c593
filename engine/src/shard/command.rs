//! How the supervisor speaks to a live shard, and how that answers.
//!
//! Nothing is shared while packets flow: a command waits in a channel, and a byte on a socket pair, which the shard
//! waits for anyhow, says that there is one. The shard sees to it between two blocks.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::snapshot::Snapshot;
use crate::capture::ring::Ring;

/// What a shard is told.
#[derive(Debug)]
pub enum Command {
    /// Say what was seen so far.
    Report(Sender<Snapshot>),
    /// The interface of this number, in the order of `-i`, is up, or is not.
    Present(usize, bool),
    /// The interface of this number is another one now: take from this ring, once the old one is empty.
    Ring(usize, Ring),
}

/// What a shard tells without being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The interface of this number, in the order of `-i`, went down.
    Down(usize),
}

/// The supervisor's end. Dropped, it tells the shard to end.
#[derive(Debug)]
pub struct Line {
    bell: UnixStream,
    commands: Sender<Command>,
}

/// The shard's end.
#[derive(Debug)]
pub struct Control {
    /// Readable when there is a command; at its end when the shard is to end.
    pub(super) bell: OwnedFd,
    pub(super) commands: Receiver<Command>,
}

/// A line to a shard.
///
/// # Errors
/// What socketpair(2) says.
pub fn line() -> io::Result<(Line, Control)> {
    let (bell, heard) = UnixStream::pair()?;
    bell.set_nonblocking(true)?;
    let (commands, receiver) = channel();
    let control = Control {
        bell: heard.into(),
        commands: receiver,
    };
    Ok((Line { bell, commands }, control))
}

impl Line {
    /// Tells the shard; false if it has ended.
    pub fn send(&self, command: Command) -> bool {
        let sent = self.commands.send(command).is_ok();
        // Where there is no room for a byte, there are others to wake the shard.
        let _ = (&self.bell).write(&[0]);
        sent
    }
}
