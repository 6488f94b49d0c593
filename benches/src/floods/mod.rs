//! Floods: what a stranger may send so that a sensor has much work with it, and what that costs.
//!
//! A flood is a sequence of packets, built in code. Nobody has to answer them, and no checksum is
//! verified, so whoever can get packets to the tap can send each of them. The cost is a ratio: to a
//! packet of the generator's default traffic, decoded in the same run. A ratio over the limit
//! means that a stranger slows a sensor down more than the packets' own rate and size explain.
//!
//! - `messages`: DNS messages that are expensive to read or to write;
//! - `datagrams`, `fragments`, `streams` and `layers`: the floods, by what carries them;
//! - [`measure`]: their cost in this process;
//! - [`live`]: ordinary traffic and a flood on one wire.

mod datagrams;
mod fragments;
mod layers;
pub mod live;
pub mod measure;
pub(crate) mod messages;
mod streams;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dnsflow_packet::Selection;
use dnsflow_packet::tunnel::Tunnels;
use dnsflow_testkit::packets::{CLIENT_PORT, Ends, TCP, ethernet, segment};

use crate::cases;

/// A small packet: a query without EDNS, or an empty segment, with room for options.
pub const SMALL_BYTES: usize = 128;
/// Limit for a packet of at most [`SMALL_BYTES`], in ordinary packets.
pub const SMALL_LIMIT: f64 = 5.0;
/// A large packet: the MTU of Ethernet.
pub const LARGE_BYTES: usize = 1500;
/// Limit for a packet of at most [`LARGE_BYTES`], in ordinary packets. A larger one may cost more
/// in proportion to its bytes.
pub const LARGE_LIMIT: f64 = 20.0;
/// Limit for a single packet that pays for others before it, in ordinary packets: about 2 ms, a
/// fifth of the time after which the kernel hands a block over that is not full.
pub const PAUSE_LIMIT: f64 = 20_000.0;

/// Packets of a repeated flood in one measurement, at most.
const REPEATED_PACKETS: usize = 2048;
/// Bytes of a repeated flood in one measurement, at most; it is measured once at least.
const REPEATED_BYTES: usize = 1 << 20;

/// UDP payload of a frame of 1,514 bytes over IPv4.
const UDP_BYTES: usize = 1472;
/// TCP payload of a frame of 1,514 bytes over IPv4, without options.
const TCP_BYTES: usize = 1460;
/// Payload of the largest IPv4 packet behind headers of 40 bytes, as receive offload makes it.
const OFFLOADED_BYTES: usize = 65_535 - 40;
/// Largest DNS message (RFC 1035, section 4.2.2).
const MESSAGE_BYTES: usize = 65_535;

/// The resolver of all floods, over IPv4. The generator has none of this address.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 53);
/// The resolver of all floods over IPv6.
pub const RESOLVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x53);

/// A frame, and when it arrives.
#[derive(Clone, Debug)]
pub struct Packet {
    /// From the Ethernet header on.
    pub bytes: Vec<u8>,
    /// Seconds since the start of the flood.
    pub seconds: u64,
}

/// A named sequence of packets.
#[derive(Clone, Debug)]
pub struct Flood {
    /// Name in tables.
    pub name: &'static str,
    /// Packets that only bring a decoder into the state that the flood meets. They are not measured.
    pub before: Vec<Packet>,
    /// The packets that are measured.
    pub packets: Vec<Packet>,
    /// How often the packets are decoded in one measurement. More than once only if no packet
    /// changes what another costs.
    pub passes: usize,
    /// Responses that are whole in one packet, on average. They are as many records, so that the
    /// packet may cost as many ordinary ones.
    pub responses: f64,
    /// Whether responses are printed, as with `--print`; ordinary packets beside them are, too.
    pub printed: bool,
}

impl Flood {
    /// All floods.
    #[must_use]
    pub fn all() -> Vec<Self> {
        [
            datagrams::floods(),
            fragments::floods(),
            streams::floods(),
            layers::floods(),
        ]
        .concat()
    }

