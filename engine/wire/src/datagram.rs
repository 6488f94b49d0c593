//! The dnsflow datagram of version 4, encode side.
//!
//! A [`Builder`] fills memory that its owner set aside, so that many datagrams can lie side by side
//! and leave in one system call. It knows neither sockets nor sequence numbers: a stream numbers a
//! datagram when it is done with it.

use crate::set::Part;

/// The version that the sensor writes.
pub const VERSION: u8 = 4;

/// Bytes before the sets.
pub const HEADER_BYTES: usize = 8;

/// Sets that one datagram can count.
pub const MAX_SETS: u8 = 255;

/// Bytes of a datagram with a stats set.
pub const STATS_BYTES: usize = HEADER_BYTES + 20;

/// The flag of a datagram that holds a stats set.
pub const FLAG_STATS: u16 = 0x0001;

/// UDP port of collectors where none is named.
pub const DEFAULT_PORT: u16 = 5300;

/// A data datagram in the making: how much of its memory is filled, and by how many sets.
///
/// ```text
///  0               1               2               3
/// +---------------+---------------+---------------+---------------+
/// |   version 4   |   sets_count  |      flags (0x0001 stats)     |
/// |                       sequence_number                         |
/// |  sets ..                                                      |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Builder {
    filled: usize,
    sets: u8,
}

impl Builder {
    /// Appends a set to the datagram that is being built in `memory`; false, and nothing written,
    /// if the datagram has no room for it.
    pub fn push(&mut self, part: &Part<'_>, memory: &mut [u8]) -> bool {
        let start = self.filled.max(HEADER_BYTES);
        let end = start + part.size();
        if self.sets == MAX_SETS {
            return false;
        }
        let Some(room) = memory.get_mut(start..end) else {
            return false;
        };
        part.write(room);
        self.filled = end;
        self.sets += 1;
        true
    }

    /// Whether no set was pushed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sets == 0
    }

    /// Whether the count of sets can't grow.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.sets == MAX_SETS
    }

    /// Bytes of the datagram so far; 0 without a set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.filled
    }

    /// Writes the header and starts over. Returns the length of the finished datagram; 0 if it had
    /// no set, and then nothing was written.
    pub fn finish(&mut self, sequence: u32, memory: &mut [u8]) -> usize {
        let done = core::mem::take(self);
        if done.sets > 0 {
            write_header(memory, done.sets, 0, sequence);
        }
        done.filled
    }
}

/// What a stream says of itself; all since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Packets that the stream's process looked at.
    pub packets_captured: u32,
    /// Packets that passed its filter in the kernel.
    pub packets_received: u32,
    /// Packets that the kernel had no room for.
    pub packets_dropped: u32,
    /// Packets that the interface lost.
    pub packets_ifdropped: u32,
    /// 1 of how many packets is kept; 0 when not sampling.
    pub sample_rate: u32,
}

impl Stats {
    /// The stats datagram.
    #[must_use]
    pub fn datagram(&self, sequence: u32) -> [u8; STATS_BYTES] {
        let mut out = [0; STATS_BYTES];
        write_header(&mut out, 1, FLAG_STATS, sequence);
        let fields = [
            self.packets_captured,
            self.packets_received,
            self.packets_dropped,
            self.packets_ifdropped,
            self.sample_rate,
        ];
        for (slot, field) in out[HEADER_BYTES..].chunks_exact_mut(4).zip(fields) {
            slot.copy_from_slice(&field.to_be_bytes());
        }
        out
    }
}

fn write_header(memory: &mut [u8], sets: u8, flags: u16, sequence: u32) {
    memory[0] = VERSION;
    memory[1] = sets;
    memory[2..4].copy_from_slice(&flags.to_be_bytes());
    memory[4..HEADER_BYTES].copy_from_slice(&sequence.to_be_bytes());
}
