//! Compiles pcap expressions with libpcap.
//!
//! It never uses a live capture handle. On one, libpcap turns `vlan` into a test of the tag that
//! the kernel has stripped, which misses a second tag in the frame; without one, it tests only the
//! frame, so that `(X) or (vlan and (X))` finds `X` in untagged frames, in frames whose only tag
//! was stripped, and below a tag that is still there.

use dnsflow_packet::LinkType;
use pcap::{BpfInstruction, Capture, Linktype};

use crate::assembler::Assembler;
use crate::instruction::{Instruction, NETWORK_OFFSET, code};
use crate::relocation::relocate;
use crate::{FilterError, Program};

/// Largest snap length, in bytes: any packet whole.
///
/// More than libpcap's `MAXIMUM_SNAPLEN` of 262,144, which cuts what segmentation offload leaves
/// undivided: `GSO_MAX_SIZE` is 524,280 bytes (include/linux/netdevice.h; BIG TCP).
pub const MAX_SNAP_LENGTH: u32 = 1 << 20;

/// Longest expression that is compiled, in bytes. libpcap takes a minute and a gigabyte for one of
/// this size that lists addresses, eight times as long for one of twice the size, and the kernel takes
/// no program of such a length.
pub const MAX_EXPRESSION_BYTES: usize = 16 << 10;

/// Compiles a pcap expression (pcap-filter(7)), optimised, for packets of a link type.
///
/// For [`LinkType::Network`] it is compiled as for packets that start with their IP header, and
/// counts from the kernel's network header: it finds nothing where tags or labels are there.
/// Lengths in such an expression are of all that was received.
///
/// The program returns `snap_length`, in bytes, for a packet that it keeps; 0 stands for
/// [`MAX_SNAP_LENGTH`], and more is cut to that. An empty expression keeps every packet.
///
/// A host name in the expression is resolved while it is compiled, and that sends DNS queries;
/// the default expression has none.
///
/// # Errors
///
/// [`FilterError::LongExpression`] beyond [`MAX_EXPRESSION_BYTES`];
/// [`FilterError::Expression`] with libpcap's words if it does not accept the expression, or knows
/// no such link type; [`FilterError::TooLong`] or [`FilterError::Invalid`] if the kernel would not
/// take the result.
pub fn compile(
    expression: &str,
    link_type: LinkType,
    snap_length: u32,
) -> Result<Program, FilterError> {
    if expression.len() > MAX_EXPRESSION_BYTES {
        return Err(FilterError::LongExpression {
            bytes: expression.len(),
        });
    }
    let kept = kept_bytes(snap_length);
    match link_type.dlt() {
        Some(number) => by_libpcap(expression, link_type, number, kept),
        None => from_network_header(&compile(expression, LinkType::Ip, kept)?),
    }
}

/// The program that libpcap compiles for a DLT_ number.
fn by_libpcap(
    expression: &str,
    link_type: LinkType,
    number: u32,
    kept: u32,
) -> Result<Program, FilterError> {
    let refused = |reason: String| FilterError::Expression {
        expression: expression.to_owned(),
        link_type,
        reason,
    };
    // libpcap has no link type of such a number either, and says so.
    let number = i32::try_from(number).unwrap_or(i32::MAX);
    let capture = Capture::dead(Linktype(number)).map_err(|error| refused(words(error)))?;
    let program = capture
        .compile(expression, true)
        .map_err(|error| refused(words(error)))?;
    let instructions = program
        .get_instructions()
        .iter()
        .map(|instruction| {
            let instruction = parse(instruction)
                .ok_or_else(|| refused(format!("unreadable instruction `{instruction}`")))?;
            Ok(with_snap_length(instruction, kept))
        })
        .collect::<Result<Vec<_>, FilterError>>()?;
    Program::new(expression, instructions)
}

/// The program of packets that start with their IP header, for wherever the kernel has found it.
fn from_network_header(bare: &Program) -> Result<Program, FilterError> {
    let mut program = Assembler::new();
    program.emit(code::LDX | code::IMM, 0);
    append_relocated(bare, NETWORK_OFFSET, &mut program)?;
    Program::new(bare.name(), program.finish())
}

/// Appends `bare`, a program for packets that start with their IP header, to run with `X` as the
/// offset of that header from `origin` on.
///
/// # Errors
///
/// [`FilterError::Expression`] if `bare` leaves too little scratch memory.
pub(crate) fn append_relocated(
    bare: &Program,
    origin: u32,
    into: &mut Assembler,
) -> Result<(), FilterError> {
    relocate(bare, origin, into).ok_or_else(|| FilterError::Expression {
        expression: bare.name().to_owned(),
        link_type: LinkType::Ip,
        reason: "the program needs all of scratch memory".to_owned(),
    })
}

/// The value of a program that keeps a packet.
pub(crate) fn kept_bytes(snap_length: u32) -> u32 {
    match snap_length {
        0 => MAX_SNAP_LENGTH,
        bytes => bytes.min(MAX_SNAP_LENGTH),
    }
}

/// libpcap's own words, without the crate's prefix.
fn words(error: pcap::Error) -> String {
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

    #[test]
    fn snap_length_is_what_is_returned() {
        let returned = |snap_length| {
            let program = compile("udp", LinkType::Ethernet, snap_length).expect("`udp` compiles");
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

    /// An expression that is too long is not compiled at all.
    #[test]
    fn long_expressions_are_refused() {
        let longest = format!("udp{}", " ".repeat(MAX_EXPRESSION_BYTES - 3));
        compile(&longest, LinkType::Ethernet, 0).expect("spaces cost nothing");
        let hosts = (0..6000).map(|host| format!("host 10.1.{}.{}", host / 250, host % 250));
        let hosts = hosts.collect::<Vec<_>>().join(" or ");
        let error = compile(&hosts, LinkType::Ethernet, 0).expect_err("it is too long");
        let bytes = hosts.len();
        assert_eq!(error, FilterError::LongExpression { bytes });
        assert!(error.to_string().contains("16384"), "{error}");
    }

    #[test]
    fn errors_carry_libpcaps_words() {
        let error =
            compile("udp and flavour 7", LinkType::Ethernet, 0).expect_err("no such primitive");
        let text = error.to_string();
        assert!(text.contains("`udp and flavour 7`"), "{text}");
        assert!(text.contains("syntax error"), "{text}");

        let error =
            compile("vlan", LinkType::Cooked, 0).expect_err("no tags in Linux cooked frames");
        assert!(error.to_string().contains("no VLAN support"), "{error}");

        let error = compile("udp\0", LinkType::Ethernet, 0).expect_err("NUL ends a string in C");
        assert!(error.to_string().contains("NUL"), "{error}");

        compile("udp", LinkType::Unsupported(u32::MAX), 0).expect_err("no such link type");
    }
}
