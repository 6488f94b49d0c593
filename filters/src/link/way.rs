//! The steps so far, with `X` as the offset that they have reached.

use dnsflow_packet::numbers::ether_type;

use crate::assembler::{Assembler, Label, To};
use crate::instruction::code;

/// Bytes of a VLAN tag.
pub(super) const TAG_BYTES: u32 = 4;

/// Where the steps to the IP header end. At the first three, `X` is the offset of that header, from
/// where packet loads count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Targets {
    pub(crate) ipv4: Label,
    pub(crate) ipv6: Label,
    /// IP of the version that its first four bits say.
    pub(crate) ip: Label,
    /// Nested deeper, or in another order, than the steps follow. It may be IP.
    pub(crate) deep: Label,
    /// Not IP.
    pub(crate) other: Label,
}

/// The steps so far.
pub(super) struct Way<'a> {
    pub(super) program: &'a mut Assembler,
    /// What loads count from.
    base: u32,
    pub(super) targets: Targets,
    /// Adds `A` to `X`, and from there on it is IP.
    on: Label,
}

impl<'a> Way<'a> {
    pub(super) fn new(program: &'a mut Assembler, base: u32, targets: Targets) -> Self {
        let on = program.label();
        Self {
            program,
            base,
            targets,
            on,
        }
    }

    pub(super) fn finish(self) {
        self.program.bind(self.on);
        self.program.emit(code::ALU | code::ADD | code::X, 0);
        self.program.emit(code::MISC | code::TAX, 0);
        self.program.jump(self.targets.ip);
    }

    /// `A <- [X + offset]`.
    pub(super) fn load(&mut self, size: u16, offset: u32) {
        self.program
            .emit(code::LD | size | code::IND, self.base + offset);
    }

    /// Ends the steps: IP is `bytes` further.
    pub(super) fn ip_behind(&mut self, bytes: u32) {
        self.program.emit(code::LD | code::IMM, bytes);
        self.program.jump(self.on);
    }

    /// `X <- X + bytes`.
    pub(super) fn advance(&mut self, bytes: u32) {
        self.program.emit(code::MISC | code::TXA, 0);
        self.program.emit(code::ALU | code::ADD | code::K, bytes);
        self.program.emit(code::MISC | code::TAX, 0);
    }

    /// `deep` for the EtherTypes besides VLAN's that lead on, `other` for the rest.
    pub(super) fn nested(&mut self) {
        let Targets { deep, other, .. } = self.targets;
        one_of(
            self.program,
            ether_type::MPLS_LABELS,
            To::Label(deep),
            To::Next,
        );
        let sessions = [ether_type::PPPOE_SESSION, ether_type::PPP];
        one_of(self.program, sessions, To::Label(deep), To::Label(other));
    }
}

/// Jumps to `holds` if `A` is one of `values`, else to `fails`.
pub(crate) fn one_of<V: Into<u32>, const N: usize>(
    program: &mut Assembler,
    values: [V; N],
    holds: To,
    fails: To,
) {
    for (index, value) in values.into_iter().enumerate() {
        let last = index + 1 == N;
        let otherwise = if last { fails } else { To::Next };
        program.branch(code::JEQ, value.into(), holds, otherwise);
    }
}
