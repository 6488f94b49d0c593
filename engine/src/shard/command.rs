//! How the supervisor speaks to a live shard, and how that answers.
//!
//! Nothing is shared while packets flow: a command waits in a channel, and a byte on a socket pair, which the shard
//! waits for anyhow, says that there is one. The shard sees to it between two blocks.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use dnsflow_filters::Program;

use super::snapshot::Snapshot;
use crate::capture::ring::Ring;
use crate::export::destination::Destination;
use dnsflow_packet::Selection;

/// What a shard is told.
#[derive(Debug)]
pub enum Command {
    /// Say what was seen so far, then let go of the question.
    Report(Arc<Sender<Snapshot>>),
    /// Go on with other settings; a [`Notice::Changed`] answers.
    Change(Arc<Change>),
    /// The interface of this number, in the order of `-i`, is up, or is not.
    Present(usize, bool),
    /// The interface of this number is another one now: take from this ring, once the old one is empty.
    Ring(usize, Ring),
}

/// Other settings. A shard takes all of it between two blocks, or, where the kernel refuses a filter, says so.
#[derive(Clone, Debug)]
pub struct Change {
    /// For the answer.
    pub number: u64,
    /// What is captured, if that is to change.
    pub capture: Option<CaptureChange>,
    /// Where records go.
    pub output: OutputChange,
}

/// What is captured from now on.
#[derive(Clone, Debug)]
pub struct CaptureChange {
    /// What decode looks for.
    pub selection: Selection,
    /// The capture filter of each interface.
    pub filters: Vec<Program>,
    /// 1 of how many packets is kept; 0 for all.
    pub sample: u32,
}

/// Where records go from now on.
#[derive(Clone, Debug)]
pub struct OutputChange {
    /// A collector that was there before keeps its socket.
    pub collectors: Vec<Destination>,
    /// Largest UDP payload.
    pub datagram_bytes: usize,
    /// Longest time that a set waits.
    pub flush: Duration,
}

/// What a shard tells by itself.
#[derive(Debug)]
pub enum Notice {
    /// The interface of this number, in the order of `-i`, went down.
    Down(usize),
    /// Collectors don't take what they are sent.
    Undelivered,
    /// The change of this number is made, or why it could not be.
    Changed(u64, io::Result<()>),
}

/// The supervisor's end of a command channel. Dropping it tells the shard to end.
#[derive(Debug)]
pub struct CommandSender {
    wake: UnixStream,
    commands: Sender<Command>,
}

/// The shard's end of a command channel.
#[derive(Debug)]
pub struct CommandReceiver {
    /// Readable when there is a command; at end of file when the shard is to end.
    pub(super) wake: OwnedFd,
    pub(super) commands: Receiver<Command>,
}

/// A command channel to a shard.
///
/// # Errors
/// Those of socketpair(2).
pub fn command_channel() -> io::Result<(CommandSender, CommandReceiver)> {
    let (wake, woken) = UnixStream::pair()?;
    wake.set_nonblocking(true)?;
    let (commands, receiver) = channel();
    let receiver = CommandReceiver {
        wake: woken.into(),
        commands: receiver,
    };
    Ok((CommandSender { wake, commands }, receiver))
}

impl CommandSender {
    /// Sends a command; false if the shard has ended.
    pub fn send(&self, command: Command) -> bool {
        let sent = self.commands.send(command).is_ok();
        // If the socket has no room for a byte, others are in it and will wake the shard.
        let _ = (&self.wake).write(&[0]);
        sent
    }
}
