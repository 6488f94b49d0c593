//! The block format, pcapng (draft-ietf-opsawg-pcapng): sections of either byte order, and any
//! number of interfaces, each with its link type and clock. It is read and never written.

use std::io::Read;

use crate::window::Window;
use crate::{ByteOrder, FileError};
use dnsflow_packet::{Frame, LinkType, Timestamp};

/// The type of a section header block, the same in both byte orders.
pub(crate) const SECTION_HEADER: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Bytes of a block around its body: type, length, and the length again at the end.
const FRAMING_BYTES: usize = 12;

/// Largest block that is accepted, in bytes; libpcap has the same limit.
const MAX_BLOCK_BYTES: usize = 16 << 20;

/// Most interfaces of a section: a hostile file can't exhaust memory.
const MAX_INTERFACES: usize = 65_536;

const NANOSECONDS: u128 = 1_000_000_000;

/// State of the section that is being read.
#[derive(Debug, Default)]
pub(crate) struct Section {
    order: ByteOrder,
    interfaces: Vec<Interface>,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    snap_length: u32,
    /// Units of the clock in a second.
    units: u64,
    /// Seconds to add to the clock.
    offset: i64,
}

/// Position of a packet in the body of its block.
struct Packet {
    interface: usize,
    /// Clock of the interface; `None` if the block has no time stamp.
    clock: Option<u64>,
    from: usize,
    captured: usize,
    wire_bytes: u32,
}

impl Section {
    /// The link types of the interfaces described so far.
    pub(crate) fn link_types(&self) -> impl Iterator<Item = LinkType> {
        self.interfaces.iter().map(|interface| interface.link)
    }

