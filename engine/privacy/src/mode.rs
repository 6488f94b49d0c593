//! What becomes of addresses.

use std::fmt;
use std::str::FromStr;

/// What becomes of an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It stays.
    #[default]
    Keep,
    /// All bits are zero; the family stays.
    Drop,
    /// The first bits stay, the others are zero.
    Prefix {
        /// Bits of IPv4 addresses, 0 to 32.
        ipv4: u8,
        /// Bits of IPv6 addresses, 0 to 128.
        ipv6: u8,
    },
    /// ipcrypt-deterministic (draft-denis-ipcrypt, section 5): an IPv6 address under a key, also of an IPv4 address.
    Ipcrypt,
    /// ipcrypt-pfx (draft-denis-ipcrypt, section 5): addresses with a common prefix have pseudonyms with a common
    /// prefix of the same length. The family stays.
    IpcryptPfx,
    /// Crypto-PAn (Xu, Fan, Ammar, Moon: "Prefix-preserving IP address anonymization", 2002). The family stays.
    CryptoPan,
}

impl Mode {
    /// Whether it takes a key.
    #[must_use]
    pub fn needs_key(self) -> bool {
        matches!(self, Self::Ipcrypt | Self::IpcryptPfx | Self::CryptoPan)
    }

    /// How options name it, without its numbers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Drop => "drop",
            Self::Prefix { .. } => "prefix",
            Self::Ipcrypt => "ipcrypt",
            Self::IpcryptPfx => "ipcrypt-pfx",
            Self::CryptoPan => "crypto-pan",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix { ipv4, ipv6 } => write!(f, "prefix:{ipv4},{ipv6}"),
            other => f.write_str(other.name()),
        }
    }
}

/// A text that is no mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is none of keep, drop, prefix:24,56 (bits of IPv4 and of IPv6 addresses that are kept), ipcrypt, \
     ipcrypt-pfx and crypto-pan"
)]
pub struct ParseModeError(String);

impl FromStr for Mode {
    type Err = ParseModeError;

    fn from_str(text: &str) -> Result<Self, ParseModeError> {
        let wrong = || ParseModeError(text.chars().take(64).collect());
        if let Some(bits) = text.strip_prefix("prefix:") {
            let (ipv4, ipv6) = bits.split_once(',').ok_or_else(wrong)?;
            let bits = |text: &str, most| {
                let number = text.parse::<u8>().ok();
                number.filter(|bits| *bits <= most).ok_or_else(wrong)
            };
            return Ok(Self::Prefix {
                ipv4: bits(ipv4, 32)?,
                ipv6: bits(ipv6, 128)?,
            });
        }
        let others = [
            Self::Keep,
            Self::Drop,
            Self::Ipcrypt,
            Self::IpcryptPfx,
            Self::CryptoPan,
        ];
        let found = others.into_iter().find(|mode| mode.name() == text);
        found.ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let texts = [
            "keep",
            "drop",
            "prefix:24,56",
            "prefix:0,128",
            "ipcrypt",
            "ipcrypt-pfx",
            "crypto-pan",
        ];
        for text in texts {
            assert_eq!(text.parse::<Mode>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "prefix",
            "prefix:33,0",
            "prefix:24",
            "prefix:24,129",
            "prefix:24,56,1",
            "KEEP",
        ] {
            assert!(text.parse::<Mode>().is_err(), "{text}");
        }
    }
}
