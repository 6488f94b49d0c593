//! Packets of a divided file that need reassembly or decapsulation.
//!
//! Each shard reads a part of the file, but a fragment or a TCP segment may belong with others in
//! another part. Such packets are deferred: when all parts are read, each is handed to one shard,
//! the same for all packets of a datagram, stream or tunnel, in the order of the file. Until then
//! shards exchange nothing.

use std::sync::mpsc::{Receiver, Sender, channel};

use dnsflow_filters::{FilterError, Interpreter, Program};

use super::admission::program_input;
use dnsflow_packet::Frame;

/// Offsets of deferred records in one part of the file, in bytes from its start.
#[derive(Debug)]
struct List {
    part: usize,
    offsets: Vec<u64>,
}

/// The deferred packets of one shard, and its channels to the others.
#[derive(Debug)]
pub struct Deferred {
    part: usize,
    balance: Interpreter,
    /// Deferred records, for each shard.
    lists: Vec<Vec<u64>>,
    senders: Vec<Sender<List>>,
    receiver: Receiver<List>,
}

impl Deferred {
    /// One side for each of `count` shards. A deferred packet goes to the shard `program value %
    /// count`.
    ///
    /// # Errors
    /// [`FilterError::KernelOnly`] if the program reads what only a kernel knows.
    pub fn among(count: usize, program: &Program) -> Result<Vec<Self>, FilterError> {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| channel()).unzip();
        receivers
            .into_iter()
            .enumerate()
            .map(|(part, receiver)| {
                Ok(Self {
                    part,
                    balance: Interpreter::new(program)?,
                    lists: vec![Vec::new(); count],
                    senders: senders.clone(),
                    receiver,
                })
            })
            .collect()
    }

    /// Defers the packet whose record is at `offset`, in bytes from the start of the file.
    #[cold]
    pub(super) fn defer(&mut self, offset: u64, frame: &Frame<'_>) {
        let value = self.balance.run(&program_input(frame).for_fanout(), || 0);
        let value = usize::try_from(value).unwrap_or(0);
        let owner = value.checked_rem(self.lists.len()).unwrap_or(0);
        if let Some(list) = self.lists.get_mut(owner) {
            list.push(offset);
        }
    }

    /// Sends the deferred records to their shards, waits until every other shard has done so or has
    /// ended, and returns the offsets of those for this shard, ascending.
    pub(super) fn exchange(self) -> Vec<u64> {
        for (sender, offsets) in self.senders.iter().zip(self.lists) {
            // A shard that has ended has reported why, and receives nothing.
            let _ = sender.send(List {
                part: self.part,
                offsets,
            });
        }
        // The receiver ends when every shard has sent or ended.
        drop(self.senders);
        let mut lists: Vec<List> = self.receiver.iter().collect();
        lists.sort_unstable_by_key(|list| list.part);
        lists.into_iter().flat_map(|list| list.offsets).collect()
    }
}
