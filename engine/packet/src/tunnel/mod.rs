//! Tunnels: which of them are unpacked, and what is inside.
//!
//! A tunnel is told by a UDP port or an IP protocol, and only what was chosen is looked into: another's
//! traffic to such a port is no tunnel. The module takes off one tunnel at a time; how deep to go, and
//! putting together what a tunnel had to split, is for the caller.
//!
//! It refuses to tell tunnels apart by their keys, networks and sessions: the same address in two of them is
//! the same address.

mod gre;
mod udp;

use std::fmt;
use std::str::FromStr;

use super::link::{self, Network};
use crate::Reject;
use crate::numbers::{ether_type, ip_protocol};

/// A kind of tunnel, by the word that chooses it.
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
    /// All of them.
    pub const ALL: &[Kind] = &[
        Kind::Vxlan,
        Kind::Geneve,
        Kind::Gre,
        Kind::Erspan,
        Kind::Gtp,
        Kind::Ipip,
        Kind::SixInFour,
    ];

    /// The word for it in a list.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Vxlan => "vxlan",
            Kind::Geneve => "geneve",
            Kind::Gre => "gre",
            Kind::Erspan => "erspan",
            Kind::Gtp => "gtp",
            Kind::Ipip => "ipip",
            Kind::SixInFour => "6in4",
        }
    }

    /// The UDP ports that it has; either port of a packet may be one. 8472 is what Linux took for VXLAN before
    /// there was a number.
    #[must_use]
    pub fn udp_ports(self) -> &'static [u16] {
        match self {
            Kind::Vxlan => &[4789, 8472],
            Kind::Geneve => &[6081],
            Kind::Gre => &[4754],
            Kind::Gtp => &[2152],
            Kind::Erspan | Kind::Ipip | Kind::SixInFour => &[],
        }
    }

    /// The IP protocol that it has.
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

/// What is unpacked.
///
/// Parsed from a list such as `vxlan,gre`, in which `all` stands for every kind and `none` for no kind; ports of
/// mirrors are added to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tunnels {
    /// A bit for each kind.
    kinds: u8,
    record_ports: Vec<u16>,
    juniper_ports: Vec<u16>,
}

impl Tunnels {
    /// Every kind, and no mirror.
    #[must_use]
    pub fn all() -> Self {
        Kind::ALL
            .iter()
            .fold(Tunnels::default(), |tunnels, kind| tunnels.with(*kind))
    }

    /// Also one more kind.
    #[must_use]
    pub fn with(mut self, kind: Kind) -> Self {
        self.kinds |= 1 << kind as u8;
        self
    }

    /// Also packets to these UDP ports, which carry a record of a capture file.
    #[must_use]
    pub fn with_record_ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.record_ports.extend(ports);
        self
    }

    /// Also packets to these UDP ports, which carry what a Juniper router mirrors.
    #[must_use]
    pub fn with_juniper_ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.juniper_ports.extend(ports);
        self
    }

    /// Whether a kind was chosen.
    #[inline]
    #[must_use]
    pub fn has(&self, kind: Kind) -> bool {
        self.kinds & 1 << kind as u8 != 0
    }

    /// The kinds that were chosen.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        Kind::ALL.iter().copied().filter(|kind| self.has(*kind))
    }

    /// The UDP destination ports of mirrors, of both sorts.
    pub fn mirror_ports(&self) -> impl Iterator<Item = u16> {
        self.record_ports.iter().chain(&self.juniper_ports).copied()
    }

    /// What is inside a UDP datagram, if its ports are those of a tunnel; `body` is what follows the UDP
    /// header. The ports of mirrors, which the user named, come before those that everybody has.
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
        if *self == Tunnels::default() {
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
        let is = |kind: &Kind| ports.iter().any(|port| kind.udp_ports().contains(port));
        match self.kinds().find(is)? {
            Kind::Vxlan => Some(udp::vxlan(body)),
            Kind::Geneve => Some(udp::geneve(body)),
            Kind::Gre => self.in_gre(body),
            Kind::Gtp => Some(udp::gtp(body)),
            Kind::Erspan | Kind::Ipip | Kind::SixInFour => None,
        }
    }

    /// What is inside an IP packet, if its protocol is that of a tunnel; `body` is what follows the headers of
    /// IP.
    ///
    /// # Errors
    /// [`Reject::TunnelDamaged`]; [`Reject::NotIp`] if something else than a packet is inside; whatever
    /// [`link::network`] finds wrong with a frame that is.
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
        let mut tunnels = Tunnels::default();
        for word in list.split(',').map(str::trim) {
            tunnels = match (word, Kind::ALL.iter().find(|kind| kind.word() == word)) {
                (_, Some(kind)) => tunnels.with(*kind),
                ("all", _) => Tunnels::all(),
                ("none", _) => Tunnels::default(),
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

/// A word that is no kind of tunnel.
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

/// An IP packet of the version that a header outside it has announced.
fn version(version: u8, protocol: u16, bytes: &[u8]) -> Result<Network<'_>, Reject> {
    match bytes.first() {
        Some(first) if first >> 4 == version => Ok(Network { protocol, bytes }),
        _ => Err(Reject::TunnelDamaged),
    }
}

/// What an EtherType of a tunnel's header has announced.
fn by_ether_type(protocol: u16, bytes: &[u8]) -> Result<Network<'_>, Reject> {
    match protocol {
        ether_type::IPV4 => version(4, protocol, bytes),
        ether_type::IPV6 => version(6, protocol, bytes),
        ether_type::ETHERNET => link::ethernet(bytes),
        _ => Err(Reject::NotIp),
    }
}

fn after(bytes: &[u8], count: usize) -> Result<&[u8], Reject> {
    bytes.get(count..).ok_or(Reject::TunnelDamaged)
}

/// `N` bytes from `at` on.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Reject> {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.copied().ok_or(Reject::TunnelDamaged)
}

#[cfg(test)]
mod tests;
