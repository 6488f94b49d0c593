//! Origins, written: each is told once in a datagram, and by its number from then on.

use super::origin::{
    DNS_PORT, FIRST_NUMBER, FOLLOWS, FOLLOWS_NUMBERED, FORM_INNER_VLAN, FORM_INTERFACE, FORM_IPV6,
    FORM_PORT, FORM_VLAN, FORM_VNI, MAX_INTERFACE_BYTES,
};
use super::writer::Writer;
use crate::response::{Endpoints, Envelope, Tags};

/// Slots for origins of a datagram. One in the slot of another takes its place, and is told again.
const SLOTS: usize = 64;

/// What tells origins apart: the address, of IPv4 in the first 4 bytes, and everything else in one
/// word. Two words are compared faster than many fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Key {
    resolver: [u8; 16],
    /// ```text
    /// VNI 33 bits | inner VLAN 17 | VLAN 17 | interface 17 | port 16 | IPv6 1
    /// ```
    ///
    /// What may be missing has one bit more than it needs, which says whether it is there.
    rest: u128,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// The number of the datagram in which it was told.
    datagram: u32,
    /// Its number in that datagram.
    number: u8,
    key: Key,
}

/// The origins that the datagram has which is being filled.
#[derive(Debug)]
pub(super) struct OriginTable {
    slots: Box<[Slot; SLOTS]>,
    datagram: u32,
    /// Number of the next one; 0 once there are no more.
    next: u8,
    /// What the last set has told for the first time. It is known once the set stays.
    pending: Option<(usize, Key)>,
    interfaces: Vec<Box<str>>,
    /// The one that messages come from, and its bits in a key.
    interface: Option<usize>,
    place: u128,
}

impl Default for OriginTable {
    fn default() -> Self {
        Self {
            slots: Box::new([Slot::default(); SLOTS]),
            datagram: 1,
            next: FIRST_NUMBER,
            pending: None,
            interfaces: Vec::new(),
            interface: None,
            place: 0,
        }
    }
}

impl OriginTable {
    /// Forgets everything: another datagram begins.
    pub(super) fn clear(&mut self) {
        self.pending = None;
        self.next = FIRST_NUMBER;
        self.datagram = self.datagram.wrapping_add(1);
        if self.datagram == 0 {
            // Numbers start over, and would match slots of earlier datagrams.
            self.slots.fill(Slot::default());
            self.datagram = 1;
        }
    }

    /// Keeps what the last set has told.
    #[inline(always)]
    pub(super) fn keep(&mut self) {
        if let Some((index, key)) = self.pending.take() {
            self.slots[index % SLOTS] = Slot {
                datagram: self.datagram,
                number: self.next,
                key,
            };
            self.next = self.next.wrapping_add(1);
        }
    }

    /// Messages come from this interface from now on.
    pub(super) fn on_interface(&mut self, name: &str) {
        let known = self.interfaces.iter().position(|known| **known == *name);
        if known.is_some() && known == self.interface {
            return;
        }
        self.interface = known.or_else(|| {
            self.interfaces.push(name.into());
            Some(self.interfaces.len() - 1)
        });
        let index = self.interface.and_then(|it| u16::try_from(it).ok());
        self.place = index.map_or(0, |it| u128::from(it) << 1 | 1) << 17;
    }

    /// Writes where a response came from.
    #[inline(always)]
    pub(super) fn write(&mut self, envelope: &Envelope, out: &mut Writer<'_>) -> Option<()> {
        let mut resolver = [0; 16];
        let is_ipv6 = match envelope.endpoints {
            Endpoints::V4 { resolver: it, .. } => {
                resolver[..4].copy_from_slice(&it);
                false
            }
            Endpoints::V6 { resolver: it, .. } => {
                resolver = it;
                true
            }
        };
        let mut rest = u128::from(is_ipv6) | u128::from(envelope.resolver_port) << 1 | self.place;
        if envelope.tags != Tags::default() {
            rest |= tags(envelope.tags);
        }
        let key = Key { resolver, rest };
        let index = key.index();
        let slot = &self.slots[index];
        self.pending = None;
        if slot.datagram == self.datagram && slot.key == key {
            return out.array([slot.number]);
        }
        self.tell(index, key, envelope, out)
    }

    #[inline(never)]
    fn tell(
        &mut self,
        index: usize,
        key: Key,
        envelope: &Envelope,
        out: &mut Writer<'_>,
    ) -> Option<()> {
        // After 255 the next one is 0.
        let is_numbered = self.next >= FIRST_NUMBER;
        let first = if is_numbered {
            FOLLOWS_NUMBERED
        } else {
            FOLLOWS
        };
        self.pending = is_numbered.then_some((index, key));
        if key.rest == u128::from(DNS_PORT) << 1 {
            // Of an IPv4 address, and nothing else.
            let [a, b, c, d, ..] = key.resolver;
            return out.array([first, 5, 0, a, b, c, d]);
        }
        out.array([first])?;
        let interface = self.interface.and_then(|it| self.interfaces.get(it));
        let interface =
            interface.filter(|name| (1..=MAX_INTERFACE_BYTES.into()).contains(&name.len()));
        let Tags {
            vlan,
            inner_vlan,
            vni,
        } = envelope.tags;
        let is_ipv6 = matches!(envelope.endpoints, Endpoints::V6 { .. });
        let port = envelope.resolver_port;
        let mut form = 0;
        for (is_there, bit) in [
            (is_ipv6, FORM_IPV6),
            (port != DNS_PORT, FORM_PORT),
            (interface.is_some(), FORM_INTERFACE),
            (vlan.is_some(), FORM_VLAN),
            (inner_vlan.is_some(), FORM_INNER_VLAN),
            (vni.is_some(), FORM_VNI),
        ] {
            form |= if is_there { bit } else { 0 };
        }
        let length_at = out.len();
        out.array([0, form])?;
        if is_ipv6 {
            out.array(key.resolver)?;
        } else {
            let [a, b, c, d, ..] = key.resolver;
            out.array([a, b, c, d])?;
        }
        if port != DNS_PORT {
            out.array(port.to_be_bytes())?;
        }
        if let Some(name) = interface {
            out.array([u8::try_from(name.len()).ok()?])?;
            out.bytes(name.as_bytes())?;
        }
        for vlan in [vlan, inner_vlan].into_iter().flatten() {
            out.array(vlan.to_be_bytes())?;
        }
        if let Some(vni) = vni {
            out.array(vni.to_be_bytes())?;
        }
        let length = u8::try_from(out.len() - length_at - 1).ok()?;
        out.patch(length_at, [length])
    }
}

/// The bits of tags in a key.
#[inline(never)]
fn tags(tags: Tags) -> u128 {
    let told = |tag: Option<u32>| tag.map_or(0, |it| u128::from(it) << 1 | 1);
    told(tags.vlan.map(u32::from)) << 34
        | told(tags.inner_vlan.map(u32::from)) << 51
        | told(tags.vni) << 68
}

impl Key {
    #[inline(always)]
    fn index(&self) -> usize {
        let [a, b, c, d, .., w, x, y, z] = self.resolver;
        let address = u32::from_le_bytes([a, b, c, d]) ^ u32::from_le_bytes([w, x, y, z]);
        let word = |bits: u128| u32::try_from(bits & 0xffff_ffff).unwrap_or(0);
        let (low, high) = (word(self.rest), word(self.rest >> 34));
        let mixed = (address ^ low ^ high).wrapping_mul(0x9e37_79b1);
        usize::try_from(mixed >> 26).unwrap_or(0) % SLOTS
    }
}
