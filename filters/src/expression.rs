//! What to capture, as a pcap expression, and the program that libpcap makes of it.
//!
//! Expressions stay text because operators know them: what the default selects can be printed,
//! tried with other tools, changed and given back.
//!
//! They are always compiled without a capture handle. On a live one libpcap turns `vlan` into a
//! test of the tag that the kernel has stripped, which misses a second tag in the frame; without
//! one, it tests only the frame, so that `(X) or (vlan and (X))` finds `X` in untagged frames, in
//! frames whose only tag was stripped, and below a tag that is still there.

use std::collections::BTreeSet;

use pcap::{BpfInstruction, Capture, Linktype};

use crate::instruction::{Instruction, code};
use crate::{FilterError, Program};

/// Link type of Ethernet, the one for which the default expression looks below VLAN tags.
pub const DLT_EN10MB: i32 = 1;

/// Source port of DNS responses.
pub const DNS_PORT: u16 = 53;

/// Source port of multicast DNS responses (RFC 6762, section 6).
pub const MDNS_PORT: u16 = 5353;

/// Largest snap length, in bytes: any packet whole, as in libpcap's `MAXIMUM_SNAPLEN`.
pub const MAX_SNAP_LENGTH: u32 = 262_144;

/// Tags that the default expression looks below, in the frame itself: the kernel strips one more.
const VLAN_DEPTH: usize = 2;

/// Which packets the default filter keeps: UDP responses from a set of source ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    ports: BTreeSet<u16>,
}

impl Selection {
    /// Responses from these source ports, and from [`MDNS_PORT`] if `mdns`.
    ///
    /// No ports at all stands for [`DNS_PORT`]. Order and repetition don't matter.
    pub fn new(ports: impl IntoIterator<Item = u16>, mdns: bool) -> Self {
        let mut ports: BTreeSet<u16> = ports.into_iter().collect();
        if ports.is_empty() {
            ports.insert(DNS_PORT);
        }
        if mdns {
            ports.insert(MDNS_PORT);
        }
        Self { ports }
    }

    /// Source ports, ascending.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        self.ports.iter().copied()
    }

    /// The pcap expression for a link type, given as a DLT number.
    ///
    /// UDP over IPv4 or IPv6 from one of the ports, with the QR bit (RFC 1035, section 4.1.1) set.
    /// Of a fragmented IPv4 datagram that is the first fragment: the others carry no ports. IPv6
    /// extension headers are not passed over, so fragments of IPv6 are not found. On Ethernet the
    /// same below one or two VLAN tags that are still in the frame.
    #[must_use]
    pub fn expression(&self, link_type: i32) -> String {
        let responses = self.responses();
        let mut expression = responses.clone();
        if link_type == DLT_EN10MB {
            for _ in 0..VLAN_DEPTH {
                // Nested, not side by side: every `vlan` moves all that follows it by a tag.
                expression = format!("({responses}) or (vlan and ({expression}))");
            }
        }
        expression
    }

    /// Responses at one depth. The QR bit is the top bit of the third byte of the DNS header:
    ///
    /// ```text
    ///           IPv4               IPv6
    ///   UDP     udp[0]             ip6[40]
    ///   DNS     udp[8]   + 8       ip6[48]   + 8
    ///   QR      udp[10]  + 2       ip6[50]   + 2
    /// ```
    ///
    /// `udp[..]` is IPv4 only in libpcap, hence the second form.
    fn responses(&self) -> String {
        let ports = self.port_ranges().join(" or ");
        format!(
            "udp and ({ports}) and ((ip and udp[10] & 0x80 != 0) or (ip6 and ip6[50] & 0x80 != 0))"
        )
    }

    /// One test for every run of adjacent ports.
    fn port_ranges(&self) -> Vec<String> {
        let mut runs: Vec<(u16, u16)> = Vec::new();
        for port in self.ports() {
            match runs.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(port) => *last = port,
                _ => runs.push((port, port)),
            }
        }
        runs.into_iter()
            .map(|(first, last)| {
                if first == last {
                    format!("src port {first}")
                } else {
                    format!("src portrange {first}-{last}")
                }
            })
            .collect()
    }
}

impl Default for Selection {
    /// Responses from [`DNS_PORT`] alone.
    fn default() -> Self {
        Self::new([], false)
    }
}

/// Compiles a pcap expression, optimised, for a link type given as a DLT number.
///
/// The program returns `snap_length` bytes for a packet that it keeps; 0 stands for
/// [`MAX_SNAP_LENGTH`], and more is cut to that. An empty expression keeps every packet.
///
/// A host name in the expression is resolved while it is compiled, and that sends DNS queries;
/// the default expression has none.
///
/// # Errors
///
/// [`FilterError::Expression`] with libpcap's words if it does not accept the expression, or knows
/// no such link type; [`FilterError::TooLong`] if the kernel would not take the result.
pub fn compile(expression: &str, link_type: i32, snap_length: u32) -> Result<Program, FilterError> {
    let refused = |error: pcap::Error| FilterError::Expression {
        expression: expression.to_owned(),
        link_type,
        reason: reason(error),
    };
    let snap_length = match snap_length {
        0 => MAX_SNAP_LENGTH,
        bytes => bytes.min(MAX_SNAP_LENGTH),
    };
    let capture = Capture::dead(Linktype(link_type)).map_err(refused)?;
    let program = capture.compile(expression, true).map_err(refused)?;
    let instructions = program
        .get_instructions()
        .iter()
        .map(|instruction| {
            let instruction = parse(instruction).ok_or_else(|| FilterError::Expression {
                expression: expression.to_owned(),
                link_type,
                reason: format!("unreadable instruction `{instruction}`"),
            })?;
            Ok(with_snap_length(instruction, snap_length))
        })
        .collect::<Result<Vec<_>, FilterError>>()?;
    Program::new(expression, instructions)
}

