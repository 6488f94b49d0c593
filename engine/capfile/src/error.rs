//! Errors of reading a capture file.

use std::io;

use thiserror::Error;

/// Why a capture file can't be read, or not any further. Offsets are in bytes of the file after
/// decompression.
#[derive(Debug, Error)]
pub enum FileError {
    /// The first bytes belong to neither format.
    #[error("not a capture file (pcap or pcapng)")]
    NotCapture,
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The file ends inside a record.
    #[error("the file is cut at offset {offset}; the packets before that were read")]
    Cut {
        /// Start of the incomplete record.
        offset: u64,
    },
    /// A record contradicts the format.
    #[error("damaged at offset {offset}: {what}; the packets before that were read")]
    Damaged {
        /// Start of the record.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A link type that dnsflow does not read.
    #[error("link type {number} is not supported; see pcap-linktype(7) for its name")]
    LinkType {
        /// Its LINKTYPE_ number.
        number: u32,
    },
    /// The source could not be read.
    #[error("can't read on at offset {offset}: {source}")]
    Read {
        /// Bytes read before.
        offset: u64,
        /// The error of the read.
        source: io::Error,
    },
}

impl FileError {
    /// Whether the source only had nothing to give for a while (`WouldBlock`): the caller may read
    /// on.
    #[must_use]
    pub fn is_pause(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::WouldBlock)
    }
}
