//! Capture files, of either format, byte by byte.

/// The order of the integers in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

/// LINKTYPE_ numbers.
pub(crate) const ETHERNET: u16 = 1;
pub(crate) const RAW_IP: u16 = 101;
pub(crate) const COOKED: u16 = 113;
/// IEEE 802.15.4, which carries no DNS.
pub(crate) const UNREADABLE: u16 = 195;

/// Bytes of a pcap file before its records, and of a record before its packet.
pub(crate) const HEADER_BYTES: usize = 24;
pub(crate) const RECORD_BYTES: usize = 16;

impl Order {
    fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }
}

/// A classic file of Ethernet frames, a second and a fraction apart.
pub(crate) fn pcap<'p>(packets: impl IntoIterator<Item = &'p Vec<u8>>) -> Vec<u8> {
    pcap_as(Order::Little, 0xa1b2_c3d4, 0, packets)
}

/// The same with a magic number of its own and `extra` bytes more in a record's header. Packet N is stamped
/// 10:00:00 and N seconds and N units, on the first day of all.
pub(crate) fn pcap_as<'p>(
    order: Order,
    magic: u32,
    extra: usize,
    packets: impl IntoIterator<Item = &'p Vec<u8>>,
) -> Vec<u8> {
    let mut out = order.u32(magic).to_vec();
    out.extend(order.u16(2));
    out.extend(order.u16(4));
    out.extend([0; 8]);
    out.extend(order.u32(262_144));
    out.extend(order.u32(ETHERNET.into()));
    for (packet, number) in packets.into_iter().zip(0..) {
        let length = u32::try_from(packet.len()).expect("a short packet");
        for field in [36_000 + number, number, length, length] {
            out.extend(order.u32(field));
        }
        out.extend(vec![0; extra]);
        out.extend(packet);
    }
    out
}

/// A pcapng file in the making.
#[derive(Debug)]
pub(crate) struct Pcapng {
    out: Vec<u8>,
    order: Order,
}

impl Pcapng {
    /// Starts with a section of this order.
    pub(crate) fn new(order: Order) -> Self {
        Pcapng {
            out: Vec::new(),
            order,
        }
        .section(order)
    }

    pub(crate) fn section(mut self, order: Order) -> Self {
        self.order = order;
        let mut body = order.u32(0x1a2b_3c4d).to_vec();
        body.extend(order.u16(1));
        body.extend(order.u16(0));
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    /// An interface; `resolution` as if_tsresol has it, `offset` as if_tsoffset.
    pub(crate) fn interface(self, link: u16, resolution: Option<u8>, offset: Option<u64>) -> Self {
        let order = self.order;
        let mut body = order.u16(link).to_vec();
        body.extend([0; 2]);
        body.extend(order.u32(0));
        if let Some(resolution) = resolution {
            body.extend(order.u16(9));
            body.extend(order.u16(1));
            body.extend([resolution, 0, 0, 0]);
        }
        if let Some(offset) = offset {
            body.extend(order.u16(14));
            body.extend(order.u16(8));
            body.extend(match order {
                Order::Little => offset.to_le_bytes(),
                Order::Big => offset.to_be_bytes(),
            });
        }
        body.extend([0; 4]);
        self.block(1, &body)
    }

    /// An enhanced packet block.
    pub(crate) fn packet(self, interface: u32, clock: u64, packet: &[u8]) -> Self {
        let order = self.order;
        let length = u32::try_from(packet.len()).expect("a short packet");
        let high = u32::try_from(clock >> 32).expect("the high half");
        let low = u32::try_from(clock & u64::from(u32::MAX)).expect("the low half");
        let mut body = Vec::new();
        for field in [interface, high, low, length, length] {
            body.extend(order.u32(field));
        }
        body.extend(padded(packet));
        self.block(6, &body)
    }

    /// A simple packet block, which has neither clock nor interface.
    pub(crate) fn simple(self, packet: &[u8]) -> Self {
        let length = u32::try_from(packet.len()).expect("a short packet");
        let mut body = self.order.u32(length).to_vec();
        body.extend(padded(packet));
        self.block(3, &body)
    }

    /// A block of any type.
    pub(crate) fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let length = self
            .order
            .u32(u32::try_from(12 + body.len()).expect("a short block"));
        self.out.extend(self.order.u32(kind));
        self.out.extend(length);
        self.out.extend(body);
        self.out.extend(length);
        self
    }

    /// Where the next block starts.
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.out
    }
}

fn padded(packet: &[u8]) -> Vec<u8> {
    let mut out = packet.to_vec();
    out.resize(packet.len().next_multiple_of(4), 0);
    out
}
