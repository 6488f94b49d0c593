//! Compresses the body of an insert.

use std::io::Write;

use flate2::write::GzEncoder;

use super::options::Compression;

/// What starts a frame of LZ4: its magic number; version 1 with blocks that stand alone and no
/// checksums; blocks of at most 4 MiB; and the checksum of these two bytes, which is the second
/// byte of their xxHash-32 (LZ4 frame format 1.6.1).
const LZ4_HEAD: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73];

/// Bytes of text in a block of LZ4.
const LZ4_BLOCK_BYTES: usize = 4 << 20;

/// The mark of a block that is not compressed.
const LZ4_PLAIN: u32 = 1 << 31;

/// Memory that is used again for each body.
#[derive(Debug, Default)]
pub(super) struct Compressor {
    out: Vec<u8>,
    block: Vec<u8>,
}

impl Compressor {
    /// The body, compressed; it stays until the next one.
    pub(super) fn compress<'a>(&'a mut self, how: Compression, body: &'a [u8]) -> &'a [u8] {
        self.out.clear();
        match how {
            Compression::None => return body,
            Compression::Lz4 => self.lz4(body),
            Compression::Gzip => {
                let mut encoder = GzEncoder::new(&mut self.out, flate2::Compression::fast());
                // A Vec takes everything.
                let _ = encoder.write_all(body);
                let _ = encoder.finish();
            }
        }
        &self.out
    }

    fn lz4(&mut self, body: &[u8]) {
        self.out.extend_from_slice(&LZ4_HEAD);
        for plain in body.chunks(LZ4_BLOCK_BYTES) {
            let wanted = lz4_flex::block::get_maximum_output_size(plain.len());
            self.block.resize(self.block.len().max(wanted), 0);
            let length = lz4_flex::block::compress_into(plain, &mut self.block).ok();
            let packed = length.and_then(|length| self.block.get(..length));
            let (block, mark) = match packed {
                Some(packed) if packed.len() < plain.len() => (packed, 0),
                _ => (plain, LZ4_PLAIN),
            };
            // At most 4 MiB.
            let length = u32::try_from(block.len()).unwrap_or_default() | mark;
            self.out.extend_from_slice(&length.to_le_bytes());
            self.out.extend_from_slice(block);
        }
        self.out.extend_from_slice(&[0; 4]);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// Blocks of a frame, read as its description says.
    fn read_lz4(frame: &[u8]) -> Vec<u8> {
        let mut rest = frame
            .strip_prefix(&LZ4_HEAD)
            .expect("it starts as it has to");
        let mut out = Vec::new();
        loop {
            let (length, behind) = rest.split_first_chunk().expect("a block has a length");
            let length = u32::from_le_bytes(*length);
            if length == 0 {
                assert_eq!(behind, b"");
                return out;
            }
            let (block, behind) = behind.split_at((length & !LZ4_PLAIN) as usize);
            if length & LZ4_PLAIN == 0 {
                let text = lz4_flex::block::decompress(block, LZ4_BLOCK_BYTES);
                out.extend(text.expect("it is a block"));
            } else {
                out.extend(block);
            }
            rest = behind;
        }
    }

    #[test]
    fn bodies_come_back_as_they_were() {
        let mut noise = 1_u32;
        let mut random = || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.to_be_bytes()[0]
        };
        let mut compressor = Compressor::default();
        for length in [0, 1, 1000, LZ4_BLOCK_BYTES, LZ4_BLOCK_BYTES + 1] {
            let even = vec![7; length];
            let uneven: Vec<u8> = (0..length).map(|_| random()).collect();
            for body in [even, uneven] {
                assert!(read_lz4(compressor.compress(Compression::Lz4, &body)) == body);
                let packed = compressor.compress(Compression::Gzip, &body);
                let mut out = Vec::new();
                let read = flate2::read::GzDecoder::new(packed).read_to_end(&mut out);
                assert!(read.is_ok() && out == body);
                assert!(compressor.compress(Compression::None, &body) == body);
            }
        }
    }
}
