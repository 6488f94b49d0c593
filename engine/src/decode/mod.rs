//! From the bytes of a packet to the response it carries, borrowed all the way.
//!
//! ```text
//! frame -> link: which protocol, where -> network: who to whom -> transport: which port -> message
//! ```
//!
//! Each step gives a slice of the one before or a [`Reject`], which is also the name of the counter that
//! goes up. Decode knows nothing of where packets come from and where responses go, keeps no packet, and
//! allocates nothing once it is made.

pub mod link;
mod network;
mod reject;

use dnsflow_wire::message::{Answers, Dialect, Extent, Marks};
use dnsflow_wire::response::Response;
use etherparse::UdpHeaderSlice;

pub use reject::Reject;

use crate::frame::Frame;
use network::{Carried, Packet};

/// The port of multicast DNS (RFC 6762 section 3).
pub const MDNS_PORT: u16 = 5353;

/// Which packets may hold a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Source ports of resolvers; `None` where a filter expression of the user's has decided already.
    pub ports: Option<Vec<u16>>,
    /// Whether port 5353 speaks multicast DNS.
    pub mdns: bool,
}

/// A decoder: what to look for, and the memory for what is found.
#[derive(Debug)]
pub struct Decoder {
    selection: Selection,
    marks: Marks,
}

impl Decoder {
    /// A decoder that has not seen a packet.
    #[must_use]
    pub fn new(selection: Selection) -> Self {
        Decoder {
            selection,
            marks: Marks::default(),
        }
    }

    /// The response in a packet.
    ///
    /// # Errors
    /// The first reason why the packet gives no set.
    #[inline]
    pub fn decode<'a>(&'a mut self, frame: &Frame<'a>) -> Result<Response<'a>, Reject> {
        let network = link::network(frame)?;
        let packet = network::packet(&network)?;
        let message = match packet.carried {
            Carried::Fragment => return Err(Reject::Fragment),
            Carried::Udp => self.datagram(&packet, frame)?,
            Carried::Other => return Err(Reject::NotUdp),
        };
        let answers = Answers::parse(
            message.bytes,
            message.dialect,
            Extent::Whole,
            &mut self.marks,
        )?;
        Ok(Response {
            endpoints: packet.endpoints,
            answers,
        })
    }

    /// ```text
    /// source port 2 | destination port 2 | length 2 | checksum 2 | message ..
    /// ```
    fn datagram<'a>(&self, packet: &Packet<'a>, frame: &Frame<'_>) -> Result<Message<'a>, Reject> {
        let header = UdpHeaderSlice::from_slice(packet.payload).map_err(|_| Reject::UdpDamaged)?;
        let dialect = self.dialect(header.source_port()).ok_or(Reject::Port)?;
        let length = usize::from(header.length());
        let (body, _) = packet.payload.split_at(length.min(packet.payload.len()));
        let bytes = body.get(header.slice().len()..).ok_or(Reject::UdpDamaged)?;
        if body.len() < length {
            return Err(if frame.is_cut() {
                Reject::Cut
            } else {
                Reject::UdpDamaged
            });
        }
        Ok(Message { bytes, dialect })
    }

    fn dialect(&self, source_port: u16) -> Option<Dialect> {
        if self.selection.mdns && source_port == MDNS_PORT {
            return Some(Dialect::Multicast);
        }
        match &self.selection.ports {
            Some(ports) if !ports.contains(&source_port) => None,
            _ => Some(Dialect::Unicast),
        }
    }
}

struct Message<'a> {
    bytes: &'a [u8],
    dialect: Dialect,
}
