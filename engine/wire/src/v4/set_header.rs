//! The set header: written for version 4, read for every version.

use core::net::IpAddr;

use super::{DecodeError, IPV6_BYTES, Version};
use crate::cursor::Cursor;
use crate::response::Endpoints;

/// Bytes of the set header in version 4. Older versions have shorter ones.
///
/// Versions 0 to 2, 8 bytes:
///
/// ```text
///  0               1               2               3
/// +---------------+---------------+---------------+---------------+
/// |                           client_ip                           |
/// +---------------+---------------+---------------+---------------+
/// |  names_count  |   ips_count   |           names_len           |
/// +---------------+---------------+---------------+---------------+
/// ```
///
/// Version 3, 12 or 24 bytes, and version 4, 40 bytes:
///
/// ```text
///  0               1               2               3
/// +---------------+---------------+---------------+---------------+
/// |    ip_vers    |  names_count  |   ips_count   |   ip6s_count  |
/// +---------------+---------------+---------------+---------------+
/// |           names_len           |               0               |
/// +---------------+---------------+---------------+---------------+
/// |   client_ip: 4 or 16 bytes by ip_vers in version 3; always 16 |
/// |        in version 4, an IPv4 address in the first four        |
/// +---------------+---------------+---------------+---------------+
/// |              resolver_ip: 16 bytes, version 4 only            |
/// +---------------+---------------+---------------+---------------+
/// ```
///
/// All fields are in network byte order. `ip_vers` is 4 or 6 and that of both addresses;
/// `names_len` counts the bytes of the names and their padding.
pub const SET_HEADER_BYTES: usize = 40;

/// The fields of the header; those that a version does not have are `None` or 0.
pub(super) struct SetHeader {
    pub(super) client: IpAddr,
    pub(super) resolver: Option<IpAddr>,
    pub(super) names_count: u8,
    pub(super) ips_count: u8,
    pub(super) ip6s_count: u8,
    pub(super) names_len: u16,
}

/// Writes the header of a version 4 set: the counts of names, IPv4 and IPv6 addresses, each at most
/// 255, the bytes of the padded names, and the endpoints.
#[inline(always)]
pub(super) fn write_header(
    head: &mut [u8; SET_HEADER_BYTES],
    counts: [usize; 3],
    names_bytes: usize,
    endpoints: &Endpoints,
) {
    let [names, ipv4, ipv6] = counts.map(|count| count.to_le_bytes()[0]);
    let [names_low, names_high, ..] = names_bytes.to_le_bytes();
    head[1..8].copy_from_slice(&[names, ipv4, ipv6, names_high, names_low, 0, 0]);
    match endpoints {
        Endpoints::V4 { client, resolver } => {
            head[0] = 4;
            head[8..].fill(0);
            head[8..12].copy_from_slice(client);
            head[24..28].copy_from_slice(resolver);
        }
        Endpoints::V6 { client, resolver } => {
            head[0] = 6;
            head[8..24].copy_from_slice(client);
            head[24..40].copy_from_slice(resolver);
        }
    }
}

impl SetHeader {
    /// Reads the header at the cursor.
    pub(super) fn parse(version: Version, cursor: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        if version >= Version::V3 {
            Self::parse_new(version, cursor)
        } else {
            Self::parse_old(cursor)
        }
    }

    /// Reads the header of versions 3 and 4.
    fn parse_new(version: Version, cursor: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        let at = cursor.at;
        let cut = DecodeError::CutHeader { at };
        let [ip_vers, names_count, ips_count, ip6s_count, l0, l1, z0, z1] =
            cursor.array().ok_or(cut)?;
        let names_len = u16::from_be_bytes([l0, l1]);
        if ip_vers != 4 && ip_vers != 6 {
            return Err(DecodeError::IpVersion { at, found: ip_vers });
        }
        if [z0, z1] != [0, 0] {
            return Err(DecodeError::NotZero { at: at + 6 });
        }
        let (client, resolver) = if version == Version::V3 {
            let client = if ip_vers == 4 {
                IpAddr::from(cursor.array::<4>().ok_or(cut)?)
            } else {
                IpAddr::from(cursor.array::<16>().ok_or(cut)?)
            };
            (client, None)
        } else {
            if names_len % 4 != 0 {
                return Err(DecodeError::NamesLength {
                    at: at + 4,
                    found: names_len,
                });
            }
            let client = wide_address(ip_vers, cursor, cut)?;
            (client, Some(wide_address(ip_vers, cursor, cut)?))
        };
        Ok(Self {
            client,
            resolver,
            names_count,
            ips_count,
            ip6s_count,
            names_len,
        })
    }

    /// Reads the header of versions 0 to 2.
    fn parse_old(cursor: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        let cut = DecodeError::CutHeader { at: cursor.at };
        let [c0, c1, c2, c3, names_count, ips_count, l0, l1] = cursor.array().ok_or(cut)?;
        Ok(Self {
            client: IpAddr::from([c0, c1, c2, c3]),
            resolver: None,
            names_count,
            ips_count,
            ip6s_count: 0,
            names_len: u16::from_be_bytes([l0, l1]),
        })
    }
}

/// Reads an address field of version 4, 16 bytes.
fn wide_address(
    ip_vers: u8,
    cursor: &mut Cursor<'_>,
    cut: DecodeError,
) -> Result<IpAddr, DecodeError> {
    let at = cursor.at;
    let octets: [u8; IPV6_BYTES] = cursor.array().ok_or(cut)?;
    if ip_vers == 6 {
        return Ok(IpAddr::from(octets));
    }
    let [a, b, c, d, rest @ ..] = octets;
    if rest != [0; 12] {
        return Err(DecodeError::NotZero { at });
    }
    Ok(IpAddr::from([a, b, c, d]))
}
