//! Commands from the supervisor to live shards, and notices from shards to the supervisor.
//!
//! A command is queued in a channel, and a byte on a socket pair wakes the shard, which already
//! waits on that descriptor. The shard handles commands between two blocks, so that no state is
//! shared while it processes packets.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::snapshot::Snapshot;
use crate::capture::rates::Rates;
use crate::capture::ring::Ring;
use crate::export::destination::Destination;
use dnsflow_packet::Selection;
use dnsflow_privacy::Choice;

/// A command to a live shard.
#[derive(Debug)]
pub enum Command {
    /// Send a [`Snapshot`], then drop the sender.
    Report(Arc<Sender<Snapshot>>),
    /// Apply other settings; the shard answers with [`Notice::Changed`].
    Change(Arc<Change>),
    /// The interface of this index, in the order of `-i`, is up (true) or down (false).
    Present(usize, bool),
    /// The interface of this index was replaced: drain the old ring, then read from this one, to
    /// which the first of these filters is attached.
    Ring(usize, Ring, Box<Rates>),
}

/// New settings, which a shard applies as a whole between two blocks. If the kernel rejects a
/// filter, the shard answers with the error.
#[derive(Clone, Debug)]
pub struct Change {
    /// Number of the change, repeated in [`Notice::Changed`].
    pub number: u64,
    /// The new capture settings; `None` keeps the present ones.
    pub capture: Option<CaptureChange>,
    /// The new output settings.
    pub output: OutputChange,
}

/// Capture settings that can change at run time.
#[derive(Clone, Debug)]
pub struct CaptureChange {
    /// The messages that the decoder selects.
    pub selection: Selection,
    /// The capture filters of each interface, in the order of `-i`.
    pub filters: Vec<Rates>,
}

/// Output settings that can change at run time.
#[derive(Clone, Debug)]
pub struct OutputChange {
    /// All collectors. One that was configured before keeps its socket.
    pub collectors: Vec<Destination>,
    /// Largest UDP payload, in bytes.
    pub datagram_bytes: usize,
    /// The flush interval: longest time that a set waits for others to fill its datagram.
    pub flush: Duration,
    /// What becomes of addresses.
    pub privacy: Choice,
}

/// A message from a shard to the supervisor.
#[derive(Debug)]
pub enum Notice {
    /// The interface of this index, in the order of `-i`, went down.
    Down(usize),
    /// Datagrams could not be delivered to collectors.
    Undelivered,
    /// The change of this number was applied, or the error that prevented it.
    Changed(u64, io::Result<()>),
}

/// The supervisor's end of a command channel. Dropping it ends the shard.
#[derive(Debug)]
pub struct CommandSender {
    wake: UnixStream,
    commands: Sender<Command>,
}

/// The shard's end of a command channel.
#[derive(Debug)]
pub struct CommandReceiver {
    /// Readable if a command is queued; at end of file once the supervisor ends the shard.
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
        // If the socket buffer is full, bytes are in it, and they wake the shard.
        let _ = (&self.wake).write(&[0]);
        sent
    }
}
