//! Which packets may hold a response: what the capture filter keeps of them, and what decode takes.
//!
//! It is one value, so that the two can't differ: what a filter drops, decode would not have taken.

use std::collections::BTreeSet;
use std::sync::Arc;

use dnsflow_wire::dns::Rules;

use crate::client_sample::ClientSample;
use crate::lists::Lists;
use crate::numbers::{ip_protocol, port};
use crate::tunnel::Tunnels;

/// Which packets may hold a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Source ports of resolvers. The first that is not multicast DNS's takes the fast path.
    pub ports: Vec<u16>,
    /// Whether UDP from any other port is taken too, since a filter expression of the user's has
    /// decided. A capture filter made from the selection ignores it.
    pub any_port: bool,
    /// Whether UDP from [`port::MDNS`] is read as multicast DNS.
    pub mdns: bool,
    /// Whether only what the original selects is taken: whole UDP datagrams in one packet, right
    /// behind its IP header.
    pub plain: bool,
    /// Tunnels that are unpacked.
    pub tunnels: Tunnels,
    /// What a message has to say. Capture filters ignore it.
    pub rules: Rules,
    /// Names, clients and resolvers that are taken or not; `None` takes all. A capture filter made
    /// from the selection ignores them.
    pub lists: Option<Arc<Lists>>,
    /// The sample of clients that is taken; `None` takes all. A capture filter made from the
    /// selection ignores it.
    pub sample: Option<ClientSample>,
}

impl Selection {
    /// Responses from these source ports, and from [`port::MDNS`] if `mdns`, in no tunnel.
    ///
    /// No ports at all stands for [`port::DNS`]. Order and repetition don't matter: the ports are
    /// kept ascending.
    pub fn new(ports: impl IntoIterator<Item = u16>, mdns: bool) -> Self {
        let mut ports: BTreeSet<u16> = ports.into_iter().collect();
        if ports.is_empty() {
            ports.insert(port::DNS);
        }
        if mdns {
            ports.insert(port::MDNS);
        }
        Self {
            ports: ports.into_iter().collect(),
            any_port: false,
            mdns,
            plain: false,
            tunnels: Tunnels::default(),
            rules: Rules::default(),
            lists: None,
            sample: None,
        }
    }

    /// The same with [`plain`](Self::plain) set.
    #[must_use]
    pub fn plain(self) -> Self {
        Self {
            plain: true,
            ..self
        }
    }

    /// The same with these tunnels.
    #[must_use]
    pub fn tunnels(self, tunnels: Tunnels) -> Self {
        Self { tunnels, ..self }
    }

    /// All source ports, that of multicast DNS included where it is read.
    #[must_use]
    pub fn source_ports(&self) -> BTreeSet<u16> {
        let mdns = self.mdns.then_some(port::MDNS);
        self.ports.iter().copied().chain(mdns).collect()
    }

    /// Whether a datagram of this IP protocol that starts with `head` may hold a response. What does
    /// not show its ports yet may.
    ///
    /// ```text
    /// UDP, TCP: source port 2 | destination port 2 | ..
    /// ```
    pub(crate) fn may_take(&self, protocol: u8, head: &[u8]) -> bool {
        let ports = |test: fn(&Self, u16, u16) -> bool| match head {
            [a, b, c, d, ..] => test(
                self,
                u16::from_be_bytes([*a, *b]),
                u16::from_be_bytes([*c, *d]),
            ),
            _ => true,
        };
        match protocol {
            ip_protocol::UDP => ports(|of, source, destination| {
                of.any_port
                    || of.ports.contains(&source)
                    || (of.mdns && source == port::MDNS)
                    || of.tunnels.are_in_udp(source, destination)
            }),
            ip_protocol::TCP => ports(|of, source, _| of.ports.contains(&source)),
            _ => {
                ip_protocol::IPV6_EXTENSIONS.contains(&protocol) || self.tunnels.are_in_ip(protocol)
            }
        }
    }

    /// The port of the fast path; what comes from others takes longer.
    pub(crate) fn usual_port(&self) -> Option<u16> {
        self.ports.iter().copied().find(|port| *port != port::MDNS)
    }
}

/// Responses from [`port::DNS`], in no tunnel.
impl Default for Selection {
    fn default() -> Self {
        Self::new([], false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tunnel::Kind;

    #[test]
    fn no_ports_stand_for_dns() {
        assert_eq!(Selection::default().ports, [port::DNS]);
        assert_eq!(Selection::new([], true).ports, [port::DNS, port::MDNS]);
        assert_eq!(Selection::new([99], false).ports, [99]);
    }

    #[test]
    fn the_start_of_a_datagram_shows_whether_it_is_selected() {
        let selection = Selection::new([99], false);
        let tunnels = Tunnels::default()
            .with(Kind::Vxlan)
            .with(Kind::Gre)
            .with_record_ports([9000]);
        let tunnelled = selection.clone().tunnels(tunnels);
        let of_any_port = Selection {
            any_port: true,
            ..selection.clone()
        };
        let head = |source: u16, destination: u16| {
            [source.to_be_bytes(), destination.to_be_bytes()].concat()
        };
        for (protocol, head, expected) in [
            (17, head(99, 1), [true, true, true]),
            (17, head(1, 99), [false, false, true]),
            (17, head(5, 4789), [false, true, true]),
            (17, head(5, 9000), [false, true, true]),
            (17, head(9000, 5), [false, false, true]),
            (17, vec![5, 5], [true, true, true]),
            (6, head(99, 1), [true, true, true]),
            (6, head(1, 99), [false, false, false]),
            (47, vec![], [false, true, false]),
            (1, head(99, 1), [false, false, false]),
            (60, head(1, 1), [true, true, true]),
        ] {
            let taken = [&selection, &tunnelled, &of_any_port]
                .map(|selection| selection.may_take(protocol, &head));
            assert_eq!(taken, expected, "protocol {protocol}, {head:?}");
        }
        assert!(Selection::new([99], true).may_take(17, &head(port::MDNS, 1)));
    }

    #[test]
    fn the_usual_port_is_not_that_of_multicast_dns() {
        let usual = |ports: &[u16], mdns| Selection::new(ports.to_vec(), mdns).usual_port();
        assert_eq!(usual(&[], true), Some(port::DNS));
        assert_eq!(usual(&[5300, 99], false), Some(99));
        assert_eq!(usual(&[port::MDNS], true), None);
    }

    #[test]
    fn source_ports_have_that_of_multicast_dns() {
        let selection = Selection {
            ports: vec![99, 53],
            mdns: true,
            ..Selection::default()
        };
        assert!(selection.source_ports().into_iter().eq([53, 99, 5353]));
    }
}
