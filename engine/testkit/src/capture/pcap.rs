//! The classic format (pcap-savefile(5)), with the headers that capfile defines.

use std::time::Duration;

use dnsflow_capfile::ByteOrder;
use dnsflow_capfile::pcap::{Encoding, MAX_PACKET_BYTES, Resolution};
use dnsflow_packet::Timestamp;

use super::{Order, length};
use crate::packets::ETHERNET;

/// The magic of [`Unit::Patched`], in place of that of microseconds.
const PATCHED_MAGIC: u32 = 0xa1b2_cd34;

/// What the fraction of a second counts, and how long a record's header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Microseconds.
    Micro,
    /// Nanoseconds.
    Nano,
    /// Microseconds, with eight bytes more in each record's header, as a patched libpcap wrote it (magic 0xa1b2cd34).
    Patched,
}

/// A way to write a file.
#[derive(Clone, Copy, Debug)]
pub struct Pcap {
    /// The order of its integers.
    pub order: Order,
    /// The unit of its clock.
    pub unit: Unit,
    /// The link type of its packets.
    pub link: u16,
}

impl Pcap {
    /// Little endian, in microseconds.
    #[must_use]
    pub const fn of(link: u16) -> Self {
        Self {
            order: Order::Little,
            unit: Unit::Micro,
            link,
        }
    }

    /// A file of packets, each with its time.
    #[must_use]
    pub fn file<P: AsRef<[u8]>>(
        &self,
        packets: impl IntoIterator<Item = (Duration, P)>,
    ) -> Vec<u8> {
        let snap_length = length(MAX_PACKET_BYTES);
        let mut header = self.encoding().file_header(self.link.into(), snap_length);
        if self.unit == Unit::Patched {
            header[..4].copy_from_slice(&self.order.u32(PATCHED_MAGIC));
        }
        let mut file = header.to_vec();
        for (time, packet) in packets {
            file.extend(self.record(time, packet.as_ref()));
        }
        file
    }

    /// The same, with packet N stamped N seconds and N microseconds after 10:00:00, on the first day of 1970.
    #[must_use]
    pub fn clocked<P: AsRef<[u8]>>(&self, packets: impl IntoIterator<Item = P>) -> Vec<u8> {
        let times = (0..).map(|n| Duration::from_secs(36_000 + n) + Duration::from_micros(n));
        self.file(times.zip(packets))
    }

    /// A file without packets.
    #[must_use]
    pub fn empty(&self) -> Vec<u8> {
        self.file::<&[u8]>([])
    }

    /// A record of such a file.
    #[must_use]
    pub fn record(&self, time: Duration, packet: &[u8]) -> Vec<u8> {
        self.cut_record(time, packet, packet.len())
    }

    /// A record of such a file, of whose packet only the first bytes were captured.
    ///
    /// # Panics
    /// If the packet has fewer bytes.
    #[must_use]
    pub fn cut_record(&self, time: Duration, packet: &[u8], captured: usize) -> Vec<u8> {
        let at = Timestamp {
            seconds: time.as_secs(),
            nanoseconds: time.subsec_nanos(),
        };
        let [captured_bytes, wire_bytes] = [captured, packet.len()].map(length);
        let header = self
            .encoding()
            .record_header(at, captured_bytes, wire_bytes);
        let more: &[u8] = match self.unit {
            Unit::Patched => &[0; 8],
            Unit::Micro | Unit::Nano => &[],
        };
        [&header, more, &packet[..captured]].concat()
    }

    fn encoding(&self) -> Encoding {
        Encoding {
            order: match self.order {
                Order::Little => ByteOrder::Little,
                Order::Big => ByteOrder::Big,
            },
            resolution: match self.unit {
                Unit::Nano => Resolution::Nanoseconds,
                Unit::Micro | Unit::Patched => Resolution::Microseconds,
            },
        }
    }
}

/// A file of Ethernet frames, as [`Pcap::clocked`] has it.
#[must_use]
pub fn pcap<P: AsRef<[u8]>>(packets: impl IntoIterator<Item = P>) -> Vec<u8> {
    Pcap::of(ETHERNET).clocked(packets)
}

/// A file of Ethernet frames without any.
#[must_use]
pub fn empty() -> Vec<u8> {
    Pcap::of(ETHERNET).empty()
}
