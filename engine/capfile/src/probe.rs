//! What a file is, by its first bytes and never by its name.

use crate::pcap::{self, Header};
use crate::pcapng;

/// Bytes that a probe wants: fewer only where the file has no more.
pub const HEAD_BYTES: usize = pcap::FILE_HEADER_BYTES;

/// Bytes that tell all formats apart. Of a classic capture they tell no more than that it is one.
pub(crate) const MAGIC_BYTES: usize = 4;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: it has no bytes.
    Empty,
    /// A classic capture, and its file header.
    Pcap(Header),
    /// The start of a classic capture whose file header is not complete.
    CutPcap,
    /// A pcapng capture.
    Pcapng,
    /// A gzip stream (RFC 1952, section 2.3.1).
    Gzip,
    /// Zstandard frames (RFC 8878, section 3.1).
    Zstd,
    /// Neither a capture nor compressed in a known format.
    Other,
}

impl Kind {
    /// Whether the file has to be decompressed before anything in it can be found.
    #[must_use]
    pub fn is_compressed(self) -> bool {
        matches!(self, Self::Gzip | Self::Zstd)
    }
}

/// What the file is that starts with `head`, its first [`HEAD_BYTES`].
///
/// ```
/// use dnsflow_capfile::{Kind, pcap, probe};
///
/// assert_eq!(probe(b"\x1f\x8b\x08"), Kind::Gzip);
/// let head = pcap::Encoding::default().file_header(1, pcap::SNAP_LENGTH);
/// assert!(matches!(probe(&head), Kind::Pcap(_)));
/// ```
#[must_use]
pub fn probe(head: &[u8]) -> Kind {
    match head {
        [] => Kind::Empty,
        [0x1f, 0x8b, ..] => Kind::Gzip,
        // A frame, or a frame to be skipped.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Kind::Zstd,
        [a, b, c, d, ..] if [*a, *b, *c, *d] == pcapng::SECTION_HEADER => Kind::Pcapng,
        [a, b, c, d, ..] if Header::starts([*a, *b, *c, *d]) => head
            .first_chunk()
            .and_then(Header::parse)
            .map_or(Kind::CutPcap, Kind::Pcap),
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use dnsflow_packet::LinkType;
    use proptest::prelude::*;

    use super::*;
    use crate::pcap::{Encoding, Resolution};
    use crate::{ByteOrder, FileError, Records};

    #[test]
    fn each_kind_has_its_magic() {
        assert_eq!(probe(b""), Kind::Empty);
        assert_eq!(probe(b"\x1f\x8b"), Kind::Gzip);
        assert_eq!(probe(b"\x28\xb5\x2f\xfd\x04"), Kind::Zstd);
        assert_eq!(probe(b"\x57\x2a\x4d\x18"), Kind::Zstd);
        assert_eq!(probe(b"\x0a\x0d\x0d\x0a\x1c\0\0\0"), Kind::Pcapng);
        for other in [&b"\x1f"[..], b"\xd4\xc3\xb2", b"\x28\xb5\x2f", b"a capture"] {
            assert_eq!(probe(other), Kind::Other);
        }
    }

    #[test]
    fn a_classic_capture_says_what_it_holds() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            for resolution in [Resolution::Microseconds, Resolution::Nanoseconds] {
                let encoding = Encoding { order, resolution };
                let head = encoding.file_header(276, 1500);
                let Kind::Pcap(header) = probe(&head) else {
                    panic!("{:?}", probe(&head));
                };
                assert_eq!(header.encoding(), encoding);
                assert_eq!(header.link(), LinkType::Cooked2);
                assert_eq!(header.snap_length(), 1500);
                for length in 4..HEAD_BYTES {
                    assert_eq!(probe(&head[..length]), Kind::CutPcap);
                }
            }
        }
    }

    proptest! {
        /// What opens files and what probes them are of one opinion.
        #[test]
        fn records_are_opened_as_the_probe_says(
            start in prop_oneof![
                Just(&b"\xd4\xc3\xb2\xa1"[..]),
                Just(&b"\xa1\xb2\x3c\x4d"[..]),
                Just(&b"\x0a\x0d\x0d\x0a"[..]),
                Just(&b"\x1f\x8b"[..]),
                Just(&b""[..]),
            ],
            rest in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let head = [start, &rest].concat();
            let opened = Records::open(head.as_slice());
            let agree = match probe(&head) {
                Kind::Empty => matches!(opened, Err(FileError::Empty)),
                Kind::CutPcap => matches!(opened, Err(FileError::Cut { offset: 0 })),
                Kind::Pcap(header) => match header.link() {
                    LinkType::Unsupported(_) => matches!(opened, Err(FileError::LinkType { .. })),
                    _ => opened.is_ok(),
                },
                Kind::Pcapng => opened.is_ok(),
                _ => matches!(opened, Err(FileError::NotCapture)),
            };
            prop_assert!(agree, "{:?} and {:?}", probe(&head), opened.err());
        }
    }
}
