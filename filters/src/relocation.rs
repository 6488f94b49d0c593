//! Relocates a program that libpcap has compiled for packets that start with their IP header, to
//! packets whose IP header is at any offset.
//!
//! libpcap compiles an expression to loads at fixed offsets. Below tags and labels the offset
//! varies, and an expression that lists all combinations would be hundreds of times longer. So the
//! expression describes an IP packet, and its program is relocated: the offset of the IP header is
//! kept in a scratch word, and every load adds it.
//!
//! ```text
//!   ld  [k]               X = M[BASE];  ld [X + k]
//!   ld  [X + k]           X = X + M[BASE];  ld [X + k]
//!   ldx 4*([k]&0xf)       X = M[BASE];  A = [X + k] & 0xf << 2;  X = A
//!   ld  len, ldx len      the same less M[BASE]
//! ```
//!
//! A register that this overwrites and the program reads later is saved in a second scratch word.

use crate::assembler::{Assembler, Label, To};
use crate::instruction::{LINK_OFFSET, MEMORY_WORDS, code};
use crate::operation::{Operand, Operation, Test};
use crate::{Instruction, Program};

/// Appends `program` to `into`, to run with `X` as the offset of its packet, from `origin` on: 0
/// for the start of the frame, or one of the kernel's negative offsets. Lengths are less `X` alone.
///
/// `None` if the program leaves fewer than two scratch words free.
pub(crate) fn relocate(program: &Program, origin: u32, into: &mut Assembler) -> Option<()> {
    let operations = program.operations();
    let mut mover = Mover::new(operations, origin)?;
    let places: Vec<Label> = operations.iter().map(|_| into.label()).collect();
    let live = live_after(operations);
    into.emit(code::STX, mover.base);
    let all = operations.iter().zip(program.instructions());
    for (index, ((&operation, &instruction), live)) in all.zip(live).enumerate() {
        into.bind(places[index]);
        let to = |distance: usize| places[index + 1 + distance];
        match operation {
            // Kernels have programs of at most 4096 instructions: distances fit any usize.
            Operation::Jump(distance) => into.jump(to(distance as usize)),
            Operation::Branch(test, operand, jt, jf) => {
                let side = |distance| match distance {
                    0 => To::Next,
                    _ => To::Label(to(usize::from(distance))),
                };
                let (test, k) = branch_code(test, operand);
                into.branch(test, k, side(jt), side(jf));
            }
            _ => mover.straight(operation, instruction, live, into),
        }
    }
    Some(())
}

/// Which registers are read before they are written again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Live {
    a: bool,
    x: bool,
}

struct Mover {
    /// What loads count from.
    origin: u32,
    /// Scratch word with the offset of the packet.
    base: u32,
    /// Scratch word for a register.
    saved: u32,
}

impl Mover {
    fn new(operations: &[Operation], origin: u32) -> Option<Self> {
        let mut used = [false; MEMORY_WORDS];
        for operation in operations {
            if let Operation::Store(slot) | Operation::StoreX(slot) = operation {
                used[slot.index()] = true;
            }
        }
        let mut free = (0..)
            .zip(used)
            .filter(|(_, used)| !used)
            .map(|(slot, _)| slot);
        Some(Self {
            origin,
            base: free.next()?,
            saved: free.next()?,
        })
    }

    /// An operation that is not a jump.
    fn straight(
        &mut self,
        operation: Operation,
        instruction: Instruction,
        live: Live,
        into: &mut Assembler,
    ) {
        let Instruction {
            code: its_code, k, ..
        } = instruction;
        // Width and class of a load, without its mode.
        let from_origin = k.wrapping_add(self.origin);
        let load = |into: &mut Assembler| into.emit((its_code & 0x1f) | code::IND, from_origin);
        match operation {
            Operation::LoadAbsolute(_, ..LINK_OFFSET) => {
                self.save_x(live, into);
                into.emit(code::LDX | code::MEM, self.base);
                load(into);
                self.restore_x(live, into);
            }
            Operation::LoadIndirect(..) => {
                self.save_x(live, into);
                into.emit(code::LD | code::MEM, self.base);
                into.emit(code::ALU | code::ADD | code::X, 0);
                into.emit(code::MISC | code::TAX, 0);
                load(into);
                self.restore_x(live, into);
            }
            Operation::LoadXHeaderLength(_) => {
                self.save_a(live, into);
                into.emit(code::LDX | code::MEM, self.base);
                into.emit(code::LD | code::B | code::IND, from_origin);
                into.emit(code::ALU | code::AND | code::K, 0x0f);
                into.emit(code::ALU | code::LSH | code::K, 2);
                into.emit(code::MISC | code::TAX, 0);
                self.restore_a(live, into);
            }
            Operation::LoadLength => {
                self.save_x(live, into);
                self.length(into);
                self.restore_x(live, into);
            }
            Operation::LoadXLength => {
                self.save_a(live, into);
                self.length(into);
                into.emit(code::MISC | code::TAX, 0);
                self.restore_a(live, into);
            }
            _ => into.emit(its_code, k),
        }
    }

