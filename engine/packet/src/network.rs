//! IPv4 and IPv6 headers: the endpoints of a packet, and its payload or fragment.
//!
//! The module neither verifies checksums nor reassembles: it returns fragments as they are.

use dnsflow_wire::response::Endpoints;
use etherparse::{IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice};

use super::fragments::{Fragment, Key};
use super::link::Network;
use crate::Reject;
use crate::numbers::ether_type::{IPV4, IPV6};
use crate::numbers::ip_protocol;

/// Extension headers that are skipped. RFC 8200, section 4.1 allows each once, and one of them
/// twice.
const MAX_EXTENSIONS: usize = 8;

/// A parsed IP packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    pub(super) endpoints: Endpoints,
    pub(super) carried: Carried<'a>,
}

/// The payload of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Carried<'a> {
    /// A whole datagram.
    Whole(Payload<'a>),
    /// A fragment.
    Fragment(Fragment<'a>),
    /// A fragment that the snap length has cut.
    CutFragment(Fragment<'a>),
}

/// The payload of a datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload<'a> {
    /// Its IP protocol.
    pub(super) protocol: IpNumber,
    /// The bytes captured, without padding of the link layer.
    pub(super) bytes: &'a [u8],
    /// Bytes missing at the end.
    pub(super) cut: usize,
}

/// Parses the IP header of a packet.
///
/// # Errors
/// [`Reject::NotIp`] for any other protocol, [`Reject::IpDamaged`] if a header is invalid or cut.
#[inline(always)]
pub(super) fn packet<'a>(network: &Network<'a>) -> Result<Packet<'a>, Reject> {
    match network.protocol {
        IPV4 => ipv4(network.bytes),
        IPV6 => ipv6(network.bytes),
        _ => Err(Reject::NotIp),
    }
}

/// RFC 791, section 3.1:
///
/// ```text
/// version 4 bits, header words 4 bits | service 1 | total length 2
/// identification 2 | 0, don't fragment, more fragments, offset 13 bits
/// time to live 1 | protocol 1 | checksum 2
/// source 4 | destination 4 | options ..
/// ```
#[inline(always)]
fn ipv4(bytes: &[u8]) -> Result<Packet<'_>, Reject> {
    let header = Ipv4HeaderSlice::from_slice(bytes).map_err(|_| Reject::IpDamaged)?;
    let total = match usize::from(header.total_len()) {
        // Captured before segmentation offload: the length is not filled in yet.
        0 => bytes.len(),
        total => total,
    };
    let payload = bytes
        .get(header.slice().len()..total.min(bytes.len()))
        .ok_or(Reject::IpDamaged)?;
    let endpoints = Endpoints::V4 {
        client: header.destination(),
        resolver: header.source(),
    };
    let cut = total.saturating_sub(bytes.len());
    if !header.is_fragmenting_payload() {
        let payload = Payload {
            protocol: header.protocol(),
            bytes: payload,
            cut,
        };
        return Ok(Packet {
            endpoints,
            carried: Carried::Whole(payload),
        });
    }
    let protocol = header.protocol().0;
    let fragment = Fragment {
        key: Key {
            endpoints,
            identification: header.identification().into(),
            protocol,
        },
        protocol,
        offset: 8 * usize::from(header.fragments_offset().value()),
        more: header.more_fragments(),
        payload,
    };
    Ok(Packet {
        endpoints,
        carried: Carried::fragment(fragment, cut),
    })
}

/// RFC 8200, section 3:
///
/// ```text
/// version 4 bits, class 8 bits, flow label 20 bits
/// payload length 2 | next header 1 | hop limit 1
/// source 16 | destination 16
/// ```
#[inline(always)]
fn ipv6(bytes: &[u8]) -> Result<Packet<'_>, Reject> {
    let header = Ipv6HeaderSlice::from_slice(bytes).map_err(|_| Reject::IpDamaged)?;
    let behind = bytes.get(header.slice().len()..).ok_or(Reject::IpDamaged)?;
    let length = match usize::from(header.payload_length()) {
        // A jumbogram (RFC 2675), or captured before segmentation offload.
        0 => behind.len(),
        length => length,
    };
    let payload = Payload {
        protocol: header.next_header(),
        bytes: behind.get(..length).unwrap_or(behind),
        cut: length.saturating_sub(behind.len()),
    };
    let endpoints = Endpoints::V6 {
        client: header.destination(),
        resolver: header.source(),
    };
    Ok(Packet {
        endpoints,
        carried: extensions(endpoints, payload)?,
    })
}

