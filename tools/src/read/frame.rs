//! From a captured frame to the payload of its UDP packet.

use std::net::{IpAddr, SocketAddr};

use etherparse::{IpNumber, LaxIpSlice};
use pcap::Linktype;

/// Bytes of an address family before the packet: NULL and LOOP.
const FAMILY_LEN: usize = 4;
/// Where Ethernet's type stands, behind two addresses of 6 bytes.
const ETHERNET_TYPE: usize = 12;
/// Where the Linux cooked header has it, in its last two bytes.
const SLL_TYPE: usize = 14;
/// Length of the second Linux cooked header, which starts with it.
const SLL2_LEN: usize = 20;
/// Length of a UDP header (RFC 768).
const UDP_LEN: usize = 8;
/// VLAN tags that are looked through.
const MAX_TAGS: usize = 8;

/// What stands before the IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// NULL and LOOP: an address family.
    Loopback,
    Ethernet,
    Sll,
    Sll2,
    /// Nothing.
    Raw,
}

impl Link {
    /// The link type that libpcap names, if it can be read.
    pub(super) fn from_pcap(linktype: Linktype) -> Option<Self> {
        Some(match linktype.0 {
            0 | 108 => Self::Loopback,
            1 => Self::Ethernet,
            12 | 14 | 101 | 228 | 229 => Self::Raw,
            113 => Self::Sll,
            276 => Self::Sll2,
            _ => return None,
        })
    }

    /// What stands behind the link header and VLAN tags, if that can be IP.
    ///
    /// For NULL and LOOP the packet alone says which IP it is: their family comes in either byte order,
    /// and IPv6 has a number of its own on each system.
    pub(super) fn packet(self, frame: &[u8]) -> Option<&[u8]> {
        match self {
            Self::Raw => Some(frame),
            Self::Loopback => frame.get(FAMILY_LEN..),
            Self::Ethernet => untagged(frame.get(ETHERNET_TYPE..)?),
            Self::Sll => untagged(frame.get(SLL_TYPE..)?),
            Self::Sll2 => by_type(frame.first_chunk().copied()?, frame.get(SLL2_LEN..)?),
        }
    }
}

/// Takes a type off the front of `rest`, then what it says follows.
fn untagged(rest: &[u8]) -> Option<&[u8]> {
    let (&ether_type, rest) = rest.split_first_chunk()?;
    by_type(ether_type, rest)
}

/// ```text
///  type 0x8100, 0x88a8 or 0x9100
/// +-------------------------------+-------------------------------+
/// |    priority, DEI, VLAN id     |        type of the rest       |
/// +-------------------------------+-------------------------------+
/// ```
fn by_type(mut ether_type: [u8; 2], mut rest: &[u8]) -> Option<&[u8]> {
    for _ in 0..=MAX_TAGS {
        match ether_type {
            [0x08, 0x00] | [0x86, 0xdd] => return Some(rest),
            [0x81, 0x00] | [0x88, 0xa8] | [0x91, 0x00] => {
                (ether_type, rest) = match *rest {
                    [_, _, t0, t1, ref rest @ ..] => ([t0, t1], rest),
                    _ => return None,
                };
            }
            _ => return None,
        }
    }
    None
}

/// The payload of a UDP packet and who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Payload<'a> {
    pub(super) source: SocketAddr,
    pub(super) bytes: &'a [u8],
    /// Bytes that the UDP header announces and the capture doesn't have.
    pub(super) missing: usize,
}

/// Why a frame has no payload to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameReject {
    #[error("no IP packet in the frame")]
    NotIp,
    #[error("broken or cut IP header")]
    IpHeader,
    #[error("not UDP")]
    NotUdp,
    #[error("a fragment without the start of its datagram")]
    Fragment,
    #[error("broken or cut UDP header")]
    UdpHeader,
}

/// Finds the payload. A cut packet, or the first fragment of one, gives what is there of it.
pub(super) fn payload(link: Link, frame: &[u8]) -> Result<Payload<'_>, FrameReject> {
    let packet = link.packet(frame).ok_or(FrameReject::NotIp)?;
    let (ip, _) = LaxIpSlice::from_slice(packet).map_err(|_| FrameReject::IpHeader)?;
    let (address, late) = match &ip {
        LaxIpSlice::Ipv4(ipv4) => {
            let header = ipv4.header();
            (
                IpAddr::from(header.source()),
                header.fragments_offset().value() != 0,
            )
        }
        // The rest of an IPv6 packet behind a fragment header is not looked into: no filter that asks
        // for UDP lets one through.
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
        .split_first_chunk::<UDP_LEN>()
        .ok_or(FrameReject::UdpHeader)?;
    let announced = usize::from(u16::from_be_bytes([l0, l1]))
        .checked_sub(UDP_LEN)
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
            let link = Link::from_pcap(Linktype(number)).unwrap();
            assert_eq!(payload(link, &frame), Ok(want), "link type {number}");
            // Ethernet pads short frames.
            frame.extend([0xff; 9]);
            assert_eq!(
                payload(link, &frame),
                Ok(want),
                "link type {number}, padded"
            );
        }
        assert_eq!(Link::from_pcap(Linktype(127)), None);
    }

    #[test]
    fn ipv6() {
        let mut packet = vec![0x60, 0, 0, 0, 0, 12, 17, 64];
        packet.extend([0xfd; 32]);
        packet.extend(*b"\0\x07\x14\xb4\0\x0c\0\0abcd");
        let found = payload(Link::Raw, &packet).unwrap();
        assert_eq!(found.source.ip(), IpAddr::from([0xfd; 16]));
        assert_eq!(found.bytes, b"abcd");
    }

    #[test]
    fn a_cut_packet_gives_what_is_there() {
        let packet = ipv4();
        for len in 0..packet.len() {
            let found = payload(Link::Raw, &packet[..len]);
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
            payload(Link::Raw, &packet).unwrap_err()
        };
        assert_eq!(changed(&[(9, 6)]), FrameReject::NotUdp);
        assert_eq!(changed(&[(7, 1)]), FrameReject::Fragment);
        assert_eq!(changed(&[(25, 7)]), FrameReject::UdpHeader);
        assert_eq!(changed(&[(0, 0x75)]), FrameReject::IpHeader);
        assert_eq!(
            payload(Link::Ethernet, &ipv4()).unwrap_err(),
            FrameReject::NotIp
        );
    }
}