    fn length(&self, into: &mut Assembler) {
        into.emit(code::LD | code::LEN, 0);
        into.emit(code::LDX | code::MEM, self.base);
        into.emit(code::ALU | code::SUB | code::X, 0);
    }

    fn save_x(&self, live: Live, into: &mut Assembler) {
        if live.x {
            into.emit(code::STX, self.saved);
        }
    }

    fn restore_x(&self, live: Live, into: &mut Assembler) {
        if live.x {
            into.emit(code::LDX | code::MEM, self.saved);
        }
    }

    fn save_a(&self, live: Live, into: &mut Assembler) {
        if live.a {
            into.emit(code::ST, self.saved);
        }
    }

    fn restore_a(&self, live: Live, into: &mut Assembler) {
        if live.a {
            into.emit(code::LD | code::MEM, self.saved);
        }
    }
}

fn branch_code(test: Test, operand: Operand) -> (u16, u32) {
    let test = match test {
        Test::Equal => code::JEQ,
        Test::Greater => code::JGT,
        Test::GreaterOrEqual => code::JGE,
        Test::AnyBit => code::JSET,
    };
    match operand {
        Operand::Constant(k) => (test | code::K, k),
        Operand::X => (test | code::X, 0),
    }
}

/// What is live behind each operation. Jumps only go forward, so one pass from the end is enough.
fn live_after(operations: &[Operation]) -> Vec<Live> {
    let mut before = vec![Live::default(); operations.len() + 1];
    let mut after = vec![Live::default(); operations.len()];
    for (index, &operation) in operations.iter().enumerate().rev() {
        let at = |distance: usize| before[index + 1 + distance];
        let live = match operation {
            Operation::Return(_) | Operation::ReturnA => Live::default(),
            Operation::Jump(distance) => at(distance as usize),
            Operation::Branch(_, _, jt, jf) => {
                let (holds, fails) = (at(usize::from(jt)), at(usize::from(jf)));
                Live {
                    a: holds.a || fails.a,
                    x: holds.x || fails.x,
                }
            }
            _ => at(0),
        };
        after[index] = live;
        before[index] = live_before(operation, live);
    }
    after
}

fn live_before(operation: Operation, after: Live) -> Live {
    let Live { a, x } = after;
    match operation {
        Operation::LoadAbsolute(..)
        | Operation::LoadLength
        | Operation::LoadConstant(_)
        | Operation::LoadMemory(_) => Live { a: false, x },
        Operation::LoadIndirect(..) => Live { a: false, x: true },
        Operation::LoadXHeaderLength(_)
        | Operation::LoadXLength
        | Operation::LoadXConstant(_)
        | Operation::LoadXMemory(_) => Live { a, x: false },
        // Some of the ancillary data is found by way of both registers.
        Operation::LoadAncillary(..) => Live { a: true, x: true },
        Operation::Store(_) | Operation::Negate | Operation::ReturnA => Live { a: true, x },
        Operation::StoreX(_) => Live { a, x: true },
        Operation::Arithmetic(_, Operand::X) | Operation::Branch(_, Operand::X, ..) => {
            Live { a: true, x: true }
        }
        Operation::Arithmetic(_, Operand::Constant(_))
        | Operation::Branch(_, Operand::Constant(_), ..) => Live { a: true, x },
        Operation::Jump(_) | Operation::Return(_) => after,
        Operation::CopyAToX => Live { a: true, x: false },
        Operation::CopyXToA => Live { a: false, x: true },
    }
}
