//! What waits of a row, and what is rolled up of several.

use super::texts::Id;

/// Bits of [`Row::bits`].
pub(super) const INCOMPLETE: u8 = 1;
pub(super) const CONTINUES: u8 = 1 << 1;
pub(super) const HAS_MORE: u8 = 1 << 2;

/// A row, but for its lists.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Microseconds since 1970.
    pub(super) time: i64,
    pub(super) received: i64,
    pub(super) partition: i64,
    pub(super) sequence: u64,
    /// Index of [`Rows::streams`](super::rows::Rows::streams).
    pub(super) stream: u32,
    pub(super) sampling: Option<u32>,
    pub(super) ttl: Option<u32>,
    pub(super) vni: Option<u32>,
    pub(super) client: Id,
    pub(super) resolver: Id,
    pub(super) transport: Id,
    pub(super) query: Id,
    pub(super) qtype: Id,
    pub(super) qclass: Id,
    pub(super) rcode: Id,
    pub(super) subnet: Id,
    pub(super) interface: Id,
    pub(super) client_port: Option<u16>,
    pub(super) resolver_port: Option<u16>,
    pub(super) vlan: Option<u16>,
    pub(super) inner_vlan: Option<u16>,
    pub(super) index: u16,
    /// The flags of the message; none before version 5, and so no answers.
    pub(super) flags: Option<u8>,
    /// Of the record.
    pub(super) bits: u8,
    /// Where its lists start, and how long they are.
    pub(super) start: usize,
    pub(super) names: u32,
    pub(super) addresses: u32,
    pub(super) answers: u32,
}

impl Row {
    fn bit(&self, bit: u8) -> Option<bool> {
        self.flags.map(|_| self.bits & bit != 0)
    }

    pub(super) fn incomplete(&self) -> Option<bool> {
        self.bit(INCOMPLETE)
    }

    pub(super) fn continues(&self) -> Option<bool> {
        self.bit(CONTINUES)
    }

    pub(super) fn has_more(&self) -> Option<bool> {
        self.bit(HAS_MORE)
    }
}

/// What all rows of a stream have.
#[derive(Clone, Debug)]
pub(super) struct StreamTexts {
    pub(super) sensor: Id,
    pub(super) source: Id,
    pub(super) boot: Id,
    pub(super) core: Option<u16>,
}

/// Which row of `names` it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct NameKey {
    pub(super) partition: i64,
    pub(super) address: Id,
    pub(super) client: Id,
    pub(super) name: Id,
    pub(super) question: Id,
}

/// What is rolled up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Microseconds since 1970.
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) count: u64,
    pub(super) ttl: Option<u32>,
}

impl Seen {
    /// Adds another one.
    pub(super) fn add(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.count = self.count.saturating_add(other.count);
        self.ttl = match (self.ttl, other.ttl) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}
