//! Data sets, read: who asked whom for which names, and which addresses came back.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::cursor::Cursor;
use super::names::{Form, Names};
use super::set_header::SetHeader;
use super::{DecodeError, IPV4_BYTES, IPV6_BYTES, Version};

/// One data set, checked from its first byte to its last.
///
/// ```text
/// | header: 8 to 40 bytes by version | names, padding | 4 bytes an IPv4 | 16 bytes an IPv6 address |
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Set<'a> {
    client: IpAddr,
    resolver: Option<IpAddr>,
    names: Names<'a>,
    ipv4: &'a [[u8; 4]],
    ipv6: &'a [[u8; 16]],
}

impl<'a> Set<'a> {
    /// Reads the set that `bytes` starts with; gives it and its length in bytes.
    ///
    /// # Errors
    ///
    /// An [`DecodeError`] whose offset counts from the start of `bytes`.
    pub fn parse(version: Version, bytes: &'a [u8]) -> Result<(Self, usize), DecodeError> {
        Self::parse_at(version, bytes, 0)
    }

    /// Reads the set at `at` of a datagram; gives it and its end.
    pub(super) fn parse_at(
        version: Version,
        datagram: &'a [u8],
        at: usize,
    ) -> Result<(Self, usize), DecodeError> {
        let mut cursor = Cursor {
            bytes: datagram,
            at,
        };
        let head = SetHeader::parse(version, &mut cursor)?;
        if head.names_count == 0 {
            return Err(DecodeError::NoNames { at });
        }

        let start = cursor.at;
        let block = cursor
            .take(usize::from(head.names_len))
            .ok_or(DecodeError::CutNames { at: start })?;
        let form = if version == Version::V0 {
            Form::Text
        } else {
            Form::Wire
        };
        let names = Names::parse(form, head.names_count, block, start)?;

        let cut = DecodeError::CutAddresses { at: cursor.at };
        let ipv4 = cursor
            .take(IPV4_BYTES * usize::from(head.ips_count))
            .ok_or(cut)?;
        let ipv6 = cursor
            .take(IPV6_BYTES * usize::from(head.ip6s_count))
            .ok_or(cut)?;
        let set = Self {
            client: head.client,
            resolver: head.resolver,
            names,
            ipv4: ipv4.as_chunks().0,
            ipv6: ipv6.as_chunks().0,
        };
        Ok((set, cursor.at))
    }

    /// Who asked: destination of the response.
    #[must_use]
    pub fn client(&self) -> IpAddr {
        self.client
    }

    /// Who answered: source of the response; known from version 4 on.
    #[must_use]
    pub fn resolver(&self) -> Option<IpAddr> {
        self.resolver
    }

    /// The name asked for, then each CNAME target in the order of the answer.
    #[must_use]
    pub fn names(&self) -> Names<'a> {
        self.names
    }

    /// Addresses of the A records.
    pub fn ipv4(&self) -> impl ExactSizeIterator<Item = Ipv4Addr> + Clone + use<'a> {
        self.ipv4.iter().map(|&octets| Ipv4Addr::from(octets))
    }

    /// Addresses of the AAAA records.
    pub fn ipv6(&self) -> impl ExactSizeIterator<Item = Ipv6Addr> + Clone + use<'a> {
        self.ipv6.iter().map(|&octets| Ipv6Addr::from(octets))
    }
}
