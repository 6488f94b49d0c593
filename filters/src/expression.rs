//! What a selection keeps, as a pcap expression over IP packets.
//!
//! The expression is text because operators know pcap-filter(7): it can be printed, tried with
//! other tools, changed, and given back with `-f`. It describes IP packets only; the program finds
//! those below the link layer, tags and labels.
//!
//! libpcap's primitives `udp` and `src port` skip an IPv6 fragment header silently, or repeat their
//! test for each port. There, fields are given as bytes:
//!
//! ```text
//!   IPv4  ip[6:2]  fragment bits      ip[9]    protocol
//!   IPv6  ip6[6]   next header        ip6[40]  next header of an extension header
//!   IPv6 fragment  ip6[42:2] offset   ip6[48:2], ip6[50:2]  ports of the first one
//!   QR    udp[10]  over IPv4          ip6[50]  over IPv6
//! ```

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use dnsflow_packet::Selection;
use dnsflow_packet::numbers::ip_protocol::{GRE, IPV6_EXTENSIONS, IPV6_FRAGMENT, TCP, UDP};

use crate::ports;
use crate::tunnel;

/// The protocol of GRE, behind an IPv4 header of any length, and behind that of IPv6.
const GRE_PROTOCOL_V4: &str = "ip[((ip[0] & 0xf) << 2) + 2:2]";
const GRE_PROTOCOL_V6: &str = "ip6[42:2]";

/// The pcap expression (pcap-filter(7)) for what a selection keeps of IP packets. It compiles for
/// any link type that libpcap finds IP on, and says the same there of packets that are neither
/// tagged nor labelled.
#[must_use]
pub fn ip_expression(selection: &Selection) -> String {
    let words = Words::new(selection);
    format!(
        "(ip and ({})) or (ip6 and ({}))",
        words.over_ipv4(),
        words.over_ipv6()
    )
}

/// A selection, as the sets of numbers that the expression lists.
struct Words<'a> {
    selection: &'a Selection,
    /// Source ports of responses.
    ports: BTreeSet<u16>,
    /// UDP ports of tunnels, either of a packet's two.
    tunnel_ports: BTreeSet<u16>,
    /// UDP destination ports of mirrors.
    mirror_ports: BTreeSet<u16>,
    /// IP protocols of tunnels.
    protocols: BTreeSet<u8>,
}

impl<'a> Words<'a> {
    fn new(selection: &'a Selection) -> Self {
        Self {
            selection,
            ports: selection.source_ports(),
            tunnel_ports: tunnel::ports(&selection.tunnels),
            mirror_ports: selection.tunnels.mirror_ports().collect(),
            protocols: tunnel::protocols(&selection.tunnels),
        }
    }

    fn over_ipv4(&self) -> String {
        let ports = any_of("src ", &self.ports);
        let mut kept = Vec::new();
        if self.selection.plain {
            kept.push(format!("(udp and {ports} and udp[10] & 0x80 != 0)"));
        } else {
            // Later fragments have no ports. A first one may end before the QR bit.
            kept.push(format!(
                "(ip[6:2] & 0x1fff != 0 and {})",
                equal("ip[9]", &[UDP, TCP])
            ));
            kept.push(format!(
                "({ports} and (ip[9] = {TCP} or (ip[9] = {UDP} and (ip[6:2] & 0x2000 != 0 or \
                 udp[10] & 0x80 != 0))))"
            ));
        }
        kept.extend(self.carrying());
        for &protocol in &self.protocols {
            kept.push(match self.gre_test(GRE_PROTOCOL_V4) {
                Some(test) if protocol == GRE => {
                    format!("(ip[9] = {GRE} and (ip[6:2] & 0x1fff != 0 or {test}))")
                }
                _ => format!("ip[9] = {protocol}"),
            });
        }
        kept.join(" or ")
    }

    fn over_ipv6(&self) -> String {
        let ports = any_of("src ", &self.ports);
        let udp = format!("(ip6[6] = {UDP} and ip6[50] & 0x80 != 0)");
        let mut kept = Vec::new();
        if self.selection.plain {
            kept.push(format!("({ports} and {udp})"));
        } else {
            kept.push(format!("({ports} and (ip6[6] = {TCP} or {udp}))"));
        }
        kept.extend(self.carrying());
        for &protocol in &self.protocols {
            kept.push(match self.gre_test(GRE_PROTOCOL_V6) {
                Some(test) if protocol == GRE => format!("(ip6[6] = {GRE} and {test})"),
                _ => format!("ip6[6] = {protocol}"),
            });
        }
        if !self.selection.plain {
            kept.extend(self.behind_extensions());
        }
        kept.join(" or ")
    }

    fn gre_test(&self, protocol_field: &str) -> Option<String> {
        tunnel::gre_test(&self.selection.tunnels, protocol_field)
    }

