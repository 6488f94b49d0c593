//! From a captured frame to the payload of its UDP packet.
//!
//! It exists for programs that read datagrams from a capture rather than from a socket. It refuses
//! to put fragments together: a sensor sends datagrams that need none.

use std::net::{IpAddr, SocketAddr};

use dnsflow_packet::link::{self, Network};
use dnsflow_packet::numbers::ether_type;
use dnsflow_packet::{Frame, LinkType, Timestamp};
use etherparse::{IpNumber, LaxIpSlice};

/// Bytes of the address family before the packet, in frames of NULL and LOOP.
const FAMILY_BYTES: usize = 4;

/// Bytes of a UDP header (RFC 768).
const UDP_BYTES: usize = 8;

/// The link type of a number of libpcap (`DLT_`) or of a capture file (`LINKTYPE_`), if it is one
/// that is read.
///
/// Datagrams reach collectors over these. dnsflow-packet decodes more, as 802.11, over which none
/// do.
#[must_use]
pub fn link_type(number: i32) -> Option<LinkType> {
    let link = LinkType::from_number(u32::try_from(number).ok()?);
    let read = matches!(
        link,
        LinkType::Null
            | LinkType::Loop
            | LinkType::Ethernet
            | LinkType::Ip
            | LinkType::Cooked
            | LinkType::Cooked2
    );
    read.then_some(link)
}

/// Whether an address family stands before the IP packet.
#[must_use]
pub fn has_family(link: LinkType) -> bool {
    matches!(link, LinkType::Null | LinkType::Loop)
}

/// What follows the address family in a frame that [`has_family`].
#[must_use]
pub fn behind_family(frame: &[u8]) -> Option<&[u8]> {
    frame.get(FAMILY_BYTES..)
}

/// The IP packet in a frame, behind VLAN tags and whatever else the link layer has.
fn packet(link: LinkType, bytes: &[u8]) -> Result<&[u8], FrameReject> {
    let frame = Frame {
        bytes,
        wire_bytes: 0,
        at: Timestamp::default(),
        link,
        vlan: None,
    };
    match link::network(&frame) {
        Ok(Network {
            protocol: ether_type::IPV4 | ether_type::IPV6,
            bytes,
            ..
        }) => Ok(bytes),
        // Only a bad IP header can be wrong with these.
        Err(_) if link == LinkType::Ip || has_family(link) => Err(FrameReject::IpHeader),
        _ => Err(FrameReject::NotIp),
    }
}

/// The payload of a UDP packet and who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    /// The sender.
    pub source: SocketAddr,
    /// What was captured of the payload.
    pub bytes: &'a [u8],
    /// Bytes that the UDP header announces and the capture doesn't have.
    pub missing: usize,
}

/// Why a frame has no payload to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameReject {
    /// There is no IP packet in it.
    #[error("no IP packet in the frame")]
    NotIp,
    /// The IP header is wrong, or was not captured as a whole.
    #[error("broken or cut IP header")]
    IpHeader,
    /// The packet has another protocol.
    #[error("not UDP")]
    NotUdp,
    /// The packet is a fragment other than the first.
    #[error("a fragment without the start of its datagram")]
    Fragment,
    /// The UDP header is wrong, or was not captured as a whole.
    #[error("broken or cut UDP header")]
    UdpHeader,
}

