//! What an instruction does, parsed from its numbers.
//!
//! The check at construction, the listing and the interpreter all need the meaning of an
//! instruction. It is parsed once, here, to a type that can't hold an unknown code: what parses is
//! what `chk_code_allowed` and the per instruction half of `bpf_check_classic`
//! (`net/core/filter.c`) let through.

use crate::error::Problem;
use crate::instruction::{ANCILLARY_OFFSET, Instruction, MEMORY_WORDS, code};

/// One instruction, parsed. `A` is the accumulator, `X` the index register, `M` scratch memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `A <- packet[k]`.
    LoadAbsolute(Size, u32),
    /// `A <- packet[X + k]`.
    LoadIndirect(Size, u32),
    /// `A <-` something that the kernel knows about the packet.
    LoadAncillary(Size, Ancillary),
    LoadLength,
    LoadConstant(u32),
    LoadMemory(Slot),
    /// `X <- 4 * (packet[k] & 0xf)`, the length of an IPv4 header.
    LoadXHeaderLength(u32),
    LoadXLength,
    LoadXConstant(u32),
    LoadXMemory(Slot),
    Store(Slot),
    StoreX(Slot),
    Arithmetic(Arithmetic, Operand),
    Negate,
    /// Skip `k` instructions.
    Jump(u32),
    /// Skip the first count of instructions where the test holds, the second where it does not.
    Branch(Test, Operand, u8, u8),
    Return(u32),
    ReturnA,
    CopyAToX,
    CopyXToA,
}

/// Width of a packet load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Word,
    Half,
    Byte,
}

/// Right hand side of arithmetic and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operand {
    Constant(u32),
    X,
}

/// Arithmetic on 32 bits, wrapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
}

/// Unsigned comparison of `A` with an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    Equal,
    Greater,
    GreaterOrEqual,
    AnyBit,
}

/// A scratch word that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u8);

