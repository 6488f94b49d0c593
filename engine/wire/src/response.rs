//! One DNS response as the sensor exports it: who asked, who answered, and what.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::dns::Answers;

/// Client and resolver of a response; both have the IP version of the packet that carried it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoints {
    /// Carried by IPv4.
    V4 {
        /// Destination of the response.
        client: [u8; 4],
        /// Source of the response.
        resolver: [u8; 4],
    },
    /// Carried by IPv6.
    V6 {
        /// Destination of the response.
        client: [u8; 16],
        /// Source of the response.
        resolver: [u8; 16],
    },
}

impl Endpoints {
    /// Destination of the response.
    #[must_use]
    pub fn client(&self) -> IpAddr {
        match self {
            Self::V4 { client, .. } => Ipv4Addr::from(*client).into(),
            Self::V6 { client, .. } => Ipv6Addr::from(*client).into(),
        }
    }

    /// Source of the response.
    #[must_use]
    pub fn resolver(&self) -> IpAddr {
        match self {
            Self::V4 { resolver, .. } => Ipv4Addr::from(*resolver).into(),
            Self::V6 { resolver, .. } => Ipv6Addr::from(*resolver).into(),
        }
    }
}

/// A response that was chosen for export. Borrows the message and the scratch memory of its decoder.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// Who asked and who answered.
    pub endpoints: Endpoints,
    /// Names and addresses.
    pub answers: Answers<'a>,
}
