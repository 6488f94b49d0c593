//! Packets of a divided file that don't stand alone.
//!
//! Each shard reads a part of the file, but a fragment or a TCP segment may belong with others in another
//! part. Such packets are put off: when all parts are read, each is handed to the shard that all of its
//! kin are handed to, in the order of the file. Until then shards share nothing.

use std::sync::mpsc::{Receiver, Sender, channel};

use dnsflow_filters::{FilterError, Interpreter, Program};

use super::admission::as_program_sees;
use dnsflow_packet::Frame;

/// Offsets of records, of one part of the file.
#[derive(Debug)]
struct List {
    part: usize,
    offsets: Vec<u64>,
}

/// One shard's side of the exchange.
#[derive(Debug)]
pub struct Deferred {
    part: usize,
    balance: Interpreter,
    /// What was put off, for each shard.
    lists: Vec<Vec<u64>>,
    senders: Vec<Sender<List>>,
    receiver: Receiver<List>,
}

impl Deferred {
    /// The sides of `count` shards, which hand packets to each other by the value of `program`.
    ///
    /// # Errors
    /// If the program can't be run.
    pub fn among(count: usize, program: &Program) -> Result<Vec<Self>, FilterError> {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| channel()).unzip();
        receivers
            .into_iter()
            .enumerate()
            .map(|(part, receiver)| {
                Ok(Deferred {
                    part,
                    balance: Interpreter::new(program)?,
                    lists: vec![Vec::new(); count],
                    senders: senders.clone(),
                    receiver,
                })
            })
            .collect()
    }

    /// Puts off the packet whose record is at `offset`.
    #[cold]
    pub(super) fn put_off(&mut self, offset: u64, frame: &Frame<'_>) {
        let value = self.balance.run(&as_program_sees(frame).for_fanout(), || 0);
        let value = usize::try_from(value).unwrap_or(0);
        let owner = value.checked_rem(self.lists.len()).unwrap_or(0);
        if let Some(list) = self.lists.get_mut(owner) {
            list.push(offset);
        }
    }

    /// Hands out what was put off, waits for the others, and gives what they have for this shard, in the
    /// order of the file.
    pub(super) fn exchange(self) -> Vec<u64> {
        for (sender, offsets) in self.senders.iter().zip(self.lists) {
            // A shard that has gone has said why, and takes nothing any more.
            let _ = sender.send(List {
                part: self.part,
                offsets,
            });
        }
        // The receiver ends when every shard has sent, or is gone.
        drop(self.senders);
        let mut lists: Vec<List> = self.receiver.iter().collect();
        lists.sort_unstable_by_key(|list| list.part);
        lists.into_iter().flat_map(|list| list.offsets).collect()
    }
}