impl Slot {
    /// Index into scratch memory, below [`MEMORY_WORDS`].
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What an absolute load from `SKF_AD_OFF` on reads (`linux/filter.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ancillary {
    Protocol,
    PacketType,
    InterfaceIndex,
    NetlinkAttribute,
    NetlinkAttributeNested,
    Mark,
    Queue,
    HardwareType,
    RxHash,
    Cpu,
    XorX,
    VlanTag,
    VlanTagPresent,
    PayloadOffset,
    Random,
    VlanProtocol,
}

impl Ancillary {
    const ALL: [Self; 16] = [
        Self::Protocol,
        Self::PacketType,
        Self::InterfaceIndex,
        Self::NetlinkAttribute,
        Self::NetlinkAttributeNested,
        Self::Mark,
        Self::Queue,
        Self::HardwareType,
        Self::RxHash,
        Self::Cpu,
        Self::XorX,
        Self::VlanTag,
        Self::VlanTagPresent,
        Self::PayloadOffset,
        Self::Random,
        Self::VlanProtocol,
    ];

    /// Value of `k` that loads it.
    pub(crate) fn offset(self) -> u32 {
        ANCILLARY_OFFSET + 4 * self as u32
    }

    fn from_offset(offset: u32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|ancillary| ancillary.offset() == offset)
    }

    /// Name in the kernel's own assembler (`Documentation/networking/filter.rst`).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Protocol => "proto",
            Self::PacketType => "type",
            Self::InterfaceIndex => "ifidx",
            Self::NetlinkAttribute => "nla",
            Self::NetlinkAttributeNested => "nlan",
            Self::Mark => "mark",
            Self::Queue => "queue",
            Self::HardwareType => "hatype",
            Self::RxHash => "rxhash",
            Self::Cpu => "cpu",
            Self::XorX => "xor_x",
            Self::VlanTag => "vlan_tci",
            Self::VlanTagPresent => "vlan_avail",
            Self::PayloadOffset => "poff",
            Self::Random => "rand",
            Self::VlanProtocol => "vlan_tpid",
        }
    }
}

impl Operation {
    /// Parses one instruction by itself; where its jumps lead is for the program to check.
    pub(crate) fn parse(instruction: Instruction) -> Result<Self, Problem> {
        let Instruction { code, jt, jf, k } = instruction;
        match code & 0x07 {
            code::LD => load(code, k),
            code::LDX => load_x(code, k),
            code::ST if code == code::ST => Ok(Self::Store(slot(k)?)),
            code::STX if code == code::STX => Ok(Self::StoreX(slot(k)?)),
            code::ALU => arithmetic(code, k),
            code::JMP => jump(code, jt, jf, k),
            code::RET if code == code::RET | code::K => Ok(Self::Return(k)),
            code::RET if code == code::RET | code::A => Ok(Self::ReturnA),
            code::MISC if code == code::MISC | code::TAX => Ok(Self::CopyAToX),
            code::MISC if code == code::MISC | code::TXA => Ok(Self::CopyXToA),
            _ => Err(Problem::UnknownCode(code)),
        }
    }
}

fn load(code: u16, k: u32) -> Result<Operation, Problem> {
    const LEN: u16 = code::LD | code::W | code::LEN;
    const IMM: u16 = code::LD | code::IMM;
    const MEM: u16 = code::LD | code::MEM;
    match code {
        LEN => return Ok(Operation::LoadLength),
        IMM => return Ok(Operation::LoadConstant(k)),
        MEM => return Ok(Operation::LoadMemory(slot(k)?)),
        _ => {}
    }
    let size = match code & 0x18 {
        code::W => Size::Word,
        code::H => Size::Half,
        code::B => Size::Byte,
        _ => return Err(Problem::UnknownCode(code)),
    };
    // All the bits above size and class, so that a stray high bit isn't taken for a mode.
    match code & !0x1f {
        code::ABS if k >= ANCILLARY_OFFSET => Ancillary::from_offset(k)
            .map(|ancillary| Operation::LoadAncillary(size, ancillary))
            .ok_or(Problem::UnknownAncillary(k)),
        code::ABS => Ok(Operation::LoadAbsolute(size, k)),
        code::IND => Ok(Operation::LoadIndirect(size, k)),
        _ => Err(Problem::UnknownCode(code)),
    }
}

fn load_x(code: u16, k: u32) -> Result<Operation, Problem> {
    const LEN: u16 = code::LDX | code::W | code::LEN;
    const MSH: u16 = code::LDX | code::B | code::MSH;
    const IMM: u16 = code::LDX | code::IMM;
    const MEM: u16 = code::LDX | code::MEM;
    match code {
        LEN => Ok(Operation::LoadXLength),
        MSH => Ok(Operation::LoadXHeaderLength(k)),
        IMM => Ok(Operation::LoadXConstant(k)),
        MEM => Ok(Operation::LoadXMemory(slot(k)?)),
        _ => Err(Problem::UnknownCode(code)),
    }
}

fn arithmetic(code: u16, k: u32) -> Result<Operation, Problem> {
    if code == code::ALU | code::NEG {
        return Ok(Operation::Negate);
    }
    let operand = operand(code, k);
    let arithmetic = match code & !0x0f {
        code::ADD => Arithmetic::Add,
        code::SUB => Arithmetic::Subtract,
        code::MUL => Arithmetic::Multiply,
        code::DIV => Arithmetic::Divide,
        code::MOD => Arithmetic::Modulo,
        code::AND => Arithmetic::And,
        code::OR => Arithmetic::Or,
        code::XOR => Arithmetic::Xor,
        code::LSH => Arithmetic::ShiftLeft,
        code::RSH => Arithmetic::ShiftRight,
        _ => return Err(Problem::UnknownCode(code)),
    };
    match (arithmetic, operand) {
        (Arithmetic::Divide | Arithmetic::Modulo, Operand::Constant(0)) => {
            Err(Problem::DivisionByZero)
        }
        (Arithmetic::ShiftLeft | Arithmetic::ShiftRight, Operand::Constant(32..)) => {
            Err(Problem::ShiftTooFar(k))
        }
        _ => Ok(Operation::Arithmetic(arithmetic, operand)),
    }
}

fn jump(code: u16, jt: u8, jf: u8, k: u32) -> Result<Operation, Problem> {
    if code == code::JMP | code::JA {
        return Ok(Operation::Jump(k));
    }
    let test = match code & !0x0f {
        code::JEQ => Test::Equal,
        code::JGT => Test::Greater,
        code::JGE => Test::GreaterOrEqual,
        code::JSET => Test::AnyBit,
        _ => return Err(Problem::UnknownCode(code)),
    };
    Ok(Operation::Branch(test, operand(code, k), jt, jf))
}

fn operand(code: u16, k: u32) -> Operand {
    if code & code::X == 0 {
        Operand::Constant(k)
    } else {
        Operand::X
    }
}

fn slot(k: u32) -> Result<Slot, Problem> {
    match u8::try_from(k) {
        Ok(slot) if usize::from(slot) < MEMORY_WORDS => Ok(Slot(slot)),
        _ => Err(Problem::UnknownSlot(k)),
    }
}
