//! One instruction of classic BPF, and the numbers that make up its code.
//!
//! The numbers are those of `linux/bpf_common.h` and `linux/filter.h`; they are written down here
//! so that the crate needs no system headers and builds the same everywhere.

/// One instruction, in the layout of `struct sock_filter` (`linux/filter.h`).
///
/// ```text
///   0               2       3       4               8
///   +---------------+-------+-------+---------------+
///   |     code      |  jt   |  jf   |       k       |   all in host order
///   +---------------+-------+-------+---------------+
/// ```
///
/// Any values can stand in the fields: only a [`Program`](crate::Program) says that they make
/// sense together.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Instruction {
    /// Operation, as in `linux/bpf_common.h`: class, size, mode, source.
    pub code: u16,
    /// Instructions to skip where a conditional jump's test holds, 0..=255.
    pub jt: u8,
    /// Instructions to skip where it does not, 0..=255.
    pub jf: u8,
    /// Constant, packet offset, scratch slot or jump distance, by `code`.
    pub k: u32,
}

const _: () = assert!(size_of::<Instruction>() == 8);

/// The parts of `code`: `class | size | mode` for loads, `class | operation | source` for
/// arithmetic and jumps.
pub(crate) mod code {
    pub(crate) const LD: u16 = 0x00;
    pub(crate) const LDX: u16 = 0x01;
    pub(crate) const ST: u16 = 0x02;
    pub(crate) const STX: u16 = 0x03;
    pub(crate) const ALU: u16 = 0x04;
    pub(crate) const JMP: u16 = 0x05;
    pub(crate) const RET: u16 = 0x06;
    pub(crate) const MISC: u16 = 0x07;

    pub(crate) const W: u16 = 0x00;
    pub(crate) const H: u16 = 0x08;
    pub(crate) const B: u16 = 0x10;

    pub(crate) const IMM: u16 = 0x00;
    pub(crate) const ABS: u16 = 0x20;
    pub(crate) const IND: u16 = 0x40;
    pub(crate) const MEM: u16 = 0x60;
    pub(crate) const LEN: u16 = 0x80;
    pub(crate) const MSH: u16 = 0xa0;

    pub(crate) const ADD: u16 = 0x00;
    pub(crate) const SUB: u16 = 0x10;
    pub(crate) const MUL: u16 = 0x20;
    pub(crate) const DIV: u16 = 0x30;
    pub(crate) const OR: u16 = 0x40;
    pub(crate) const AND: u16 = 0x50;
    pub(crate) const LSH: u16 = 0x60;
    pub(crate) const RSH: u16 = 0x70;
    pub(crate) const NEG: u16 = 0x80;
    pub(crate) const MOD: u16 = 0x90;
    pub(crate) const XOR: u16 = 0xa0;

    pub(crate) const JA: u16 = 0x00;
    pub(crate) const JEQ: u16 = 0x10;
    pub(crate) const JGT: u16 = 0x20;
    pub(crate) const JGE: u16 = 0x30;
    pub(crate) const JSET: u16 = 0x40;

    pub(crate) const K: u16 = 0x00;
    pub(crate) const X: u16 = 0x08;
    /// `ret a`.
    pub(crate) const A: u16 = 0x10;

    pub(crate) const TAX: u16 = 0x00;
    pub(crate) const TXA: u16 = 0x80;
}

/// Instructions that the kernel takes in one program (`BPF_MAXINSNS`, `linux/bpf_common.h`).
pub const MAX_INSTRUCTIONS: usize = 4096;

/// Words of scratch memory, `M[0]` to `M[15]` (`BPF_MEMWORDS`).
pub(crate) const MEMORY_WORDS: usize = 16;

/// Absolute loads from here on read ancillary data instead of the packet (`SKF_AD_OFF`).
pub(crate) const ANCILLARY_OFFSET: u32 = 0xffff_f000;
/// Loads from here on count from the network header (`SKF_NET_OFF`).
pub(crate) const NETWORK_OFFSET: u32 = 0xfff0_0000;
/// Loads from here on count from the link layer header (`SKF_LL_OFF`).
pub(crate) const LINK_OFFSET: u32 = 0xffe0_0000;
