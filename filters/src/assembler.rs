//! Writes short programs with named places to jump to, in place of counted distances.

use crate::instruction::{Instruction, code};
use crate::operation::Ancillary;

/// A place in a program, bound at most once, after all the jumps to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label(usize);

/// Where a jump goes: on to the next instruction, or to a label.
#[derive(Debug, Clone, Copy)]
pub(crate) enum To {
    Next,
    Label(Label),
}

/// Instructions so far, and the jumps that still wait for their target.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    instructions: Vec<Instruction>,
    labels: usize,
    /// Index of a jump, which of its targets, and the label.
    waiting: Vec<(usize, Side, Label)>,
}

#[derive(Debug, Clone, Copy)]
enum Side {
    True,
    False,
    Always,
}

impl Assembler {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn label(&mut self) -> Label {
        self.labels += 1;
        Label(self.labels)
    }

    /// An instruction that is not a jump.
    pub(crate) fn emit(&mut self, code: u16, k: u32) {
        self.instructions.push(Instruction {
            code,
            jt: 0,
            jf: 0,
            k,
        });
    }

    /// `A <-` ancillary data.
    pub(crate) fn load_ancillary(&mut self, ancillary: Ancillary) {
        self.emit(code::LD | code::W | code::ABS, ancillary.offset());
    }

    /// A conditional jump against a constant; `test` is one of `JEQ`, `JGT`, `JGE`, `JSET`.
    pub(crate) fn branch(&mut self, test: u16, k: u32, holds: To, fails: To) {
        let index = self.instructions.len();
        self.emit(code::JMP | test | code::K, k);
        for (side, to) in [(Side::True, holds), (Side::False, fails)] {
            if let To::Label(label) = to {
                self.waiting.push((index, side, label));
            }
        }
    }

    pub(crate) fn jump(&mut self, label: Label) {
        let index = self.instructions.len();
        self.emit(code::JMP | code::JA, 0);
        self.waiting.push((index, Side::Always, label));
    }

    /// Makes the next instruction the target of every jump to `label` so far.
    pub(crate) fn bind(&mut self, label: Label) {
        let here = self.instructions.len();
        let instructions = &mut self.instructions;
        self.waiting.retain(|&(index, side, waits_for)| {
            if waits_for.0 != label.0 {
                return true;
            }
            let distance = u8::try_from(here - index - 1)
                .expect("the crate's own programs are shorter than 256 instructions");
            let jump = &mut instructions[index];
            match side {
                Side::True => jump.jt = distance,
                Side::False => jump.jf = distance,
                Side::Always => jump.k = u32::from(distance),
            }
            false
        });
    }

    /// The instructions, with every label bound.
    pub(crate) fn finish(self) -> Vec<Instruction> {
        debug_assert!(self.waiting.is_empty(), "a jump leads nowhere");
        self.instructions
    }
}
