//! Datagrams of any version, told apart by their first byte.
//!
//! The module refuses to hide the difference: what versions 0 to 4 and version 5 say of a response
//! is not the same.

use core::fmt;

use crate::{v4, v5};

/// A datagram of any version that is known.
///
/// ```
/// use dnsflow_wire::datagram::{Datagram, DecodeError};
///
/// let old = [4, 1, 0, 0, 0, 0, 0, 9];
/// assert_eq!(Datagram::parse(&old)?.sequence(), 9);
/// let mut new = [0; 32];
/// new[0] = 5;
/// new[1] = 8;
/// new[15] = 10;
/// assert_eq!(Datagram::parse(&new)?.sequence(), 10);
/// assert_eq!(Datagram::parse(&[6; 32]).unwrap_err(), DecodeError::Version(6));
/// # Ok::<(), DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Datagram<'a> {
    /// Of versions 0 to 4.
    V4(v4::Datagram<'a>),
    /// Of version 5.
    V5(v5::Datagram<'a>),
}

impl<'a> Datagram<'a> {
    /// Reads the header of a datagram; `bytes` is the whole UDP payload.
    ///
    /// # Errors
    ///
    /// Those of [`v4::Datagram::parse`] and [`v5::Datagram::parse`]; [`DecodeError::Version`] for a
    /// version above 5.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.first() == Some(&v5::VERSION) {
            return Ok(Self::V5(v5::Datagram::parse(bytes)?));
        }
        match v4::Datagram::parse(bytes) {
            Ok(datagram) => Ok(Self::V4(datagram)),
            Err(v4::DecodeError::Version(version)) => Err(DecodeError::Version(version)),
            Err(error) => Err(error.into()),
        }
    }

    /// The number of this datagram in its stream, from 1. Before version 5 it wraps after 2^32 - 1.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        match self {
            Self::V4(datagram) => datagram.sequence().into(),
            Self::V5(datagram) => datagram.sequence(),
        }
    }

    /// Whether this datagram has statistics.
    #[must_use]
    pub fn is_stats(&self) -> bool {
        match self {
            Self::V4(datagram) => datagram.is_stats(),
            Self::V5(datagram) => datagram.is_stats(),
        }
    }
}

/// Why a datagram of any version, or something in it, is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// A version above 5.
    Version(u8),
    /// In a datagram of versions 0 to 4, or in what has no header at all.
    V4(v4::DecodeError),
    /// In a datagram of version 5.
    V5(v5::DecodeError),
}

impl From<v4::DecodeError> for DecodeError {
    fn from(error: v4::DecodeError) -> Self {
        Self::V4(error)
    }
}

impl From<v5::DecodeError> for DecodeError {
    fn from(error: v5::DecodeError) -> Self {
        Self::V5(error)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(found) => write!(f, "dnsflow version {found}, known are 0 to 5"),
            Self::V4(error) => error.fmt(f),
            Self::V5(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for DecodeError {}
