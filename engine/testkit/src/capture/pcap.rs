//! The classic format (draft-ietf-opsawg-pcap).

use std::time::Duration;

use super::{Order, length};
use crate::packets::ETHERNET;

/// Bytes of a file before its records.
pub const HEADER_BYTES: usize = 24;
/// Bytes of a record before its packet.
pub const RECORD_BYTES: usize = 16;

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
        let order = self.order;
        let magic = match self.unit {
            Unit::Micro => 0xa1b2_c3d4,
            Unit::Nano => 0xa1b2_3c4d,
            Unit::Patched => 0xa1b2_cd34,
        };
        let mut file = order.u32(magic).to_vec();
        file.extend(order.u16(2));
        file.extend(order.u16(4));
        file.extend([0; 8]);
        file.extend(order.u32(262_144));
        file.extend(order.u32(self.link.into()));
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
        let fraction = match self.unit {
            Unit::Nano => time.subsec_nanos(),
            Unit::Micro | Unit::Patched => time.subsec_micros(),
        };
        let seconds = u32::try_from(time.as_secs()).expect("a time before 2106");
        let [captured_bytes, wire_bytes] = [captured, packet.len()].map(length);
        let fields = [seconds, fraction, captured_bytes, wire_bytes];
        let fields = fields.map(|field| self.order.u32(field));
        let more: &[u8] = match self.unit {
            Unit::Patched => &[0; 8],
            Unit::Micro | Unit::Nano => &[],
        };
        [&fields.concat(), more, &packet[..captured]].concat()
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
