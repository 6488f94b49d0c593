//! Data sets, read: who asked whom for which names, and which addresses came back.
//!
//! A set is checked as a whole before anything of it is given, so that its iterators cannot fail.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::names::{Form, Names};
use super::set_header::SetHeader;
use super::{DecodeError, IPV4_BYTES, IPV6_BYTES, Version};
use crate::cursor::Cursor;

/// One data set, read and checked: the counterpart of [`Part`](super::Part).
///
/// ```text
/// set header | names | padding | IPv4 addresses, 4 bytes each | IPv6 addresses, 16 bytes each
/// ```
///
/// The header is described at [`SET_HEADER_BYTES`](super::SET_HEADER_BYTES). Names are in wire
/// format without compression (RFC 1035, section 3.1), in version 0 text that ends with NUL.
/// Padding is 0 to 3 bytes of 0.
#[derive(Clone, Copy, Debug)]
pub struct Set<'a> {
    client: IpAddr,
    resolver: Option<IpAddr>,
    names: Names<'a>,
    ipv4: &'a [[u8; 4]],
    ipv6: &'a [[u8; 16]],
}

impl<'a> Set<'a> {
    /// Reads the set at the start of `bytes`. Returns the set and its length in bytes; what follows
    /// it is ignored.
    ///
    /// # Errors
    ///
    /// What is wrong with the set first; offsets count from the start of `bytes`.
    pub fn parse(version: Version, bytes: &'a [u8]) -> Result<(Self, usize), DecodeError> {
        Self::parse_at(version, bytes, 0)
    }

    /// Reads the set at offset `at` of a datagram. Returns the set and the offset of its end.
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

    /// The client: destination of the response.
    #[must_use]
    pub fn client(&self) -> IpAddr {
        self.client
    }

    /// The resolver: source of the response. `None` before version 4, which has no such field.
    #[must_use]
    pub fn resolver(&self) -> Option<IpAddr> {
        self.resolver
    }

    /// The same with another client and another resolver.
    #[must_use]
    pub fn with_ends(self, client: IpAddr, resolver: Option<IpAddr>) -> Self {
        Self {
            client,
            resolver,
            ..self
        }
    }

    /// The name asked for, then the CNAME targets in the order of the answer section; 1 to 255.
    #[must_use]
    pub fn names(&self) -> Names<'a> {
        self.names
    }

    /// Addresses of the A records, in the order of the answer section; at most 255.
    pub fn ipv4(&self) -> impl ExactSizeIterator<Item = Ipv4Addr> + Clone + use<'a> {
        self.ipv4.iter().map(|&octets| Ipv4Addr::from(octets))
    }

    /// Addresses of the AAAA records, likewise; none before version 3.
    pub fn ipv6(&self) -> impl ExactSizeIterator<Item = Ipv6Addr> + Clone + use<'a> {
        self.ipv6.iter().map(|&octets| Ipv6Addr::from(octets))
    }
}
