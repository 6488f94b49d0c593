//! Which senders are heard, and what they are called.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use thiserror::Error;

/// A sensor that the collector knows by its address: `NAME=ADDRESS` or `NAME=PREFIX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sensor {
    /// Its name, as records have it.
    pub name: String,
    /// Where it sends from.
    pub from: IpNet,
}

/// Why a text is no sensor.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SensorError {
    /// There is no name, or no address.
    #[error("expected NAME=ADDRESS, as in fra1=192.0.2.1")]
    Form,
    /// The name has a character that a name can't have.
    #[error("a name has letters, digits, dots, dashes and underscores, at most 63 of them")]
    Name,
    /// The address is none.
    #[error("expected an address or a prefix behind the =, as in 192.0.2.1 or 2001:db8::/48")]
    Address,
}

/// Longest name of a sensor, in bytes: as of one that a sensor gives itself.
const MAX_NAME_BYTES: usize = 63;

impl FromStr for Sensor {
    type Err = SensorError;

    fn from_str(text: &str) -> Result<Self, SensorError> {
        let (name, from) = text.split_once('=').ok_or(SensorError::Form)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(is_plain) {
            return Err(SensorError::Name);
        }
        Ok(Self {
            name: name.to_owned(),
            from: prefix(from).ok_or(SensorError::Address)?,
        })
    }
}

/// A prefix, or an address alone.
#[must_use]
pub fn prefix(text: &str) -> Option<IpNet> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse::<IpNet>().ok().or_else(address)
}

/// Senders that are heard: those of `--allow` and of `--sensor`; all, if there are neither.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    /// The prefixes of `--allow`.
    pub allowed: Vec<IpNet>,
    /// Those of `--sensor`.
    pub sensors: Vec<Sensor>,
}

impl Admission {
    /// Whether a sender is heard.
    #[must_use]
    pub fn admits(&self, sender: IpAddr) -> bool {
        let is_open = self.allowed.is_empty() && self.sensors.is_empty();
        is_open
            || self.allowed.iter().any(|prefix| prefix.contains(&sender))
            || self.sensor(sender).is_some()
    }

    /// The name given for a sender: that of its longest prefix.
    #[must_use]
    pub fn sensor(&self, sender: IpAddr) -> Option<&str> {
        let known = self.sensors.iter();
        let known = known.filter(|sensor| sensor.from.contains(&sender));
        let nearest = known.max_by_key(|sensor| sensor.from.prefix_len());
        nearest.map(|sensor| sensor.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_heard() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let open = Admission::default();
        assert!(open.admits(address("192.0.2.1")));
        let admission = Admission {
            allowed: vec![prefix("2001:db8::/32").expect("a prefix")],
            sensors: ["a=192.0.2.0/24", "b=192.0.2.7"]
                .map(|text| text.parse().expect("a sensor"))
                .to_vec(),
        };
        assert_eq!(admission.sensor(address("192.0.2.7")), Some("b"));
        assert_eq!(admission.sensor(address("192.0.2.8")), Some("a"));
        assert_eq!(admission.sensor(address("2001:db8::1")), None);
        assert!(admission.admits(address("2001:db8::1")));
        assert!(!admission.admits(address("198.51.100.1")));
        assert!(!admission.admits(address("2001:db9::1")));
    }

    #[test]
    fn what_is_no_sensor() {
        let error = |text: &str| text.parse::<Sensor>().expect_err("no sensor");
        assert_eq!(error("192.0.2.1"), SensorError::Form);
        assert_eq!(error("=192.0.2.1"), SensorError::Name);
        assert_eq!(error("a b=192.0.2.1"), SensorError::Name);
        assert_eq!(error("a=b"), SensorError::Address);
        assert_eq!(error("a=192.0.2.1/33"), SensorError::Address);
    }
}