    /// UDP of tunnels and mirrors.
    fn carrying(&self) -> Vec<String> {
        [("", &self.tunnel_ports), ("dst ", &self.mirror_ports)]
            .into_iter()
            .filter(|(_, ports)| !ports.is_empty())
            .map(|(direction, ports)| format!("(udp and {})", any_of(direction, ports)))
            .collect()
    }

    /// IPv6 with extension headers: of fragments, what IPv4 keeps; behind others, what the first of
    /// them says comes next, whatever the ports.
    fn behind_extensions(&self) -> [String; 2] {
        let mut later = vec![UDP, TCP];
        later.extend(&self.protocols);
        later.extend(IPV6_EXTENSIONS);
        let others = IPV6_EXTENSIONS.into_iter();
        let others: Vec<u8> = others.filter(|&header| header != IPV6_FRAGMENT).collect();

        let mut first = vec![in_field("ip6[48:2]", &self.ports)];
        for (field, ports) in [
            ("ip6[48:2]", &self.tunnel_ports),
            ("ip6[50:2]", &self.tunnel_ports),
            ("ip6[50:2]", &self.mirror_ports),
        ] {
            if !ports.is_empty() {
                first.push(format!("(ip6[40] = {UDP} and {})", in_field(field, ports)));
            }
        }
        // Neither UDP nor TCP: the ports stand elsewhere, or there are none.
        let rest: Vec<u8> = later
            .iter()
            .copied()
            .filter(|next| ![UDP, TCP].contains(next))
            .collect();
        [
            format!(
                "(ip6[6] = {IPV6_FRAGMENT} and ({} or ({} and (ip6[42:2] & 0xfff8 != 0 or {}))))",
                equal("ip6[40]", &rest),
                equal("ip6[40]", &[UDP, TCP]),
                first.join(" or "),
            ),
            format!(
                "({} and {})",
                equal("ip6[6]", &others),
                equal("ip6[40]", &later)
            ),
        ]
    }
}

/// `(field = a or field = b ..)`.
fn equal(field: &str, values: &[u8]) -> String {
    let tests: Vec<String> = values
        .iter()
        .map(|value| format!("{field} = {value}"))
        .collect();
    format!("({})", tests.join(" or "))
}

/// Ports in one of libpcap's directions, one test for every run of adjacent ones.
fn any_of(direction: &str, ports: &BTreeSet<u16>) -> String {
    either(ports, |run| match run.start() == run.end() {
        true => format!("{direction}port {}", run.start()),
        false => format!("{direction}portrange {}-{}", run.start(), run.end()),
    })
}

/// The same of a field that is spelled as bytes.
fn in_field(field: &str, ports: &BTreeSet<u16>) -> String {
    either(ports, |run| match run.start() == run.end() {
        true => format!("{field} = {}", run.start()),
        false => format!("({field} >= {} and {field} <= {})", run.start(), run.end()),
    })
}

fn either(ports: &BTreeSet<u16>, test: impl Fn(RangeInclusive<u16>) -> String) -> String {
    let tests: Vec<String> = ports::runs(ports).into_iter().map(test).collect();
    format!("({})", tests.join(" or "))
}

#[cfg(test)]
mod tests {
    use dnsflow_packet::tunnel::{Kind, Tunnels};

    use super::*;

    #[test]
    fn adjacent_ports_share_a_test() {
        let expression = ip_expression(&Selection::new([53, 54, 5300], true));
        assert!(
            expression.contains("(src portrange 53-54 or src port 5300 or src port 5353)"),
            "{expression}"
        );
        assert!(
            expression.contains("(ip6[48:2] >= 53 and ip6[48:2] <= 54) or ip6[48:2] = 5300"),
            "{expression}"
        );
    }

    #[test]
    fn plain_is_udp_alone() {
        let expression = ip_expression(&Selection::new([53], false).plain());
        assert_eq!(
            expression,
            "(ip and ((udp and (src port 53) and udp[10] & 0x80 != 0))) or \
             (ip6 and (((src port 53) and (ip6[6] = 17 and ip6[50] & 0x80 != 0))))"
        );
    }

    #[test]
    fn tunnels_are_named_when_chosen() {
        let selection = Selection::new([53], false);
        for (kind, words) in [
            (Kind::Vxlan, "port 4789 or port 8472"),
            (Kind::Geneve, "(udp and (port 6081))"),
            (Kind::Gtp, "(udp and (port 2152))"),
            (Kind::Ipip, "ip6[6] = 4 "),
            (Kind::SixInFour, "ip[9] = 41"),
            (Kind::Erspan, "ip6[42:2] = 0x88be"),
            (Kind::Gre, "ip6[42:2] != 0x88be"),
        ] {
            assert!(!ip_expression(&selection).contains(words), "{words}");
            let tunnels = Tunnels::default().with(kind);
            let chosen = ip_expression(&selection.clone().tunnels(tunnels)) + " or";
            assert!(chosen.contains(words), "{words} in {chosen}");
        }
    }
}
