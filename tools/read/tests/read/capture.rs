//! Capture files of many shapes, byte by byte.

use std::io::Write;
use std::path::PathBuf;

use dnsflow_capfile::ByteOrder;
use dnsflow_capfile::pcap::{Encoding, Resolution};
use dnsflow_packet::Timestamp;

use crate::export::START;

/// 127.0.0.1:`port` to 127.0.0.1:5300.
pub(crate) fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let len = |more: usize| u16::try_from(payload.len() + more).unwrap().to_be_bytes();
    let mut out = vec![0x45, 0];
    out.extend(len(28));
    out.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    out.extend(port.to_be_bytes());
    out.extend(5300_u16.to_be_bytes());
    out.extend(len(8));
    out.extend([0, 0]);
    out.extend(payload);
    out
}

/// [fdfd:..]:4000 to [fdfd:..]:5300.
pub(crate) fn udp6(payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
    let mut out = vec![0x60, 0, 0, 0, len[0], len[1], 17, 64];
    out.extend([0xfd; 32]);
    out.extend(4000_u16.to_be_bytes());
    out.extend(5300_u16.to_be_bytes());
    out.extend(len);
    out.extend([0, 0]);
    out.extend(payload);
    out
}

/// A way to write a capture.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) link: u32,
    /// What stands before each IP packet.
    pub(crate) head: &'static [u8],
    pub(crate) big_endian: bool,
    pub(crate) nanoseconds: bool,
}

/// As the sensor's -w writes it.
pub(crate) const SENSOR: Shape = Shape {
    link: 0,
    head: &[2, 0, 0, 0],
    big_endian: false,
    nanoseconds: false,
};

impl Shape {
    fn word(self, value: u32) -> [u8; 4] {
        if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    /// A pcap file; packet number N comes N times 500,042 microseconds after the start.
    pub(crate) fn pcap(self, packets: &[Vec<u8>]) -> Vec<u8> {
        let encoding = Encoding {
            order: if self.big_endian {
                ByteOrder::Big
            } else {
                ByteOrder::Little
            },
            resolution: if self.nanoseconds {
                Resolution::Nanoseconds
            } else {
                Resolution::Microseconds
            },
        };
        let mut out = encoding.file_header(self.link, 0x4_0000).to_vec();
        for (index, packet) in (0..).zip(packets) {
            let micros: u32 = index * 500_042;
            let at = Timestamp {
                seconds: u64::from(START + micros / 1_000_000),
                nanoseconds: micros % 1_000_000 * 1000,
            };
            let len = u32::try_from(self.head.len() + packet.len()).unwrap();
            out.extend(encoding.record_header(at, len, len));
            out.extend(self.head);
            out.extend(packet);
        }
        out
    }

    /// The same as pcapng.
    pub(crate) fn pcapng(self, packets: &[Vec<u8>]) -> Vec<u8> {
        let block = |kind: u32, body: &[u8]| {
            let len = u32::try_from(12 + body.len()).unwrap();
            [&self.word(kind)[..], &self.word(len), body, &self.word(len)].concat()
        };
        let version: &[u8] = if self.big_endian {
            &[0, 1, 0, 0]
        } else {
            &[1, 0, 0, 0]
        };
        let link = u16::try_from(self.link).unwrap();
        let link = if self.big_endian {
            link.to_be_bytes()
        } else {
            link.to_le_bytes()
        };
        let mut out = block(
            0x0a0d_0d0a,
            &[&self.word(0x1a2b_3c4d)[..], version, &[0xff; 8]].concat(),
        );
        out.extend(block(
            1,
            &[&link[..], &[0, 0], &self.word(0x4_0000)].concat(),
        ));
        for (index, packet) in (0_u64..).zip(packets) {
            let time = u64::from(START) * 1_000_000 + index * 500_042;
            let mut frame = [self.head, packet].concat();
            let len = u32::try_from(frame.len()).unwrap();
            frame.resize(frame.len().next_multiple_of(4), 0);
            let fields = [
                0,
                u32::try_from(time >> 32).unwrap(),
                (time & 0xffff_ffff) as u32,
                len,
                len,
            ];
            let mut body: Vec<u8> = fields.iter().flat_map(|&field| self.word(field)).collect();
            body.extend(frame);
            out.extend(block(6, &body));
        }
        out
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// Writes a file that only the calling test knows.
pub(crate) fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