/// Whether an extension header follows the header of an IPv6 packet.
pub(super) fn is_extended(network: &Network<'_>) -> bool {
    const NEXT_HEADER: usize = 6;
    let next = network.bytes.get(NEXT_HEADER);
    network.protocol == IPV6 && next.is_some_and(|next| ip_protocol::IPV6_EXTENSIONS.contains(next))
}

/// The payload behind the extension headers. Nearly every packet has none.
#[inline(always)]
pub(super) fn extensions(
    endpoints: Endpoints,
    payload: Payload<'_>,
) -> Result<Carried<'_>, Reject> {
    match payload.protocol {
        IpNumber::UDP | IpNumber::TCP => Ok(Carried::Whole(payload)),
        _ => skip_extensions(endpoints, payload),
    }
}

/// Skips extension headers (RFC 8200, section 4), up to a fragment header of a real fragment.
///
/// ```text
/// next header 1 | length 1, in units of 8 bytes, the first not counted | ..
/// ```
#[inline(never)]
fn skip_extensions(endpoints: Endpoints, mut payload: Payload<'_>) -> Result<Carried<'_>, Reject> {
    for _ in 0..MAX_EXTENSIONS {
        let length = match (payload.protocol, payload.bytes) {
            (
                IpNumber::IPV6_HEADER_HOP_BY_HOP
                | IpNumber::IPV6_ROUTE_HEADER
                | IpNumber::IPV6_DESTINATION_OPTIONS,
                [_, length, ..],
            ) => 8 * (1 + usize::from(*length)),
            // RFC 4302, section 2.2 counts in units of 4 bytes, the first two not counted.
            (IpNumber::AUTHENTICATION_HEADER, [_, length, ..]) => 4 * (2 + usize::from(*length)),
            (IpNumber::IPV6_FRAGMENTATION_HEADER, bytes) => {
                match fragment(endpoints, bytes, payload.cut)? {
                    Some(fragment) => return Ok(fragment),
                    None => FRAGMENT_HEADER_BYTES,
                }
            }
            _ => break,
        };
        let next = *payload.bytes.first().ok_or(Reject::IpDamaged)?;
        payload.protocol = IpNumber(next);
        payload.bytes = payload.bytes.get(length..).ok_or(Reject::IpDamaged)?;
    }
    Ok(Carried::Whole(payload))
}

/// Bytes of the fragment header.
const FRAGMENT_HEADER_BYTES: usize = 8;

/// RFC 8200, section 4.5; `None` for an atomic fragment, which holds the whole datagram (RFC 6946):
///
/// ```text
/// next header 1 | 0 1 | offset 13 bits, 0 2 bits, more fragments 1 bit | identification 4
/// ```
fn fragment(endpoints: Endpoints, bytes: &[u8], cut: usize) -> Result<Option<Carried<'_>>, Reject> {
    let header: &[u8; FRAGMENT_HEADER_BYTES] = bytes.first_chunk().ok_or(Reject::IpDamaged)?;
    let place = u16::from_be_bytes([header[2], header[3]]);
    let fragment = Fragment {
        key: Key {
            endpoints,
            identification: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            protocol: 0,
        },
        protocol: header[0],
        offset: usize::from(place & !7),
        more: place & 1 != 0,
        payload: &bytes[FRAGMENT_HEADER_BYTES..],
    };
    let alone = fragment.offset == 0 && !fragment.more;
    Ok((!alone).then(|| Carried::fragment(fragment, cut)))
}

impl<'a> Carried<'a> {
    fn fragment(fragment: Fragment<'a>, cut: usize) -> Self {
        if cut == 0 {
            Self::Fragment(fragment)
        } else {
            Self::CutFragment(fragment)
        }
    }
}