    /// Takes blocks up to the next packet; `None` at the end of the file.
    pub(crate) fn next_frame<'w>(
        &mut self,
        window: &'w mut Window<impl Read>,
    ) -> Result<Option<Frame<'w>>, FileError> {
        let (packet, bytes) = loop {
            let offset = window.offset();
            let Some((kind, bytes)) = self.block(window)? else {
                return Ok(None);
            };
            let body = &window.peek(bytes)?[8..bytes - 4];
            let damaged = |what| FileError::Damaged { offset, what };
            let packet = match kind {
                INTERFACE_DESCRIPTION => {
                    self.interface(body).map_err(damaged)?;
                    None
                }
                ENHANCED_PACKET => Some(self.enhanced(body)),
                OBSOLETE_PACKET => Some(self.obsolete(body)),
                SIMPLE_PACKET => Some(self.simple(body)),
                _ => None,
            };
            if let Some(packet) = packet {
                let whole = packet
                    .from
                    .checked_add(packet.captured)
                    .is_some_and(|e| e <= body.len());
                if !whole {
                    return Err(damaged("a packet longer than its block"));
                }
                break (packet, bytes);
            }
            window.take(bytes);
        };
        let interface = self.interfaces.get(packet.interface).copied();
        let block = window.read(bytes)?;
        let from = 8 + packet.from;
        Ok(Some(Frame {
            vlan: None,
            bytes: block.get(from..from + packet.captured).unwrap_or_default(),
            wire_bytes: packet.wire_bytes,
            at: packet
                .clock
                .zip(interface)
                .map_or(Timestamp::default(), |(clock, interface)| {
                    interface.timestamp(clock)
                }),
            // A packet of an interface that was not described can't be decoded; it is counted.
            link: interface.map_or(LinkType::Unsupported(u32::MAX), |found| found.link),
        }))
    }

    /// Type and length of the next block, all of which is then in the window; `None` at the end of
    /// the file.
    ///
    /// ```text
    /// type 4 | length of the block 4 | body .. | length of the block 4
    /// ```
    fn block(&mut self, window: &mut Window<impl Read>) -> Result<Option<(u32, usize)>, FileError> {
        let offset = window.offset();
        let damaged = |what| FileError::Damaged { offset, what };
        let head = window.peek(FRAMING_BYTES)?;
        if head.is_empty() {
            return window.end().map(|()| None);
        }
        let Some(head) = head.first_chunk::<FRAMING_BYTES>() else {
            return Err(FileError::Cut { offset });
        };
        if head[..4] == SECTION_HEADER {
            self.order = match &head[8..] {
                [0x1a, 0x2b, 0x3c, 0x4d] => ByteOrder::Big,
                [0x4d, 0x3c, 0x2b, 0x1a] => ByteOrder::Little,
                _ => return Err(damaged("a section of unknown byte order")),
            };
            self.interfaces.clear();
        }
        let kind = self.order.u32_at(head, 0);
        let bytes = usize::try_from(self.order.u32_at(head, 4)).unwrap_or(usize::MAX);
        if bytes < FRAMING_BYTES || bytes % 4 != 0 || bytes > MAX_BLOCK_BYTES {
            return Err(damaged("a block of impossible length"));
        }
        let block = window.peek(bytes)?;
        if block.len() < bytes {
            return Err(FileError::Cut { offset });
        }
        if self.order.u32_at(block, bytes - 4) != self.order.u32_at(block, 4) {
            return Err(damaged("a block whose two lengths differ"));
        }
        Ok(Some((kind, bytes)))
    }

    /// ```text
    /// link type 2 | 0 2 | snap length 4 | options: code 2 | length 2 | value, padded to 4 ..
    /// ```
    fn interface(&mut self, body: &[u8]) -> Result<(), &'static str> {
        const TIME_RESOLUTION: u16 = 9;
        const TIME_OFFSET: u16 = 14;
        if body.len() < 8 {
            return Err("an interface description that is too short");
        }
        if self.interfaces.len() == MAX_INTERFACES {
            return Err("too many interfaces");
        }
        let mut interface = Interface {
            link: LinkType::from_number(self.order.u16_at(body, 0).into()),
            snap_length: self.order.u32_at(body, 4),
            units: 1_000_000,
            offset: 0,
        };
        let mut options = &body[8..];
        while options.len() >= 4 {
            let code = self.order.u16_at(options, 0);
            let length = usize::from(self.order.u16_at(options, 2));
            let Some(value) = options.get(4..4 + length) else {
                break;
            };
            match (code, value) {
                (0, _) => break,
                (TIME_RESOLUTION, [resolution]) => {
                    let exponent = u32::from(resolution & 0x7f);
                    let base: u64 = if resolution & 0x80 == 0 { 10 } else { 2 };
                    interface.units = base
                        .checked_pow(exponent)
                        .ok_or("a clock finer than can be counted")?;
                }
                (TIME_OFFSET, value) => {
                    if let Some(eight) = value.first_chunk::<8>() {
                        interface.offset = self.order.i64(*eight);
                    }
                }
                _ => {}
            }
            options = options
                .get(4 + length.next_multiple_of(4)..)
                .unwrap_or_default();
        }
        self.interfaces.push(interface);
        Ok(())
    }

    /// ```text
    /// interface 4 | clock high 4 | clock low 4 | captured length 4 | length on the wire 4 | packet ..
    /// ```
    fn enhanced(&self, body: &[u8]) -> Packet {
        self.stamped(
            body,
            usize::try_from(self.order.u32_at(body, 0)).unwrap_or(usize::MAX),
        )
    }

    /// ```text
    /// interface 2 | drops 2 | clock high 4 | clock low 4 | captured length 4 | length on the wire 4 | ..
    /// ```
    fn obsolete(&self, body: &[u8]) -> Packet {
        self.stamped(body, usize::from(self.order.u16_at(body, 0)))
    }

    fn stamped(&self, body: &[u8], interface: usize) -> Packet {
        let high = u64::from(self.order.u32_at(body, 4));
        let low = u64::from(self.order.u32_at(body, 8));
        Packet {
            interface,
            clock: Some(high << 32 | low),
            from: 20,
            captured: usize::try_from(self.order.u32_at(body, 12)).unwrap_or(usize::MAX),
            wire_bytes: self.order.u32_at(body, 16),
        }
    }

    /// ```text
    /// length on the wire 4 | packet, as much as the snap length of interface 0 allows ..
    /// ```
    fn simple(&self, body: &[u8]) -> Packet {
        let wire_bytes = self.order.u32_at(body, 0);
        let snap_length = self.interfaces.first().map_or(0, |first| first.snap_length);
        let captured = if snap_length == 0 {
            wire_bytes
        } else {
            wire_bytes.min(snap_length)
        };
        Packet {
            interface: 0,
            clock: None,
            from: 4,
            captured: usize::try_from(captured).unwrap_or(usize::MAX),
            wire_bytes,
        }
    }
}