/// Finds the payload. A cut packet, or the first fragment of one, gives what is there of it.
///
/// # Errors
/// Why there is none.
pub fn payload(link: LinkType, frame: &[u8]) -> Result<Payload<'_>, FrameReject> {
    let packet = packet(link, frame)?;
    let (ip, _) = LaxIpSlice::from_slice(packet).map_err(|_| FrameReject::IpHeader)?;
    let (address, late) = match &ip {
        LaxIpSlice::Ipv4(ipv4) => {
            let header = ipv4.header();
            (
                IpAddr::from(header.source()),
                header.fragments_offset().value() != 0,
            )
        }
        // The rest of an IPv6 packet behind a fragment header is not looked into: no filter that
        // asks for UDP lets one through.
        LaxIpSlice::Ipv6(ipv6) => (
            IpAddr::from(ipv6.header().source()),
            ipv6.is_payload_fragmented(),
        ),
    };
    if late {
        return Err(FrameReject::Fragment);
    }
    if ip.payload_ip_number() != IpNumber::UDP {
        return Err(FrameReject::NotUdp);
    }
    let udp = ip.payload().payload;
    let (&[s0, s1, _, _, l0, l1, _, _], bytes) = udp
        .split_first_chunk::<UDP_BYTES>()
        .ok_or(FrameReject::UdpHeader)?;
    let announced = usize::from(u16::from_be_bytes([l0, l1]))
        .checked_sub(UDP_BYTES)
        .ok_or(FrameReject::UdpHeader)?;
    Ok(Payload {
        source: SocketAddr::new(address, u16::from_be_bytes([s0, s1])),
        bytes: bytes.get(..announced).unwrap_or(bytes),
        missing: announced.saturating_sub(bytes.len()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 192.0.2.1:7 to 192.0.2.2:5300, payload `abcd`.
    fn ipv4() -> Vec<u8> {
        let mut out = vec![
            0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
        ];
        out.extend(*b"\0\x07\x14\xb4\0\x0c\0\0abcd");
        out
    }

    fn behind(head: &[u8]) -> Vec<u8> {
        [head, &ipv4()].concat()
    }

    #[test]
    fn every_link_type() {
        let want = Payload {
            source: "192.0.2.1:7".parse().unwrap(),
            bytes: b"abcd",
            missing: 0,
        };
        let frames = [
            (12, ipv4()),
            (0, behind(&[0, 0, 0, 2])),
            (0, behind(&[2, 0, 0, 0])),
            (108, behind(&[0, 0, 0, 2])),
            (1, behind(b"destinsource\x08\x00")),
            (1, behind(b"destinsource\x81\x00\x00\x2a\x08\x00")),
            (
                1,
                behind(b"destinsource\x88\xa8\x00\x01\x81\x00\x00\x2a\x08\x00"),
            ),
            (113, behind(b"\0\0\0\x01\0\x06sender\0\0\x08\x00")),
            (276, behind(b"\x08\x00\0\0\0\0\0\x01\0\x01\0\x06sender\0\0")),
        ];
        for (number, mut frame) in frames {
            let link = link_type(number).unwrap();
            assert_eq!(payload(link, &frame), Ok(want), "link type {number}");
            // Ethernet pads short frames.
            frame.extend([0xff; 9]);
            assert_eq!(
                payload(link, &frame),
                Ok(want),
                "link type {number}, padded"
            );
        }
        assert_eq!(link_type(127), None);
    }

    #[test]
    fn ipv6() {
        let mut packet = vec![0x60, 0, 0, 0, 0, 12, 17, 64];
        packet.extend([0xfd; 32]);
        packet.extend(*b"\0\x07\x14\xb4\0\x0c\0\0abcd");
        let found = payload(LinkType::Ip, &packet).unwrap();
        assert_eq!(found.source.ip(), IpAddr::from([0xfd; 16]));
        assert_eq!(found.bytes, b"abcd");
    }

    #[test]
    fn a_cut_packet_gives_what_is_there() {
        let packet = ipv4();
        for len in 0..packet.len() {
            let found = payload(LinkType::Ip, &packet[..len]);
            match len {
                0..20 => assert_eq!(found, Err(FrameReject::IpHeader)),
                20..28 => assert_eq!(found, Err(FrameReject::UdpHeader)),
                _ => assert_eq!(found.unwrap().missing, 32 - len),
            }
        }
    }

    #[test]
    fn what_is_not_a_payload_says_why() {
        let changed = |changes: &[(usize, u8)]| {
            let mut packet = ipv4();
            for &(at, value) in changes {
                packet[at] = value;
            }
            payload(LinkType::Ip, &packet).unwrap_err()
        };
        assert_eq!(changed(&[(9, 6)]), FrameReject::NotUdp);
        assert_eq!(changed(&[(7, 1)]), FrameReject::Fragment);
        assert_eq!(changed(&[(25, 7)]), FrameReject::UdpHeader);
        assert_eq!(changed(&[(0, 0x75)]), FrameReject::IpHeader);
        assert_eq!(
            payload(LinkType::Ethernet, &ipv4()).unwrap_err(),
            FrameReject::NotIp
        );
    }
}
