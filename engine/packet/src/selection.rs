//! Which packets may hold a response: what the capture filter keeps of them, and what decode takes.
//!
//! It is one value, so that the two can't differ: what a filter drops, decode would not have taken.

use std::collections::BTreeSet;

use crate::numbers::port;
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

    #[test]
    fn no_ports_stand_for_dns() {
        assert_eq!(Selection::default().ports, [port::DNS]);
        assert_eq!(Selection::new([], true).ports, [port::DNS, port::MDNS]);
        assert_eq!(Selection::new([99], false).ports, [99]);
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
