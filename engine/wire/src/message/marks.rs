//! Where the names of a message are, and its addresses, in memory that serves every message.

use crate::name::NameAt;

/// What was found in a message. Kept from one message to the next: the lists get as long as the longest message needs,
/// at most 5,957 records of 11 bytes, and then no more memory is asked for.
#[derive(Debug, Default)]
pub struct Marks {
    pub(super) names: Vec<NameAt>,
    pub(super) ipv4: Vec<[u8; 4]>,
    pub(super) ipv6: Vec<[u8; 16]>,
}

impl Marks {
    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.ipv4.clear();
        self.ipv6.clear();
    }
}
