//! Tunnels: which are decapsulated, and the packet inside.
//!
//! A tunnel is recognised by a UDP port or an IP protocol, and only chosen kinds are decapsulated.
//! One call removes one tunnel; nesting and reassembly are the caller's.
//!
//! The module refuses to tell tunnels apart by keys, network identifiers and sessions: the same
//! address in two tunnels is the same address.

mod gre;
mod inside;
mod udp;

use std::fmt;
use std::str::FromStr;

use super::link::Network;
use crate::Reject;
use crate::numbers::{ether_type, ip_protocol};
use inside::version;

/// A kind of tunnel. The discriminants count from 0 in the order of [`Kind::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// VXLAN (RFC 7348).
    Vxlan,
    /// Geneve (RFC 8926).
    Geneve,
    /// GRE with IP, Ethernet or MPLS inside (RFC 2784, RFC 2890), also over UDP (RFC 8086).
    Gre,
    /// ERSPAN types I, II and III (draft-foschiano-erspan-03).
    Erspan,
    /// GTP-U (3GPP TS 29.281).
    Gtp,
    /// IPv4 in IP (RFC 2003, RFC 2473).
    Ipip,
    /// IPv6 in IP (RFC 4213, RFC 2473).
    SixInFour,
}

impl Kind {
    /// All kinds.
    pub const ALL: &[Self] = &[
        Self::Vxlan,
        Self::Geneve,
        Self::Gre,
        Self::Erspan,
        Self::Gtp,
        Self::Ipip,
        Self::SixInFour,
    ];

    /// The word that chooses it on a command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::Gre => "gre",
            Self::Erspan => "erspan",
            Self::Gtp => "gtp",
            Self::Ipip => "ipip",
            Self::SixInFour => "6in4",
        }
    }

    /// Its UDP ports: the IANA's, and for VXLAN 8472, which Linux used before one was assigned.
    /// Either port of a packet may be one. Empty for a kind that is not carried in UDP.
    #[must_use]
    pub fn udp_ports(self) -> &'static [u16] {
        match self {
            Self::Vxlan => &[4789, 8472],
            Self::Geneve => &[6081],
            Self::Gre => &[4754],
            Self::Gtp => &[2152],
            Self::Erspan | Self::Ipip | Self::SixInFour => &[],
        }
    }

    /// Its IP protocol, or `None` for a kind that is carried in UDP alone.
    #[must_use]
    pub fn ip_protocol(self) -> Option<u8> {
        match self {
            Self::Gre | Self::Erspan => Some(ip_protocol::GRE),
            Self::Ipip => Some(ip_protocol::IPV4),
            Self::SixInFour => Some(ip_protocol::IPV6),
            Self::Vxlan | Self::Geneve | Self::Gtp => None,
        }
    }
}

/// The tunnels and mirrors that are decapsulated. None by default.
///
/// Parsed from a list such as `vxlan,gre`, in which `all` stands for every kind and `none` for no
/// kind. Ports of mirrors are added to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tunnels {
    /// A bit for each kind.
    kinds: u8,
    record_ports: Vec<u16>,
    juniper_ports: Vec<u16>,
}

impl Tunnels {
    /// Every kind of tunnel, and no mirror.
    #[must_use]
    pub fn all() -> Self {
        Kind::ALL
            .iter()
            .fold(Self::default(), |tunnels, kind| tunnels.with(*kind))
    }

    /// The same with one more kind.
    #[must_use]
    pub fn with(mut self, kind: Kind) -> Self {
        self.kinds |= 1 << kind as u8;
        self
    }

