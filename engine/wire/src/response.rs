//! One DNS response as it is exported: the client, the resolver, and the answers.
//!
//! A [`Response`] is what both encoders take: [`v4::parts`](crate::v4::parts) makes sets of it,
//! [`text::write_response`](crate::text::write_response) a line. It holds no time and no transport:
//! the format has no field for them.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::dns::Answers;

/// Client and resolver of a response, of the IP version of the packet that carried it. Addresses
/// are in network byte order.
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
    /// The client: destination of the response.
    #[must_use]
    pub fn client(&self) -> IpAddr {
        match self {
            Self::V4 { client, .. } => Ipv4Addr::from(*client).into(),
            Self::V6 { client, .. } => Ipv6Addr::from(*client).into(),
        }
    }

    /// The resolver: source of the response.
    #[must_use]
    pub fn resolver(&self) -> IpAddr {
        match self {
            Self::V4 { resolver, .. } => Ipv4Addr::from(*resolver).into(),
            Self::V6 { resolver, .. } => Ipv6Addr::from(*resolver).into(),
        }
    }
}

/// A response to be exported. Borrows the message and the [`Scratch`](crate::dns::Scratch) it was
/// read into.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// Client and resolver.
    pub endpoints: Endpoints,
    /// Names and addresses.
    pub answers: Answers<'a>,
}
