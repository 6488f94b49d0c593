//! How the tunnels of a selection are told from all the rest, by ports, protocols and tests.

use std::collections::BTreeSet;

use dnsflow_packet::numbers::ether_type;
use dnsflow_packet::tunnel::{Kind, Tunnels};

/// UDP ports of the tunnels chosen; either port of a packet may be one.
pub(crate) fn ports(tunnels: &Tunnels) -> BTreeSet<u16> {
    tunnels.kinds().flat_map(Kind::udp_ports).copied().collect()
}

/// IP protocols of the tunnels chosen.
pub(crate) fn protocols(tunnels: &Tunnels) -> BTreeSet<u8> {
    tunnels.kinds().filter_map(Kind::ip_protocol).collect()
}

/// Test of a GRE header by its protocol, which is pcap's `protocol_field`; `None` if IP's protocol
/// alone decides, since both GRE and ERSPAN are chosen, or neither is.
///
/// ```text
///   0 |flags and version 2|protocol 2|
/// ```
pub(crate) fn gre_test(tunnels: &Tunnels, protocol_field: &str) -> Option<String> {
    let [older, newer] = ether_type::ERSPAN_TYPES.map(|protocol| format!("{protocol:#06x}"));
    match (tunnels.has(Kind::Gre), tunnels.has(Kind::Erspan)) {
        (true, false) => Some(format!(
            "({protocol_field} != {older} and {protocol_field} != {newer})"
        )),
        (false, true) => Some(format!(
            "({protocol_field} = {older} or {protocol_field} = {newer})"
        )),
        _ => None,
    }
}
