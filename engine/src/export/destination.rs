//! A collector as the user named it, and its present address.
//!
//! The address of a name may change, so that both are kept. Nothing is opened here, and when to
//! look up a name again is decided elsewhere.

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use dnsflow_wire::v4::DEFAULT_PORT;
use thiserror::Error;

/// Why a collector can't be used.
#[derive(Debug, Error)]
pub enum DestinationError {
    /// The text is none of the forms of [`Destination::look_up`].
    #[error("collector '{collector}': expected HOST, HOST:PORT or [IPV6]:PORT")]
    Malformed {
        /// The text.
        collector: String,
    },
    /// The name has no address, or can't be looked up.
    #[error("collector '{collector}': {reason}")]
    LookUp {
        /// As the user wrote it.
        collector: String,
        /// What is wrong.
        reason: String,
    },
}

/// A collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    written: String,
    host: String,
    port: u16,
    address: SocketAddr,
}

impl Destination {
    /// Looks up `HOST` or `HOST:PORT`. The host is a name, an IPv4 address, or an IPv6 address,
    /// which needs brackets before a port.
    ///
    /// # Errors
    /// If the text has another form, or the name has no address.
    pub fn look_up(written: &str) -> Result<Self, DestinationError> {
        let (host, port) = split_port(written).ok_or_else(|| DestinationError::Malformed {
            collector: written.to_owned(),
        })?;
        let address = addresses(written, host, port)?.swap_remove(0);
        Ok(Self {
            written: written.to_owned(),
            host: host.to_owned(),
            port,
            address,
        })
    }

    /// Looks up the name again. The present address is kept as long as the name has it, whatever
    /// the order of its addresses.
    ///
    /// # Errors
    /// If the name has no address.
    pub fn look_up_again(&self) -> Result<Self, DestinationError> {
        let mut found = addresses(&self.written, &self.host, self.port)?;
        let address = if found.contains(&self.address) {
            self.address
        } else {
            found.swap_remove(0)
        };
        Ok(Self {
            address,
            ..self.clone()
        })
    }

    /// Whether both are the same collector, whatever their addresses: collectors of the same text
    /// are.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.written == other.written
    }

    /// The text that the user wrote, which is also the collector's name in logs and metrics.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Its present address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether the collector was given by a name, whose address may change.
    #[must_use]
    pub fn is_name(&self) -> bool {
        self.host.parse::<IpAddr>().is_err()
    }
}

impl From<SocketAddr> for Destination {
    fn from(address: SocketAddr) -> Self {
        Self {
            written: address.to_string(),
            host: address.ip().to_string(),
            port: address.port(),
            address,
        }
    }
}

/// `192.0.2.1:5300`, or `collector.example (192.0.2.1:5300)`.
impl fmt::Display for Destination {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_name() {
            write!(out, "{} ({})", self.written, self.address)
        } else {
            write!(out, "{}", self.address)
        }
    }
}

/// All addresses of a name; at least one.
fn addresses(written: &str, host: &str, port: u16) -> Result<Vec<SocketAddr>, DestinationError> {
    let wrong = |reason: String| DestinationError::LookUp {
        collector: written.to_owned(),
        reason,
    };
    let found = (host, port)
        .to_socket_addrs()
        .map_err(|error| wrong(format!("can't look up the name: {error}")))?;
    let found: Vec<SocketAddr> = found.collect();
    if found.is_empty() {
        return Err(wrong("the name has no address".to_owned()));
    }
    Ok(found)
}

fn split_port(text: &str) -> Option<(&str, u16)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        return match port.strip_prefix(':') {
            Some(port) => Some((host, port.parse().ok()?)),
            None if port.is_empty() => Some((host, DEFAULT_PORT)),
            None => None,
        };
    }
    match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Some((text, DEFAULT_PORT)),
        Some((host, port)) if !host.is_empty() => Some((host, port.parse().ok()?)),
        Some(_) => None,
        None if text.is_empty() => None,
        None => Some((text, DEFAULT_PORT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_one() {
        let of = |text| {
            Destination::look_up(text)
                .map(|found| found.address.to_string())
                .map_err(|error| error.to_string())
        };
        assert_eq!(of("192.0.2.1"), Ok("192.0.2.1:5300".to_owned()));
        assert_eq!(of("192.0.2.1:9"), Ok("192.0.2.1:9".to_owned()));
        assert_eq!(of("[2001:db8::1]"), Ok("[2001:db8::1]:5300".to_owned()));
        assert_eq!(of("[2001:db8::1]:9"), Ok("[2001:db8::1]:9".to_owned()));
        assert_eq!(of("2001:db8::1"), Ok("[2001:db8::1]:5300".to_owned()));
        assert!(of("localhost:9").is_ok_and(|found| found.ends_with(":9")));
        for wrong in [
            "",
            ":9",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "[2001:db8::1",
            "[2001:db8::1]9",
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_and_addresses() {
        let is_name = |text| Destination::look_up(text).map(|found| found.is_name()).ok();
        assert_eq!(is_name("localhost"), Some(true));
        for literal in ["192.0.2.1", "192.0.2.1:9", "2001:db8::1", "[2001:db8::1]:9"] {
            assert_eq!(is_name(literal), Some(false), "{literal}");
        }
    }

    #[test]
    fn the_present_address_stays_while_the_name_has_it() {
        let Ok(now) = Destination::look_up("localhost:9") else {
            panic!("localhost has an address");
        };
        for address in addresses("", "localhost", 9).into_iter().flatten() {
            let present = Destination {
                address,
                ..now.clone()
            };
            assert_eq!(
                present.look_up_again().map_err(|error| error.to_string()),
                Ok(present)
            );
        }
        let gone = Destination {
            address: ([192, 0, 2, 1], 9).into(),
            ..now.clone()
        };
        assert_eq!(
            gone.look_up_again().map_err(|error| error.to_string()),
            Ok(now)
        );
    }
}