    /// The same with packets to these UDP ports, which carry a record of a capture file.
    #[must_use]
    pub fn with_record_ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.record_ports.extend(ports);
        self
    }

    /// The same with packets to these UDP ports, which a Juniper router mirrors.
    #[must_use]
    pub fn with_juniper_ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.juniper_ports.extend(ports);
        self
    }

    /// Whether no packet is unpacked.
    #[must_use]
    pub fn are_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a kind was chosen.
    #[inline]
    #[must_use]
    pub fn has(&self, kind: Kind) -> bool {
        self.kinds & 1 << kind as u8 != 0
    }

    /// The kinds that were chosen, in the order of [`Kind::ALL`].
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        Kind::ALL.iter().copied().filter(|kind| self.has(*kind))
    }

    /// The UDP destination ports of mirrors, those of records first.
    pub fn mirror_ports(&self) -> impl Iterator<Item = u16> {
        self.record_ports.iter().chain(&self.juniper_ports).copied()
    }

    /// The packet inside a UDP datagram, or `None` if its ports are not those of a chosen tunnel.
    /// `body` is the payload behind the UDP header. The ports of mirrors, which the user named, are
    /// tried before those of tunnels.
    ///
    /// # Errors
    /// As [`Tunnels::in_ip`].
    #[inline]
    pub fn in_udp<'a>(
        &self,
        source_port: u16,
        destination_port: u16,
        body: &'a [u8],
    ) -> Option<Result<Network<'a>, Reject>> {
        if *self == Self::default() {
            return None;
        }
        self.chosen_in_udp([destination_port, source_port], body)
    }

    #[inline(never)]
    fn chosen_in_udp<'a>(
        &self,
        ports: [u16; 2],
        body: &'a [u8],
    ) -> Option<Result<Network<'a>, Reject>> {
        if self.record_ports.contains(&ports[0]) {
            return Some(udp::record(body));
        }
        if self.juniper_ports.contains(&ports[0]) {
            return Some(udp::juniper(body));
        }
        match self.kind_in_udp(ports)? {
            Kind::Vxlan => Some(udp::vxlan(body)),
            Kind::Geneve => Some(udp::geneve(body)),
            Kind::Gre => self.in_gre(body),
            Kind::Gtp => Some(udp::gtp(body)),
            Kind::Erspan | Kind::Ipip | Kind::SixInFour => None,
        }
    }

    /// The chosen kind that one of these ports is of.
    fn kind_in_udp(&self, ports: [u16; 2]) -> Option<Kind> {
        let is = |kind: &Kind| ports.iter().any(|port| kind.udp_ports().contains(port));
        self.kinds().find(is)
    }

    /// Whether UDP between these ports is that of a chosen tunnel or of a mirror.
    pub(crate) fn are_in_udp(&self, source_port: u16, destination_port: u16) -> bool {
        self.mirror_ports().any(|port| port == destination_port)
            || self.kind_in_udp([destination_port, source_port]).is_some()
    }

    /// Whether this IP protocol is that of a chosen tunnel.
    pub(crate) fn are_in_ip(&self, protocol: u8) -> bool {
        self.kinds()
            .any(|kind| kind.ip_protocol() == Some(protocol))
    }

    /// The packet inside an IP packet, or `None` if its protocol is not that of a chosen tunnel.
    /// `body` is the payload behind the IP headers.
    ///
    /// # Errors
    /// [`Reject::TunnelDamaged`] if the tunnel's header is truncated or invalid; [`Reject::NotIp`]
    /// if it carries no packet; the errors of [`link::network`](crate::link::network) for the frame
    /// inside.
    #[inline]
    pub fn in_ip<'a>(&self, protocol: u8, body: &'a [u8]) -> Option<Result<Network<'a>, Reject>> {
        match protocol {
            ip_protocol::IPV4 if self.has(Kind::Ipip) => Some(version(4, ether_type::IPV4, body)),
            ip_protocol::IPV6 if self.has(Kind::SixInFour) => {
                Some(version(6, ether_type::IPV6, body))
            }
            ip_protocol::GRE if self.has(Kind::Gre) || self.has(Kind::Erspan) => self.in_gre(body),
            _ => None,
        }
    }

    fn in_gre<'a>(&self, body: &'a [u8]) -> Option<Result<Network<'a>, Reject>> {
        let packet = match gre::Packet::parse(body) {
            Ok(packet) => packet,
            Err(reason) => return Some(Err(reason)),
        };
        let kind = if packet.is_erspan() {
            Kind::Erspan
        } else {
            Kind::Gre
        };
        self.has(kind).then(|| packet.inside())
    }
}

impl FromStr for Tunnels {
    type Err = UnknownTunnel;

    fn from_str(list: &str) -> Result<Self, UnknownTunnel> {
        let mut tunnels = Self::default();
        for word in list.split(',').map(str::trim) {
            tunnels = match (word, Kind::ALL.iter().find(|kind| kind.word() == word)) {
                (_, Some(kind)) => tunnels.with(*kind),
                ("all", _) => Self::all(),
                ("none", _) => Self::default(),
                _ => {
                    return Err(UnknownTunnel {
                        word: word.to_owned(),
                    });
                }
            };
        }
        Ok(tunnels)
    }
}

/// A word in a list of tunnels that names none. Its message lists the words that do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownTunnel {
    word: String,
}

impl fmt::Display for UnknownTunnel {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "`{}` is none of", self.word)?;
        for kind in Kind::ALL {
            write!(to, " {},", kind.word())?;
        }
        to.write_str(" all, none; separate several by commas")
    }
}

impl std::error::Error for UnknownTunnel {}

#[cfg(test)]
mod tests;