impl Interface {
    fn timestamp(&self, clock: u64) -> Timestamp {
        let seconds = clock / self.units;
        let fraction = u128::from(clock % self.units) * NANOSECONDS / u128::from(self.units);
        Timestamp {
            seconds: seconds.saturating_add_signed(self.offset),
            nanoseconds: u32::try_from(fraction).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Records;

    const ORDERS: [ByteOrder; 2] = [ByteOrder::Little, ByteOrder::Big];

    fn block(order: ByteOrder, kind: u32, body: &[u8]) -> Vec<u8> {
        let bytes = u32::try_from(body.len() + FRAMING_BYTES).expect("a short block");
        let (kind, bytes) = (order.u32_bytes(kind), order.u32_bytes(bytes));
        [&kind, &bytes, body, &bytes].concat()
    }

    /// A section with an interface whose clock is in nanoseconds, and one packet, of 4 of 60 bytes.
    fn section(order: ByteOrder, packet_of: u32) -> Vec<u8> {
        let word = |value| order.u32_bytes(value);
        let half = |value| order.u16_bytes(value);
        let header = [&word(0x1a2b_3c4d)[..], &half(1), &half(0), &[0xff; 8]].concat();
        let interface = [
            &half(1)[..],
            &[0, 0],
            &word(65_535),
            &half(9),
            &half(1),
            &[9, 0, 0, 0],
        ]
        .concat();
        let clock = 1_700_000_000_000_000_123_u64;
        let [high, low] = [clock >> 32, clock & 0xffff_ffff];
        let [high, low] = [high, low].map(|half| word(u32::try_from(half).expect("32 bits")));
        let packet = [
            &word(packet_of)[..],
            &high,
            &low,
            &word(4),
            &word(60),
            b"abcd",
        ];
        [
            block(order, 0x0a0d_0d0a, &header),
            block(order, INTERFACE_DESCRIPTION, &interface),
            block(order, ENHANCED_PACKET, &packet.concat()),
        ]
        .concat()
    }

    #[test]
    fn sections_of_either_byte_order_follow_each_other() {
        let file = ORDERS.map(|order| section(order, 0)).concat();
        let mut records = Records::open(file.as_slice()).expect("pcapng");
        for _ in ORDERS {
            let found = records.next_frame().expect("whole").expect("a packet");
            assert_eq!((found.bytes, found.wire_bytes), (&b"abcd"[..], 60));
            assert_eq!(found.link, LinkType::Ethernet);
            let at = Timestamp {
                seconds: 1_700_000_000,
                nanoseconds: 123,
            };
            assert_eq!(found.at, at);
        }
        assert!(records.next_frame().expect("whole").is_none());
    }

    #[test]
    fn a_packet_of_an_unknown_interface_is_given_without_a_link_type() {
        let file = section(ByteOrder::Little, 1);
        let mut records = Records::open(file.as_slice()).expect("pcapng");
        let found = records.next_frame().expect("whole").expect("a packet");
        assert_eq!(found.link, LinkType::Unsupported(u32::MAX));
    }

    #[test]
    fn damage_is_told_with_its_offset() {
        let whole = section(ByteOrder::Little, 0);
        for length in 1..whole.len() {
            let Ok(mut records) = Records::open(&whole[..length]) else {
                assert!(length < 4);
                continue;
            };
            let found = records.next_frame().map(|frame| frame.is_some());
            match found {
                Err(FileError::Cut { offset }) => {
                    assert!(usize::try_from(offset).is_ok_and(|offset| offset < length));
                }
                // The cut is between blocks.
                Ok(false) => assert!([28, 56].contains(&length), "{length}"),
                other => panic!("{length}: {other:?}"),
            }
        }
        let mut damaged = whole;
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        let mut records = Records::open(damaged.as_slice()).expect("pcapng");
        let found = records.next_frame().map(drop);
        assert!(
            matches!(found, Err(FileError::Damaged { offset: 56, .. })),
            "{found:?}"
        );
    }
}
