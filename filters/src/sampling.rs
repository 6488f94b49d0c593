//! Prologues for sampling, in the kernel or in the interpreter: of packets at random, or of clients.

use dnsflow_packet::client_sample::{ClientSample, MULTIPLIERS, SHIFTS};

use crate::assembler::{Assembler, To};
use crate::instruction::{NETWORK_OFFSET, code};
use crate::link::{Targets, from_type};
use crate::operation::Ancillary;
use crate::{FilterError, Prologue};

/// A prologue that keeps one of `n` packets, at random and independently of all others.
///
/// Packets are drawn, not flows or clients, and every fragment of a datagram is drawn by itself.
/// The kernel's random word is uniform over 32 bits, so that the share kept is off by at most
/// `n / 2^32`.
///
/// ```text
///       A = random word
///       if A mod n == 0: go on
///       drop
/// ```
///
/// # Errors
///
/// [`FilterError::SampleOfNone`] for `n == 0`. `n == 1` keeps everything.
pub fn sample(n: u32) -> Result<Prologue, FilterError> {
    if n == 0 {
        return Err(FilterError::SampleOfNone);
    }
    let mut program = Assembler::new();
    let keep = program.label();
    program.load_ancillary(Ancillary::Random);
    program.emit(code::ALU | code::MOD | code::K, n);
    program.branch(code::JEQ, 0, To::Label(keep), To::Next);
    program.emit(code::RET | code::K, 0);
    program.bind(keep);
    Ok(Prologue::new(format!("sample 1 of {n}"), program.finish()))
}

/// A prologue that keeps the packets to the clients of a sample: by the destination address of the
/// outermost IP header, as [`ClientSample::has`] says.
///
/// Packets in which no program finds an IP header go on, since decode may find one there. The
/// address in front of a tunnel is not that of the client: where tunnels are unpacked, this is of no
/// use.
///
/// ```text
///       A = protocol
///       step over tags and labels, X = bytes before the IP header
/// ip:
///       if [0] & 0xf0 == 0x40: ipv4
///       if [0] & 0xf0 == 0x60: ipv6
///       go on
/// ipv4:
///       A = mix([16] ^ seed); done
/// ipv6:
///       M[BEFORE] = X; M[VALUE] = seed
///       for word in 24, 28, 32, 36:
///           M[VALUE] = mix([word] ^ M[VALUE]), X = M[BEFORE]
/// done:
///       if A mod rate == 0: go on
///       drop
/// ```
#[must_use]
pub fn sample_clients(sample: ClientSample) -> Prologue {
    let mut program = Assembler::new();
    let [ipv4, ipv6, ip, keep, done] = std::array::from_fn(|_| program.label());
    let targets = Targets {
        ipv4,
        ipv6,
        ip,
        deep: keep,
        other: keep,
    };
    program.load_ancillary(Ancillary::Protocol);
    from_type(&mut program, NETWORK_OFFSET, 0, targets);
    program.bind(ip);
    program.emit(code::LD | code::B | code::IND, NETWORK_OFFSET);
    program.emit(code::ALU | code::AND | code::K, 0xf0);
    program.branch(code::JEQ, 0x40, To::Label(ipv4), To::Next);
    program.branch(code::JEQ, 0x60, To::Label(ipv6), To::Label(keep));
    program.bind(ipv4);
    program.emit(code::LD | code::W | code::IND, NETWORK_OFFSET + 16);
    program.emit(code::ALU | code::XOR | code::K, sample.seed());
    mix(&mut program);
    program.jump(done);
    program.bind(ipv6);
    program.emit(code::STX, BEFORE);
    program.emit(code::LD | code::IMM, sample.seed());
    for word in [24, 28, 32, 36] {
        program.emit(code::ST, VALUE);
        program.emit(code::LDX | code::MEM, BEFORE);
        program.emit(code::LD | code::W | code::IND, NETWORK_OFFSET + word);
        program.emit(code::LDX | code::MEM, VALUE);
        program.emit(code::ALU | code::XOR | code::X, 0);
        mix(&mut program);
    }
    program.bind(done);
    program.emit(code::ALU | code::MOD | code::K, sample.rate());
    program.branch(code::JEQ, 0, To::Label(keep), To::Next);
    program.emit(code::RET | code::K, 0);
    program.bind(keep);
    let name = format!("sample 1 of {} clients", sample.rate());
    Prologue::new(name, program.finish())
}

/// Scratch words: the bytes before the IP header, and the value so far.
const BEFORE: u32 = 0;
const VALUE: u32 = 1;

/// Mixes the value in `A`; `X` is overwritten.
fn mix(program: &mut Assembler) {
    let multipliers = MULTIPLIERS.map(Some).into_iter().chain([None]);
    for (shift, multiplier) in SHIFTS.into_iter().zip(multipliers) {
        program.emit(code::MISC | code::TAX, 0);
        program.emit(code::ALU | code::RSH | code::K, shift);
        program.emit(code::ALU | code::XOR | code::X, 0);
        if let Some(multiplier) = multiplier {
            program.emit(code::ALU | code::MUL | code::K, multiplier);
        }
    }
}
