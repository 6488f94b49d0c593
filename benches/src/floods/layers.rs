//! Floods of headers: tags, labels, extension headers and tunnels.

use dnsflow_testkit::packets::{
    CLIENT_PORT, Ends, UDP, ethernet, ethernet_of, extension, geneve, gtp, mpls,
};

use super::messages::{CNAME, chain, tiny};
use super::{Flood, LARGE_BYTES, ends, ends_v6};

const S_TAG: u16 = 0x88a8;
const MPLS: u16 = 0x8847;
const HOP_BY_HOP: u8 = 0;
const DESTINATION_OPTIONS: u8 = 60;
const IPV4_INSIDE: u8 = 4;
/// Layers that a decoder follows between a frame and an IP header.
const LAYERS: usize = 16;
/// Extension headers that a decoder follows.
const EXTENSIONS: usize = 8;
/// Tunnels inside each other that a decoder follows.
const TUNNELS: u32 = 4;
/// Different packets of a flood.
const VARIANTS: u16 = 64;

/// All floods of headers.
pub(super) fn floods() -> Vec<Flood> {
    vec![
        of("VLAN tags, 15", |id| tagged(id, LAYERS - 1)),
        of("VLAN tags, 360", |id| tagged(id, 360)),
        of("MPLS labels, 15", |id| labelled(id, 15)),
        of("MPLS labels, 255", |id| labelled(id, 255)),
        of("pseudowires in pseudowires", pseudowires),
        of("IPv6 extension headers, 8", |id| extended(id, EXTENSIONS)),
        of("IPv6 extension headers, 160", |id| extended(id, 160)),
        of("IPv6 extension headers of 1,400 bytes", long_extension),
        of("IPv4 options", options),
        of("IP in IP, 4 deep", |id| {
            nested(TUNNELS, |ends, packet| ends.ip_in_ip(packet), id)
        }),
        of("IP in IP, 60 deep", |id| {
            nested(60, |ends, packet| ends.ip_in_ip(packet), id)
        }),
        of("GRE, 4 deep", |id| {
            nested(TUNNELS, |ends, packet| ends.gre(0x0800, packet), id)
        }),
        of("VXLAN, 4 deep", |id| nested(TUNNELS, in_vxlan, id)),
        of("VXLAN, 4 deep, CNAME chains", chains_in_vxlan),
        of("Geneve with options, 4 deep", |id| {
            nested(TUNNELS, in_geneve, id)
        }),
        of("GTP with extensions", in_gtp),
        fragments_in_tunnels(),
    ]
}

fn of(flood: &'static str, frame: impl Fn(u16) -> Vec<u8>) -> Flood {
    Flood::repeated(flood, (0..VARIANTS).map(frame).collect())
}

fn packet(id: u16) -> Vec<u8> {
    ends(id.into()).udp(53, CLIENT_PORT, &tiny(id))
}

fn tagged(id: u16, tags: usize) -> Vec<u8> {
    ethernet(&vec![S_TAG; tags], &packet(id))
}

fn labelled(id: u16, labels: u8) -> Vec<u8> {
    ethernet_of(&[], MPLS, &mpls(labels, &packet(id)))
}

/// Each tells only by its content whether a control word is there.
fn pseudowires(id: u16) -> Vec<u8> {
    const CONTROL_WORD: [u8; 4] = [0; 4];
    let mut frame = labelled(id, 1);
    while frame.len() + 22 < LARGE_BYTES {
        frame = ethernet_of(&[], MPLS, &mpls(1, &[&CONTROL_WORD, &frame[..]].concat()));
    }
    frame
}

fn extended(id: u16, headers: usize) -> Vec<u8> {
    let ends = ends_v6(id);
    let datagram = ends.udp_datagram(53, CLIENT_PORT, &tiny(id));
    let mut next = UDP;
    let mut payload = datagram;
    for _ in 0..headers {
        payload = extension(next, &payload);
        next = DESTINATION_OPTIONS;
    }
    ethernet(&[], &ends.ip(next, &payload))
}

/// One header of options of one byte each, Pad1 (RFC 8200, section 4.2).
fn long_extension(id: u16) -> Vec<u8> {
    const UNITS: u8 = 175;
    let ends = ends_v6(id);
    let mut payload = vec![UDP, UNITS - 1];
    payload.resize(8 * usize::from(UNITS), 0);
    payload.extend(ends.udp_datagram(53, CLIENT_PORT, &tiny(id)));
    ethernet(&[], &ends.ip(HOP_BY_HOP, &payload))
}

fn options(id: u16) -> Vec<u8> {
    let ends = ends(id.into());
    let datagram = ends.udp_datagram(53, CLIENT_PORT, &tiny(id));
    ethernet(&[], &ends.ipv4(&[1; 40], 0, 0, UDP, &datagram))
}

/// A packet in so many tunnels.
fn nested(depth: u32, tunnel: impl Fn(Ends, &[u8]) -> Vec<u8>, id: u16) -> Vec<u8> {
    let inside = (0..depth).fold(packet(id), |packet, level| tunnel(ends(level), &packet));
    ethernet(&[], &inside)
}

fn in_vxlan(ends: Ends, packet: &[u8]) -> Vec<u8> {
    ends.vxlan(50_000, &ethernet(&[], packet))
}

fn in_geneve(ends: Ends, packet: &[u8]) -> Vec<u8> {
    const WORDS: u8 = 63;
    ends.udp(50_000, 6081, &geneve(WORDS, 0x0800, packet))
}

fn chains_in_vxlan(id: u16) -> Vec<u8> {
    let packet = ends(id.into()).udp(53, CLIENT_PORT, &chain(id, 1272, CNAME));
    let inside = (0..TUNNELS).fold(packet, |packet, level| in_vxlan(ends(level), &packet));
    ethernet(&[], &inside)
}

/// Eight extension headers of four bytes each.
fn in_gtp(id: u16) -> Vec<u8> {
    const EXTENDED: u8 = 4;
    let mut optional = vec![0, 0, 0, 0x85];
    for header in 1..=8 {
        optional.extend([1, 0, 0, if header < 8 { 0x85 } else { 0 }]);
    }
    let body = gtp(EXTENDED, &optional, &packet(id));
    ethernet(&[], &ends(0).udp(50_000, 2152, &body))
}

/// A fragmented datagram, each fragment in a tunnel that is fragmented again, and so on: of each 32
/// frames, every second one completes a datagram.
fn fragments_in_tunnels() -> Flood {
    let two = |level: u32, of: u16, payload: &[u8]| {
        let ends = ends(level);
        let half = (payload.len() / 16 * 8).max(8);
        let first = ends.ipv4(&[], of, 0x2000, IPV4_INSIDE, &payload[..half]);
        let place = u16::try_from(half / 8).expect("a small packet");
        [
            first,
            ends.ipv4(&[], of, place, IPV4_INSIDE, &payload[half..]),
        ]
    };
    let unit = |id: u16| {
        let ends = ends(100 + u32::from(id));
        let datagram = ends.udp_datagram(53, CLIENT_PORT, &tiny(id));
        let mut packets = ends.fragments(id, &datagram, 24);
        for level in 0..TUNNELS {
            let mut of = id * 64;
            packets = packets
                .iter()
                .flat_map(|packet| {
                    of += 1;
                    two(level, of, packet)
                })
                .collect();
        }
        packets.into_iter().map(|packet| ethernet(&[], &packet))
    };
    let frames = (0..VARIANTS).flat_map(unit).collect();
    Flood::sequence(
        "fragments in 4 tunnels, each in fragments",
        Vec::new(),
        frames,
    )
}