    /// Frames each of which is independent of the others.
    fn repeated(name: &'static str, frames: Vec<Vec<u8>>) -> Self {
        let bytes: usize = frames.iter().map(Vec::len).sum();
        let passes = (REPEATED_PACKETS / frames.len()).min(REPEATED_BYTES / bytes);
        Self {
            passes: passes.max(1),
            ..Self::sequence(name, Vec::new(), frames)
        }
    }

    /// Frames in an order, after those of `before`.
    fn sequence(name: &'static str, before: Vec<Vec<u8>>, frames: Vec<Vec<u8>>) -> Self {
        Self {
            name,
            before: at(0, before),
            packets: at(0, frames),
            passes: 1,
            responses: 0.0,
            printed: false,
        }
    }

    /// The same, where each byte belongs to a response of so many bytes.
    fn of_responses(self, bytes: usize) -> Self {
        Self {
            responses: as_f64(self.average_bytes()) / as_f64(bytes),
            ..self
        }
    }

    /// The same, printed.
    fn printed(self) -> Self {
        Self {
            printed: true,
            ..self
        }
    }

    /// Average bytes of a measured packet.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn average_bytes(&self) -> usize {
        self.packets
            .iter()
            .map(|packet| packet.bytes.len())
            .sum::<usize>()
            / self.packets.len()
    }

    /// The limit for the average packet: the average of the packets' limits, or the responses in
    /// it, in ordinary packets.
    #[must_use]
    pub fn limit(&self) -> f64 {
        let limits = self.packets.iter().map(|packet| limit(packet.bytes.len()));
        (limits.sum::<f64>() / as_f64(self.packets.len())).max(self.responses)
    }
}

/// The limit for a packet of so many bytes, in ordinary packets.
#[must_use]
pub fn limit(bytes: usize) -> f64 {
    if bytes <= SMALL_BYTES {
        SMALL_LIMIT
    } else {
        LARGE_LIMIT * (as_f64(bytes) / as_f64(LARGE_BYTES)).max(1.0)
    }
}

/// The selection for all floods: everything that a sensor can be told to take.
#[must_use]
pub fn selection() -> Selection {
    Selection {
        mdns: true,
        tunnels: Tunnels::all(),
        ..cases::selection()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "sizes of floods are less than 2^53"
)]
fn as_f64(count: usize) -> f64 {
    count as f64
}

/// Frames that arrive at this second.
fn at(seconds: u64, frames: Vec<Vec<u8>>) -> Vec<Packet> {
    let packet = |bytes| Packet { bytes, seconds };
    frames.into_iter().map(packet).collect()
}

/// The resolver, and a client by its number.
fn ends(client: u32) -> Ends {
    let [_, high, middle, low] = client.to_be_bytes();
    Ends {
        resolver: RESOLVER.into(),
        client: IpAddr::from([10, high, middle, low]),
    }
}

/// The same over IPv6.
fn ends_v6(client: u16) -> Ends {
    Ends {
        resolver: RESOLVER_V6.into(),
        client: IpAddr::from([0x2001, 0xdb8, 0xe, 0, 0, 0, 0, client]),
    }
}

/// A message over UDP to a client.
fn udp(client: u32, message: &[u8]) -> Vec<u8> {
    ethernet(&[], &ends(client).udp(53, CLIENT_PORT, message))
}

/// A segment from port 53 to a client.
fn tcp(client: u32, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let segment = segment(53, CLIENT_PORT, sequence, flags, payload);
    ethernet(&[], &ends(client).ip(TCP, &segment))
}

/// Pseudo-random bytes that are the same in each run (SplitMix64, by Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let words = std::iter::repeat_with(|| self.number().to_be_bytes());
        words.flatten().take(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_grow_with_the_packet() {
        assert_eq!(
            [64, 128, 129, 1500, 3000].map(limit),
            [5.0, 5.0, 20.0, 20.0, 40.0]
        );
    }

    #[test]
    fn names_differ() {
        let floods = Flood::all();
        let names: std::collections::BTreeSet<_> = floods.iter().map(|flood| flood.name).collect();
        assert_eq!(names.len(), floods.len());
    }
}
