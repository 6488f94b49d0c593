//! Memory for what was found in a message, reused from one message to the next.

use super::NameAt;

/// Memory of [`Answers::parse`](super::Answers::parse): the names and addresses of one message.
///
/// Keep it from one message to the next, so that messages are read without allocation: its lists
/// grow to what the largest message so far needed, which is at most 5,957 names or addresses (a
/// message of 65,535 bytes has no room for more records of 11 bytes), and stay that large.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) names: Vec<NameAt>,
    pub(super) ipv4: Vec<[u8; 4]>,
    pub(super) ipv6: Vec<[u8; 16]>,
}

impl Scratch {
    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.ipv4.clear();
        self.ipv6.clear();
    }
}
