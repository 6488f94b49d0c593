//! Selects the packets of a capture that are dnsflow datagrams, with filter expressions of libpcap.

use dnsflow_packet::LinkType;
use pcap::{Activated, BpfProgram, Capture, Linktype};

use crate::ReadError;
use crate::error::words;
use dnsflow_records::frame;

/// The datagrams that a collector receives.
const COLLECTED: &str = "udp and dst port 5300";

/// Raw IP as libpcap numbers it on Linux (DLT_RAW); 101 is its number in files only.
const RAW: Linktype = Linktype(12);

/// A pcap filter expression, before it is known what it will be compiled for.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    text: String,
    /// Whether VLAN tags before the packet are looked through.
    through_tags: bool,
}

impl Default for Expression {
    fn default() -> Self {
        Self {
            text: COLLECTED.to_owned(),
            through_tags: true,
        }
    }
}

impl Expression {
    /// The datagrams that a collector receives and `expression` matches.
    pub(crate) fn narrowed(expression: &str) -> Self {
        Self {
            text: format!("{COLLECTED} and ({expression})"),
            through_tags: true,
        }
    }

    /// The packets that `expression` matches.
    pub(crate) fn exactly(expression: &str) -> Self {
        Self {
            text: expression.to_owned(),
            through_tags: false,
        }
    }

    /// The text for a link type. `vlan` compiles for Ethernet only, and moves every offset behind
    /// it.
    fn for_link(&self, link: LinkType) -> String {
        let text = &self.text;
        if self.through_tags && link == LinkType::Ethernet {
            format!("({text}) or (vlan and (({text}) or (vlan and ({text}))))")
        } else {
            text.clone()
        }
    }

    fn refused(&self, error: &pcap::Error) -> ReadError {
        ReadError::Filter {
            expression: self.text.clone(),
            reason: words(error),
        }
    }
}

/// An expression that applies to a capture.
pub(crate) enum Filter {
    /// libpcap, or the kernel, gives admitted frames only.
    Applied,
    /// A program over the IP packet behind an address family.
    Packet(BpfProgram),
}

impl Filter {
    /// Sets `expression` on a capture of `link`.
    ///
    /// NULL and LOOP are filtered here. libpcap compares their address family with the number of
    /// this system, in the byte order of the file; sensors write it in either order, and other
    /// systems have other numbers for IPv6.
    pub(crate) fn set<T: Activated + ?Sized>(
        expression: &Expression,
        link: LinkType,
        capture: &mut Capture<T>,
    ) -> Result<Self, ReadError> {
        let text = expression.for_link(link);
        if frame::has_family(link) {
            return Capture::dead(RAW)
                .and_then(|dead| dead.compile(&text, true))
                .map(Self::Packet)
                .map_err(|error| expression.refused(&error));
        }
        capture
            .filter(&text, true)
            .map_err(|error| expression.refused(&error))?;
        Ok(Self::Applied)
    }

    /// Whether a frame is to be read.
    pub(crate) fn admits(&self, frame: &[u8]) -> bool {
        match self {
            Self::Applied => true,
            Self::Packet(program) => {
                frame::behind_family(frame).is_some_and(|packet| program.filter(packet))
            }
        }
    }
}
