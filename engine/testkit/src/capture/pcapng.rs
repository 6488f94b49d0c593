//! pcapng (draft-ietf-opsawg-pcapng), block by block.

use super::{Order, length};

/// A file in the making.
#[derive(Clone, Debug)]
pub struct Pcapng {
    out: Vec<u8>,
    order: Order,
}

impl Pcapng {
    /// Starts with a section of this order.
    #[must_use]
    pub fn new(order: Order) -> Self {
        let out = Vec::new();
        Self { out, order }.section(order)
    }

    /// One more section.
    #[must_use]
    pub fn section(mut self, order: Order) -> Self {
        self.order = order;
        let mut body = order.u32(0x1a2b_3c4d).to_vec();
        body.extend(order.u16(1));
        body.extend(order.u16(0));
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    /// An interface; `resolution` as if_tsresol has it, `offset` as if_tsoffset.
    #[must_use]
    pub fn interface(self, link: u16, resolution: Option<u8>, offset: Option<u64>) -> Self {
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
            body.extend(order.u64(offset));
        }
        body.extend([0; 4]);
        self.block(1, &body)
    }

    /// An enhanced packet block; `clock` in units of its interface.
    #[must_use]
    pub fn packet(self, interface: u32, clock: u64, packet: &[u8]) -> Self {
        let order = self.order;
        let bytes = length(packet.len());
        let [high, low] = [clock >> 32, clock & u64::from(u32::MAX)]
            .map(|half| u32::try_from(half).expect("half of 64 bits"));
        let fields = [interface, high, low, bytes, bytes].map(|field| order.u32(field));
        self.block(6, &[fields.concat(), padded(packet)].concat())
    }

    /// A simple packet block, which has neither clock nor interface.
    #[must_use]
    pub fn simple(self, packet: &[u8]) -> Self {
        let bytes = self.order.u32(length(packet.len()));
        self.block(3, &[&bytes[..], &padded(packet)].concat())
    }

    /// A block of any type.
    #[must_use]
    pub fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let bytes = self.order.u32(length(12 + body.len()));
        self.out.extend(self.order.u32(kind));
        self.out.extend(bytes);
        self.out.extend(body);
        self.out.extend(bytes);
        self
    }

    /// Where the next block starts.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a section is always there")]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// The file.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        self.out
    }
}

fn padded(packet: &[u8]) -> Vec<u8> {
    let mut out = packet.to_vec();
    out.resize(packet.len().next_multiple_of(4), 0);
    out
}
