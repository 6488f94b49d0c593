//! Whole files of the classic format.

use std::io::{self, ErrorKind, Write};

use dnsflow_packet::{Frame, LinkType};

use super::{Encoding, SNAP_LENGTH, link_number};

/// Writes packets of one link type as a capture file.
///
/// Each packet takes two writes, so `out` should be buffered.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    encoding: Encoding,
    link: LinkType,
    snap_length: u32,
}

impl<W: Write> Writer<W> {
    /// Writes the file header of a capture of `link`, little endian with microseconds, and a snap
    /// length of [`SNAP_LENGTH`].
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn new(out: W, link: LinkType) -> io::Result<Self> {
        Self::with(out, link, Encoding::default(), SNAP_LENGTH)
    }

    /// Writes the file header of a capture of `link`, whose records hold at most `snap_length`
    /// bytes of each packet.
    ///
    /// # Errors
    /// `InvalidInput` for [`LinkType::Network`], which has no number in files; or an error of the
    /// write.
    pub fn with(
        mut out: W,
        link: LinkType,
        encoding: Encoding,
        snap_length: u32,
    ) -> io::Result<Self> {
        let number = link_number(link).ok_or_else(|| {
            io::Error::new(
                ErrorKind::InvalidInput,
                "a capture file can't state this link type",
            )
        })?;
        out.write_all(&encoding.file_header(number, snap_length))?;
        Ok(Self {
            out,
            encoding,
            link,
            snap_length,
        })
    }

    /// Writes a packet, as much of it as the snap length allows.
    ///
    /// # Errors
    /// `InvalidInput` if the packet's link type is not the file's; or an error of the write.
    pub fn write(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        if frame.link != self.link {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "a packet of another link type than the file's",
            ));
        }
        let snap_bytes = usize::try_from(self.snap_length).unwrap_or(usize::MAX);
        let bytes = &frame.bytes[..frame.bytes.len().min(snap_bytes)];
        // At most the snap length, which is a u32.
        let captured = u32::try_from(bytes.len()).unwrap_or(self.snap_length);
        let header = self
            .encoding
            .record_header(frame.at, captured, frame.wire_bytes);
        self.out.write_all(&header)?;
        self.out.write_all(bytes)
    }

    /// Gives back what was written to, unflushed.
    pub fn into_inner(self) -> W {
        self.out
    }
}

#[cfg(test)]
mod tests {
    use dnsflow_packet::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::pcap::Resolution;
    use crate::{ByteOrder, FileError, Records};

    /// Link types of files, by all numbers that are read.
    fn link() -> impl Strategy<Value = LinkType> {
        (0..300_u32)
            .prop_map(LinkType::from_number)
            .prop_filter("read", |link| !matches!(link, LinkType::Unsupported(_)))
    }

    fn encoding() -> impl Strategy<Value = Encoding> {
        let order = prop_oneof![Just(ByteOrder::Little), Just(ByteOrder::Big)];
        let resolution = prop_oneof![
            Just(Resolution::Microseconds),
            Just(Resolution::Nanoseconds)
        ];
        (order, resolution).prop_map(|(order, resolution)| Encoding { order, resolution })
    }

    /// Bytes of a packet, bytes that its capture left out, and its time.
    fn packet() -> impl Strategy<Value = (Vec<u8>, u32, Timestamp)> {
        let bytes = prop::collection::vec(any::<u8>(), 0..200);
        (bytes, 0..2000_u32, any::<u32>(), 0..1_000_000_000_u32).prop_map(
            |(bytes, cut, seconds, nanoseconds)| {
                let at = Timestamp {
                    seconds: seconds.into(),
                    nanoseconds,
                };
                (bytes, cut, at)
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            link in link(),
            encoding in encoding(),
            snap_length in 0..300_u32,
            packets in prop::collection::vec(packet(), 0..20),
        ) {
            let mut writer = Writer::with(Vec::new(), link, encoding, snap_length).expect("a vector");
            let frames: Vec<Frame<'_>> = packets
                .iter()
                .map(|(bytes, cut, at)| Frame {
                    bytes,
                    wire_bytes: u32::try_from(bytes.len()).expect("short") + cut,
                    at: *at,
                    link,
                    vlan: None,
                })
                .collect();
            for frame in &frames {
                writer.write(frame).expect("a vector");
            }
            let file = writer.into_inner();
            let mut records = Records::open(file.as_slice()).expect("a capture");
            for frame in &frames {
                let found = records.next_frame().expect("a whole file").expect("a packet");
                let kept = frame.bytes.len().min(usize::try_from(snap_length).expect("short"));
                prop_assert_eq!(found.bytes, &frame.bytes[..kept]);
                prop_assert_eq!(found.wire_bytes, frame.wire_bytes);
                prop_assert_eq!(found.link, link);
                let unit = encoding.resolution.nanoseconds();
                let nanoseconds = frame.at.nanoseconds / unit * unit;
                prop_assert_eq!(found.at, Timestamp { nanoseconds, ..frame.at });
            }
            prop_assert!(records.next_frame().expect("a whole file").is_none());
        }

        /// Each cut gives all whole packets, then says where the cut is.
        #[test]
        fn a_cut_is_found(
            packets in prop::collection::vec(packet(), 1..5),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut writer = Writer::new(Vec::new(), LinkType::Ethernet).expect("a vector");
            let mut ends = vec![super::super::FILE_HEADER_BYTES];
            for (bytes, _, at) in &packets {
                let wire_bytes = u32::try_from(bytes.len()).expect("short");
                let frame = Frame { bytes, wire_bytes, at: *at, link: LinkType::Ethernet, vlan: None };
                writer.write(&frame).expect("a vector");
                ends.push(writer.out.len());
            }
            let length = ends[0] + cut.index(writer.out.len() - ends[0]);
            let mut records = Records::open(&writer.out[..length]).expect("a capture");
            let whole = ends.iter().filter(|end| **end <= length).count() - 1;
            for _ in 0..whole {
                prop_assert!(records.next_frame().expect("a whole record").is_some());
            }
            match records.next_frame() {
                Ok(None) => prop_assert_eq!(ends[whole], length),
                Err(FileError::Cut { offset }) => {
                    prop_assert_eq!(usize::try_from(offset).expect("short"), ends[whole]);
                    prop_assert!(ends[whole] < length);
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn a_file_has_one_link_type() {
        let mut writer = Writer::new(Vec::new(), LinkType::Ethernet).expect("a vector");
        let frame = Frame {
            bytes: &[],
            wire_bytes: 0,
            at: Timestamp::default(),
            link: LinkType::Ip,
            vlan: None,
        };
        let refused = writer.write(&frame).map_err(|error| error.kind());
        assert_eq!(refused, Err(ErrorKind::InvalidInput));
        assert_eq!(writer.into_inner().len(), super::super::FILE_HEADER_BYTES);
        let refused = Writer::new(Vec::new(), LinkType::Network(0x0800));
        let refused = refused.map(drop).map_err(|error| error.kind());
        assert_eq!(refused, Err(ErrorKind::InvalidInput));
    }
}
