//! The fast path: matches the common layout of a response at fixed offsets. That is an IP header
//! without options or extension headers directly behind the link layer, then UDP from the port of
//! the resolver; whole, and no fragment.
//!
//! The module rejects nothing: any other packet, damaged and cut ones included, is left to the
//! decoder of each layer, and only those give reasons.

use dnsflow_wire::response::{Endpoints, Envelope, Tags, Transport};
use etherparse::IpNumber;

use crate::numbers::ether_type::{self, IPV4, IPV6};
use crate::{Frame, LinkType};

/// Bytes of an Ethernet header, and of a VLAN tag.
const ETHERNET_BYTES: usize = 14;
const TAG_BYTES: usize = 4;

/// Bytes of an IPv4 header without options, an IPv6 header without extension headers, and a UDP
/// header.
const IPV4_BYTES: usize = 20;
const IPV6_BYTES: usize = 40;
const UDP_BYTES: usize = 8;

/// The envelope and the UDP payload of a packet; `None` if it does not have the common layout, or
/// if its source port is not `resolver_port`.
#[inline(always)]
pub(super) fn message<'a>(
    frame: &Frame<'a>,
    resolver_port: Option<u16>,
) -> Option<(Envelope, &'a [u8])> {
    let (tag, protocol, packet) = match frame.link {
        LinkType::Ethernet => ethernet(frame.bytes)?,
        LinkType::Network(protocol) => (None, protocol, frame.bytes),
        _ => return None,
    };
    let (endpoints, [resolver_port, client_port], message) = match protocol {
        IPV4 => {
            let head = packet.first_chunk::<{ IPV4_BYTES + UDP_BYTES }>()?;
            let total = be16(head, 2);
            // Version 4, header length of 5 words; fragment offset 0, no more fragments.
            let is_common = head[0] == 0x45 && be16(head, 6) & 0x3fff == 0;
            let datagram = packet.get(IPV4_BYTES..total)?;
            if !is_common || head[9] != IpNumber::UDP.0 {
                return None;
            }
            let endpoints = Endpoints::V4 {
                client: array(head, 16),
                resolver: array(head, 12),
            };
            let (ports, message) = payload(datagram, resolver_port)?;
            (endpoints, ports, message)
        }
        IPV6 => {
            let head = packet.first_chunk::<{ IPV6_BYTES + UDP_BYTES }>()?;
            let length = be16(head, 4);
            let datagram = packet.get(IPV6_BYTES..IPV6_BYTES + length)?;
            if head[0] >> 4 != 6 || head[6] != IpNumber::UDP.0 {
                return None;
            }
            let endpoints = Endpoints::V6 {
                client: array(head, 24),
                resolver: array(head, 8),
            };
            let (ports, message) = payload(datagram, resolver_port)?;
            (endpoints, ports, message)
        }
        _ => return None,
    };
    let mut tags = Tags::default();
    if let Some(control) = frame.vlan {
        tags = tags.with_vlan(control);
    }
    if let Some(control) = tag {
        tags = tags.with_vlan(control);
    }
    let envelope = Envelope {
        endpoints,
        client_port,
        resolver_port,
        transport: Transport::Udp,
        tags,
        at: frame.at,
    };
    Some((envelope, message))
}

/// EtherType and payload of an Ethernet frame, behind at most one VLAN tag, which comes first.
#[inline(always)]
fn ethernet(bytes: &[u8]) -> Option<(Option<u16>, u16, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<ETHERNET_BYTES>()?;
    match u16::from_be_bytes([head[12], head[13]]) {
        ether_type::C_TAG => {
            let (tag, rest) = rest.split_first_chunk::<TAG_BYTES>()?;
            let control = u16::from_be_bytes([tag[0], tag[1]]);
            Some((Some(control), u16::from_be_bytes([tag[2], tag[3]]), rest))
        }
        protocol => Some((None, protocol, rest)),
    }
}

