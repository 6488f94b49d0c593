//! Batches as bytes of a spool.
//!
//! ```text
//! "DFSB" | version 1 | 0 0 0 | collector 8 | number 8 | records 8 | length 4 | CRC-32 4 | content
//! ```
//!
//! Numbers are little endian. The CRC-32 (IEEE) is that of everything before it and behind it.
//! The content of version 1 is in the wire format of the crate postcard, version 1.

use thiserror::Error;

use super::{Batch, BatchId, Content};

/// What starts a batch.
const MAGIC: [u8; 4] = *b"DFSB";

/// The version of the format.
const VERSION: u8 = 1;

/// Bytes before the content.
pub(crate) const HEAD_BYTES: usize = 40;

/// Bytes of the head before its CRC.
const BEFORE_CRC: usize = HEAD_BYTES - 4;

/// Why bytes are not a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum FormatError {
    /// They end within the batch.
    #[error("it is cut")]
    Cut,
    /// They start otherwise.
    #[error("it is no batch")]
    Magic,
    /// Of a later version, or an earlier one that is not known any more.
    #[error("it has version {0}, known is 1")]
    Version(u8),
    /// The checksum differs, or the content is none.
    #[error("it is damaged")]
    Damaged,
}

/// The head of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) id: BatchId,
    pub(crate) records: u64,
    /// Bytes of the content.
    pub(crate) length: u32,
    crc: u32,
}

impl Head {
    /// Reads the head at the start of `bytes`.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let head: &[u8; HEAD_BYTES] = bytes.first_chunk().ok_or(FormatError::Cut)?;
        let [magic @ .., _, _, _, _] = head.first_chunk::<8>().ok_or(FormatError::Cut)?;
        if *magic != MAGIC {
            return Err(FormatError::Magic);
        }
        if head[4] != VERSION {
            return Err(FormatError::Version(head[4]));
        }
        let number = |at: usize| {
            let bytes = head.get(at..).and_then(<[u8]>::first_chunk);
            u64::from_le_bytes(bytes.copied().unwrap_or_default())
        };
        let short = |at: usize| {
            let bytes = head.get(at..).and_then(<[u8]>::first_chunk);
            u32::from_le_bytes(bytes.copied().unwrap_or_default())
        };
        Ok(Self {
            id: BatchId {
                collector: number(8),
                number: number(16),
            },
            records: number(24),
            length: short(32),
            crc: short(BEFORE_CRC),
        })
    }
}

/// The batch as bytes; `None` if it is too large for any.
pub(crate) fn encode(batch: &Batch) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + batch.memory());
    bytes.extend(MAGIC);
    bytes.extend([VERSION, 0, 0, 0]);
    bytes.extend(batch.id.collector.to_le_bytes());
    bytes.extend(batch.id.number.to_le_bytes());
    bytes.extend(batch.content.records.to_le_bytes());
    bytes.extend([0; 8]);
    let mut bytes = postcard::to_extend(&batch.content, bytes).ok()?;
    let length = u32::try_from(bytes.len() - HEAD_BYTES).ok()?;
    bytes
        .get_mut(32..BEFORE_CRC)?
        .copy_from_slice(&length.to_le_bytes());
    let crc = checksum(&bytes)?;
    bytes
        .get_mut(BEFORE_CRC..HEAD_BYTES)?
        .copy_from_slice(&crc.to_le_bytes());
    Some(bytes)
}

/// Reads the batch that `bytes` are.
pub(crate) fn decode(bytes: &[u8]) -> Result<Batch, FormatError> {
    let head = Head::parse(bytes)?;
    let content = bytes.get(HEAD_BYTES..).ok_or(FormatError::Cut)?;
    if content.len() < head.length as usize {
        return Err(FormatError::Cut);
    }
    if content.len() > head.length as usize || checksum(bytes) != Some(head.crc) {
        return Err(FormatError::Damaged);
    }
    let content: Content = postcard::from_bytes(content).map_err(|_| FormatError::Damaged)?;
    Ok(Batch::new(head.id, content))
}

fn checksum(bytes: &[u8]) -> Option<u32> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(bytes.get(..BEFORE_CRC)?);
    hasher.update(bytes.get(HEAD_BYTES..)?);
    Some(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::batch::{Builder, Stream};

    /// A batch of `count` datagrams, each of one set, from two streams.
    fn batch(count: u64) -> Batch {
        let mut builder = Builder::default();
        for number in 1..=count {
            let key = number % 2;
            let stream = || Stream {
                sensor: format!("tap{key}"),
                source: SocketAddr::from(([192, 0, 2, 1], 7)),
                core: (key == 1).then_some(3),
                boot: 9,
            };
            let low = number.to_be_bytes()[7];
            let mut datagram = vec![4, 1, 0, 0, 0, 0, 0, low];
            datagram.extend([4, 1, 1, 0, 0, 12, 0, 0]);
            datagram.extend([198, 51, 100, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            datagram.extend([192, 0, 2, 53, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            datagram.extend(b"\x01a\x07example\0\0");
            datagram.extend([192, 0, 2, low]);
            let time = Duration::from_micros(1000 + number);
            builder.push(key, stream, time, number, 1, &datagram);
        }
        let id = BatchId {
            collector: 77,
            number: 5,
        };
        Batch::new(id, builder.take())
    }

    #[test]
    fn a_batch_comes_back_as_it_was() {
        for count in [1, 2, 200] {
            let batch = batch(count);
            let bytes = encode(&batch).expect("it is small");
            assert_eq!(decode(&bytes), Ok(batch.clone()));
            let mut rows = 0;
            let counted: Result<(), ()> = batch.each_row(|row| {
                assert_eq!(row.record.addresses().count(), 1);
                rows += 1;
                Ok(())
            });
            assert_eq!((counted, rows), (Ok(()), count));
            assert_eq!(batch.records(), count);
        }
    }

    #[test]
    fn another_version_is_told() {
        let mut bytes = encode(&batch(1)).expect("it is small");
        bytes[4] = 2;
        assert_eq!(decode(&bytes), Err(FormatError::Version(2)));
        assert_eq!(
            decode(b"no batch at all, but forty bytes or more"),
            Err(FormatError::Magic)
        );
        assert_eq!(decode(b"DFSB"), Err(FormatError::Cut));
    }

    proptest! {
        /// Whatever byte is changed or wherever it is cut, a batch is refused.
        #[test]
        fn damage_is_seen(at: prop::sample::Index, change in 1_u8.., cut: prop::sample::Index) {
            let mut bytes = encode(&batch(20)).expect("it is small");
            prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
            let at = at.index(bytes.len());
            // The three bytes of 0 are for a later version.
            bytes[at] ^= change;
            prop_assert!(decode(&bytes).is_err());
        }
    }
}
