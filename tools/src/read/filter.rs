//! Which packets of a capture are dnsflow datagrams.

use pcap::{Activated, BpfProgram, Capture, Linktype};

use super::ReadError;
use super::error::words;
use super::frame::Link;

/// What a collector receives.
const COLLECTED: &str = "udp and dst port 5300";

/// Raw IP as libpcap numbers it on Linux (DLT_RAW); 101 is its number in files only.
const RAW: Linktype = Linktype(12);

/// A pcap filter expression, before it is known what it will be compiled for.
#[derive(Clone, Debug)]
pub(super) struct Expression {
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
    /// What a collector receives, and `expression` as well.
    pub(super) fn narrowed(expression: &str) -> Self {
        Self {
            text: format!("{COLLECTED} and ({expression})"),
            through_tags: true,
        }
    }

    /// Nothing but `expression`.
    pub(super) fn exactly(expression: &str) -> Self {
        Self {
            text: expression.to_owned(),
            through_tags: false,
        }
    }

    /// The text for a link type. `vlan` compiles for Ethernet only, and moves every offset behind it.
    fn for_link(&self, link: Link) -> String {
        let text = &self.text;
        if self.through_tags && link == Link::Ethernet {
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

/// An expression at work.
pub(super) enum Filter {
    /// libpcap, or the kernel, gives admitted frames only.
    Applied,
    /// A program over the IP packet behind a loopback header.
    Packet(BpfProgram),
}

impl Filter {
    /// Sets `expression` on a capture of `link`.
    ///
    /// NULL and LOOP are filtered here. libpcap compares their address family with the one number it
    /// has on this system in the byte order of the file; sensors write theirs in either order, and
    /// other systems have other numbers for IPv6.
    pub(super) fn set<T: Activated + ?Sized>(
        expression: &Expression,
        link: Link,
        capture: &mut Capture<T>,
    ) -> Result<Self, ReadError> {
        let text = expression.for_link(link);
        if link == Link::Loopback {
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
    pub(super) fn admits(&self, link: Link, frame: &[u8]) -> bool {
        match self {
            Self::Applied => true,
            Self::Packet(program) => link
                .packet(frame)
                .is_some_and(|packet| program.filter(packet)),
        }
    }
}
