//! A set of addresses, given as prefixes.
//!
//! Only whether an address is in one of them is ever asked, not in which. So prefixes become ranges
//! that neither overlap nor touch, in order, and a search by halves finds the one that an address
//! can be in.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// All addresses of one network, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    address: IpAddr,
    /// Bits of the address that are given, from the left.
    length: u8,
}

/// Why a text is no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixError {
    /// Not an address, alone or in front of a slash.
    Address,
    /// No number behind the slash, or one that is greater than this.
    Length(u8),
    /// Bits behind the length are set; this prefix may be meant.
    Bits(Prefix),
}

impl fmt::Display for PrefixError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => write!(
                out,
                "expected an address or a prefix, such as 10.0.0.0/8 or 2001:db8::/32"
            ),
            Self::Length(most) => {
                write!(out, "expected a length from 0 to {most} behind the slash")
            }
            Self::Bits(prefix) => write!(
                out,
                "bits behind the length of the prefix are set: is {prefix} meant?"
            ),
        }
    }
}

impl std::error::Error for PrefixError {}

impl fmt::Display for Prefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.length)
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address = IpAddr::from_str(address).map_err(|_| PrefixError::Address)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        // Not `+8`, which is a number too.
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let length = match length {
            None => most,
            Some(length) => Some(length)
                .filter(|length| is_number(length))
                .and_then(|length| length.parse().ok())
                .filter(|length| *length <= most)
                .ok_or(PrefixError::Length(most))?,
        };
        let network = match address {
            IpAddr::V4(address) => IpAddr::V4((address.to_bits() & !host_bits_4(length)).into()),
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !host_bits_6(length)).into()),
        };
        let prefix = Self {
            address: network,
            length,
        };
        if network != address {
            return Err(PrefixError::Bits(prefix));
        }
        Ok(prefix)
    }
}

fn host_bits_4(length: u8) -> u32 {
    u32::MAX.checked_shr(length.into()).unwrap_or(0)
}

fn host_bits_6(length: u8) -> u128 {
    u128::MAX.checked_shr(length.into()).unwrap_or(0)
}

/// A set of addresses. An IPv4 prefix takes 8 bytes, an IPv6 prefix 32.
#[derive(Clone, PartialEq, Eq)]
pub struct PrefixSet {
    ipv4: Ranges<u32>,
    ipv6: Ranges<u128>,
}

/// Ranges in order, with a gap between each two.
#[derive(Clone, PartialEq, Eq)]
struct Ranges<Address> {
    /// The first address of each, and the last.
    firsts: Vec<Address>,
    lasts: Vec<Address>,
}

impl<Address: Ord + Copy> Ranges<Address> {
    /// `next` is the address behind one, if there is one.
    fn new(mut ranges: Vec<(Address, Address)>, next: fn(Address) -> Option<Address>) -> Self {
        ranges.sort_unstable();
        let (mut firsts, mut lasts): (Vec<Address>, Vec<Address>) = Default::default();
        for (first, last) in ranges {
            match lasts.last_mut() {
                Some(before) if next(*before).is_none_or(|next| first <= next) => {
                    *before = last.max(*before);
                }
                _ => {
                    firsts.push(first);
                    lasts.push(last);
                }
            }
        }
        firsts.shrink_to_fit();
        lasts.shrink_to_fit();
        Self { firsts, lasts }
    }

    #[inline]
    fn contains(&self, address: Address) -> bool {
        let behind = self.firsts.partition_point(|first| *first <= address);
        let last = behind.checked_sub(1).and_then(|at| self.lasts.get(at));
        last.is_some_and(|last| address <= *last)
    }
}

impl PrefixSet {
    /// Whether an address is in one of the prefixes.
    #[inline]
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.ipv4.contains(address.to_bits()),
            IpAddr::V6(address) => self.ipv6.contains(address.to_bits()),
        }
    }
}

impl FromIterator<Prefix> for PrefixSet {
    fn from_iter<Prefixes: IntoIterator<Item = Prefix>>(prefixes: Prefixes) -> Self {
        let (mut ipv4, mut ipv6) = (Vec::new(), Vec::new());
        for Prefix { address, length } in prefixes {
            match address {
                IpAddr::V4(address) => {
                    let first = address.to_bits();
                    ipv4.push((first, first | host_bits_4(length)));
                }
                IpAddr::V6(address) => {
                    let first = address.to_bits();
                    ipv6.push((first, first | host_bits_6(length)));
                }
            }
        }
        Self {
            ipv4: Ranges::new(ipv4, |address| address.checked_add(1)),
            ipv6: Ranges::new(ipv6, |address| address.checked_add(1)),
        }
    }
}

/// Without the ranges, of which there may be a million.
impl fmt::Debug for PrefixSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ipv4, ipv6) = (self.ipv4.firsts.len(), self.ipv6.firsts.len());
        write!(out, "PrefixSet({ipv4} ranges of IPv4, {ipv6} of IPv6)")
    }
}
