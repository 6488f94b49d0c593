//! What carries packets of others inside, and how it is told from all the rest.

use std::collections::BTreeSet;

/// Tunnels that are looked into. None by default. Of those in UDP, either port may be theirs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tunnels {
    /// VXLAN (RFC 7348): UDP port 4789, or 8472 as Linux had it first.
    pub vxlan: bool,
    /// Geneve (RFC 8926): UDP port 6081.
    pub geneve: bool,
    /// GRE (RFC 2784): IP protocol 47, but for what is ERSPAN, and UDP port 4754 (RFC 8086).
    pub gre: bool,
    /// ERSPAN of all types: IP protocol 47 with the GRE protocols 0x88be and 0x22eb.
    pub erspan: bool,
    /// GTP-U (3GPP TS 29.281, section 4.4.2): UDP port 2152.
    pub gtp: bool,
    /// IPv4 inside (RFC 2003): IP protocol 4.
    pub ipip: bool,
    /// IPv6 inside (RFC 4213, RFC 2473): IP protocol 41.
    pub six_in_four: bool,
}

/// GRE protocols of ERSPAN I and II, and of III.
const ERSPAN_PROTOCOLS: [u16; 2] = [0x88be, 0x22eb];
const GRE: u8 = 47;

impl Tunnels {
    /// All that there are.
    pub const ALL: Self = Self {
        vxlan: true,
        geneve: true,
        gre: true,
        erspan: true,
        gtp: true,
        ipip: true,
        six_in_four: true,
    };

    /// UDP ports of the tunnels.
    pub(crate) fn ports(self) -> BTreeSet<u16> {
        [
            (self.vxlan, 4789),
            (self.vxlan, 8472),
            (self.geneve, 6081),
            (self.gre, 4754),
            (self.gtp, 2152),
        ]
        .into_iter()
        .filter_map(|(chosen, port)| chosen.then_some(port))
        .collect()
    }

    /// IP protocols that are a tunnel.
    pub(crate) fn protocols(self) -> Vec<u8> {
        [
            (self.ipip, 4),
            (self.six_in_four, 41),
            (self.gre || self.erspan, GRE),
        ]
        .into_iter()
        .filter_map(|(chosen, protocol)| chosen.then_some(protocol))
        .collect()
    }

    /// Test of a GRE header by its protocol, which is pcap's `protocol_field`, if IP's protocol
    /// alone does not decide.
    ///
    /// ```text
    ///   0 |flags and version 2|protocol 2|
    /// ```
    pub(crate) fn gre_test(self, protocol_field: &str) -> Option<String> {
        let [older, newer] = ERSPAN_PROTOCOLS.map(|protocol| format!("{protocol:#06x}"));
        match (self.gre, self.erspan) {
            (true, false) => Some(format!(
                "({protocol_field} != {older} and {protocol_field} != {newer})"
            )),
            (false, true) => Some(format!(
                "({protocol_field} = {older} or {protocol_field} = {newer})"
            )),
            _ => None,
        }
    }
}