/// The ports, source first, and the payload of a UDP datagram from `resolver_port`.
#[inline(always)]
fn payload(datagram: &[u8], resolver_port: Option<u16>) -> Option<([u16; 2], &[u8])> {
    let head = datagram.first_chunk::<UDP_BYTES>()?;
    let source = u16::from_be_bytes([head[0], head[1]]);
    let destination = u16::from_be_bytes([head[2], head[3]]);
    if Some(source) != resolver_port {
        return None;
    }
    Some((
        [source, destination],
        datagram.get(UDP_BYTES..be16(head, 4))?,
    ))
}

#[inline(always)]
fn be16<const N: usize>(head: &[u8; N], at: usize) -> usize {
    usize::from(u16::from_be_bytes([head[at], head[at + 1]]))
}

#[inline(always)]
fn array<const N: usize, const M: usize>(head: &[u8; N], at: usize) -> [u8; M] {
    let mut bytes = [0; M];
    bytes.copy_from_slice(&head[at..at + M]);
    bytes
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;
    use proptest::prelude::*;

    use dnsflow_wire::dns::{MessageReject, Rules};
    use dnsflow_wire::encode::{Draft, Encode};
    use dnsflow_wire::v4::Encoder;
    use dnsflow_wire::v4::MIN_SET_ROOM_BYTES;

    use super::*;
    use crate::{Decoder, Fate, Reject, Selection, Sets, Sink, Timestamp};

    /// `a` has the address 192.0.2.1.
    const MESSAGE: &[u8] = b"\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\
        \x01a\x00\x00\x01\x00\x01\
        \xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01";

    fn packet(version: u8, tags: u8) -> Vec<u8> {
        let ethernet = PacketBuilder::ethernet2([2; 6], [4; 6]);
        let step = match version {
            4 => ethernet.ipv4([10, 0, 0, 2], [10, 0, 0, 1], 64),
            _ => ethernet.ipv6([2; 16], [1; 16], 64),
        };
        let mut frame = Vec::new();
        step.udp(53, 4096)
            .write(&mut frame, MESSAGE)
            .expect("a write to a vector does not fail");
        for tag in 0..tags {
            frame.splice(12..12, [0x81, 0, 0, tag]);
        }
        frame
    }

    fn selection(plain: bool) -> Selection {
        Selection {
            ports: vec![5353, 53, 54],
            any_port: false,
            mdns: true,
            plain,
            tunnels: crate::tunnel::Tunnels::default(),
            rules: Rules::default(),
            lists: None,
            sample: None,
        }
    }

    fn decoder(plain: bool) -> Decoder {
        Decoder::new(selection(plain))
    }

    /// The set of a packet, or the reason that it has none; `None` if it is involved: it needs
    /// reassembly or decapsulation.
    type Found = Option<Result<Vec<u8>, Reject>>;

    /// A sink that declines every message on the fast path, so that all packets are decoded layer
    /// by layer.
    struct ByLayers<S>(S, Option<Reject>);

    impl<S: Sink> Sink for ByLayers<S> {
        fn message(&mut self, _: &[u8], _: &Envelope) -> Option<Result<(), MessageReject>> {
            None
        }

        fn take(&mut self, fate: Fate<'_>, at: Timestamp) {
            if let Fate::Reject(reason) = fate {
                self.1 = Some(reason);
            }
            self.0.take(fate, at);
        }
    }

    /// The result of decoding layer by layer.
    fn by_layers(decoder: &mut Decoder, frame: &Frame<'_>) -> Found {
        let mut sets = Vec::new();
        let note = |set: &[u8], _| sets.push(set.to_vec());
        let mut sink = ByLayers(
            Sets::new(Encoder::default(), MIN_SET_ROOM_BYTES, note),
            None,
        );
        let alone = decoder.decode_alone(frame, &mut sink);
        let reason = sink.1;
        assert!(sets.len() + usize::from(reason.is_some()) <= 1);
        alone.then(|| match sets.pop() {
            Some(set) => Ok(set),
            None => Err(reason.expect("a set or a reason")),
        })
    }

    /// The result of the fast path; `None` for packets and messages that do not qualify.
    fn on_fast_path(frame: &Frame<'_>, port: Option<u16>) -> Found {
        let (envelope, message) = message(frame, port)?;
        let mut draft = [0xee; size_of::<Draft>()];
        let found = Encoder::default().transcribe(message, &envelope, &mut draft, 0)?;
        let set = found.map(|size| draft[..size].to_vec());
        Some(set.map_err(Reject::from))
    }

    fn frame(bytes: &[u8], link: LinkType) -> Frame<'_> {
        Frame {
            bytes,
            wire_bytes: u32::try_from(bytes.len()).expect("a short packet"),
            at: Timestamp::default(),
            link,
            vlan: None,
        }
    }

    /// Whether the frame qualifies for the fast path; if so, asserts that decoding layer by layer
    /// gives the same result.
    fn agrees(frame: &Frame<'_>, plain: bool) -> bool {
        let Some(found) = on_fast_path(frame, selection(plain).usual_port()) else {
            return false;
        };
        let layers = by_layers(&mut decoder(plain), frame);
        assert_eq!(Some(found), layers, "{frame:02x?}");
        true
    }

    #[test]
    fn common_layouts_qualify() {
        for (version, tags, usual) in [
            (4, 0, true),
            (6, 0, true),
            (4, 1, true),
            (6, 1, true),
            (4, 2, false),
        ] {
            let bytes = packet(version, tags);
            let found = agrees(&frame(&bytes, LinkType::Ethernet), false);
            assert_eq!(found, usual, "IPv{version} behind {tags} tags");
        }
        let (ipv4, ipv6) = (packet(4, 0), packet(6, 0));
        assert!(agrees(&frame(&ipv4[14..], LinkType::Network(IPV4)), false));
        assert!(agrees(&frame(&ipv6[14..], LinkType::Network(IPV6)), false));
        assert!(!agrees(&frame(&ipv4[14..], LinkType::Ip), false));
    }

    #[test]
    fn a_selection_changes_the_port_of_the_fast_path() {
        let bytes = packet(4, 0);
        let mut decoder = decoder(false);
        let of_ports = |ports: &[u16]| Selection {
            ports: ports.to_vec(),
            ..selection(false)
        };
        let frame = frame(&bytes, LinkType::Ethernet);
        let mut found = |ports: &[u16]| {
            decoder.select(of_ports(ports));
            let mut sets = 0;
            let mut sink = Sets::new(Encoder::default(), MIN_SET_ROOM_BYTES, |_, _| sets += 1);
            decoder.decode(&frame, &mut sink);
            let rejected = sink.counters.rejected(Reject::Port);
            (sets, rejected)
        };
        assert_eq!(found(&[54]), (0, 1));
        assert_eq!(found(&[53]), (1, 0));
    }

    proptest! {
        #[test]
        fn the_fast_path_and_the_layers_agree(
            version in prop_oneof![Just(4_u8), Just(6)],
            tags in 0_u8..3,
            changes in proptest::collection::vec((0_usize..120, any::<u8>()), 0..5),
            length in 0_usize..200,
            plain: bool,
        ) {
            let mut bytes = packet(version, tags);
            for (at, byte) in changes {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            agrees(&frame(&bytes, LinkType::Ethernet), plain);
            agrees(&frame(&bytes[..length.min(bytes.len())], LinkType::Ethernet), plain);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "decodes a packet for each value of each byte")]
    fn both_paths_agree_after_a_change_of_one_byte() {
        for (version, tags) in [(4, 0), (6, 0), (4, 1), (6, 1)] {
            let bytes = packet(version, tags);
            for at in 12..bytes.len() - MESSAGE.len() {
                for byte in 0..=255 {
                    let mut bytes = bytes.clone();
                    bytes[at] = byte;
                    agrees(&frame(&bytes, LinkType::Ethernet), false);
                }
            }
        }
    }
}
