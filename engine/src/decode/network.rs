//! IPv4 and IPv6: who sent to whom, and what the packet carries.

use dnsflow_wire::response::Endpoints;
use etherparse::{IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice};

use super::Reject;
use super::link::{IPV4, IPV6, Network};

/// Extension headers that are stepped over; RFC 8200 section 4.1 has each at most once, but for one.
const MAX_EXTENSIONS: usize = 8;

/// An IP packet without its headers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    pub(super) endpoints: Endpoints,
    pub(super) carried: Carried,
    /// As much of the payload as was captured, without padding of the link layer.
    pub(super) payload: &'a [u8],
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carried {
    Udp,
    Fragment,
    Other,
}

#[inline]
pub(super) fn packet<'a>(network: &Network<'a>) -> Result<Packet<'a>, Reject> {
    match network.protocol {
        IPV4 => ipv4(network.bytes),
        IPV6 => ipv6(network.bytes),
        _ => Err(Reject::NotIp),
    }
}

/// RFC 791 section 3.1:
///
/// ```text
/// version 4 bits, header words 4 bits | service 1 | total length 2
/// identification 2 | 0, don't fragment, more fragments, offset 13 bits
/// time to live 1 | protocol 1 | checksum 2
/// source 4 | destination 4 | options ..
/// ```
#[inline]
fn ipv4(bytes: &[u8]) -> Result<Packet<'_>, Reject> {
    let header = Ipv4HeaderSlice::from_slice(bytes).map_err(|_| Reject::IpDamaged)?;
    let end = match usize::from(header.total_len()) {
        // A captured packet whose segmentation was left to the network card has no length yet.
        0 => bytes.len(),
        total => total.min(bytes.len()),
    };
    Ok(Packet {
        endpoints: Endpoints::V4 {
            client: header.destination(),
            resolver: header.source(),
        },
        carried: if header.is_fragmenting_payload() {
            Carried::Fragment
        } else {
            carried(header.protocol())
        },
        payload: bytes
            .get(header.slice().len()..end)
            .ok_or(Reject::IpDamaged)?,
    })
}

/// RFC 8200 section 3:
///
/// ```text
/// version 4 bits, class 8 bits, flow label 20 bits
/// payload length 2 | next header 1 | hop limit 1
/// source 16 | destination 16
/// ```
#[inline]
fn ipv6(bytes: &[u8]) -> Result<Packet<'_>, Reject> {
    let header = Ipv6HeaderSlice::from_slice(bytes).map_err(|_| Reject::IpDamaged)?;
    let behind = bytes.get(header.slice().len()..).ok_or(Reject::IpDamaged)?;
    let length = match usize::from(header.payload_length()) {
        0 => behind.len(),
        length => length.min(behind.len()),
    };
    let (next, payload) = extensions(header.next_header(), behind.get(..length).unwrap_or(behind))?;
    Ok(Packet {
        endpoints: Endpoints::V6 {
            client: header.destination(),
            resolver: header.source(),
        },
        carried: carried(next),
        payload,
    })
}

/// Steps over extension headers (RFC 8200 section 4):
///
/// ```text
/// next header 1 | length 1, in units of 8 bytes, the first not counted | ..
/// ```
#[inline]
fn extensions(mut next: IpNumber, mut bytes: &[u8]) -> Result<(IpNumber, &[u8]), Reject> {
    for _ in 0..MAX_EXTENSIONS {
        let length = match (next, bytes) {
            (
                IpNumber::IPV6_HEADER_HOP_BY_HOP
                | IpNumber::IPV6_ROUTE_HEADER
                | IpNumber::IPV6_DESTINATION_OPTIONS,
                [_, length, ..],
            ) => 8 * (1 + usize::from(*length)),
            // RFC 4302 section 2.2 counts in units of 4 bytes, the first two not counted.
            (IpNumber::AUTHENTICATION_HEADER, [_, length, ..]) => 4 * (2 + usize::from(*length)),
            _ => break,
        };
        next = IpNumber(bytes[0]);
        bytes = bytes.get(length..).ok_or(Reject::IpDamaged)?;
    }
    Ok((next, bytes))
}

fn carried(protocol: IpNumber) -> Carried {
    match protocol {
        IpNumber::UDP => Carried::Udp,
        IpNumber::IPV6_FRAGMENTATION_HEADER => Carried::Fragment,
        _ => Carried::Other,
    }
}
