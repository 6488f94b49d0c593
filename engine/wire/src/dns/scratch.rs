//! Memory for what was found in a message, reused from one message to the next.

use super::names::Names;
use super::records::Records;

/// Memory of [`Answers::parse`](super::Answers::parse): the names and addresses of one message.
///
/// Keep it from one message to the next, so that messages are read without allocation: its lists
/// grow to what the largest message so far needed, and stay that large. That is at most 5,957
/// addresses or records (a message of 65,535 bytes has no room for more records of 11 bytes), names
/// of 8 times 65,535 bytes, and RDATA of twice that. What is known of the places in a message takes
/// 64 KiB.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) names: Names,
    pub(super) ipv4: Vec<[u8; 4]>,
    pub(super) ipv6: Vec<[u8; 16]>,
    /// Everything that the answer section has; with [`Rules::details`](super::Rules::details) only.
    pub(super) records: Records,
}

impl Scratch {
    pub(super) fn next_message(&mut self, bytes: usize) {
        self.names.next_message(bytes);
        self.ipv4.clear();
        self.ipv6.clear();
        self.records.clear();
    }
}
