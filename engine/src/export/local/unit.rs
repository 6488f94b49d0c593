//! What a local output consists of, and where each piece of it ends.

use dnsflow_capfile::pcap::RECORD_HEADER_BYTES;

/// What is written and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Datagrams, each as a record of a little-endian pcap file.
    Datagrams,
    /// Lines of text.
    Lines,
}

impl Unit {
    /// The plural, for messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Datagrams => "datagrams",
            Self::Lines => "lines",
        }
    }

    /// The whole pieces at the start of `bytes` that together have at most `most` bytes, but at
    /// least one: their length in bytes, and their number. `bytes` starts with a whole piece.
    pub(super) fn take(self, bytes: &[u8], most: usize) -> (usize, u64) {
        let (mut taken, mut count) = (0, 0);
        while let Some(next) = bytes.get(taken..).and_then(|rest| self.first(rest)) {
            if count > 0 && taken + next > most {
                break;
            }
            taken += next;
            count += 1;
        }
        // It is not empty, so that a writer always gets on.
        if count == 0 {
            (bytes.len(), 1)
        } else {
            (taken, count)
        }
    }

    /// Length of the first piece, in bytes; `None` if it is not whole.
    fn first(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Lines => bytes
                .iter()
                .position(|byte| *byte == b'\n')
                .map(|at| at + 1),
            Self::Datagrams => {
                // Time 8 | bytes in the file 4 | bytes on the wire 4.
                let captured = u32::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
                let length = RECORD_HEADER_BYTES + usize::try_from(captured).ok()?;
                (length <= bytes.len()).then_some(length)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(bytes: u8) -> Vec<u8> {
        let mut record = vec![0; RECORD_HEADER_BYTES + usize::from(bytes)];
        record[8] = bytes;
        record
    }

    #[test]
    fn whole_pieces_are_taken_and_at_least_one() {
        let records = [record(4), record(10), record(0)].concat();
        assert_eq!(Unit::Datagrams.take(&records, 19), (20, 1));
        assert_eq!(Unit::Datagrams.take(&records, 45), (20, 1));
        assert_eq!(Unit::Datagrams.take(&records, 46), (46, 2));
        assert_eq!(Unit::Datagrams.take(&records, 4096), (62, 3));
        let lines = b"a\nbc\n\n";
        assert_eq!(Unit::Lines.take(lines, 1), (2, 1));
        assert_eq!(Unit::Lines.take(lines, 4), (2, 1));
        assert_eq!(Unit::Lines.take(lines, 5), (5, 2));
        assert_eq!(Unit::Lines.take(lines, 6), (6, 3));
    }
}