/// libpcap's own words, without the crate's prefix.
fn reason(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(reason) => reason,
        pcap::Error::InvalidInputString => "it contains a NUL byte".to_owned(),
        other => other.to_string(),
    }
}

/// Reads an instruction back from its text, `code jt jf k`: the only way to see its fields.
fn parse(instruction: &BpfInstruction) -> Option<Instruction> {
    let text = instruction.to_string();
    let mut fields = text.split_ascii_whitespace();
    let parsed = Instruction {
        code: fields.next()?.parse().ok()?,
        jt: fields.next()?.parse().ok()?,
        jf: fields.next()?.parse().ok()?,
        k: fields.next()?.parse().ok()?,
    };
    fields.next().is_none().then_some(parsed)
}

/// A handle without a capture has a fixed snap length, which every `ret` that keeps returns.
fn with_snap_length(instruction: Instruction, snap_length: u32) -> Instruction {
    const RETURN: u16 = code::RET | code::K;
    match instruction {
        Instruction {
            code: RETURN,
            k: 1..,
            ..
        } => Instruction {
            k: snap_length,
            ..instruction
        },
        _ => instruction,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAX_INSTRUCTIONS;

    const DLT_LINUX_SLL: i32 = 113;

    #[test]
    fn adjacent_ports_share_a_test() {
        let selection = Selection::new([5300, 53, 54, 5301, 53, 55], true);
        assert_eq!(
            selection.port_ranges(),
            [
                "src portrange 53-55",
                "src portrange 5300-5301",
                "src port 5353"
            ]
        );
        let highest = Selection::new([u16::MAX, u16::MAX - 1], false);
        assert_eq!(highest.port_ranges(), ["src portrange 65534-65535"]);
    }

    #[test]
    fn no_ports_stand_for_dns() {
        assert_eq!(Selection::default().ports().collect::<Vec<_>>(), [DNS_PORT]);
        assert_eq!(
            Selection::new([], true).ports().collect::<Vec<_>>(),
            [DNS_PORT, MDNS_PORT]
        );
        assert_eq!(
            Selection::new([99], false).ports().collect::<Vec<_>>(),
            [99]
        );
    }

    #[test]
    fn only_ethernet_has_vlan_tags() {
        let selection = Selection::default();
        assert_eq!(
            selection.expression(DLT_EN10MB).matches("vlan").count(),
            VLAN_DEPTH
        );
        assert!(!selection.expression(DLT_LINUX_SLL).contains("vlan"));
    }

    #[test]
    fn default_expression_compiles_for_what_is_read() {
        // NULL, Ethernet, IEEE 802, FDDI, raw IP, LOOP, Linux cooked 1 and 2.
        for link_type in [0, 1, 6, 10, 12, 108, 113, 276] {
            let expression = Selection::new([53, 5300], true).expression(link_type);
            if let Err(error) = compile(&expression, link_type, 0) {
                panic!("{error}");
            }
        }
    }

    /// Each port costs an instruction for either address family at each of three depths.
    #[test]
    fn many_ports_stay_compact() {
        let length = |ports: u16| {
            let selection = Selection::new((1..=ports).map(|port| 7 * port), false);
            let program = compile(&selection.expression(DLT_EN10MB), DLT_EN10MB, 0);
            program
                .expect("the default expression compiles")
                .instructions()
                .len()
        };
        assert_eq!(length(10), length(1) + 9 * 6);
        assert!(length(10) < 128, "{}", length(10));
        // Enough for jumps longer than 255 instructions, which libpcap has to split.
        assert!(length(300) < MAX_INSTRUCTIONS, "{}", length(300));
    }

    #[test]
    fn snap_length_is_what_is_returned() {
        let returned = |snap_length| {
            let program = compile("udp", DLT_EN10MB, snap_length).expect("`udp` compiles");
            let constant = |i: &Instruction| (i.code == code::RET | code::K).then_some(i.k);
            program
                .instructions()
                .iter()
                .filter_map(constant)
                .collect::<Vec<_>>()
        };
        assert_eq!(returned(1500), [1500, 0]);
        assert_eq!(returned(0), [MAX_SNAP_LENGTH, 0]);
        assert_eq!(returned(u32::MAX), [MAX_SNAP_LENGTH, 0]);
    }

    #[test]
    fn errors_carry_libpcaps_words() {
        let error = compile("udp and flavour 7", DLT_EN10MB, 0).expect_err("no such primitive");
        let text = error.to_string();
        assert!(text.contains("`udp and flavour 7`"), "{text}");
        assert!(text.contains("syntax error"), "{text}");

        let error = compile("vlan", DLT_LINUX_SLL, 0).expect_err("no tags in Linux cooked frames");
        assert!(error.to_string().contains("no VLAN support"), "{error}");

        let error = compile("udp\0", DLT_EN10MB, 0).expect_err("NUL ends a string in C");
        assert!(error.to_string().contains("NUL"), "{error}");

        compile("udp", -7, 0).expect_err("no such link type");
    }
}
