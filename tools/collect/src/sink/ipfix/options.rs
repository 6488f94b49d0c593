//! What `--to ipfix:` is told.

use thiserror::Error;

use crate::sink::destination::divide;

/// Messages a second over UDP, unless it is told.
const RATE: u32 = 10_000;

/// Most messages a second that can be asked for.
const MAX_RATE: u32 = 1_000_000;

/// The options of the sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub(super) transport: Transport,
    /// Host and port.
    pub(super) address: String,
    /// Messages a second at most; over UDP only.
    pub(super) rate: u32,
}

/// What carries messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

/// Why the text behind `ipfix:` is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OptionsError {
    /// There is no place.
    #[error("expected ipfix:udp://HOST:PORT or ipfix:tcp://HOST:PORT; collectors have port 4739")]
    Place,
    /// There is no such parameter.
    #[error("ipfix: has no parameter {0}: it has rate")]
    Unknown(String),
    /// The rate is none.
    #[error("ipfix: rate={0}: expected messages a second, 1 to 1000000")]
    Rate(String),
    /// TCP has a flow control of its own.
    #[error("ipfix: rate is about UDP, as in ipfix:udp://HOST:PORT?rate=..; TCP waits by itself")]
    UdpOnly,
}

impl Options {
    /// Reads what stands behind `ipfix:`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, OptionsError> {
        let (place, parameters) = divide(text);
        let (transport, address) = match place.split_once("://") {
            Some(("udp", address)) => (Transport::Udp, address),
            Some(("tcp", address)) => (Transport::Tcp, address),
            _ => return Err(OptionsError::Place),
        };
        if !has_host_and_port(address) {
            return Err(OptionsError::Place);
        }
        let mut options = Self {
            transport,
            address: address.to_owned(),
            rate: RATE,
        };
        for (name, value) in parameters {
            match name {
                "rate" if transport == Transport::Tcp => return Err(OptionsError::UdpOnly),
                "rate" => options.rate = rate(value)?,
                _ => return Err(OptionsError::Unknown(name.to_owned())),
            }
        }
        Ok(options)
    }
}

fn rate(text: &str) -> Result<u32, OptionsError> {
    let rate = text.parse().ok();
    rate.filter(|rate| (1..=MAX_RATE).contains(rate))
        .ok_or_else(|| OptionsError::Rate(text.to_owned()))
}

fn has_host_and_port(address: &str) -> bool {
    address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && matches!(port.parse::<u16>(), Ok(1..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told() {
        let options = |transport, address: &str, rate| Options {
            transport,
            address: address.to_owned(),
            rate,
        };
        for (text, expected) in [
            (
                "udp://flows:4739",
                options(Transport::Udp, "flows:4739", RATE),
            ),
            (
                "udp://[::1]:9?rate=50",
                options(Transport::Udp, "[::1]:9", 50),
            ),
            (
                "tcp://192.0.2.1:4739",
                options(Transport::Tcp, "192.0.2.1:4739", RATE),
            ),
        ] {
            assert_eq!(Options::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong() {
        let error = |text| Options::parse(text).expect_err("it is wrong").to_string();
        for text in ["", "h:1", "sctp://h:1", "udp://h", "udp://:1", "tcp://h:0"] {
            assert!(error(text).contains("udp://HOST:PORT"), "{text}");
        }
        for text in [
            "udp://h:1?rate=0",
            "udp://h:1?rate=x",
            "udp://h:1?rate=1000001",
        ] {
            assert!(error(text).contains("expected messages a second"), "{text}");
        }
        assert!(error("tcp://h:1?rate=5").contains("about UDP"));
        assert!(error("udp://h:1?color=red").contains("has no parameter color"));
    }
}
