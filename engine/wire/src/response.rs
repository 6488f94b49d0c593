//! One DNS response as it is exported: how it came, and the answers.
//!
//! A [`Response`] is what all encoders take: [`v4::parts`](crate::v4::parts) makes sets of it,
//! [`text::write_response`](crate::text::write_response) a line. Its [`Envelope`] is what the packet
//! says that carried it; each format writes what it has fields for.

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

/// Seconds and nanoseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Whole seconds.
    pub seconds: u64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
}

impl Timestamp {
    /// Microseconds since 1970-01-01 00:00 UTC, rounded down; at most `u64::MAX`.
    #[inline]
    #[must_use]
    pub fn micros(self) -> u64 {
        let whole = self.seconds.saturating_mul(1_000_000);
        whole.saturating_add(u64::from(self.nanoseconds / 1000))
    }
}

/// The protocol that carried a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transport {
    /// UDP.
    #[default]
    Udp,
    /// TCP.
    Tcp,
}

/// VLAN tags of a packet (IEEE 802.1Q, section 9.6), and the network of the tunnel that it came
/// through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tags {
    /// VLAN identifier of the outer tag, 0 to 4095.
    pub vlan: Option<u16>,
    /// VLAN identifier of the tag behind that, 0 to 4095.
    pub inner_vlan: Option<u16>,
    /// Identifier of the outermost tunnel that has one: the VNI of VXLAN (RFC 7348, section 5) or
    /// Geneve (RFC 8926, section 3.4), 24 bits.
    pub vni: Option<u32>,
}

impl Tags {
    /// The same with one more VLAN tag behind those that are there; the third and all after it are
    /// left out. Of the 16 bits behind the EtherType of the tag, only the identifier is taken.
    #[must_use]
    pub fn with_vlan(mut self, control: u16) -> Self {
        let place = match self.vlan {
            None => &mut self.vlan,
            Some(_) => &mut self.inner_vlan,
        };
        place.get_or_insert(control & 0x0fff);
        self
    }

    /// These tags, then those of a packet inside.
    #[must_use]
    pub fn around(self, inside: Self) -> Self {
        let vlans = [inside.vlan, inside.inner_vlan];
        let mut all = vlans.into_iter().flatten().fold(self, Self::with_vlan);
        all.vni = self.vni.or(inside.vni);
        all
    }
}

/// What the packet says that carried a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Client and resolver.
    pub endpoints: Endpoints,
    /// Port of the client.
    pub client_port: u16,
    /// Port of the resolver.
    pub resolver_port: u16,
    /// What carried it.
    pub transport: Transport,
    /// Where it was seen.
    pub tags: Tags,
    /// When it was captured; if it came in several packets, the last one.
    pub at: Timestamp,
}

/// Of a message that came over UDP from port 53, at the time 0, to a client whose port is not known.
impl From<Endpoints> for Envelope {
    fn from(endpoints: Endpoints) -> Self {
        Self {
            endpoints,
            client_port: 0,
            resolver_port: 53,
            transport: Transport::Udp,
            tags: Tags::default(),
            at: Timestamp::default(),
        }
    }
}

/// A response to be exported. Borrows the message and the [`Scratch`](crate::dns::Scratch) it was
/// read into.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// How it came.
    pub envelope: Envelope,
    /// Names and addresses.
    pub answers: Answers<'a>,
}
